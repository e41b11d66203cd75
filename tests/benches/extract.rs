//! Types out of DWARF: ours beside pahole's and beside a bare walk of gimli over all entries, on
//! sqlite as gcc optimises it (C, in one unit) and on `HarfBuzz` (C++, which pahole gives up on).
//!
//! `cargo bench -p tests --bench extract`
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run has nothing to say"
)]
#![expect(clippy::print_stdout, reason = "the figures")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use core_btf::Btf;
use core_btf::dwarf::{Options, extract};
use core_btf::elf;
use gimli::{DebugAbbrev, DebugInfo, EndianSlice, LittleEndian};
use tests::sources;

/// The environment variable that makes a child of this program: the number of threads.
const CHILD: &str = "BENCH_EXTRACT";

/// An object of one unit, compiled once for all runs of the benchmark.
fn object(name: &str, compiler: &str, source: &Path) -> PathBuf {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if !out.exists() {
        let mut command = Command::new(compiler);
        command.args(["-g", "-O2", "-w", "-c", "-o"]);
        run(command.arg(&out).arg(source));
    }
    out
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// What `pahole --btf_encode_detached` does: from a file to a file.
fn convert(object: &Path, out: &Path, threads: usize) {
    let options = Options {
        threads,
        ..Options::default()
    };
    let found = extract(&fs::read(object).unwrap(), &options).unwrap();
    fs::write(out, found.btf.encode(found.endian).unwrap()).unwrap();
}

/// Reads every attribute of every entry and keeps nothing. Returns how many entries there are.
fn walk(file: &[u8]) -> usize {
    let section = |name| elf::section(file, name).unwrap().unwrap_or_default();
    let slice = |name| EndianSlice::new(section(name), LittleEndian);
    let abbreviations = DebugAbbrev::from(slice(".debug_abbrev"));
    let mut units = DebugInfo::from(slice(".debug_info")).units();
    let mut count = 0;
    while let Some(unit) = units.next().unwrap() {
        let table = unit.abbreviations(&abbreviations).unwrap();
        let mut entries = unit.entries_raw(&table, None).unwrap();
        while !entries.is_empty() {
            if let Some(abbreviation) = entries.read_abbreviation().unwrap() {
                for attribute in abbreviation.attributes() {
                    std::hint::black_box(entries.read_attribute(*attribute).unwrap());
                }
                count += 1;
            }
        }
    }
    count
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    1000.0 * times.get(times.len() / 2).unwrap().as_secs_f64()
}

fn types(file: &Path) -> usize {
    Btf::parse(&fs::read(file).unwrap()).unwrap().len()
}

/// Peak memory of a command, in KiB.
fn peak(command: &Command) -> u64 {
    let mut time = Command::new("/usr/bin/time");
    time.args(["-f", "%M"])
        .arg(command.get_program())
        .args(command.get_args());
    for (key, value) in command.get_envs() {
        time.env(key, value.unwrap_or_default());
    }
    let output = time.output().unwrap();
    let lines = String::from_utf8_lossy(&output.stderr).into_owned();
    lines.lines().last().unwrap().parse().unwrap()
}

fn main() {
    let args: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    if let Some(threads) = env::var_os(CHILD) {
        let threads = threads.to_str().unwrap().parse().unwrap();
        return convert(args.first().unwrap(), args.get(1).unwrap(), threads);
    }
    compare(
        "sqlite",
        &object("sqlite3.o", "gcc", &sources::sqlite()),
        true,
    );
    compare(
        "HarfBuzz",
        &object("harfbuzz.o", "g++", &sources::harfbuzz()),
        false,
    );
}

fn compare(name: &str, object: &Path, with_pahole: bool) {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
    let this = env::current_exe().unwrap();
    let pahole = || {
        let mut command = Command::new("pahole");
        command.args(["--btf_gen_floats", "--btf_encode_detached"]);
        command.args([&*theirs, object]);
        command
    };
    let child = |threads: &str| {
        let mut command = Command::new(&this);
        command.env(CHILD, threads).args([object, &*ours]);
        command
    };
    let data = fs::read(object).unwrap();
    let [mut theirs_times, mut one, mut all, mut library, mut bare] = [const { Vec::new() }; 5];
    let mut entries = 0;
    // In turns, so that what disturbs the machine disturbs all.
    for _ in 0..21 {
        if with_pahole {
            theirs_times.push(time(|| run(&mut pahole())));
        }
        one.push(time(|| run(&mut child("1"))));
        all.push(time(|| run(&mut child("0"))));
        library.push(time(|| convert(object, &ours, 1)));
        bare.push(time(|| entries = walk(&data)));
    }
    let our_peak = peak(&child("1"));
    let [one, all, library, bare] = [one, all, library, bare].map(median);
    let info = elf::section(&data, ".debug_info")
        .unwrap()
        .unwrap_or_default();
    println!(
        "{name}: {} kB of .debug_info, {entries} entries",
        info.len() / 1000
    );
    let row = |what: &str, time: f64, types: usize, peak: u64| {
        println!(
            "  {what:26} {time:7.1} ms  {types:6} types  {:4} MB",
            peak / 1000
        );
    };
    row("core-btf, one thread", one, types(&ours), our_peak);
    row(
        "core-btf, all processors",
        all,
        types(&ours),
        peak(&child("0")),
    );
    println!("  {:26} {library:7.1} ms", "as a library, one thread");
    println!("  {:26} {bare:7.1} ms", "gimli, a bare walk");
    println!("  as a library, {:.2} times the bare walk", library / bare);
    if with_pahole {
        let (pahole, their_peak) = (median(theirs_times), peak(&pahole()));
        row("pahole", pahole, types(&theirs), their_peak);
        println!(
            "  {:.1} times as fast as pahole on one thread",
            pahole / one
        );
        assert!(one <= pahole, "slower than pahole");
    }
    println!();
}
