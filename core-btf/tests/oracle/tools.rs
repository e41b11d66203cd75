//! The programs that tests compare with, run on files in a directory of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object as _, ObjectSection as _};

/// BTF of the running kernel.
pub(crate) fn vmlinux() -> Vec<u8> {
    std::fs::read("/sys/kernel/btf/vmlinux").unwrap()
}

/// A file with this text.
pub(crate) fn write(dir: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// What a command prints; it has to succeed and to say nothing on stderr.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (out, err) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
    let err: String = err.chars().take(4000).collect();
    assert!(
        output.status.success() && err.is_empty(),
        "{command:?}: {err}"
    );
    String::from_utf8_lossy(out).into_owned()
}

/// Every clang on this machine that the header is made for.
pub(crate) fn clangs() -> Vec<String> {
    let mut found: Vec<String> = (14..=19)
        .map(|version| format!("clang-{version}"))
        .filter(|name| Command::new(name).arg("--version").output().is_ok())
        .collect();
    if found.is_empty() {
        found.push("clang".into());
    }
    found
}

/// The BPF object that clang makes of a C file, with every warning an error.
pub(crate) fn bpf_object(clang: &str, source: &Path) -> Vec<u8> {
    let object = source.with_extension("o");
    run(Command::new(clang)
        .args([
            "-target", "bpf", "-g", "-O2", "-Wall", "-Wextra", "-Werror", "-c",
        ])
        .args(["-Wno-unused-parameter", "-Wno-visibility", "-o"])
        .arg(&object)
        .arg(source));
    std::fs::read(object).unwrap()
}

/// A section of an ELF file.
pub(crate) fn section(elf: &[u8], name: &str) -> Vec<u8> {
    let file = object::File::parse(elf).unwrap();
    let section = file.section_by_name(name).unwrap();
    section.data().unwrap().to_vec()
}

/// The BTF that pahole makes of a C file's debug information for the machine this runs on.
pub(crate) fn pahole_btf(source: &Path) -> Vec<u8> {
    let object = source.with_extension("o");
    run(Command::new("gcc")
        .args(["-g", "-c", "-o"])
        .arg(&object)
        .arg(source));
    run(Command::new("pahole").arg("-J").arg(&object));
    section(&std::fs::read(object).unwrap(), ".BTF")
}
