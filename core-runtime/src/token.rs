//! BPF tokens: what lets a process in a user namespace load programs (Linux 6.9).
//!
//! Who mounts a BPF file system for a user namespace may delegate with it what outside takes
//! capabilities (`delegate_cmds`, `delegate_maps`, `delegate_progs`, `delegate_attachs`); a token of
//! that file system stands for it. libbpf takes one by itself: of the path that it is given, of the
//! one in `LIBBPF_BPF_TOKEN_PATH`, or of `/sys/fs/bpf`.

use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{env, io};

use crate::sys;

/// Where libbpf looks when it is told nothing.
const DEFAULT: &str = "/sys/fs/bpf";
const VARIABLE: &str = "LIBBPF_BPF_TOKEN_PATH";

/// The path of a BPF file system that a loader names. libbpf keeps no copy of it before an object is
/// opened, so it stays for the rest of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenPath(pub(crate) &'static CStr);

impl TokenPath {
    /// The path; an error if it has a NUL.
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        static NAMED: Mutex<Vec<&'static CStr>> = Mutex::new(Vec::new());
        let path = CString::new(path.as_os_str().as_bytes())?;
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = named.iter().find(|known| **known == path.as_c_str()) {
            return Ok(Self(known));
        }
        let path: &'static CStr = Box::leak(path.into_boxed_c_str());
        named.push(path);
        Ok(Self(path))
    }
}

/// A token of the file system that libbpf takes one of.
pub(crate) fn take(named: Option<TokenPath>) -> io::Result<OwnedFd> {
    sys::create_token(&File::open(place(named))?)
}

fn place(named: Option<TokenPath>) -> PathBuf {
    match named {
        Some(TokenPath(path)) => PathBuf::from(OsStr::from_bytes(path.to_bytes())),
        None => env::var_os(VARIABLE).map_or_else(|| DEFAULT.into(), PathBuf::from),
    }
}

/// The file system of which this process can take a token without being told which.
pub(crate) fn available() -> Option<PathBuf> {
    take(None).ok().map(|_token| place(None))
}
