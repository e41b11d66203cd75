//! Finding the files that a program's debug information is in, when it is not in the program.
//!
//! | what a program has | where it is looked for |
//! | --- | --- |
//! | build-id, no debug information | `DIR/.build-id/ab/cdef.debug` |
//! | `.gnu_debuglink` | beside the program, in `.debug` there, in `DIR` under the program's path |
//! | `.gnu_debugaltlink` | at its path, in `DIR/.build-id` |
//! | split-off units | in `PROGRAM.dwp`; at their paths; beside the program |
//!
//! `DIR` is each of [`Places::directories`]. A file is taken only if it proves to be of the same build.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::extract::Elsewhere;
use super::links::{Links, crc32, links};

/// Most files of split-off units that are read.
const MAX_SPLIT: usize = 1 << 16;

/// Where a program is, and where files with debug information are.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The directory that the program has for its root.
    pub root: &'a Path,
    /// Full path of the program in that root.
    pub program: &'a Path,
    /// Directories with separate debug files, such as `/usr/lib/debug`; not relative to the root.
    pub directories: &'a [PathBuf],
}

impl Places<'_> {
    /// A path as the program means it.
    fn inside(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The directory of the program, in its root.
    fn directory(&self) -> &Path {
        self.program.parent().unwrap_or(Path::new("/"))
    }

    fn by_build_id(&self, id: &[u8]) -> Vec<PathBuf> {
        let Some((first, rest)) = id.split_first() else {
            return Vec::new();
        };
        let mut name = format!(".build-id/{first:02x}/");
        for byte in rest {
            // A string takes all that is written to it.
            write!(name, "{byte:02x}").unwrap_or_default();
        }
        name.push_str(".debug");
        let directories = self.directories.iter();
        directories.map(|directory| directory.join(&name)).collect()
    }

    fn by_debug_link(&self, name: &str) -> Vec<PathBuf> {
        let beside = self.inside(self.directory());
        let mut out = vec![beside.join(name), beside.join(".debug").join(name)];
        let under = self.directory();
        let under = under.strip_prefix("/").unwrap_or(under).join(name);
        out.extend(
            self.directories
                .iter()
                .map(|directory| directory.join(&under)),
        );
        out
    }
}

/// What of a file is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// All: its checksum matters.
    All,
    /// What types need; the rest may be zeros.
    Types,
}

/// A file that was found.
#[derive(Clone, Debug)]
pub struct DebugFile {
    /// Its path.
    pub path: PathBuf,
    /// All of it, or as much as types need.
    pub bytes: Vec<u8>,
}

/// A file that was looked for, and not taken.
#[derive(Debug)]
pub struct PassedOver {
    /// Its path.
    pub path: PathBuf,
    /// Why it was not taken.
    pub problem: FileProblem,
}

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// It cannot be read, or is not there.
    #[error("{0}")]
    Io(io::Error),
    /// It is of another build.
    #[error("has another build-id")]
    BuildId,
    /// It is not the file that the debuglink was made for.
    #[error("has another checksum")]
    Checksum,
    /// It is damaged, or is something else.
    #[error("{0}")]
    Damaged(Error),
}

/// The files that have debug information of a program.
#[derive(Debug, Default)]
pub struct DebugFiles {
    /// The file that stands for a program without debug information.
    pub separate: Option<DebugFile>,
    /// The file with what several share.
    pub alternate: Option<DebugFile>,
    /// The package with the program's split-off units, or the files of those that are there.
    pub split: Vec<DebugFile>,
}

impl DebugFiles {
    /// Finds all files with debug information of the ELF file whose bytes are `program`. `read` reads
    /// a file, or as much of it as it is told; what it does not want to read, it answers with an error. What was looked for and
    /// not taken is added to `passed_over`, in that order, whatever the result.
    ///
    /// # Errors
    /// As [`links`]; [`Error::Alternate`] when the file that the others refer to is not there, since
    /// types would be missing in the middle of others.
    pub fn find(
        program: &[u8],
        places: &Places<'_>,
        read: impl FnMut(&Path, Reading) -> io::Result<Vec<u8>>,
        passed_over: &mut Vec<PassedOver>,
    ) -> Result<Self, Error> {
        let mut search = Search {
            places,
            read,
            passed_over,
        };
        let mut said = links(program)?;
        let mut separate = None;
        if !said.has_debug_info {
            separate = search.separate(&said);
            if let Some((_, links)) = &mut separate {
                said = std::mem::take(links);
            }
        }
        let separate = separate.map(|(file, _)| file);
        let described = separate.as_ref().map(|file| &*file.path);
        let alternate = match &said.alternate {
            Some((path, id)) => Some(search.alternate(described, path, id)?),
            None => None,
        };
        let split = search.split(&said);
        Ok(Self {
            separate,
            alternate,
            split,
        })
    }

