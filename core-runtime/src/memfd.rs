//! The file in memory through which libbpf gets its target BTF.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// A file in memory that libbpf can be told of before its content is known.
///
/// libbpf copies the path when an object is opened and opens it when the object is loaded. What the
/// file has to hold depends on which programs will be loaded, and that the user decides between the
/// two. So it is created empty, and filled and sealed at load.
#[derive(Debug)]
pub(crate) struct TargetBtf {
    file: File,
}

impl TargetBtf {
    pub(crate) fn create() -> Result<Self> {
        let file = create().map_err(|source| Error::Io {
            action: "create",
            path: "memfd:target-btf".into(),
            source: source.into(),
        })?;
        Ok(Self { file: file.into() })
    }

    /// The name by which libbpf opens it; good for as long as `self` lives.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }

    /// Writes the content. It cannot be changed after that, by anybody.
    pub(crate) fn fill(&self, btf: &[u8]) -> Result<()> {
        let seal = || -> io::Result<()> {
            (&self.file).write_all(btf)?;
            let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
            Ok(fcntl_add_seals(&self.file, seals)?)
        };
        seal().map_err(|source| Error::Io {
            action: "write",
            path: self.path(),
            source,
        })
    }
}

fn create() -> Result<OwnedFd, Errno> {
    const NAME: &str = "target-btf";
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Linux 6.3 and later want to be told that nothing here will be executed.
    match memfd_create(NAME, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create(NAME, flags),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_file_can_be_read_by_its_path_and_not_changed() {
        let file = TargetBtf::create().unwrap();
        file.fill(b"content").unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), b"content");
        assert!((&file.file).write_all(b"more").is_err());
        assert!(file.file.set_len(0).is_err());
    }
}
