//! A running process, and the files of the programs and libraries that it runs.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags, fstatfs, major, minor, openat, readlinkat};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::Timespec;

use crate::binary::Binary;
use crate::elf::Elf;
use crate::error::{Error, Result};
use crate::file;
use crate::maps::{self, Mapping};
use crate::near;
use crate::privilege::Missing;

/// How directories are held: to start paths from.
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Most libraries whose own names are read, in search of one.
const MAX_LIBRARIES: usize = 4096;

/// A process that runs, or that has run.
///
/// ```no_run
/// # use core_runtime::{Loader, Process, TypeInfo, Uprobe};
/// # fn attach(pid: u32, program: &libbpf_rs::ProgramMut<'_>) -> core_runtime::Result<()> {
/// let process = Process::new(pid)?;
/// let ssl = process.shared_library("libssl.so.3")?;
/// let loader = Loader::new(TypeInfo::of(&ssl)?);
/// // Probes this process only.
/// let attached = Uprobe::symbol(&ssl, "SSL_read").attach(program)?;
/// # drop((loader, attached)); Ok(())
/// # }
/// ```
///
/// The process may be in other namespaces or in a `chroot`, and what it runs may have been deleted
/// or replaced: the files are those that it has mapped.
///
/// A number of a process is given to another one some time after it has exited. This holds the
/// process itself (a pidfd): from then on what is asked of it ends in [`Error::ProcessGone`], never
/// in an answer about the other.
#[derive(Clone, Debug)]
pub struct Process {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    pid: u32,
    pidfd: OwnedFd,
    /// `/proc/PID`; belongs to the process as the pidfd does.
    directory: OwnedFd,
}

impl Process {
    /// The process `pid`, a number of the tracer's own pid namespace.
    ///
    /// # Errors
    /// [`Error::NoProcess`], also for the number of a thread that is not its process's first one;
    /// [`Error::Io`] when `/proc` is not mounted.
    pub fn new(pid: u32) -> Result<Self> {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let number = number.ok_or(Error::NoProcess { pid })?;
        let path = PathBuf::from(format!("/proc/{pid}"));
        let io = |path: &Path, error: Errno| Error::Io {
            action: "open",
            path: path.to_path_buf(),
            source: error.into(),
        };
        let pidfd = pidfd_open(number, PidfdFlags::empty()).map_err(|error| match error {
            // Of a thread, kernels of different age say each of the last two.
            Errno::SRCH | Errno::INVAL | Errno::NOENT => Error::NoProcess { pid },
            error => io(&path, error),
        })?;
        let directory = openat(CWD, &path, DIRECTORY, Mode::empty());
        let handle = Handle {
            pid,
            pidfd,
            directory: directory.map_err(|error| match error {
                Errno::NOENT if Path::new("/proc/self").exists() => Error::NoProcess { pid },
                error => io(&path, error),
            })?,
        };
        let process = Self {
            handle: Arc::new(handle),
        };
        // That it has not exited proves that the directory is its own.
        match process.check() {
            Ok(()) => Ok(process),
            Err(Error::ProcessGone { pid }) => Err(Error::NoProcess { pid }),
            Err(error) => Err(error),
        }
    }

    /// This process.
    pub(crate) fn this() -> Result<Self> {
        Self::new(std::process::id())
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.handle.pid
    }

    /// Fails if the process has exited. If it has not, its number was its own so far.
    ///
    /// # Errors
    /// [`Error::ProcessGone`].
    pub fn check(&self) -> Result<()> {
        let mut exited = [PollFd::new(&self.handle.pidfd, PollFlags::IN)];
        let now = Timespec::default();
        match poll(&mut exited, Some(&now)) {
            Ok(0) => Ok(()),
            Ok(_) => Err(Error::ProcessGone {
                pid: self.handle.pid,
            }),
            Err(error) => Err(self.error("open", Path::new(""), error.into())),
        }
    }

