//! Finding clang, and compiling BPF programs with it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::Inputs;
use crate::deps;
use crate::error::{Error, Result};
use crate::out::io_error;
use crate::record;

/// The first clang that knows `btf_decl_tag`.
const OLDEST: u32 = 14;

/// A clang that can compile for CO-RE.
#[derive(Debug)]
pub(crate) struct Clang {
    path: PathBuf,
    /// What it says of its version.
    said: String,
}

impl Clang {
    /// `$CLANG`, else `clang`, else the newest `clang-NN` on the path.
    pub(crate) fn find(inputs: &mut Inputs) -> Result<Self> {
        inputs.variable("CLANG");
        let path = std::env::var_os("PATH").unwrap_or_default();
        match std::env::var_os("CLANG").filter(|clang| !clang.is_empty()) {
            Some(clang) => choose(
                [PathBuf::from(&clang)],
                &format!("CLANG=`{}`", clang.display()),
            ),
            None => choose(
                std::iter::once("clang".into()).chain(numbered(&path)),
                "`clang` and `clang-NN` on PATH",
            ),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Which clang it is.
    pub(crate) fn identity(&self) -> String {
        record::compiler(&self.path, &self.said)
    }

    /// Compiles one source, and gives the files that were read and the compiler's warnings.
    pub(crate) fn compile(
        &self,
        source: &Path,
        object: &Path,
        args: &[OsString],
    ) -> Result<(Vec<PathBuf>, String)> {
        let rules = object.with_extension("d");
        let output = Command::new(&self.path)
            .args(args)
            .args(["-g", "-O2", "-target", "bpf", "-MD", "-MF"])
            .arg(&rules)
            .arg("-c")
            .arg(source)
            .arg("-o")
            .arg(object)
            .output()
            .map_err(io_error("run", &self.path))?;
        let messages = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            return Err(Error::Compile {
                what: format!("`{}` ({})", source.display(), self.path.display()),
                output: messages,
            });
        }
        let rules = fs::read_to_string(&rules).map_err(io_error("read", &rules))?;
        let mut files = vec![source.to_owned()];
        files.extend(deps::parse(&rules));
        Ok((files, messages))
    }
}

/// The first candidate that is new enough.
fn choose(candidates: impl IntoIterator<Item = PathBuf>, tried: &str) -> Result<Clang> {
    let mut old = None;
    for path in candidates {
        let said = record::version(&path);
        match parse_version(&said) {
            Some(found) if found >= OLDEST => return Ok(Clang { path, said }),
            Some(found) => {
                old.get_or_insert((path, found));
            }
            None => {}
        }
    }
    Err(match old {
        Some((path, found)) => Error::OldClang {
            path,
            found,
            needed: OLDEST,
        },
        None => Error::NoClang {
            tried: tried.to_owned(),
        },
    })
}

/// The programs `clang-NN` in the directories of `path`, newest first.
fn numbered(path: &std::ffi::OsStr) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::env::split_paths(path)
        .filter_map(|dir| fs::read_dir(dir).ok())
        .flatten()
        .filter_map(|entry| {
            let name = entry.ok()?.file_name();
            let number = name.to_str()?.strip_prefix("clang-")?.parse().ok()?;
            Some((number, PathBuf::from(name)))
        })
        .collect();
    found.sort();
    found.dedup();
    found.into_iter().rev().map(|(_, name)| name).collect()
}

/// Major version of a clang that says `Debian clang version 14.0.6` and the like; `None` when it said
/// nothing or is something else.
fn parse_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("clang version ")?;
    let major = version.split(|c: char| !c.is_ascii_digit()).next()?;
    major.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_every_vendor() {
        for (text, major) in [
            (
                "Debian clang version 14.0.6\nTarget: x86_64-pc-linux-gnu",
                Some(14),
            ),
            ("clang version 19.1.7 (Fedora 19.1.7-3.fc41)", Some(19)),
            ("Ubuntu clang version 18.1.3 (1ubuntu1)", Some(18)),
            ("gcc (Debian 12.2.0-14) 12.2.0", None),
            ("", None),
        ] {
            assert_eq!(parse_version(text), major, "{text}");
        }
    }

    #[test]
    fn numbered_clangs_come_newest_first() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "clang-9",
            "clang-14",
            "clang-19",
            "clang-format-14",
            "clang-cpp-19",
        ] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let names: Vec<_> = ["clang-19", "clang-14", "clang-9"]
            .map(PathBuf::from)
            .into();
        assert_eq!(numbered(dir.path().as_os_str()), names);
    }
}
