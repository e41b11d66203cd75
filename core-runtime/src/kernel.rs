//! The kernel's types: vmlinux's, and its modules'.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{fs, io};

use core_btf::relo::NotInVmlinux;
use core_btf::{BpfObject, Btf};
use memmap2::Mmap;

use crate::error::{Error, Result};
use crate::type_info::{Tried, TypeInfo};
use crate::{file, merged, sys};

/// Where a kernel that was built with `CONFIG_DEBUG_INFO_BTF` publishes its types: those of
/// vmlinux in a file of that name, those of each module in one of the module's.
pub(crate) const PUBLISHED: &str = "/sys/kernel/btf";
pub(crate) const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Most bytes that are read of one module's types; large modules have one or two million.
const MAX_MODULE_BYTES: u64 = 64 << 20;

/// Where to find the kernel's types. Nothing is opened before they are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) enum KernelTypes {
    /// In the running kernel, once for all loaders of the process.
    #[default]
    Running,
    /// In files that the user named.
    Named {
        vmlinux: PathBuf,
        /// The directory with the types of modules.
        modules: PathBuf,
        read: Arc<OnceLock<TypeInfo>>,
    },
}

/// The types of a module of the kernel.
#[derive(Debug)]
pub(crate) struct Module {
    name: String,
    bytes: Vec<u8>,
}

impl Module {
    /// The types in a file; none of a file that is no BTF.
    fn read(path: &Path) -> Result<Option<Self>> {
        let file = file::open(path)?;
        let read = || {
            let mut bytes = Vec::new();
            (&file).take(2).read_to_end(&mut bytes)?;
            if !is_btf(&bytes) {
                return Ok(None);
            }
            (&file).take(MAX_MODULE_BYTES).read_to_end(&mut bytes)?;
            let name = path.file_name().unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            Ok(Some(Self { name, bytes }))
        };
        read().map_err(|source| Error::Io {
            action: "read",
            path: path.to_path_buf(),
            source,
        })
    }

    /// Its name: the file's.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its types, which go on from those of `vmlinux`.
    pub(crate) fn types<'a>(&'a self, vmlinux: &'a Btf<'a>) -> core_btf::Result<Btf<'a>> {
        Btf::parse_split(&self.bytes, vmlinux)
    }
}

impl KernelTypes {
    /// In the BTF or ELF file `path`, and those of modules in the directory of that name without
    /// `.btf`. In a directory, in the files for the running kernel, if there are any.
    pub(crate) fn named(path: &Path) -> Self {
        let vmlinux = if path.is_dir() {
            file_for(path, &release())
        } else {
            Some(path.to_path_buf())
        };
        vmlinux.map_or(Self::Running, |vmlinux| Self::Named {
            modules: modules_beside(&vmlinux),
            vmlinux,
            read: Arc::default(),
        })
    }

    /// What tells the types of vmlinux from those of another kernel.
    ///
    /// None if they were not asked for yet.
    pub(crate) fn identity(&self) -> Option<merged::Kernel> {
        match self {
            Self::Running => Some(merged::Kernel::Running),
            Self::Named { read, .. } => {
                let types = read.get()?.types();
                Some(merged::Kernel::File(Arc::clone(types)))
            }
        }
    }

    /// The types of vmlinux.
    pub(crate) fn vmlinux(&self) -> Result<Cow<'_, Btf<'_>>> {
        match self {
            Self::Running => running().map(Cow::Borrowed),
            Self::Named { vmlinux, read, .. } => {
                let types = get_or_try(read, || TypeInfo::from_file(vmlinux))?;
                let first = types.blobs().next().ok_or_else(|| Error::NoTypeInfo {
                    file: vmlinux.clone(),
                    tried: vec![Tried::new("BTF", "it has no blob")],
                });
                first.map(Cow::Owned)
            }
        }
    }

    /// The modules that have a type which `object` asks the kernel for and `vmlinux` does not have.
    ///
    /// Modules come and go while the kernel runs, so their files are looked through each time, but
    /// for an object that vmlinux is enough for. One that cannot be read is passed over with a
    /// warning: nothing says that the object needs it.
    pub(crate) fn modules(&self, object: &BpfObject<'_>, vmlinux: &Btf<'_>) -> Vec<Module> {
        let lacking = NotInVmlinux::find(object, vmlinux);
        if lacking.is_empty() {
            return Vec::new();
        }
        let directory = match self {
            Self::Running => Path::new(PUBLISHED),
            Self::Named { modules, .. } => modules,
        };
        let mut needed = Vec::new();
        for path in module_files(directory) {
            let useful = |module: &Module| {
                let types = module.types(vmlinux);
                let found = types.and_then(|types| lacking.has_candidate(&types));
                found.map_err(|source| Error::MalformedBtf {
                    origin: path.display().to_string(),
                    offset: 0,
                    source,
                })
            };
            let looked_at = Module::read(&path).and_then(|module| match module {
                Some(module) => Ok(useful(&module)?.then_some(module)),
                None => Ok(None),
            });
            match looked_at {
                Ok(module) => needed.extend(module),
                Err(error) => {
                    tracing::warn!("going without the types of a kernel module: {error:?}");
                }
            }
        }
        needed
    }
}

/// Where the types of modules are when those of vmlinux are in the file `vmlinux`: beside it if
/// that is its name, as in a copy of `/sys/kernel/btf`, else in the directory of its name without
/// `.btf`.
fn modules_beside(vmlinux: &Path) -> PathBuf {
    if vmlinux.file_name().is_some_and(|name| name == "vmlinux") {
        vmlinux.with_file_name("")
    } else {
        vmlinux.with_extension("")
    }
}

/// Whether a file begins with BTF's magic number, in either byte order.
fn is_btf(start: &[u8]) -> bool {
    matches!(start, [0x9f, 0xeb] | [0xeb, 0x9f])
}

/// The files with the types of modules, by name; none in a directory that is not there.
pub(crate) fn module_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file() && path.file_name().is_some_and(|name| name != "vmlinux"))
        .collect();
    files.sort_unstable();
    files
}

/// The kernel's release, as `uname -r` has it.
pub(crate) fn release() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

/// The BTF file for kernel `release` in a directory: `RELEASE.btf` or, in a copy of
/// `/sys/kernel/btf`, `RELEASE/vmlinux`; in `BTFHub`'s archive, below
/// `DISTRIBUTION/VERSION/ARCHITECTURE/`.
fn file_for(directory: &Path, release: &str) -> Option<PathBuf> {
    const DEPTH: usize = 3;
    let names = [format!("{release}.btf"), format!("{release}/vmlinux")];
    let mut level = vec![directory.to_path_buf()];
    for _ in 0..=DEPTH {
        if let Some(file) = level
            .iter()
            .flat_map(|dir| names.iter().map(move |name| dir.join(name)))
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
    static OPENED: OnceLock<Published> = OnceLock::new();
    static PARSED: OnceLock<Btf<'static>> = OnceLock::new();
    get_or_try(&PARSED, || {
        let published = get_or_try(&OPENED, || {
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
        let btf = types.vmlinux().unwrap();
        assert!(btf.iter().any(|ty| ty.name_bytes() == b"task_struct"));
    }

    #[test]
    fn a_named_file_that_is_not_there_is_named_in_the_error() {
        let types = KernelTypes::named(Path::new("/nowhere/vmlinux.btf"));
        let text = types.vmlinux().unwrap_err().to_string();
        assert_eq!(text, "cannot open /nowhere/vmlinux.btf");
    }
}
