//! Compares the types of a kernel's debug information with the BTF of the same build:
//! `vmlinux FILE`, where the file is a `vmlinux` with both. Fails if a struct, union or enum of the
//! BTF is not among ours, with the same layout.
#![expect(clippy::print_stdout, reason = "its output is what it is run for")]

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use core_btf::dwarf::{Options, extract};
use core_btf::{Btf, BtfBuf, elf};
use tests::layout::layouts;

fn main() -> Result<()> {
    let path = std::env::args().nth(1).context("usage: vmlinux FILE")?;
    let bytes = fs::read(&path).with_context(|| path.clone())?;
    let own = elf::section(&bytes, ".BTF")?.context("no .BTF in it")?;
    let own = layouts(&BtfBuf::from_btf(&Btf::parse(own)?)?);

    let start = Instant::now();
    let found = extract(&bytes, &Options::default())?;
    let seconds = start.elapsed().as_secs_f64();
    let ours = layouts(&found.btf);
    println!(
        "{path}: {} types in {seconds:.1} s, {} warnings",
        found.btf.len(),
        found.warnings.len()
    );

    let mut compared = 0;
    let mut different = 0;
    for (name, layouts) in &own {
        let none = BTreeSet::new();
        let ours = ours.get(name).unwrap_or(&none);
        for layout in layouts {
            compared += 1;
            if !ours.contains(layout) {
                different += 1;
                println!("{name}:\n  kernel {layout}\n  ours   {ours:?}");
            }
        }
    }
    println!("{compared} layouts of structs, unions and enums, {different} of them not ours");
    if different > 0 {
        bail!("{different} types differ");
    }
    Ok(())
}
