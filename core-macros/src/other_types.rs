//! Types beside this crate's own that its BPF programs were compiled against.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::probe::Process;

/// What the build script left in its directory `types`, as BTF.
#[derive(Debug, Default)]
pub(crate) struct OtherTypes {
    /// Types of other applications, as their files lay them out.
    pub(crate) laid_out: Vec<Vec<u8>>,
    /// Types that the header declares from the source of other crates, or of another target of this
    /// package. How they are laid out is not known here.
    pub(crate) declared: Vec<Vec<u8>>,
}

impl OtherTypes {
    pub(crate) fn read(dir: &Path, process: &Process) -> Result<Self, Error> {
        let this_target = this_target(process).map(|target| format!("{target}.header.btf"));
        let mut out = Self::default();
        for path in files(dir)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let bytes = fs::read(&path).map_err(|error| cannot_read(&path, &error))?;
            if name.ends_with(".layout.btf") {
                out.laid_out.push(bytes);
            } else if Some(name.as_ref()) != this_target.as_deref() {
                out.declared.push(bytes);
            }
        }
        Ok(out)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &[u8]> {
        let all = self.laid_out.iter().chain(&self.declared);
        all.map(Vec::as_slice)
    }
}

/// Which of the targets that the header has types of is being compiled, if it is one of them.
fn this_target(process: &Process) -> Option<&'static str> {
    let Process::Rustc(invocation) = process else {
        return None;
    };
    let source = fs::canonicalize(invocation.source()?).ok()?;
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR")?);
    ["lib", "main"].into_iter().find(|target| {
        let root = package.join("src").join(target).with_extension("rs");
        fs::canonicalize(root).is_ok_and(|root| root == source)
    })
}

/// The files in a directory, by name; none if it is not there.
pub(crate) fn files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut files: Vec<PathBuf> = fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect())
        .map_err(|error| cannot_read(dir, &error))?;
    files.sort();
    Ok(files)
}

pub(crate) fn cannot_read(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::call_site(format!("cannot read `{}`: {error}", path.display()))
}
