//! A process in a user namespace, to which somebody with privilege delegates what BPF takes. Needs
//! root and Linux 6.9.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};

use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

/// What is delegated, as little as it takes.
const DELEGATED: [(&str, &str); 4] = [
    ("delegate_cmds", "prog_load:map_create:btf_load"),
    ("delegate_maps", "array:ringbuf"),
    ("delegate_progs", "kprobe:socket_filter"),
    // The first is number 0, that of programs for which no attachment is named: libbpf tries such
    // a one before all others.
    ("delegate_attachs", "cgroup_inet_ingress:trace_uprobe_multi"),
];

#[test]
fn a_token_stands_for_capabilities_in_a_user_namespace() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount"])
        .arg(env!("CARGO_BIN_EXE_token"))
        .arg(directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = || {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        line
    };
    let without = line();
    let expected = "without: loading BPF programs is not permitted: the capabilities of a user \
                    namespace do not count for it";
    assert!(without.starts_with(expected), "{without}");

    let descriptor = line();
    let descriptor = descriptor.trim_end().strip_prefix("descriptor ").unwrap();
    // `unshare` has become the program.
    let process = Pid::from_raw(child.id().cast_signed()).unwrap();
    let process = pidfd_open(process, PidfdFlags::empty()).unwrap();
    let descriptor = descriptor.parse().unwrap();
    let context = pidfd_getfd(&process, descriptor, PidfdGetfdFlags::empty()).unwrap();
    for (option, value) in DELEGATED {
        rustix::mount::fsconfig_set_string(&context, option, value).unwrap();
    }
    rustix::mount::fsconfig_create(&context).unwrap();
    child.stdin.take().unwrap().write_all(b"\n").unwrap();

    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    assert!(rest.starts_with("with: as it should be\nLinux "), "{rest}");
    let path = directory.path().display();
    let expected = format!("\nok       loading programs: by the BPF token of {path}\n");
    assert!(rest.contains(&expected), "{rest}");
    assert!(!rest.contains("MISSING"), "{rest}");
}