    /// The program that it runs now: another one after `execve`.
    ///
    /// # Errors
    /// [`Error::ProcessGone`], [`Error::Privilege`] for another user's process, [`Error::Io`] for a
    /// kernel thread, which runs none, [`Error::MalformedElf`].
    pub fn program(&self) -> Result<Binary> {
        const EXE: &str = "exe";
        let file = self.open(Path::new(EXE))?;
        let name = readlinkat(&self.handle.directory, EXE, Vec::new())
            .map_err(|error| self.error("read", Path::new(EXE), error.into()))?;
        let name = PathBuf::from(name.to_string_lossy().into_owned());
        Binary::of_process(file, name, self)
    }

    /// A library that it has mapped, by the name of its file (`libssl.so.3`; `libssl.so` and
    /// `libssl` mean that too, if no other version is mapped), by its path as `/proc/PID/maps` has
    /// it, or by the name that it has for the dynamic linker (its soname, `libc.so.6` of a file
    /// `libc-2.31.so`).
    ///
    /// # Errors
    /// [`Error::NoLibrary`], [`Error::AmbiguousLibrary`] when several files that it has mapped have
    /// the name, [`Error::ReplacedFile`] when the one that is mapped cannot be opened for lack of
    /// privilege and its path has led to another since; and as [`Process::program`].
    pub fn shared_library(&self, name: impl AsRef<str>) -> Result<Binary> {
        let name = name.as_ref();
        let mapped = self.mapped_code()?;
        let find = |fits: &dyn Fn(&Mapping<'_>) -> bool| -> Vec<&Mapping<'_>> {
            mapped.iter().filter(|mapping| fits(mapping)).collect()
        };
        let mut found = find(&|mapping| mapping.name() == name || mapping.file_name() == name);
        if found.is_empty() {
            found = find(&|mapping| {
                let rest = mapping.file_name().strip_prefix(name);
                rest.is_some_and(|rest| rest.starts_with('.'))
            });
        }
        if found.is_empty() {
            let mapped = mapped.iter().take(MAX_LIBRARIES);
            found = mapped.filter(|it| self.has_soname(it, name)).collect();
        }
        match *found.as_slice() {
            [mapping] => {
                let file = self.open_mapped(mapping)?;
                Binary::of_process(file, PathBuf::from(&*mapping.path), self)
            }
            [] => {
                let mut near = near::Matches::of(name);
                for mapping in &mapped {
                    let file = mapping.file_name();
                    let end = file
                        .find(".so.")
                        .map_or(file.len(), |dot| dot + ".so".len());
                    near.offer(file.get(..end).unwrap_or(file));
                }
                Err(Error::NoLibrary {
                    pid: self.pid(),
                    name: name.into(),
                    near: near.best(),
                })
            }
            _ => Err(Error::AmbiguousLibrary {
                pid: self.pid(),
                name: name.into(),
                files: found.iter().map(|it| it.name().into()).collect(),
            }),
        }
    }

    /// A file as the process sees it: a library that it may yet load, or another program of its
    /// container. No part of the path leads out of its root directory.
    ///
    /// # Errors
    /// [`Error::Io`], also for what is no regular file and on kernels before 5.6,
    /// [`Error::MalformedElf`]; and as [`Process::program`].
    pub fn file(&self, path: impl AsRef<Path>) -> Result<Binary> {
        let path = path.as_ref();
        let file = self.open_in_root(path).map_err(|source| {
            self.error("open", &Path::new("root").join(relative(path)), source)
        })?;
        Binary::of_process(file, path.to_path_buf(), self)
    }

    /// The place in the file of code that is mapped at `address`, and the file.
    pub(crate) fn code_at(&self, address: u64) -> Result<(File, PathBuf, u64)> {
        let found = self.mappings(|mapping| (mapping.start..mapping.end).contains(&address))?;
        let mapping = mapping_with_code(&found, address)?;
        let file = self.open_mapped(mapping)?;
        let offset = address - mapping.start + mapping.offset;
        Ok((file, PathBuf::from(&*mapping.path), offset))
    }

    /// The root directory of the process.
    fn root(&self) -> io::Result<OwnedFd> {
        Ok(openat(
            &self.handle.directory,
            "root",
            DIRECTORY,
            Mode::empty(),
        )?)
    }

    /// Opens a regular file by its path in the root directory of the process.
    pub(crate) fn open_in_root(&self, path: &Path) -> io::Result<File> {
        file::open_in_root(self.root()?.as_fd(), path)
    }

    /// Whether a path means the same file to the process and to the tracer.
    #[cfg(feature = "dwarf")]
    pub(crate) fn shares_root(&self) -> bool {
        let identity = |stat: rustix::fs::Stat| (stat.st_dev, stat.st_ino);
        ["root", "ns/mnt"].iter().all(|name| {
            let its =
                rustix::fs::statat(&self.handle.directory, *name, rustix::fs::AtFlags::empty());
            let own = rustix::fs::stat(format!("/proc/self/{name}"));
            matches!((its, own), (Ok(its), Ok(own)) if identity(its) == identity(own))
        })
    }

    /// A path as it is in the root directory of the process, of one that the kernel gave.
    #[cfg(feature = "dwarf")]
    pub(crate) fn inside(&self, path: &Path) -> PathBuf {
        let inside = self.root_name().and_then(|root| {
            let inside = path.strip_prefix(root).ok()?;
            Some(Path::new("/").join(inside))
        });
        inside.unwrap_or_else(|| path.to_path_buf())
    }

    /// The path of its root directory from the tracer's, if it can be reached from there.
    fn root_name(&self) -> Option<PathBuf> {
        let root = readlinkat(&self.handle.directory, "root", Vec::new()).ok()?;
        Some(PathBuf::from(root.to_string_lossy().into_owned()))
    }

    /// Opens a file of `/proc/PID`.
    fn open(&self, name: &Path) -> Result<File> {
        file::open_at(&self.handle.directory, name)
            .map_err(|source| self.error("open", name, source))
    }

    /// An error about a file of `/proc/PID`.
    fn error(&self, action: &'static str, name: &Path, source: io::Error) -> Error {
        let pid = self.handle.pid;
        if let Err(gone @ Error::ProcessGone { .. }) = self.check() {
            return gone;
        }
        if source.kind() == io::ErrorKind::PermissionDenied {
            return Error::Privilege {
                operation: format!("looking into process {pid}"),
                missing: Missing::to_inspect_process(),
                source: source.into(),
            };
        }
        Error::Io {
            action,
            path: Path::new(&format!("/proc/{pid}")).join(name),
            source,
        }
    }

    /// The mappings that `keep` picks.
    fn mappings(&self, keep: impl FnMut(&Mapping<'_>) -> bool) -> Result<Vec<Mapping<'static>>> {
        const MAPS: &str = "maps";
        let maps = self.open(Path::new(MAPS))?;
        maps::select(maps, keep).map_err(|source| self.error("read", Path::new(MAPS), source))
    }

    /// The files whose code it has mapped, each once.
    fn mapped_code(&self) -> Result<Vec<Mapping<'static>>> {
        let mut seen = HashSet::new();
        self.mappings(|mapping| {
            mapping.executable && mapping.inode != 0 && seen.insert((mapping.device, mapping.inode))
        })
    }

    fn has_soname(&self, mapping: &Mapping<'_>, name: &str) -> bool {
        let file = self.open_mapped(mapping);
        let elf = file.and_then(|file| Elf::new(file, PathBuf::from(&*mapping.path)));
        let dynamic = elf.and_then(|elf| elf.dynamic());
        dynamic.is_ok_and(|dynamic| dynamic.soname.as_deref() == Some(name))
    }

    /// Opens the file that is mapped, not one that has its name now.
    fn open_mapped(&self, mapping: &Mapping<'_>) -> Result<File> {
        let directory = &self.handle.directory;
        let link = format!("map_files/{:x}-{:x}", mapping.start, mapping.end);
        // Takes CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE.
        if let Ok(file) = file::open_at(directory, Path::new(&link)) {
            return Ok(file);
        }
        let exe = readlinkat(directory, "exe", Vec::new());
        if exe.is_ok_and(|exe| exe.to_bytes() == mapping.path.as_bytes()) {
            return self.open(Path::new("exe"));
        }
        // The kernel gives paths from the tracer's root, if they can be reached from there.
        let path = Path::new(mapping.name());
        let root = self.root_name();
        let inside = root.and_then(|root| path.strip_prefix(root).ok());
        let inside = inside.filter(|inside| *inside != relative(path));
        let replaced = || Error::ReplacedFile {
            pid: self.pid(),
            file: path.to_path_buf(),
        };
        let candidates = inside.into_iter().chain([path]);
        let mut problem = replaced();
        for candidate in candidates {
            match self.open_in_root(candidate) {
                Ok(file) if is_mapped(&file, mapping) => return Ok(file),
                Ok(_) => problem = replaced(),
                Err(source) if source.kind() == io::ErrorKind::NotFound => {}
                Err(source) => problem = self.error("open", relative(candidate), source),
            }
        }
        self.check()?;
        Err(problem)
    }
}

impl AsFd for Process {
    /// The pidfd, which becomes readable when the process exits.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.pidfd.as_fd()
    }
}

/// The mapping of `found`, which is where `address` is, if it is code of a file.
fn mapping_with_code<'a, 'm>(found: &'a [Mapping<'m>], address: u64) -> Result<&'a Mapping<'m>> {
    let not_code = |problem| Error::NotCode { address, problem };
    let Some(mapping) = found.first() else {
        return Err(not_code("nothing is mapped there".into()));
    };
    if mapping.inode == 0 {
        return Err(not_code("it is not in a mapped file".into()));
    }
    if !mapping.executable {
        return Err(not_code(format!("it is data of {}", mapping.path)));
    }
    Ok(mapping)
}

