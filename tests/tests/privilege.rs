//! What a process may do without being root, and what it is told. Needs root, to give it up.

use std::fs;
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

/// A program that may read its own file and write nowhere.
#[test]
fn no_directory_is_written_to() {
    const SEALED: &str = "
        mount --make-rprivate / && mount -o remount,bind,ro / && mount -t tmpfs -o ro none /dev/shm &&
        cd / && export TMPDIR=/nowhere HOME=/nowhere &&
        for directory in /tmp /var/tmp /dev/shm \"$1\"; do
            touch \"$directory/written\" 2>/dev/null && exit 9
        done
        shift; exec \"$@\"";
    let directory = tempfile::tempdir().unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(directory.path(), everybody).unwrap();
    let program = directory.path().join("kernels");
    fs::copy(env!("CARGO_BIN_EXE_kernels"), &program).unwrap();
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", SEALED, "sh"])
        .arg(directory.path())
        .args(nobody(",+bpf,+perfmon"))
        .arg(&program)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text, "as it should be\n", "{output:?}");
    assert!(output.status.success());
}

/// The report says before what is refused after.
#[test]
fn preflight_names_what_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(directory.path(), everybody).unwrap();
    let program = directory.path().join("kernels");
    fs::copy(env!("CARGO_BIN_EXE_kernels"), &program).unwrap();
    let report = |capabilities| {
        let words = nobody(capabilities);
        let (command, arguments) = words.split_first().unwrap();
        let output = Command::new(command)
            .args(arguments)
            .arg(&program)
            .arg("preflight")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let all = report(",+bpf,+perfmon");
    assert!(!all.contains("MISSING"), "{all}");
    let through = "\nok       attaching uprobes: through multi-uprobes, which take no more";
    assert!(all.contains(through), "{all}");
    for (capabilities, missing) in [
        ("", "CAP_BPF and CAP_PERFMON"),
        (",+bpf", "CAP_PERFMON"),
        (",+perfmon", "CAP_BPF"),
    ] {
        let report = report(capabilities);
        let line = format!("\nMISSING  loading programs: this process lacks {missing}: run it as");
        assert!(report.contains(&line), "{report}");
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
