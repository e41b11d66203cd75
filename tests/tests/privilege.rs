//! What a process may do without being root, and what it is told. Needs root, to give it up.

use std::process::Command;

use tests::counter::COUNTER;
use tests::tracer::Tracer;

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

/// The two capabilities that loading takes are all that tracing takes.
#[test]
fn bpf_and_perfmon_are_enough() {
    let tracer = Tracer::new(env!("CARGO_BIN_EXE_tracer"), COUNTER);
    let nobody = nobody(",+bpf,+perfmon");
    for program in ["perf_event", "multi", "sleepable", "perf_event_return"] {
        tracer.succeeds(&strs(&nobody), &[program]);
    }
}

/// The command that the error recommends does help.
#[test]
fn capabilities_of_the_file_are_enough() {
    let tracer = Tracer::new(env!("CARGO_BIN_EXE_tracer"), COUNTER);
    let granted = Command::new("setcap")
        .arg("cap_bpf,cap_perfmon+ep")
        .arg(tracer.path())
        .status();
    assert!(granted.unwrap().success());
    tracer.succeeds(&strs(&nobody("")), &["perf_event"]);
}

#[test]
fn missing_capabilities_are_named() {
    let tracer = Tracer::new(env!("CARGO_BIN_EXE_tracer"), COUNTER);
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
    let source = COUNTER.replace("SEC(\"uprobe\")", "SEC(\"uprobe//bin/true:main\")");
    let tracer = Tracer::new(env!("CARGO_BIN_EXE_tracer"), &source);
    let error = tracer.fails(&strs(&nobody(",+bpf,+perfmon")), &["perf_event"]);
    let expected = "as a perf event, which `SEC(\"uprobe\")` without a target avoids, is not \
                    permitted: this process lacks CAP_SYS_ADMIN";
    assert!(error.contains(expected), "{error}");
    tracer.succeeds(&strs(&nobody(",+bpf,+perfmon,+sys_admin")), &["perf_event"]);
}

/// In a user namespace a process has all capabilities, and none that counts.
#[test]
fn a_user_namespace_is_named_as_the_reason() {
    let tracer = Tracer::new(env!("CARGO_BIN_EXE_tracer"), COUNTER);
    let error = tracer.fails(&["unshare", "--user", "--map-root-user"], &["multi"]);
    assert!(
        error.contains("the capabilities of a user namespace do not count"),
        "{error}"
    );
}