/// Whether the file is the one of the mapping.
fn is_mapped(file: &File, mapping: &Mapping<'_>) -> bool {
    // These have a device per subvolume or layer in one place, and one for all in the other.
    const OVERLAYFS: u64 = 0x794c_7630;
    const BTRFS: u64 = 0x9123_683e;
    let (Ok(stat), Ok(system)) = (file.metadata(), fstatfs(file)) else {
        return false;
    };
    let same_device = (major(stat.dev()), minor(stat.dev())) == mapping.device
        || matches!(u64::try_from(system.f_type), Ok(OVERLAYFS | BTRFS));
    same_device && stat.ino() == mapping.inode
}

fn relative(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: [&str; 4] = [
        "55d0a0000000-55d0a0010000 r--p 00000000 fe:00 1234    /opt/a b/server",
        "55d0a0010000-55d0a0020000 r-xp 00010000 fe:00 1234    /opt/a b/server",
        "7f0000001000-7f0000002000 r-xp 00000000 00:00 0 ",
        "7ffc00000000-7ffc00001000 r-xp 00000000 00:00 0       [vdso]",
    ];

    #[test]
    fn addresses_without_code_of_a_file_say_what_is_there() {
        let at = |line: usize| vec![Mapping::parse(MAPS[line]).unwrap()];
        for (found, expected) in [
            (Vec::new(), "nothing is mapped there"),
            (at(0), "it is data of /opt/a b/server"),
            (at(2), "it is not in a mapped file"),
            (at(3), "it is not in a mapped file"),
        ] {
            let text = mapping_with_code(&found, 0x1000).unwrap_err().to_string();
            assert!(text.ends_with(expected), "{text}");
        }
        assert!(mapping_with_code(&at(1), 0x1000).is_ok());
    }

    #[test]
    fn code_of_this_program_is_an_offset_in_its_file() {
        let function = relative as fn(&Path) -> &Path;
        let (file, name, offset) = Process::this()
            .unwrap()
            .code_at(function as usize as u64)
            .unwrap();
        assert_eq!(name, std::env::current_exe().unwrap());
        assert!(offset < file.metadata().unwrap().len());
    }
}
