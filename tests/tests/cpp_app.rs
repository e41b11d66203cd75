//! A C++ program built by several compilers and standard libraries, in two versions, traced by one
//! BPF object that was compiled against one of them: what it reads is what the program prints.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

mod scratch;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use scratch::{Scratch, checkout, output_of};

fn fixture(name: &str) -> PathBuf {
    checkout().join("tests/fixtures/cpp-app").join(name)
}

/// Compiles the program as `scratch/NAME`.
fn program(scratch: &Path, name: &str, version: u32, compiler: &str) -> PathBuf {
    let program = scratch.join(name);
    let mut words = compiler.split(' ');
    output_of(
        Command::new(words.next().unwrap())
            .args(words)
            .args(["-Wall", "-g", "-std=c++17", "-o"])
            .arg(&program)
            .arg(format!("-DVERSION={version}"))
            .arg(fixture("server.cc")),
    );
    program
}

/// A tracer that was compiled against what g++ makes of the first version.
fn tracer(name: &str) -> Scratch {
    let scratch = Scratch::with_build(
        name,
        "core_build::Builder::new().types_from(\"server\").types([\"net_Session\"])\
         .bpf(\"src/bpf/trace.bpf.c\").build()",
    );
    program(scratch.path(), "server", 1, "g++ -O1");
    scratch.edit(
        "Cargo.toml",
        "core-runtime\" }",
        "core-runtime\", features = [\"dwarf\"] }",
    );
    let read = |name| fs::read_to_string(fixture(name)).unwrap();
    scratch.file("src/main.rs", &read("main.rs"));
    scratch.file("src/child.rs", include_str!("../fixtures/child.rs"));
    scratch.file("src/bpf/trace.bpf.c", &read("trace.bpf.c"));
    scratch
}

fn trace(scratch: &Scratch, program: &Path) -> Output {
    let mut tracer = scratch.cargo("run");
    tracer
        .args(["--quiet", "--"])
        .arg(program)
        .output()
        .unwrap()
}

mod root {
    use super::*;

    #[test]
    fn one_object_reads_what_any_compiler_laid_out() {
        let scratch = tracer("traces_cpp");
        for (n, (version, compiler)) in [
            (1, "g++ -O1"),
            (2, "g++ -O2"),
            (1, "clang++ -O1"),
            (2, "clang++-19 -O2"),
            (1, "clang++ -stdlib=libc++ -O0"),
            (2, "clang++ -stdlib=libc++ -O2 -gdwarf-4"),
        ]
        .into_iter()
        .enumerate()
        {
            let program = program(scratch.path(), &format!("server-{n}"), version, compiler);
            let Output {
                status,
                stdout,
                stderr,
            } = trace(&scratch, &program);
            let said = String::from_utf8(stderr).unwrap();
            let seen = String::from_utf8(stdout).unwrap();
            assert!(status.success(), "{compiler}: {said}");
            assert_eq!(seen, said, "{compiler}");
            assert_eq!(seen.lines().count(), 2, "{compiler}");
            for words in [
                "window -5 300 ring 1099511627776 origin 1234567 hops 2 name short ",
                // The whole object is of another class.
                "origin 7654321 hops 9 ",
                "key 1000\n",
            ] {
                assert!(seen.contains(words), "{compiler}: {seen}");
            }
        }
    }
}
