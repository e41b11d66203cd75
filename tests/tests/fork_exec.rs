//! Traced processes that fork and execute other programs. Needs root.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use core_runtime::{Binary, Process, Uprobe};
use tests::clang;
use tests::counter::{Counter, Seen};

/// Waits for a line; calls with 1, and in a child with 2, and once more with 3 when it has become
/// the program that the argument names.
const PROGRAM: &str = r"
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((noinline)) long traced(long n) { __asm__ volatile(VERSION : : : ); return n; }
int main(int argc, char **argv)
{
	char line[2];
	pid_t child;
	if (argc == 1)
		return traced(3) != 3;
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	traced(1);
	child = fork();
	if (!child) {
		traced(2);
		execl(argv[1], argv[1], (char *)0);
		_exit(1);
	}
	return waitpid(child, 0, 0) != child;
}";

/// Two versions of the program.
fn versions(directory: &Path) -> [PathBuf; 2] {
    ["\"nop\"", "\"nop; nop\""].map(|version| {
        let program = directory.join(version.len().to_string());
        let define = format!("-DVERSION={version}");
        clang::c_program(PROGRAM, &["-O1", &define], &program).unwrap();
        program
    })
}

/// What the probe that `probe` makes sees of the first version, which executes `other`.
fn seen(program: &Path, other: &Path, probe: impl Fn(&Binary, u32) -> Uprobe) -> [Seen; 2] {
    ["multi", "perf_event"].map(|name| {
        let counter = Counter::load();
        let mut child = Command::new(program)
            .arg(other)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let binary = Binary::open(program).unwrap();
        let attached = probe(&binary, child.id())
            .attach(&counter.program(name))
            .unwrap();
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(child.wait().unwrap().success());
        drop(attached);
        counter.seen()
    })
}

/// A probe of all processes that run a binary is hit in children too, and stays with the binary: a
/// child that becomes another version is seen no more, one that becomes the same is.
#[test]
fn a_child_is_seen_until_it_executes_another_binary() {
    let directory = tempfile::tempdir().unwrap();
    let [first, second] = versions(directory.path());
    let probe = |binary: &Binary, _| Uprobe::symbol(binary, "traced");
    for seen in seen(&first, &second, probe) {
        assert_eq!((seen.count, seen.argument), (2, 2));
    }
    for seen in seen(&first, &first, probe) {
        assert_eq!((seen.count, seen.argument), (3, 3));
    }
}

/// A probe of one process is not hit in its children.
#[test]
fn a_probe_of_one_process_is_not_of_its_children() {
    let directory = tempfile::tempdir().unwrap();
    let [first, second] = versions(directory.path());
    let probe = |_: &Binary, pid| {
        let program = Process::new(pid).unwrap().program().unwrap();
        Uprobe::symbol(&program, "traced")
    };
    for seen in seen(&first, &second, probe) {
        assert_eq!((seen.count, seen.argument), (1, 1));
    }
}
