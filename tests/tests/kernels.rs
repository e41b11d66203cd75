//! One program, built once, on the running kernel and on Debian's 6.1 and 6.12. Needs root here, and
//! `make kernels` for the others.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use std::process::Command;

use tests::vm::Machine;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kernels");
const UNTYPED: &str = "mount -t tmpfs none /sys/kernel/btf && ";
/// As the user nobody, who can write nowhere, with the two capabilities that loading takes.
const NOBODY: &str = "setpriv --reuid=65534 --regid=65534 --clear-groups \
                      --inh-caps=-all,+bpf,+perfmon --ambient-caps=-all,+bpf,+perfmon ";

#[test]
fn on_the_running_kernel() {
    let succeeds = |command: String| {
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", &command])
            .output();
        let output = output.unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.ends_with("as it should be\n"), "{command}: {output:?}");
    };
    succeeds(PROGRAM.into());
    succeeds(format!("{UNTYPED}{PROGRAM} untyped"));
}

/// What a process that has only the two capabilities comes to, and what it is told before.
struct Nobody {
    attached: (String, i32),
    preflight: String,
}

/// Has the program trace itself on a kernel of that series, with the module `uinput`.
fn on(series: &str) -> Nobody {
    let mut machine = Machine::new(series);
    machine.program(PROGRAM);
    machine.program("setpriv");
    machine.command("uname -r");
    machine.command("/usr/bin/kernels");
    machine.command(&format!("/usr/bin/{NOBODY} /usr/bin/kernels attach"));
    machine.command("/usr/bin/kernels preflight");
    machine.command(&format!("/usr/bin/{NOBODY} /usr/bin/kernels preflight"));
    machine.command(&format!("{UNTYPED} /usr/bin/kernels untyped"));
    let release = machine.release() + "\n";
    let results = machine.run();
    let [booted, root, attached, report, preflight, untyped] = <[_; 6]>::try_from(results).unwrap();
    assert!(booted.0.ends_with(&release), "{booted:?}");
    let all = "types of a module have the values that it was told\nas it should be\n";
    assert_eq!(root, (all.into(), 0));
    assert_eq!(untyped, ("as it should be\n".into(), 0));
    let (report, _) = report;
    assert!(!report.contains("MISSING"), "{report}");
    let modules = "\nnote     types of kernel modules: of 1 modules, in /sys/kernel/btf\n";
    assert!(report.contains(modules), "{report}");
    let vmlinux = "\nok       types of the kernel: /sys/kernel/btf/vmlinux, ";
    assert!(report.contains(vmlinux), "{report}");
    Nobody {
        attached,
        preflight: preflight.0,
    }
}

/// Multi-uprobes: the two capabilities are enough.
#[test]
fn on_linux_6_12() {
    let Nobody {
        attached,
        preflight,
    } = on("6.12");
    assert_eq!(attached, ("as it should be\n".into(), 0));
    assert!(!preflight.contains("MISSING"), "{preflight}");
}

/// No multi-uprobes: what attaching takes is named.
#[test]
fn on_linux_6_1() {
    let Nobody {
        attached: (text, status),
        preflight,
    } = on("6.1");
    let lacks = "this process lacks CAP_SYS_ADMIN: run it as root, or give the program what it \
                 needs, once, with `sudo setcap cap_sys_admin+ep /usr/bin/kernels`";
    let expected = "Error: attaching `on_request` to address";
    assert!(text.starts_with(expected), "{text}");
    let expected = format!("as a perf event is not permitted: {lacks}");
    assert!(text.contains(&expected), "{text}");
    assert_eq!(status, 1);
    let missing: Vec<_> = preflight
        .lines()
        .filter(|line| line.starts_with("MISSING"))
        .collect();
    let expected = format!(
        "MISSING  attaching uprobes: the kernel has no multi-uprobes (Linux 6.10 has), and attaching \
         as a perf event takes more: {lacks}"
    );
    assert_eq!(missing, [expected]);
}
