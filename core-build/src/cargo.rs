//! What Cargo tells a build script, and what the build script tells Cargo.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use core_btf::read::Endian;

use crate::error::{Error, Result};

/// The part of Cargo's environment that matters here.
#[derive(Debug)]
pub(crate) struct Cargo {
    /// Where this package's build output goes.
    pub(crate) out_dir: PathBuf,
    /// Name of the package as an identifier.
    pub(crate) package: String,
    /// `linux`, ...
    pub(crate) target_os: String,
    /// `x86_64`, ...
    pub(crate) target_arch: String,
    /// Bytes of a pointer of the target.
    pub(crate) pointer_bytes: u32,
    /// Byte order of the target.
    pub(crate) endian: Endian,
    /// How many compilers may run at a time.
    pub(crate) jobs: usize,
}

impl Cargo {
    pub(crate) fn from_env() -> Result<Self> {
        let variable = |variable: &'static str| {
            std::env::var(variable).map_err(|_| Error::NotInBuildScript { variable })
        };
        Ok(Self {
            out_dir: variable("OUT_DIR")?.into(),
            package: variable("CARGO_PKG_NAME")?.replace('-', "_"),
            target_os: variable("CARGO_CFG_TARGET_OS")?,
            target_arch: variable("CARGO_CFG_TARGET_ARCH")?,
            pointer_bytes: match variable("CARGO_CFG_TARGET_POINTER_WIDTH")?.as_str() {
                "32" => 4,
                _ => 8,
            },
            endian: match variable("CARGO_CFG_TARGET_ENDIAN")?.as_str() {
                "big" => Endian::Big,
                _ => Endian::Little,
            },
            jobs: variable("NUM_JOBS")
                .ok()
                .and_then(|jobs| jobs.parse().ok())
                .unwrap_or(1),
        })
    }
}

/// The files and variables that the output depends on. Once a build script names any, Cargo looks
/// at no others, so these must be all.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    files: BTreeSet<PathBuf>,
    variables: BTreeSet<&'static str>,
}

impl Inputs {
    pub(crate) fn file(&mut self, path: impl Into<PathBuf>) {
        self.files.insert(path.into());
    }

    pub(crate) fn files(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        self.files.extend(paths);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.files.extend(other.files);
        self.variables.extend(other.variables);
    }

    pub(crate) fn variable(&mut self, name: &'static str) {
        self.variables.insert(name);
    }

    /// Tells Cargo. Files below `generated` were made by this build and are left out.
    pub(crate) fn announce(&self, generated: &Path) {
        for variable in &self.variables {
            directive("rerun-if-env-changed", variable);
        }
        for file in self.files.iter().filter(|f| !f.starts_with(generated)) {
            directive("rerun-if-changed", &file.display().to_string());
        }
    }
}

/// Shows the compiler's warnings without failing the build.
pub(crate) fn warn(output: &str) {
    for line in output.lines().filter(|line| !line.trim().is_empty()) {
        directive("warning", line);
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the protocol between build scripts and Cargo"
)]
fn directive(name: &str, value: &str) {
    println!("cargo::{name}={value}");
}
