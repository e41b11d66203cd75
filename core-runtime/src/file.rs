//! Opening files that somebody else may have put in place.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// How a path is looked up: without opening what is there.
const FIND: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// How a file is then opened. Whoever holds a lease on it may make others wait, but not with
/// NONBLOCK.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK);

/// Opens a regular file for reading. What is no such file is an error before it is opened: a FIFO
/// would make a tracer wait for whoever left it there, and to open a device may do something.
pub(crate) fn open(path: &Path) -> Result<File> {
    open_at(CWD, path).map_err(|source| Error::Io {
        action: "open",
        path: path.to_path_buf(),
        source,
    })
}

/// Opens a regular file for reading, its path starting at a directory.
pub(crate) fn open_at(directory: impl AsFd, path: &Path) -> io::Result<File> {
    regular(openat(directory, path, FIND, Mode::empty())?)
}

/// Opens a regular file for reading as a process with this root directory would: nothing in the
/// path, `..` and symlinks neither, leads out of that directory.
pub(crate) fn open_in_root(root: BorrowedFd<'_>, path: &Path) -> io::Result<File> {
    // The links of /proc lead to where they point, whatever the root.
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let mut attempts = 0;
    loop {
        match openat2(root, path, FIND, Mode::empty(), resolve) {
            // Something was renamed meanwhile; who is traced could do nothing else.
            Err(Errno::AGAIN) if attempts < 16 => attempts += 1,
            Err(error @ (Errno::NOSYS | Errno::PERM)) => {
                let problem = format!(
                    "this kernel does not confine it to the root of the process (openat2, Linux \
                     5.6): {error}"
                );
                return Err(io::Error::new(io::ErrorKind::Unsupported, problem));
            }
            opened => return regular(opened?),
        }
    }
}

fn regular(found: OwnedFd) -> io::Result<File> {
    let found = File::from(found);
    if !found.metadata()?.is_file() {
        let kind = io::ErrorKind::InvalidInput;
        return Err(io::Error::new(kind, "it is not a regular file"));
    }
    match openat(CWD, kernel_path(&found), READ, Mode::empty()) {
        Err(Errno::NOENT) => Err(io::Error::other("/proc is not mounted")),
        opened => Ok(opened?.into()),
    }
}

/// All of a file, from its start, if that is at most `limit` bytes.
pub(crate) fn read(file: &File, limit: u64) -> io::Result<Vec<u8>> {
    let too_large = || {
        let problem = format!("it has more than the {limit} bytes that may yet be read");
        io::Error::new(io::ErrorKind::FileTooLarge, problem)
    };
    let len = file.metadata()?.len();
    if len > limit {
        return Err(too_large());
    }
    let mut bytes = vec![0; usize::try_from(len).map_err(|_| too_large())?];
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, done as u64) {
            // It has shrunk meanwhile.
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

/// A path that leads the kernel to this open file, wherever it is and whatever became of its name.
pub(crate) fn kernel_path(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// What a path stands for: the magic links of `/proc` say nothing to who reads an error.
pub(crate) fn real_name(path: &Path) -> PathBuf {
    if path.starts_with("/proc") {
        std::fs::read_link(path).unwrap_or_else(|_| path.to_path_buf())
    } else {
        path.to_path_buf()
    }
}
