//! Types out of DWARF: ours beside pahole's, on sqlite as gcc optimises it, 9 MB in one unit.
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
use tests::sources;

/// The environment variable that makes a child of this program.
const CHILD: &str = "BENCH_EXTRACT";

/// sqlite3.o, compiled once for all runs of the benchmark.
fn object() -> PathBuf {
    let object = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sqlite3.o");
    if !object.exists() {
        let mut command = Command::new("gcc");
        command.args(["-g", "-O2", "-w", "-c", "-o"]);
        run(command.arg(&object).arg(sources::sqlite()));
    }
    object
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// What `pahole --btf_encode_detached` does: from a file to a file.
fn convert(object: &Path, out: &Path) {
    let found = extract(&fs::read(object).unwrap(), &Options::default()).unwrap();
    fs::write(out, found.btf.encode(found.endian).unwrap()).unwrap();
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

fn main() {
    let args: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    if env::var_os(CHILD).is_some() {
        return convert(args.first().unwrap(), args.get(1).unwrap());
    }
    let object = object();
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
    let this = env::current_exe().unwrap();
    let [mut pahole, mut child, mut library] = [const { Vec::new() }; 3];
    // In turns, so that what disturbs the machine disturbs all.
    for _ in 0..31 {
        let mut command = Command::new("pahole");
        command.args(["--btf_gen_floats", "--btf_encode_detached"]);
        command.args([&theirs, &object]);
        pahole.push(time(|| run(&mut command)));
        let mut command = Command::new(&this);
        command.env(CHILD, "1").args([&object, &ours]);
        child.push(time(|| run(&mut command)));
        library.push(time(|| convert(&object, &ours)));
    }
    let [pahole, child, library] = [pahole, child, library].map(median);
    let bytes = fs::metadata(&object).unwrap().len();
    println!("sqlite3.o (gcc -g -O2, {} kB) to BTF:", bytes / 1000);
    println!(
        "  pahole            {pahole:>8.2} ms, {} types",
        types(&theirs)
    );
    println!(
        "  ours, a process   {child:>8.2} ms, {} types",
        types(&ours)
    );
    println!("  ours, in process  {library:>8.2} ms");
    println!(
        "  ours takes {:.1} times less time than pahole\n",
        pahole / child
    );
    assert!(child <= pahole, "slower than pahole");
}
