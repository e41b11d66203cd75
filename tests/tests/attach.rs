//! Probes that are really attached, on the running kernel. Needs root.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use core_runtime::{Attached, Binary, Error, Process, Uprobe};
use tests::counter::{self, Counter, Seen};
use tests::{clang, traced};

/// Whether calls are seen no more after a probe was detached. Another test may be starting a child,
/// which has the link until it is another program.
fn stops<T>(call: impl Fn(u64) -> T, seen: impl Fn() -> Seen) -> bool {
    (0..100).any(|_| {
        let before = seen();
        call(1);
        let stopped = seen() == before;
        if !stopped {
            thread::sleep(Duration::from_millis(10));
        }
        stopped
    })
}

/// Each way of attaching sees the calls made while the guard lives, with their argument and cookie,
/// and none after it is dropped.
#[test]
fn a_guard_lets_the_program_run_for_as_long_as_it_lives() {
    let (call, traced) = traced!(1);
    for name in ["perf_event", "multi", "sleepable", "multi_sleepable"] {
        let counter = Counter::load();
        let attached = Uprobe::function(traced)
            .cookie(0xc0_0c1e)
            .attach(&counter.program(name))
            .unwrap();
        for argument in 40..=42 {
            call(argument);
        }
        let seen = counter.seen();
        assert_eq!(
            (seen.count, seen.argument, seen.cookie),
            (3, 42, 0xc0_0c1e),
            "{name}"
        );
        drop(attached);
        let stops = stops(call, || counter.seen());
        assert!(stops, "{name} runs after it was detached");
    }
}

/// A return probe sees the result; the section says which it is, and the probe can say otherwise.
#[test]
fn return_probes_see_the_result() {
    let (call, traced) = traced!(2);
    let counter = Counter::load();
    let function = Uprobe::function(traced);
    for (probe, program) in [
        (function.clone(), "perf_event_return"),
        (function.clone().at_return(), "multi"),
        (function.at_return(), "perf_event"),
    ] {
        let _attached = probe.attach(&counter.program(program)).unwrap();
        call(100);
        assert_eq!(counter.seen().result, 101);
    }
    assert_eq!(counter.seen().count, 3);
}

/// The kernel keeps an attached program: the order in which guard and object are dropped does not
/// matter.
#[test]
fn a_guard_outlives_the_object_that_its_program_came_from() {
    let (call, traced) = traced!(3);
    let counter = Counter::load();
    let map = counter.map();
    let attached = Uprobe::function(traced)
        .attach(&counter.program("multi"))
        .unwrap();
    drop(counter);
    call(7);
    assert_eq!(counter::seen(&map).argument, 7);
    drop(attached);
    assert!(stops(call, || counter::seen(&map)));
}

/// Self-tracing is about this process: another one that runs the same code is not meant.
#[test]
fn only_the_process_that_was_asked_for_is_probed() {
    let directory = tempfile::tempdir().unwrap();
    let program = adder(directory.path(), &["-O1"]);
    for name in ["perf_event", "multi"] {
        let counter = Counter::load();
        let own = Uprobe::symbol(&Binary::open(&program).unwrap(), "add_test")
            .process(&Process::new(std::process::id()).unwrap())
            .attach(&counter.program(name))
            .unwrap();
        run(&program);
        assert_eq!(counter.seen().count, 0, "{name}");
        drop(own);
        let _all = Uprobe::symbol(&Binary::open(&program).unwrap(), "add_test")
            .attach(&counter.program(name))
            .unwrap();
        run(&program);
        assert_eq!(counter.seen().count, 1, "{name}");
    }
}

/// A program with one function to probe, called once.
fn adder(directory: &Path, flags: &[&str]) -> PathBuf {
    let program = directory.join("adder");
    let source = "__attribute__((noinline)) int add_test(int a) { return a + 1; }\n\
                  int main(int argc, char **argv) { return add_test(argc) == 0; }\n";
    clang::c_program(source, flags, &program).unwrap();
    program
}

fn run(program: &Path) {
    assert!(Command::new(program).status().unwrap().success());
}

