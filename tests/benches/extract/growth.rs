//! How time and memory grow with `.debug_info`, over five sizes.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debug_sections;
use crate::measure::{Commands, Run, alternate, run};

/// Units in the smallest of the files; each has twice as many as the one before.
const FIRST: usize = 5;
const SIZES: u32 = 5;
/// Structs that all units have, and structs that each has for itself.
const STRUCTS: usize = 1500;

pub(crate) fn show(commands: &Commands) {
    println!("growth: units of C, half of whose types are those of all others");
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let out = dir.path().join("out");
    let mut first = None;
    for file in files(dir.path()) {
        let info = debug_sections(&file).info;
        let mut runs = [Run::of("core-btf", 1, commands.core_btf(&file, &out, 1))];
        alternate(&mut runs);
        let [run] = &runs;
        let (time, peak) = (run.median(), run.peak);
        let (info_first, time_first, peak_first) = *first.get_or_insert((info, time, peak));
        println!(
            "  {info:5.1} MB of .debug_info: {time:7.1} ms, {peak:6.1} MB  ({:4.1} times the bytes, {:4.1} times the time, {:4.1} times the memory)",
            info / info_first,
            time / time_first,
            peak / peak_first
        );
    }
    println!();
}

/// Shared libraries of more and more units.
fn files(dir: &Path) -> Vec<PathBuf> {
    let most = FIRST << (SIZES - 1);
    let units: Vec<PathBuf> = (0..most).map(|number| unit(dir, number)).collect();
    let sizes = (0..SIZES).map(|size| FIRST << size);
    sizes
        .map(|count| {
            let out = dir.join(format!("lib{count}.so"));
            let mut link = Command::new("gcc");
            link.args(["-shared", "-o"]).arg(&out);
            run(link.args(units.iter().take(count)));
            out
        })
        .collect()
}

fn unit(dir: &Path, number: usize) -> PathBuf {
    let mut text = String::new();
    for (prefix, number) in [("common", 0), ("own", number)] {
        for at in 0..STRUCTS {
            let name = format!("{prefix}_{number}_{at}");
            let before = format!("{prefix}_{number}_{}", at.saturating_sub(1));
            writeln!(
                text,
                "struct {name} {{ struct {before} *{name}_before; int {name}_values[{}]; unsigned long {name}_flags; \
                 const char *{name}_text; struct {{ short a, b; }} {name}_pair; }}; \
                 struct {name} *{prefix}_use_{at}_{number};",
                at + 1
            )
            .unwrap();
        }
    }
    let text = text.replace(" *common_use", " *__attribute__((weak)) common_use");
    let source = dir.join(format!("unit{number}.c"));
    fs::write(&source, text).unwrap();
    let object = source.with_extension("o");
    let mut compile = Command::new("gcc");
    compile.args(["-g", "-fPIC", "-c", "-o"]).arg(&object);
    run(compile.arg(&source));
    object
}
