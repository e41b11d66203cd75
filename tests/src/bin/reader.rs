//! Reads the types of a file that is not to be trusted, and relocates a BPF object against them, for
//! a test that limits what it may use: `reader FILE [OBJECT]`.
//!
//! Prints what came of it, and in the last line the most memory that this process ever had, in KiB.
#![expect(clippy::print_stdout, reason = "what the test reads")]

use std::env;
use std::fs;

use anyhow::{Context as _, Result};
use core_runtime::{Loader, TypeInfo};

fn main() -> Result<()> {
    let mut arguments = env::args_os().skip(1);
    let file = arguments.next().context("reader FILE [OBJECT]")?;
    match TypeInfo::from_file(&file) {
        Err(error) => println!("{error:?}"),
        Ok(types) => {
            println!("{} blobs", types.blobs().count());
            if let Some(object) = arguments.next() {
                let open = Loader::new(types).open_object(fs::read(object)?)?;
                match open.explain() {
                    Ok(explanation) => println!("{explanation}"),
                    Err(error) => println!("{error:?}"),
                }
                if let Err(error) = open.load() {
                    println!("{error:?}");
                }
            }
        }
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!("{}", peak.context("VmHWM")?.trim().trim_end_matches(" kB"));
    Ok(())
}
