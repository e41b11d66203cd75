//! Programs that trace themselves where something is missing: symbols, their file, the kernel's
//! types. Needs root.

use std::process::Command;

use tests::counter::COUNTER;
use tests::tracer::Tracer;

fn tracer(source: &str) -> Tracer {
    Tracer::new(env!("CARGO_BIN_EXE_tracer"), source)
}

/// A function is found by its address, so symbols are not needed.
#[test]
fn a_stripped_program_traces_itself() {
    let tracer = tracer(COUNTER);
    let stripped = Command::new("strip").arg("-s").arg(tracer.path()).status();
    assert!(stripped.unwrap().success());
    tracer.succeeds(&[], &["multi"]);
    tracer.succeeds(&[], &["perf_event"]);
}

/// An update replaces the file of a program that runs on.
#[test]
fn a_deleted_program_traces_itself() {
    for program in ["multi", "perf_event"] {
        let tracer = tracer(COUNTER);
        tracer.succeeds(&[], &[program, "--delete"]);
        assert!(!tracer.path().exists());
    }
}

/// A command that runs another in a mount namespace in which the kernel publishes no types.
const WITHOUT_VMLINUX: [&str; 6] = [
    "unshare",
    "--mount",
    "sh",
    "-c",
    "mount -t tmpfs none /sys/kernel/btf && exec \"$@\"",
    "sh",
];

/// Only who asks for the kernel's types needs them.
#[test]
fn a_kernel_without_types_is_no_obstacle_to_application_types() {
    tracer(COUNTER).succeeds(&WITHOUT_VMLINUX, &["multi"]);
}

/// The error says what is missing for which kernel, and the way out.
#[test]
fn a_kernel_without_types_is_named_to_who_asks_for_them() {
    let source = format!(
        "{COUNTER}
struct task_struct {{ int pid; }} __attribute__((preserve_access_index));
SEC(\"uprobe\") int of_kernel(struct pt_regs *ctx)
{{
	struct task_struct *task = (void *)bpf_get_current_task();
	return BPF_CORE_READ(task, pid) ? note(ctx) : 0;
}}"
    );
    let tracer = tracer(&source);
    tracer.succeeds(&[], &["of_kernel"]);
    let error = tracer.fails(&WITHOUT_VMLINUX, &["of_kernel"]);
    let release = rustix::system::uname();
    let expected = format!(
        "Error: the BPF object needs the types of kernel {}, and /sys/kernel/btf/vmlinux cannot be \
         read: name a BTF file made for this kernel with `Loader::kernel_btf`",
        release.release().to_string_lossy()
    );
    assert!(error.starts_with(&expected), "{error}");
    assert!(
        error.ends_with("  because: No such file or directory (os error 2)\n"),
        "{error}"
    );
}
