//! What a process may do without being root, and what it is told. Needs root, to give it up.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use tests::{clang, counter};

const SEEN: &str = "seen 1 call with 42\n";

/// A copy of the tracer, and of the object that it loads, which anybody may run and read.
struct Tracer {
    directory: tempfile::TempDir,
}

impl Tracer {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        fs::copy(
            env!("CARGO_BIN_EXE_tracer"),
            directory.path().join("tracer"),
        )
        .unwrap();
        let object = clang::bpf_object(counter::COUNTER).unwrap();
        fs::write(directory.path().join("counter.bpf.o"), object).unwrap();
        Self { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("tracer")
    }

    /// Runs it behind `prefix`, such as a command that drops privileges.
    fn run(&self, prefix: &[&str], arguments: &[&str]) -> Output {
        let path = self.path();
        let mut words: Vec<&str> = prefix.to_vec();
        words.push(path.to_str().unwrap());
        let (program, rest) = words.split_first().unwrap();
        Command::new(program)
            .args(rest)
            .arg(self.directory.path().join("counter.bpf.o"))
            .args(arguments)
            .env_remove("RUST_BACKTRACE")
            .output()
            .unwrap()
    }

    fn succeeds(&self, prefix: &[&str], arguments: &[&str]) {
        let output = self.run(prefix, arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(String::from_utf8_lossy(&output.stdout), SEEN, "{error}");
        assert_eq!(error, "");
        assert!(output.status.success());
    }

    /// What it says on failing: nothing but its error.
    fn fails(&self, prefix: &[&str], arguments: &[&str]) -> String {
        let output = self.run(prefix, arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        String::from_utf8(output.stderr).unwrap()
    }
}

/// `setpriv` as the user nobody, with these capabilities.
fn nobody(capabilities: &str) -> Vec<String> {
    let mut words: Vec<String> = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ]
    .map(Into::into)
    .into();
    words.push(format!("--inh-caps=-all{capabilities}"));
    words.push(format!("--ambient-caps=-all{capabilities}"));
    words
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// A function is found by its address, so symbols are not needed.
#[test]
fn a_stripped_program_traces_itself() {
    let tracer = Tracer::new();
    let stripped = Command::new("strip").arg("-s").arg(tracer.path()).status();
    assert!(stripped.unwrap().success());
    tracer.succeeds(&[], &["multi"]);
    tracer.succeeds(&[], &["perf_event"]);
}

/// An update replaces the file of a program that runs on.
#[test]
fn a_deleted_program_traces_itself() {
    for program in ["multi", "perf_event"] {
        let tracer = Tracer::new();
        tracer.succeeds(&[], &[program, "--delete"]);
        assert!(!tracer.path().exists());
    }
}

/// The two capabilities that loading takes are all that tracing takes.
#[test]
fn bpf_and_perfmon_are_enough() {
    let tracer = Tracer::new();
    let nobody = nobody(",+bpf,+perfmon");
    for program in ["perf_event", "multi", "sleepable", "perf_event_return"] {
        tracer.succeeds(&strs(&nobody), &[program]);
    }
}

/// The command that the error recommends does help.
#[test]
fn capabilities_of_the_file_are_enough() {
    let tracer = Tracer::new();
    let granted = Command::new("setcap")
        .arg("cap_bpf,cap_perfmon+ep")
        .arg(tracer.path())
        .status();
    assert!(granted.unwrap().success());
    tracer.succeeds(&strs(&nobody("")), &["perf_event"]);
}

#[test]
fn missing_capabilities_are_named() {
    let tracer = Tracer::new();
    let path = tracer.path().display().to_string();
    for (capabilities, missing, setcap) in [
        ("", "CAP_BPF and CAP_PERFMON", "cap_bpf,cap_perfmon"),
        (",+bpf", "CAP_PERFMON", "cap_perfmon"),
        (",+perfmon", "CAP_BPF", "cap_bpf"),
    ] {
        let error = tracer.fails(&strs(&nobody(capabilities)), &["multi"]);
        let expected = format!(
            "Error: loading BPF programs is not permitted: this process lacks {missing}: run it as \
             root, or give the program what it needs, once, with `sudo setcap {setcap}+ep {path}`\n  \
             because: "
        );
        assert!(error.starts_with(&expected), "{error}");
    }
}

/// A program that names its target is left to libbpf, which attaches it as a perf event; that takes
/// more.
#[test]
fn a_perf_event_needs_an_administrator() {
    let tracer = Tracer::new();
    let source = counter::COUNTER.replace("SEC(\"uprobe\")", "SEC(\"uprobe//bin/true:main\")");
    let object = clang::bpf_object(&source).unwrap();
    fs::write(tracer.directory.path().join("counter.bpf.o"), object).unwrap();
    let error = tracer.fails(&strs(&nobody(",+bpf,+perfmon")), &["perf_event"]);
    let expected = "as a perf event, which `SEC(\"uprobe\")` without a target avoids, is not \
                    permitted: this process lacks CAP_SYS_ADMIN";
    assert!(error.contains(expected), "{error}");
    tracer.succeeds(&strs(&nobody(",+bpf,+perfmon,+sys_admin")), &["perf_event"]);
}

/// In a user namespace a process has all capabilities, and none that counts.
#[test]
fn a_user_namespace_is_named_as_the_reason() {
    let tracer = Tracer::new();
    let error = tracer.fails(&["unshare", "--user", "--map-root-user"], &["multi"]);
    assert!(
        error.contains("the capabilities of a user namespace do not count"),
        "{error}"
    );
}
