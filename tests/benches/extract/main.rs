//! Types out of DWARF: the command beside pahole, with the same number of threads, and the library beside a
//! bare walk of gimli over all entries, on one thread; peak memory beside pahole's and beside the size of the
//! debug sections. At the end, how time and memory grow with `.debug_info`.
//!
//! `cargo bench -p tests --bench extract` for all, `-- sqlite growth` for some of `sqlite`, `harfbuzz`,
//! `libcrypto`, `vmlinux`, `rust` and `growth`. Inputs are made, or fetched, once.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run has nothing to say"
)]
#![expect(clippy::print_stdout, reason = "the figures")]

mod growth;
mod inputs;
mod measure;

use std::path::Path;
use std::{env, fs};

use core_btf::Btf;
use core_btf::elf::Elf;
use measure::{Commands, Run, alternate, in_library};

/// A name, what makes the file, and whether pahole can read it.
type Input = (&'static str, fn() -> std::path::PathBuf, bool);

const INPUTS: &[Input] = &[
    ("sqlite", inputs::sqlite, true),
    ("harfbuzz", inputs::harfbuzz, false),
    ("libcrypto", inputs::libcrypto, true),
    ("vmlinux", inputs::vmlinux, true),
    ("rust", inputs::rust, false),
];

fn main() {
    // Cargo adds options of its own.
    let wanted: Vec<String> = env::args()
        .skip(1)
        .filter(|it| !it.starts_with('-'))
        .collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|it| it == name);
    let commands = Commands::new();
    for (name, make, with_pahole) in INPUTS {
        if is_wanted(name) {
            compare(&commands, name, &make(), *with_pahole);
        }
    }
    if is_wanted("growth") {
        growth::show(&commands);
    }
}

fn compare(commands: &Commands, name: &str, file: &Path, with_pahole: bool) {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
    let all = std::thread::available_parallelism().unwrap().get();
    let mut runs = vec![
        Run::of("core-btf", 1, commands.core_btf(file, &ours, 1)),
        Run::of("core-btf", all, commands.core_btf(file, &ours, all)),
    ];
    if with_pahole {
        runs.push(Run::of("pahole", 1, commands.pahole(file, &theirs, 1)));
        runs.push(Run::of("pahole", all, commands.pahole(file, &theirs, all)));
    }
    alternate(&mut runs);
    let library = in_library(file);

    let sections = debug_sections(file);
    println!(
        "{name}: {:.1} MB of .debug_info, {} entries, {:.1} MB of debug sections",
        sections.info, library.entries, sections.all
    );
    for run in &runs {
        println!(
            "  {:8} {} thread{:1} {:9.1} ms  {:6.1} MB",
            run.what,
            run.threads,
            if run.threads == 1 { "" } else { "s" },
            run.median(),
            run.peak
        );
    }
    let [one, many, others @ ..] = runs.as_slice() else {
        return;
    };
    println!("  types: {} of core-btf's", types(&ours));
    if let [pahole_one, pahole_many] = others {
        println!("         {} of pahole's", types(&theirs));
        for (ours, theirs) in [(one, pahole_one), (many, pahole_many)] {
            println!(
                "  {:.2} times as fast as pahole, {:.2} of its memory, with {} thread(s)",
                theirs.median() / ours.median(),
                ours.peak / theirs.peak,
                ours.threads
            );
        }
    }
    println!(
        "  {:.2} times as fast with {} threads as with one",
        one.median() / many.median(),
        many.threads
    );
    let limit = sections.all * 1.5 + 64.0;
    println!(
        "  peak {:.2} of what it may be (1.5 times the debug sections and 64 MB)",
        one.peak.max(many.peak) / limit
    );
    println!(
        "  as a library {:.1} ms; a walk of gimli's cursor {:.1} ms, of its raw entries {:.1} ms",
        library.extract, library.cursor, library.raw
    );
    println!(
        "  {:.2} times the walk of the cursor\n",
        library.extract / library.cursor
    );
}

struct DebugSections {
    /// Megabytes of `.debug_info`.
    info: f64,
    /// Megabytes of all debug sections, without their relocations.
    all: f64,
}

fn debug_sections(file: &Path) -> DebugSections {
    let bytes = fs::read(file).unwrap();
    let elf = Elf::parse(&bytes).unwrap();
    let sum = |wanted: fn(&str) -> bool| {
        let sections = elf.sections().iter().filter(|it| wanted(it.name));
        sections.map(|it| megabytes(it.data.len())).sum()
    };
    DebugSections {
        info: sum(|name| name == ".debug_info"),
        all: sum(|name| name.starts_with(".debug_")),
    }
}

fn types(file: &Path) -> usize {
    Btf::parse(&fs::read(file).unwrap()).unwrap().len()
}

fn megabytes(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes / 1000).unwrap()) / 1000.0
}
