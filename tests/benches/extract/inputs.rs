//! What is read: files with debug information, each made once for all runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::openssl::{self, Version};
use tests::sources;

use crate::measure::run;

fn folder() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// An object of one unit, in C.
pub(crate) fn sqlite() -> PathBuf {
    object("sqlite3.o", "gcc", &sources::sqlite())
}

/// An object of one unit, in C++.
pub(crate) fn harfbuzz() -> PathBuf {
    object("harfbuzz.o", "g++", &sources::harfbuzz())
}

fn object(name: &str, compiler: &str, source: &Path) -> PathBuf {
    let out = folder().join(name);
    if !out.exists() {
        let mut command = Command::new(compiler);
        command.args(["-g", "-O2", "-w", "-c", "-o"]);
        run(command.arg(&out).arg(source));
    }
    out
}

/// All of a static library's objects, linked into one file, as pahole does not read archives.
pub(crate) fn libcrypto() -> PathBuf {
    let built = openssl::build(Version::Three, folder()).unwrap();
    built.join("libcrypto.so")
}

/// Debian's kernel for virtual machines: that of its other packages is the same with more drivers.
pub(crate) fn vmlinux() -> PathBuf {
    let out = folder().join("vmlinux");
    if out.exists() {
        return out;
    }
    let output = Command::new("apt-cache")
        .args(["depends", "--important", "linux-image-cloud-amd64-dbg"])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    let package = words
        .lines()
        .find_map(|line| line.trim().strip_prefix("Depends: "));
    let dir = tempfile::tempdir_in(folder()).unwrap();
    let mut fetch = Command::new("apt-get");
    fetch.args(["download", package.unwrap()]).current_dir(&dir);
    run(&mut fetch);
    let archive = fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
    // As a pipe: unpacked, the package has two gigabytes.
    let script =
        "dpkg-deb --fsys-tarfile \"$0\" | tar -xO --wildcards './usr/lib/debug/boot/vmlinux-*'";
    let made = dir.path().join("vmlinux");
    let status = Command::new("sh")
        .args(["-c", script])
        .arg(archive)
        .stdout(File::create(&made).unwrap())
        .status();
    assert!(status.unwrap().success(), "{script}");
    fs::rename(made, &out).unwrap();
    out
}

/// A debug build of a program of two hundred packages: 140 MB of debug sections.
pub(crate) fn rust() -> PathBuf {
    let root = folder().join("wasm-tools");
    let out = root.join("bin/wasm-tools");
    if !out.exists() {
        let target = tempfile::tempdir_in(folder()).unwrap();
        let mut install = Command::new(env!("CARGO"));
        install.args(["install", "wasm-tools", "--version", "=1.263.0"]);
        install.args(["--debug", "--locked", "--root"]).arg(&root);
        run(install.arg("--target-dir").arg(target.path()));
    }
    out
}
