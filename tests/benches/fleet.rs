//! A tracer of many processes: what it costs to learn the types of a large binary, to load one object
//! for a hundred processes that run it, and to explain a load. Needs root.
//!
//! `cargo bench -p tests --bench fleet`
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run has nothing to say"
)]
#![expect(clippy::print_stdout, reason = "the figures")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use core_runtime::{Loader, TypeInfo};
use libbpf_rs::Object;
use tests::fleet::{PROGRAM, Process, declarations, program};
use tests::{app, clang};

/// Processes of one binary.
const FLEET: usize = 100;

fn median<T: Ord + Copy>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable();
    *values.get(values.len() / 2).unwrap()
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn micros(time: Duration) -> f64 {
    1e6 * time.as_secs_f64()
}

fn main() {
    let directory = tempfile::tempdir().unwrap();
    type_info(directory.path());
    fleet(directory.path());
}

fn type_info(directory: &Path) {
    let types = app::btf(&declarations(1)).unwrap();
    println!(
        "TypeInfo of a stripped binary with {} bytes of types:",
        types.len()
    );
    let sizes = [1, 50, 500].map(|mib| {
        let name = format!("binary_{mib}");
        (mib, program(directory, &name, mib << 20, &types, &[]))
    });
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..200 {
        for ((_, path), times) in sizes.iter().zip(&mut times) {
            times.push(time(|| {
                black_box(TypeInfo::from_file(path).unwrap());
            }));
        }
    }
    let times = times.map(median);
    for ((mib, _), time) in sizes.iter().zip(times) {
        println!("  of {mib:>3} MiB {:>10.1} us", micros(time));
    }
    let [small, middle, large] = times;
    println!(
        "  50 MiB against 1 MiB: {:.2} times; 500 MiB: {:.2} times\n",
        middle.as_secs_f64() / small.as_secs_f64(),
        large.as_secs_f64() / small.as_secs_f64(),
    );
    assert!(middle < Duration::from_millis(1), "{middle:?}");
}

/// All that a tracer does for a process that it has not seen before.
fn load(object: &[u8], pid: u32) -> Object {
    let types = TypeInfo::of_process(pid).unwrap();
    let open = Loader::new(types).open_object(object.to_vec()).unwrap();
    open.load().unwrap()
}

fn fleet(directory: &Path) {
    let object = clang::bpf_object(PROGRAM).unwrap();
    let same = program(
        directory,
        "same",
        0,
        &app::btf(&declarations(1)).unwrap(),
        &[],
    );
    let same: Vec<_> = (0..FLEET).map(|_| Process::start(&same)).collect();
    let others: Vec<_> = (0..FLEET)
        .map(|n| {
            let types = app::btf(&declarations(n + 2)).unwrap();
            Process::start(&program(directory, &format!("other_{n}"), 0, &types, &[]))
        })
        .collect();
    let pass = |processes: &[Process]| -> Vec<Duration> {
        let mut times = Vec::new();
        for process in processes {
            let start = Instant::now();
            let loaded = load(&object, process.id());
            times.push(start.elapsed());
            drop(loaded);
        }
        times
    };
    // The kernel's types are searched once in a process, whatever is loaded.
    let spare = Process::start(&program(
        directory,
        "spare",
        0,
        &app::btf(&declarations(500)).unwrap(),
        &[],
    ));
    drop(load(&object, spare.id()));

    let different = pass(&others);
    let first_of_same = pass(same.get(..1).unwrap());
    let same = pass(same.get(1..).unwrap());
    let mean = |times: &[Duration]| {
        let sum: Duration = times.iter().sum();
        micros(sum / u32::try_from(times.len()).unwrap())
    };
    println!("Types and programs of {FLEET} processes, one after the other:");
    println!("  each of its own binary {:>10.1} us", mean(&different));
    println!("  the first of one binary {:>9.1} us", mean(&first_of_same));
    println!("  the others of it {:>16.1} us", mean(&same));
    println!(
        "  one binary against {FLEET} binaries: {:.2} times the time",
        mean(&same) / mean(&different)
    );

    let loaded = median((0..200).map(|_| time(|| drop(load(&object, spare.id())))));
    let types = TypeInfo::of_process(spare.id()).unwrap();
    let open = Loader::new(types).open_object(object).unwrap();
    let explained = median((0..200).map(|_| {
        time(|| {
            black_box(open.explain().unwrap().to_string());
        })
    }));
    println!(
        "  to explain a load as a table {:>4.1} us, {:.2} of the load",
        micros(explained),
        explained.as_secs_f64() / loaded.as_secs_f64()
    );
}
