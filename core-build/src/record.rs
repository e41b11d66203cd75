//! Which outputs of an earlier build can be kept.
//!
//! The build script runs whenever a Rust source changes, as the header is made from those; what it
//! compiles mostly stays as it is. Beside each output lies a record of what it was made from: the
//! command, the compiler, this build script, and each file that the compiler read. The output is
//! kept if all of them are the same, byte for byte, and no other file has appeared that an
//! `#include` could now mean. In any doubt it is made anew.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::cargo::Inputs;
use crate::error::Result;
use crate::out::io_error;

/// Variables that compilers listen to, beside what they are told.
const VARIABLES: [&str; 8] = [
    "CCC_OVERRIDE_OPTIONS",
    "COMPILER_PATH",
    "CPATH",
    "CPLUS_INCLUDE_PATH",
    "C_INCLUDE_PATH",
    "GCC_EXEC_PREFIX",
    "SDKROOT",
    "SOURCE_DATE_EPOCH",
];

/// Most directories and names in an `#include` that are looked for in other directories.
const MAX_PARTS: usize = 3;

/// Ends the list of files in a record; what the compiler said follows.
const END: &str = "messages";

/// The record of some outputs, and what they are made from as far as it is known beforehand.
#[derive(Debug)]
pub(crate) struct Record {
    path: PathBuf,
    recipe: u64,
    /// Directories in which headers are looked for.
    search: Vec<PathBuf>,
}

/// What an earlier build left.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The files that were read.
    pub(crate) inputs: Inputs,
    /// What the compiler said.
    pub(crate) messages: String,
}

/// A build in which everything is made anew, from this time on.
#[derive(Debug)]
pub(crate) struct Begun(SystemTime);

impl Record {
    /// The record at `path` of what `command` makes when it is run with `args`; `compiler` is what
    /// the compiler says of itself.
    pub(crate) fn new(
        path: PathBuf,
        compiler: &str,
        command: &impl Hash,
        args: &[OsString],
    ) -> Self {
        let mut hasher = DefaultHasher::new();
        (compiler, command, args).hash(&mut hasher);
        std::env::current_dir().ok().hash(&mut hasher);
        // A new version of this crate, or another build.rs, is another program.
        identity(std::env::current_exe().ok().as_deref()).hash(&mut hasher);
        for variable in VARIABLES {
            std::env::var_os(variable).hash(&mut hasher);
        }
        Self {
            path,
            recipe: hasher.finish(),
            search: search_dirs(args),
        }
    }

    /// What an earlier build left, if it would be made again just so.
    pub(crate) fn kept(&self) -> Option<Kept> {
        let text = fs::read_to_string(&self.path).ok()?;
        let mut lines = text.split_inclusive('\n');
        let fingerprint = lines.next()?.trim_end();
        let mut files = Vec::new();
        let mut messages = String::new();
        while let Some(line) = lines.next() {
            match line.trim_end_matches('\n').split_once(' ') {
                Some(("file", path)) => files.push(PathBuf::from(path)),
                Some(("output", path)) if Path::new(path).is_file() => {}
                None if line.trim_end() == END => messages.extend(lines.by_ref()),
                _ => return None,
            }
        }
        if fingerprint != self.fingerprint(&files)? {
            return None;
        }
        let mut inputs = Inputs::default();
        inputs.files(files);
        Some(Kept { inputs, messages })
    }

    /// Forgets what an earlier build left, which is about to be overwritten.
    pub(crate) fn begin(&self) -> Result<Begun> {
        if self.path.exists() {
            fs::remove_file(&self.path).map_err(io_error("remove", &self.path))?;
        }
        Ok(Begun(SystemTime::now()))
    }

    /// Records what was made, and from which files. Nothing is recorded if one of them has changed
    /// meanwhile.
    pub(crate) fn finish<'p>(
        &self,
        begun: &Begun,
        files: &[PathBuf],
        outputs: impl IntoIterator<Item = &'p Path>,
        messages: &str,
    ) -> Result<()> {
        let is_older = |file: &PathBuf| {
            let modified = fs::metadata(file).and_then(|file| file.modified());
            modified.is_ok_and(|modified| modified < begun.0)
        };
        let Some(fingerprint) = self
            .fingerprint(files)
            .filter(|_| files.iter().all(is_older))
        else {
            return Ok(());
        };
        let mut text = format!("{fingerprint}\n");
        let files = files.iter().map(|file| ("file", file.as_path()));
        let outputs = outputs.into_iter().map(|file| ("output", file));
        for (kind, path) in files.chain(outputs) {
            let Some(path) = path.to_str().filter(|path| !path.contains('\n')) else {
                return Ok(());
            };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{kind} {path}");
        }
        let _ = write!(text, "{END}\n{messages}");
        fs::write(&self.path, text).map_err(io_error("write", &self.path))
    }

    /// All that the outputs are made from; none if a file cannot be read.
    fn fingerprint(&self, files: &[PathBuf]) -> Option<String> {
        let mut hasher = DefaultHasher::new();
        self.recipe.hash(&mut hasher);
        let mut dirs: BTreeSet<&Path> = self.search.iter().map(PathBuf::as_path).collect();
        dirs.insert(Path::new("/usr/local/include"));
        let mut names = BTreeSet::new();
        for file in files {
            file.hash(&mut hasher);
            fs::read(file).ok()?.hash(&mut hasher);
            dirs.extend(file.parent());
            // As an `#include` may spell it.
            let parts: Vec<_> = file.components().collect();
            for first in parts.len().saturating_sub(MAX_PARTS)..parts.len() {
                names.insert(parts.iter().skip(first).collect::<PathBuf>());
            }
        }
        // Files of the same names, which may come before these.
        for dir in dirs {
            for path in names.iter().map(|name| dir.join(name)) {
                if path.exists() {
                    path.hash(&mut hasher);
                }
            }
        }
        Some(format!("{:016x}", hasher.finish()))
    }
}

/// What a compiler says of its version: nothing when it does not run.
pub(crate) fn version(path: &Path) -> String {
    let output = Command::new(path).arg("--version").output();
    let said = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&said).into_owned()
}

/// Which compiler it is, by what it says of its version and by its file.
pub(crate) fn compiler(path: &Path, said: &str) -> String {
    let found = std::env::var_os("PATH").and_then(|dirs| {
        let mut found = std::env::split_paths(&dirs).map(|dir| dir.join(path));
        found.find(|path| path.is_file())
    });
    format!("{said}{}", identity(found.as_deref()))
}

/// Which file this is, and since when.
fn identity(path: Option<&Path>) -> String {
    let file = path.and_then(|path| {
        let path = fs::canonicalize(path).ok()?;
        let file = fs::metadata(&path).ok()?;
        Some((path, file.len(), file.modified().ok()?))
    });
    match file {
        Some(file) => format!("{file:?}"),
        // Never the same again.
        None => format!("unknown at {:?}", SystemTime::now()),
    }
}

/// The directories that `-I` and its like name.
fn search_dirs(args: &[OsString]) -> Vec<PathBuf> {
    const OPTIONS: [&str; 4] = ["-I", "-iquote", "-isystem", "-idirafter"];
    let mut dirs = Vec::new();
    let mut before: Option<&OsStr> = None;
    for arg in args {
        let text = arg.to_string_lossy();
        for option in OPTIONS {
            if before == Some(OsStr::new(option)) {
                dirs.push(PathBuf::from(arg));
            } else if let Some(dir) = text.strip_prefix(option).filter(|dir| !dir.is_empty()) {
                dirs.push(dir.into());
            }
        }
        before = Some(arg);
    }
    dirs
}
