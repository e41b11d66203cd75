//! Traced programs: C that a test compiles, in the version it wants.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the fixtures.
#[must_use]
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// Compiles the C files of a fixture with debug info to a program in `dir`.
///
/// # Panics
/// When the compiler is not there or does not accept the files.
#[must_use]
pub fn compile(dir: &Path, name: &str, sources: &[&str], flags: &[&str]) -> PathBuf {
    let program = dir.join(name);
    let status = Command::new("cc")
        .current_dir(fixtures())
        .args(["-g", "-O1"])
        .args(flags)
        .args(sources)
        .arg("-o")
        .arg(&program)
        .status()
        .expect("cc runs");
    assert!(status.success(), "cc {flags:?} {sources:?}");
    program
}

/// Runs a program to its end and gives what it printed.
///
/// # Panics
/// When the program fails.
#[expect(clippy::must_use_candidate, reason = "some only want it to run")]
pub fn run(program: &Path) -> String {
    let output = Command::new(program).output().expect("the program runs");
    assert!(output.status.success(), "{}: {output:?}", program.display());
    String::from_utf8(output.stdout).expect("text")
}
