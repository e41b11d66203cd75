//! The kernel's types.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{fs, io};

use core_btf::Btf;
use memmap2::Mmap;

use crate::error::{Error, Result};
use crate::sys;
use crate::type_info::TypeInfo;

/// Where a kernel that was built with `CONFIG_DEBUG_INFO_BTF` publishes its types.
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Where to find the kernel's types. Nothing is opened before they are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) enum KernelTypes {
    /// In the running kernel, once for all loaders of the process.
    #[default]
    Running,
    /// In a file that the user named.
    Named {
        path: PathBuf,
        read: Arc<OnceLock<TypeInfo>>,
    },
}

impl KernelTypes {
    /// In the BTF or ELF file `path`; in a directory, in the file for the running kernel, if there
    /// is one.
    pub(crate) fn named(path: &Path) -> Self {
        let file = if path.is_dir() {
            file_for(path, &release())
        } else {
            Some(path.to_path_buf())
        };
        file.map_or(Self::Running, |path| Self::Named {
            path,
            read: Arc::default(),
        })
    }

    pub(crate) fn get(&self) -> Result<Cow<'_, Btf<'_>>> {
        match self {
            Self::Running => running().map(Cow::Borrowed),
            Self::Named { path, read } => {
                let types = get_or_try(read, || TypeInfo::from_file(path))?;
                let first = types.blobs().next().ok_or_else(|| Error::NoTypeInfo {
                    file: path.clone(),
                    hint: "it has no BTF blob",
                });
                first.map(Cow::Owned)
            }
        }
    }
}

/// The kernel's release, as `uname -r` has it.
fn release() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

/// The BTF file for kernel `release` in a directory: `RELEASE.btf`, or, in `BTFHub`'s archive,
/// `DISTRIBUTION/VERSION/ARCHITECTURE/RELEASE.btf` at any depth.
fn file_for(directory: &Path, release: &str) -> Option<PathBuf> {
    const DEPTH: usize = 3;
    let name = format!("{release}.btf");
    let mut level = vec![directory.to_path_buf()];
    for _ in 0..=DEPTH {
        if let Some(file) = level
            .iter()
            .map(|dir| dir.join(&name))
            .find(|f| f.is_file())
        {
            return Some(file);
        }
        level = level
            .iter()
            .filter_map(|dir| fs::read_dir(dir).ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_dir())
            .collect();
        level.sort_unstable();
    }
    None
}

/// The bytes that the kernel publishes.
enum Published {
    Mapped(Mmap),
    Read(Vec<u8>),
}

impl Published {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Read(bytes) => bytes,
        }
    }

    /// Maps the file, which shares the kernel's own copy and so costs this process no memory. Only
    /// Linux 6.16 and later can do that; from others it is read.
    fn open() -> io::Result<Self> {
        let file = File::open(VMLINUX)?;
        match sys::map_kernel_file(&file) {
            Ok(map) => Ok(Self::Mapped(map)),
            Err(_) => fs::read(VMLINUX).map(Self::Read),
        }
    }
}

/// The running kernel's types, parsed once per process.
fn running() -> Result<&'static Btf<'static>> {
    static PUBLISHED: OnceLock<Published> = OnceLock::new();
    static PARSED: OnceLock<Btf<'static>> = OnceLock::new();
    get_or_try(&PARSED, || {
        let published = get_or_try(&PUBLISHED, || {
            Published::open().map_err(|source| Error::NoKernelTypes {
                path: VMLINUX.into(),
                release: release(),
                rows: Vec::new(),
                source,
            })
        })?;
        let parsed = Btf::parse(published.bytes()).map_err(|source| Error::MalformedBtf {
            origin: VMLINUX.into(),
            offset: 0,
            source,
        })?;
        Ok(parsed.remember_searches())
    })
}

/// The value of `cell`, made now if it has none. A failure is not remembered.
fn get_or_try<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_searched_for_the_running_release() {
        let directory = tempfile::tempdir().unwrap();
        let nested = directory.path().join("debian/12/x86_64");
        fs::create_dir_all(&nested).unwrap();
        assert_eq!(file_for(directory.path(), "6.1.0"), None);
        fs::write(nested.join("6.1.0.btf"), "").unwrap();
        fs::write(nested.join("6.2.0.btf"), "").unwrap();
        assert_eq!(
            file_for(directory.path(), "6.1.0"),
            Some(nested.join("6.1.0.btf"))
        );
        fs::write(directory.path().join("6.1.0.btf"), "").unwrap();
        assert_eq!(
            file_for(directory.path(), "6.1.0"),
            Some(directory.path().join("6.1.0.btf"))
        );
    }

    #[test]
    fn running_kernel_describes_its_tasks() {
        let types = KernelTypes::Running;
        let btf = types.get().unwrap();
        assert!(btf.iter().any(|ty| ty.name_bytes() == b"task_struct"));
    }

    #[test]
    fn a_named_file_that_is_not_there_is_named_in_the_error() {
        let types = KernelTypes::named(Path::new("/nowhere/vmlinux.btf"));
        let text = types.get().unwrap_err().to_string();
        assert_eq!(text, "cannot open /nowhere/vmlinux.btf");
    }
}