/// A symbol's address is not its place in the file: position-independent or not, linked at
/// whatever distance, the probe hits.
#[test]
fn symbols_of_other_binaries_are_found_however_they_are_linked() {
    for flags in [
        &["-O1", "-pie", "-fPIE"][..],
        &["-O1", "-no-pie"],
        &["-O1", "-no-pie", "-Wl,-Ttext-segment=0x10000000"],
        &["-O1", "-Wl,-z,separate-code"],
        &["-O1", "-Wl,-z,noseparate-code"],
        &["-O1", "-static"],
    ] {
        let directory = tempfile::tempdir().unwrap();
        let program = adder(directory.path(), flags);
        let counter = Counter::load();
        let _attached = Uprobe::symbol(&Binary::open(&program).unwrap(), "add_test")
            .attach(&counter.program("multi"))
            .unwrap();
        run(&program);
        let seen = counter.seen();
        assert_eq!((seen.count, seen.argument), (1, 1), "{flags:?}");
    }
}

/// Exported functions stay in `.dynsym` when a library is stripped.
#[test]
fn exported_symbols_of_a_stripped_library_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let library = directory.path().join("libadder.so");
    let source = "int add_test(int a) { return a + 1; }\n";
    clang::c_program(source, &["-O1", "-shared", "-fPIC", "-s"], &library).unwrap();
    let counter = Counter::load();
    let attached = Uprobe::symbol(&Binary::open(&library).unwrap(), "add_test")
        .attach(&counter.program("multi"));
    let (file, offsets) = attached.as_ref().unwrap().places();
    assert_eq!(file, library);
    assert!(matches!(offsets, [offset] if *offset != 0));
}

/// What the kernel cannot probe, and what does not exist, is said before or instead of its bare
/// error number.
#[test]
fn places_that_do_not_exist_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let program = adder(directory.path(), &["-O1"]);
    let counter = Counter::load();
    let failure = |probe: Uprobe, program: &str| -> Error {
        probe.attach(&counter.program(program)).unwrap_err()
    };

    let error = failure(
        Uprobe::symbol(&Binary::open(&program).unwrap(), "ad_test"),
        "multi",
    );
    let expected = format!(
        "{} defines no function `ad_test`; did you mean add_test?",
        program.display()
    );
    assert_eq!(error.to_string(), expected);

    let error = Binary::open("/nowhere").unwrap_err();
    assert_eq!(error.to_string(), "cannot open /nowhere");

    for name in ["multi", "perf_event"] {
        let error = failure(
            Uprobe::offset(&Binary::open(&program).unwrap(), 1 << 40),
            name,
        );
        assert!(
            error.to_string().contains("beyond the end of the file"),
            "{error:?}"
        );
    }

    let data = counter::COUNTER.as_ptr();
    let error = failure(Uprobe::function(data.cast()), "multi");
    assert!(error.to_string().contains("it is data of"), "{error}");
}

/// Two static functions of one name: neither is meant more than the other.
#[test]
fn an_ambiguous_symbol_is_refused_with_the_places_to_choose_from() {
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("other.c");
    fs::write(
        &other,
        "__attribute__((noinline)) static int twin(int a) { return a * 3; }\n\
         int other(int a) { return twin(a); }\n",
    )
    .unwrap();
    let program = directory.path().join("twins");
    let source = "int other(int);\n\
         __attribute__((noinline)) static int twin(int a) { return a + 7; }\n\
         int main(int argc, char **argv) { return twin(argc) == other(argc); }\n";
    clang::c_program(source, &["-O1", other.to_str().unwrap()], &program).unwrap();
    let counter = Counter::load();
    let error = Uprobe::symbol(&Binary::open(&program).unwrap(), "twin")
        .attach(&counter.program("multi"))
        .unwrap_err();
    let Error::AmbiguousSymbol { found, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(found.len(), 2);
    let offsets: Vec<u64> = found.iter().map(|found| found.offset).collect();
    let attach = |&offset: &u64| -> Attached {
        Uprobe::offset(&Binary::open(&program).unwrap(), offset)
            .attach(&counter.program("multi"))
            .unwrap()
    };
    let _attached: Vec<_> = offsets.iter().map(attach).collect();
    run(&program);
    assert_eq!(counter.seen().count, 2);
}