    /// The bytes that the debug information starts from: the program's, or the separate file's.
    #[must_use]
    pub fn main<'a>(&'a self, program: &'a [u8]) -> &'a [u8] {
        self.separate.as_ref().map_or(program, |file| &file.bytes)
    }

    /// All others, for [`extract_all`](super::extract_all).
    #[must_use]
    pub fn elsewhere(&self) -> Elsewhere<'_> {
        let split = self.split.iter();
        Elsewhere {
            alternate: self.alternate.as_ref().map(|file| &*file.bytes),
            split: split
                .map(|file| (file.path.display().to_string(), &*file.bytes))
                .collect(),
        }
    }
}

struct Search<'a, R> {
    places: &'a Places<'a>,
    read: R,
    passed_over: &'a mut Vec<PassedOver>,
}

impl<R: FnMut(&Path, Reading) -> io::Result<Vec<u8>>> Search<'_, R> {
    fn pass_over(&mut self, path: PathBuf, problem: FileProblem) {
        self.passed_over.push(PassedOver { path, problem });
    }

    /// A file, if it is there.
    fn read(&mut self, path: PathBuf, reading: Reading) -> Option<DebugFile> {
        match (self.read)(&path, reading) {
            Ok(bytes) => Some(DebugFile { path, bytes }),
            Err(error) => {
                self.pass_over(path, FileProblem::Io(error));
                None
            }
        }
    }

    /// The file, if it is of the build with this id; and what it says of others.
    fn of_build(&mut self, file: DebugFile, id: Option<&[u8]>) -> Option<(DebugFile, Links)> {
        match links(&file.bytes) {
            Ok(links) if links.build_id.as_deref() == id => Some((file, links)),
            Ok(_) => {
                self.pass_over(file.path, FileProblem::BuildId);
                None
            }
            Err(error) => {
                self.pass_over(file.path, FileProblem::Damaged(error));
                None
            }
        }
    }

    fn separate(&mut self, said: &Links) -> Option<(DebugFile, Links)> {
        let id = said.build_id.as_deref();
        for path in self.places.by_build_id(id.unwrap_or_default()) {
            let file = self.read(path, Reading::Types);
            let found = file.and_then(|file| self.of_build(file, id));
            if found.is_some() {
                return found;
            }
        }
        let (name, crc) = said.debug_link.as_ref()?;
        // A name with a path in it would lead to files that are none of debug information.
        let name = Path::new(name).file_name()?.to_str()?;
        for path in self.places.by_debug_link(name) {
            // The link may be to the file itself.
            if path == self.places.inside(self.places.program) {
                continue;
            }
            let Some(file) = self.read(path, Reading::All) else {
                continue;
            };
            if crc32(&file.bytes) != *crc {
                self.pass_over(file.path, FileProblem::Checksum);
                continue;
            }
            let found = self.of_build(file, id);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn alternate(
        &mut self,
        described: Option<&Path>,
        path: &str,
        id: &[u8],
    ) -> Result<DebugFile, Error> {
        let named = match described.and_then(Path::parent) {
            // A relative path starts from the file that has it.
            Some(directory) if !Path::new(path).is_absolute() => directory.join(path),
            _ => self.places.inside(&self.places.directory().join(path)),
        };
        let candidates = std::iter::once(named).chain(self.places.by_build_id(id));
        for candidate in candidates {
            let file = self.read(candidate, Reading::Types);
            if let Some((file, _)) = file.and_then(|file| self.of_build(file, Some(id))) {
                return Ok(file);
            }
        }
        let path = path.to_owned();
        Err(Error::Alternate { path })
    }

    /// The package beside the program, or all files of units that are there.
    fn split(&mut self, said: &Links) -> Vec<DebugFile> {
        if said.split.is_empty() {
            return Vec::new();
        }
        let program = self.places.inside(self.places.program);
        let mut package = program.clone().into_os_string();
        package.push(".dwp");
        if let Some(package) = self.read(package.into(), Reading::Types) {
            return vec![package];
        }
        let beside = program.parent().unwrap_or(Path::new(""));
        let mut found = Vec::new();
        for unit in said.split.iter().take(MAX_SPLIT) {
            let named = Path::new(&unit.directory).join(&unit.path);
            let name = named.file_name().unwrap_or_default();
            let file = self.read(self.places.inside(&named), Reading::Types);
            found.extend(file.or_else(|| self.read(beside.join(name), Reading::Types)));
        }
        found
    }
}
