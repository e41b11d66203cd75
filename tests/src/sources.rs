//! C programs that are in use, from the sources that packages on crates.io bring.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The folder of a package in Cargo's registry. The packages are dependencies on a platform that
/// does not exist: locked and fetched, and never built.
///
/// # Panics
/// When Cargo cannot fetch it.
#[must_use]
pub fn package(name: &str) -> PathBuf {
    package_of_version(name, "")
}

/// The folder of that one of a package's versions that begins so, of which there are several.
///
/// # Panics
/// When Cargo cannot fetch it.
#[must_use]
pub fn package_of_version(name: &str, version: &str) -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {errors}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |package: &Value, key| package.get(key)?.as_str().map(str::to_owned);
    let packages = metadata.get("packages").and_then(Value::as_array);
    let is_it = |it: &&Value| {
        text(it, "name").is_some_and(|it| it == name)
            && text(it, "version").is_some_and(|it| it.starts_with(version))
    };
    let package = packages.unwrap().iter().find(is_it).unwrap();
    let manifest = PathBuf::from(text(package, "manifest_path").unwrap());
    manifest.parent().unwrap().to_owned()
}

/// sqlite, all in one file.
#[must_use]
pub fn sqlite() -> PathBuf {
    package("libsqlite3-sys").join("sqlite3/sqlite3.c")
}

/// The folder of zlib's files.
#[must_use]
pub fn zlib() -> PathBuf {
    package("libz-sys").join("src/zlib")
}

/// The folder of Lua's files, of which `lua.c` and `luac.c` are programs.
#[must_use]
pub fn lua() -> PathBuf {
    package("lua-src").join("lua-5.4.9")
}

/// `HarfBuzz`, all in one file, in C++.
#[must_use]
pub fn harfbuzz() -> PathBuf {
    package("harfbuzz-sys").join("harfbuzz/src/harfbuzz.cc")
}

/// The C files in a folder, by name, but for those named.
///
/// # Errors
/// When the folder cannot be read.
pub fn c_files(folder: &Path, without: &[&str]) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.path();
        let name = file.file_name().and_then(|name| name.to_str());
        let wanted = name.is_some_and(|name| !without.contains(&name));
        if wanted && file.extension().is_some_and(|it| it == "c") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
