//! Opening files that somebody else may have put in place.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::error::{Error, Result};

/// Opens a regular file for reading. What is no such file is an error before a byte of it is read: a
/// FIFO would make a tracer wait for whoever left it there, and a device has no end.
pub(crate) fn open(path: &Path) -> Result<File> {
    let io = |source| Error::Io {
        action: "open",
        path: path.to_path_buf(),
        source,
    };
    // Without NONBLOCK, to open a FIFO is to wait for its writer.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(io)?;
    if file.metadata().map_err(io)?.is_file() {
        return Ok(file);
    }
    let kind = io::ErrorKind::InvalidInput;
    Err(io(io::Error::new(kind, "it is not a regular file")))
}

/// What a path stands for: the magic links of `/proc` say nothing to who reads an error.
pub(crate) fn real_name(path: &Path) -> PathBuf {
    if path.starts_with("/proc") {
        std::fs::read_link(path).unwrap_or_else(|_| path.to_path_buf())
    } else {
        path.to_path_buf()
    }
}
