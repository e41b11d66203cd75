//! Applications that are traced, as far as BPF sees them: the BTF of their types.

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};

use core_btf::dwarf;

/// The BTF of these C declarations, from the debug information that the compiler writes for them.
/// What the compiler should describe must be used, so give each struct a variable.
///
/// # Errors
/// With the compiler's words, when they do not compile.
pub fn btf(declarations: &str) -> Result<Vec<u8>> {
    let directory = tempfile::tempdir()?;
    let source = directory.path().join("app.c");
    let object = directory.path().join("app.o");
    fs::write(&source, declarations)?;
    let output = Command::new("cc")
        .args(["-g", "-c"])
        .arg(&source)
        .arg("-o")
        .arg(&object)
        .output()?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{words}");
    let extraction = dwarf::extract(&fs::read(&object)?, &dwarf::Options::default())?;
    Ok(extraction.btf.encode(extraction.endian)?)
}
