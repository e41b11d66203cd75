//! A program or library whose types are read and whose functions are probed.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::elf::Elf;
use crate::error::Result;
use crate::file::{self, real_name};
use crate::process::Process;
use crate::type_info::Places;

/// A program or library, opened: an ELF file, with what is known of where it came from.
///
/// | of | |
/// | --- | --- |
/// | this program | [`Binary::this_program`] |
/// | a file | [`Binary::open`] |
/// | the program of a process | [`Process::program`] |
/// | a library that a process has mapped | [`Process::shared_library`] |
/// | a file as a process sees it | [`Process::file`] |
///
/// The file stays open: types, functions and probes are those of this very file, though it may be
/// moved, deleted or replaced meanwhile. A clone is the same file. One that came from a process is
/// probed in that process only, unless the probe says otherwise.
#[derive(Clone)]
pub struct Binary {
    inner: Arc<Inner>,
    places: Places,
}

struct Inner {
    elf: Elf,
    build_id: Option<Vec<u8>>,
    process: Option<Process>,
}

impl Binary {
    /// The program that this process runs.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) when `/proc` is not mounted.
    pub fn this_program() -> Result<Self> {
        Process::this()?.program()
    }

    /// The program or library at this path.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), also for what is no regular file,
    /// [`Error::MalformedElf`](crate::Error::MalformedElf).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::new(file::open(path)?, real_name(path), None)
    }

    pub(crate) fn of_process(file: File, name: PathBuf, process: &Process) -> Result<Self> {
        Self::new(file, name, Some(process.clone()))
    }

    pub(crate) fn new(file: File, name: PathBuf, process: Option<Process>) -> Result<Self> {
        let elf = Elf::new(file, name)?;
        let build_id = elf.build_id()?;
        let inner = Inner {
            elf,
            build_id,
            process,
        };
        Ok(Self {
            inner: Arc::new(inner),
            places: Places::default(),
        })
    }

    /// Looks for its separate debug files in these directories, instead of in `/usr/lib/debug`. For
    /// a binary of a process with another root directory, that is in these directories in its root,
    /// and then in the tracer's.
    #[cfg(feature = "dwarf")]
    #[must_use]
    pub fn debug_dirs(mut self, directories: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        self.places.debug_dirs = directories.into_iter().map(Into::into).collect();
        self
    }

    /// Looks for a file with its types, `BUILD-ID.btf`, in these directories of the tracer.
    #[must_use]
    pub fn btf_dirs(mut self, directories: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        self.places.btf_dirs = directories.into_iter().map(Into::into).collect();
        self
    }

    /// What messages call it: the path that it had when it was opened, as its process sees it;
    /// with ` (deleted)` behind it when it had none any more.
    #[must_use]
    pub fn name(&self) -> &Path {
        self.inner.elf.path()
    }

    /// What tells this build from all others (the note `.note.gnu.build-id`), if the linker wrote
    /// it.
    #[must_use]
    pub fn build_id(&self) -> Option<&[u8]> {
        self.inner.build_id.as_deref()
    }

    /// The process that it came from.
    #[must_use]
    pub fn process(&self) -> Option<&Process> {
        self.inner.process.as_ref()
    }

    /// A path by which this process, and the kernel on its behalf, reach the file whatever became
    /// of its name; good for as long as this value or a clone lives.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        file::kernel_path(self.inner.elf.file())
    }

    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    /// The path that the file has, or had.
    #[cfg(feature = "dwarf")]
    pub(crate) fn live_name(&self) -> PathBuf {
        let name = self.name().to_string_lossy();
        let name = name.strip_suffix(" (deleted)").unwrap_or(&name);
        let path = Path::new(name);
        std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
    }

    pub(crate) fn elf(&self) -> &Elf {
        &self.inner.elf
    }
}

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binary")
            .field("name", &self.name())
            .field("process", &self.process().map(Process::pid))
            .finish_non_exhaustive()
    }
}
