//! The application's types.

use std::borrow::Cow;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use core_btf::prefix::Prefix;
use core_btf::{Btf, BtfBuf, layout};

use super::blobs::Types;
use super::sources;
use crate::binary::Binary;
use crate::elf::Elf;
use crate::error::{Error, Result};
use crate::file::{self, real_name};
use crate::process::Process;

/// Most bytes of BTF that are read from a file. The format itself ends at 16 MiB of names and, in
/// the kernel, a million types.
pub(super) const MAX_BTF_BYTES: u64 = 64 << 20;

/// Most bytes of what the compiler said of layouts; a root takes some tens.
const MAX_LAYOUT_BYTES: u64 = 16 << 20;

/// The types of the application that is traced, as BTF.
///
/// It may consist of several blobs: in a linked binary the pieces of several crates stand one
/// after the other in one `.BTF` section. All of them have been checked for their shape; what they
/// say is checked where it is used.
///
/// A clone, and what is read from another file with the same types, shares their memory.
#[derive(Clone, Debug)]
pub struct TypeInfo {
    /// What errors call the bytes.
    origin: String,
    types: Arc<Types>,
}

impl TypeInfo {
    /// The types of this program: the `.BTF` section that `embed!()` put into its binary.
    ///
    /// # Errors
    /// [`Error::NoTypeInfo`], [`Error::MalformedBtf`], [`Error::Io`] when `/proc` is not mounted,
    /// [`Error::Layout`] when the types are not those that the program was compiled with.
    pub fn this_program() -> Result<Self> {
        Self::of(&Binary::this_program()?)
    }

    /// The types of the program that process `pid` runs: short for [`TypeInfo::of`] its
    /// [program](Process::program).
    ///
    /// # Errors
    /// As these.
    pub fn of_process(pid: u32) -> Result<Self> {
        Self::of(&Process::new(pid)?.program()?)
    }

    /// The types that a file describes: a BTF file, or a program or library as in
    /// [`TypeInfo::of`].
    ///
    /// # Errors
    /// As [`TypeInfo::of`]; [`Error::Io`] also for what is no regular file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let io = |source| Error::Io {
            action: "read",
            path: path.to_path_buf(),
            source,
        };
        let file = file::open(path)?;
        let mut magic = [0; 4];
        let read = file.read_at(&mut magic, 0).map_err(io)?;
        if (read, magic) == (4, *b"\x7fELF") {
            return Self::of(&Binary::new(file, real_name(path), None)?);
        }
        let bytes = file::read(&file, MAX_BTF_BYTES).map_err(io)?;
        Self::new(real_name(path).display().to_string(), 0, bytes.into())
    }

    /// The types of a program or library. These are looked for, in this order,
    ///
    /// 1. in its `.BTF` section,
    /// 2. in its DWARF debug information, or else that of its separate debug file, wherever
    ///    `Binary::debug_dirs` says; this takes feature `dwarf`, and up to a gigabyte of files is
    ///    read,
    /// 3. in the file `BUILD-ID.btf` (the build-id in hexadecimal digits) of the directories that
    ///    [`Binary::btf_dirs`] names.
    ///
    /// A `.BTF` section that is damaged, or not right, is an error though there be other sources.
    ///
    /// # Errors
    /// [`Error::NoTypeInfo`] with all that was tried, [`Error::MalformedBtf`],
    /// [`Error::MalformedElf`], [`Error::Io`], [`Error::Layout`] when the types that it carries are
    /// not those that it was compiled with.
    pub fn of(binary: &Binary) -> Result<Self> {
        sources::find(binary)
    }

    /// Compares the types with what the compiler itself said of their layout.
    pub(super) fn prove(&self, elf: &Elf) -> Result<()> {
        let Some(section) = elf.section(layout::SECTION) else {
            return Ok(());
        };
        let records = elf.data_of(section, MAX_LAYOUT_BYTES)?;
        let blobs: Vec<_> = self.blobs().collect();
        let proved = match layout::records(&records) {
            Ok(records) => layout::verify(&records, &blobs),
            Err(malformed) => Err(malformed.into()),
        };
        proved.map_err(|source| Error::Layout {
            file: self.origin.clone().into(),
            source,
        })
    }

    /// The types that these bytes describe: one BTF blob, or several one after the other.
    ///
    /// # Errors
    /// [`Error::MalformedBtf`].
    pub fn from_bytes(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self> {
        Self::new("the given bytes".into(), 0, bytes.into())
    }

    /// The same types, with `prefix` before the name of each struct, union, enum, enumerator and
    /// typedef: `struct context` becomes `struct ssl_context`. A BPF program, compiled against a
    /// header with that prefix (`core_build::Builder::prefixed_types_from`), thus says which
    /// binary's types it means. [`Prefix`](core_btf::prefix::Prefix) has the rules; names that
    /// begin with two underscores stay as they are.
    ///
    /// # Errors
    /// [`Error::Prefix`].
    pub fn with_prefix(self, prefix: &str) -> Result<Self> {
        let renamed = Prefix::new(prefix).and_then(|prefix| {
            let mut all = Vec::new();
            for blob in self.blobs() {
                let mut types = BtfBuf::from_btf(&blob)?;
                types.add_prefix(&prefix)?;
                all.extend(types.encode(blob.endian())?);
            }
            Ok(all)
        });
        match renamed {
            Ok(bytes) if bytes.is_empty() => Ok(self),
            Ok(bytes) => Self::new(self.origin, 0, bytes.into()),
            Err(source) => Err(Error::Prefix {
                origin: self.origin,
                source,
            }),
        }
    }

    /// No types at all, for objects that read only the kernel's.
    #[must_use]
    pub fn none() -> Self {
        Self {
            origin: String::new(),
            types: Arc::default(),
        }
    }

    /// One blob that was encoded here.
    #[cfg(feature = "dwarf")]
    pub(super) fn encoded(origin: String, blob: Vec<u8>) -> Result<Self, core_btf::Error> {
        let types = Types::shared(blob.into()).map_err(|(_, error)| error)?;
        Ok(Self { origin, types })
    }

    /// Checks the blobs in `bytes`, which stand at `offset` of their file.
    pub(super) fn new(origin: String, offset: u64, bytes: Cow<'static, [u8]>) -> Result<Self> {
        match Types::shared(bytes) {
            Ok(types) => Ok(Self { origin, types }),
            Err((start, source)) => Err(Error::MalformedBtf {
                origin,
                offset: offset + start as u64,
                source,
            }),
        }
    }

    /// The types without what they are of.
    pub(crate) const fn types(&self) -> &Arc<Types> {
        &self.types
    }

    /// The blobs, in the order of the file.
    pub fn blobs(&self) -> impl Iterator<Item = Btf<'_>> {
        self.types.blobs()
    }

    /// What the types are of, for messages: a path, mostly.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }
}
