//! Small BPF objects and C programs, compiled while a test runs.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// What every BPF source of the tests starts with: the kernel's interface, libbpf's macros, and
/// the C library's `struct pt_regs`, so that no `vmlinux.h` is needed.
const PRELUDE: &str = r#"
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
"#;

/// Compiles a BPF program, which is C after the prelude, to an object with BTF.
///
/// # Errors
/// With clang's words, when it does not compile.
pub fn bpf_object(source: &str) -> Result<Vec<u8>> {
    let directory = tempfile::tempdir()?;
    let include = directory.path().join("include/bpf");
    fs::create_dir_all(&include)?;
    for (name, content) in libbpf_sys::API_HEADERS {
        fs::write(include.join(name), content)?;
    }
    let input = directory.path().join("test.bpf.c");
    let output = directory.path().join("test.bpf.o");
    fs::write(&input, format!("{PRELUDE}#line 1 \"test.bpf.c\"\n{source}"))?;
    let clang = std::env::var("CLANG").unwrap_or_else(|_| "clang".into());
    run(Command::new(clang)
        .args(["-target", "bpf", "-g", "-O2", "-Wall", "-Werror", "-c"])
        .arg(format!("-D__TARGET_ARCH_{}", target_arch()))
        .arg("-I")
        .arg(directory.path().join("include"))
        // Where Debian keeps <asm/...> for the build host.
        .arg(format!(
            "-I/usr/include/{}-linux-gnu",
            std::env::consts::ARCH
        ))
        .arg(&input)
        .arg("-o")
        .arg(&output))?;
    Ok(fs::read(output)?)
}

/// Compiles a C program or, with `-shared`, a library.
///
/// # Errors
/// With the compiler's words, when it does not compile.
pub fn c_program(source: &str, flags: &[&str], output: &Path) -> Result<()> {
    let input = output.with_extension("c");
    fs::write(&input, source)?;
    run(Command::new("cc")
        .args(flags)
        .arg(&input)
        .arg("-o")
        .arg(output))
}

/// The name that libbpf's headers know this machine by.
fn target_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x86",
        "aarch64" => "arm64",
        other => other,
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?} failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
