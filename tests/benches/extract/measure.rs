//! Times and peaks of memory.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use core_btf::dwarf::{Options, extract};
use core_btf::elf;
use gimli::{DebugAbbrev, DebugInfo, EndianSlice, LittleEndian};

/// Rounds there are at least and at most; between them, as many as fit into this time.
const ROUNDS: (usize, usize) = (3, 21);
const TIME: Duration = Duration::from_secs(4);

/// The programs that are compared.
pub(crate) struct Commands {
    core_btf: PathBuf,
}

impl Commands {
    /// Builds the command as a user would.
    pub(crate) fn new() -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        run(Command::new(env!("CARGO"))
            .args(["build", "--release", "-p", "core-btf", "--features", "cli"])
            .current_dir(workspace));
        let target = env::var_os("CARGO_TARGET_DIR");
        let target = target.map_or_else(|| workspace.join("target"), PathBuf::from);
        Self {
            core_btf: target.join("release/core-btf"),
        }
    }

    pub(crate) fn core_btf(&self, file: &Path, out: &Path, threads: usize) -> Command {
        let mut command = Command::new(&self.core_btf);
        command.arg("extract").arg(file).arg("--output").arg(out);
        command.args(["--threads", &threads.to_string()]);
        command
    }

    #[expect(clippy::unused_self, reason = "beside the other")]
    pub(crate) fn pahole(&self, file: &Path, out: &Path, threads: usize) -> Command {
        let mut command = Command::new("pahole");
        command.args(["--btf_gen_floats", "--btf_encode_detached"]);
        command.arg(out).arg(format!("-j{threads}")).arg(file);
        command
    }
}

/// What one command takes, over several rounds.
pub(crate) struct Run {
    pub(crate) what: &'static str,
    pub(crate) threads: usize,
    command: Command,
    times: Vec<Duration>,
    /// Most memory at a time, in megabytes.
    pub(crate) peak: f64,
}

impl Run {
    pub(crate) fn of(what: &'static str, threads: usize, command: Command) -> Self {
        Self {
            what,
            threads,
            command,
            times: Vec::new(),
            peak: 0.0,
        }
    }

    fn once(&mut self) {
        let start = Instant::now();
        run(&mut self.command);
        self.times.push(start.elapsed());
    }

    /// In milliseconds.
    pub(crate) fn median(&self) -> f64 {
        median(&self.times)
    }
}

/// Runs all in turns, so that what disturbs the machine disturbs all.
pub(crate) fn alternate(runs: &mut [Run]) {
    let start = Instant::now();
    for round in 0..ROUNDS.1 {
        if round >= ROUNDS.0 && start.elapsed() > TIME {
            break;
        }
        runs.iter_mut().for_each(Run::once);
    }
    for run in runs {
        run.peak = peak(&run.command);
    }
}

/// Times in one process, on one thread, in milliseconds.
pub(crate) struct InLibrary {
    /// From a file in memory to encoded BTF.
    pub(crate) extract: f64,
    /// Over all entries by gimli's cursor.
    pub(crate) cursor: f64,
    /// Over all entries and attributes by gimli's raw entries.
    pub(crate) raw: f64,
    pub(crate) entries: usize,
}

pub(crate) fn in_library(file: &Path) -> InLibrary {
    let bytes = fs::read(file).unwrap();
    let options = Options {
        threads: 1,
        ..Options::default()
    };
    let [mut ours, mut cursor, mut raw] = [const { Vec::new() }; 3];
    let mut entries = 0;
    let start = Instant::now();
    for round in 0..ROUNDS.1 {
        if round >= ROUNDS.0 && start.elapsed() > TIME {
            break;
        }
        ours.push(time(|| {
            let found = extract(&bytes, &options).unwrap();
            black_box(found.btf.encode(found.endian).unwrap());
        }));
        cursor.push(time(|| entries = walk_cursor(&bytes)));
        raw.push(time(|| assert_eq!(walk_raw(&bytes), entries)));
    }
    let [extract, cursor, raw] = [ours, cursor, raw].map(|times| median(&times));
    InLibrary {
        extract,
        cursor,
        raw,
        entries,
    }
}

/// Visits every entry as gimli's cursor reads it. Returns how many there are.
fn walk_cursor(file: &[u8]) -> usize {
    let mut count = 0;
    each_unit(file, |unit, abbreviations| {
        let mut entries = unit.entries(abbreviations);
        while let Some(entry) = entries.next_dfs().unwrap() {
            black_box(entry);
            count += 1;
        }
    });
    count
}

/// Reads every attribute of every entry and keeps nothing. Returns how many entries there are.
fn walk_raw(file: &[u8]) -> usize {
    let mut count = 0;
    each_unit(file, |unit, abbreviations| {
        let mut entries = unit.entries_raw(abbreviations, None).unwrap();
        while !entries.is_empty() {
            if let Some(abbreviation) = entries.read_abbreviation().unwrap() {
                for attribute in abbreviation.attributes() {
                    black_box(entries.read_attribute(*attribute).unwrap());
                }
                count += 1;
            }
        }
    });
    count
}

type Slice<'a> = EndianSlice<'a, LittleEndian>;

fn each_unit<'a>(
    file: &'a [u8],
    mut visit: impl FnMut(&gimli::UnitHeader<Slice<'a>>, &gimli::Abbreviations),
) {
    let section = |name| elf::section(file, name).unwrap().unwrap_or_default();
    let slice = |name| EndianSlice::new(section(name), LittleEndian);
    let abbreviations = DebugAbbrev::from(slice(".debug_abbrev"));
    let mut units = DebugInfo::from(slice(".debug_info")).units();
    while let Some(unit) = units.next().unwrap() {
        visit(&unit, &unit.abbreviations(&abbreviations).unwrap());
    }
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    1000.0 * times.get(times.len() / 2).unwrap().as_secs_f64()
}

pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}");
}

/// Peak memory of a command, in megabytes.
fn peak(command: &Command) -> f64 {
    let mut time = Command::new("/usr/bin/time");
    time.args(["-f", "%M"])
        .arg(command.get_program())
        .args(command.get_args());
    let output = time.output().unwrap();
    let lines = String::from_utf8_lossy(&output.stderr).into_owned();
    let kilobytes: u32 = lines.lines().last().unwrap().parse().unwrap();
    f64::from(kilobytes) * 1.024 / 1000.0
}
