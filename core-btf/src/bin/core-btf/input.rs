//! Files, and the types in them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use core_btf::{Btf, Error, dwarf, elf, merge};

use crate::failure::Failure;
use crate::sparse::read_for_types;

/// A file that has been read.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

impl Input {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        Ok(Self {
            path: path.to_owned(),
            bytes: std::fs::read(path).map_err(|error| Failure::io(path, error))?,
        })
    }

    pub(crate) fn read_all(paths: &[PathBuf]) -> Result<Vec<Self>, Failure> {
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// Reads what of a file its debug information about types is in; the rest may be zeros.
    pub(crate) fn read_for_types(path: &Path, threads: usize) -> Result<Self, Failure> {
        Ok(Self {
            path: path.to_owned(),
            bytes: read_for_types(path, threads).map_err(|error| Failure::io(path, error))?,
        })
    }

    /// What it is called in its directory.
    pub(crate) fn name(&self) -> Cow<'_, str> {
        self.path.file_name().unwrap_or_default().to_string_lossy()
    }

    /// An error about this file.
    pub(crate) fn failure(&self, error: impl Into<Box<dyn std::error::Error>>) -> Failure {
        Failure::file(&self.path, error)
    }

    /// An error about the debug information of this file, which says where the headers are damaged if
    /// it is these.
    pub(crate) fn debug_failure(&self, error: dwarf::Error) -> Failure {
        match (&error, elf::section(&self.bytes, ".debug_info")) {
            (dwarf::Error::Object { .. }, Err(placed)) if self.is_elf() => self.failure(placed),
            _ => self.failure(error),
        }
    }

    pub(crate) fn is_elf(&self) -> bool {
        self.bytes.starts_with(b"\x7fELF")
    }

    /// The BTF of the file: all of it, or the `.BTF` section of an ELF file.
    fn btf_bytes(&self) -> Result<&[u8], Failure> {
        if !self.is_elf() {
            return Ok(&self.bytes);
        }
        match elf::section(&self.bytes, ".BTF") {
            Ok(Some(bytes)) if !bytes.is_empty() => Ok(bytes),
            Ok(_) => Err(self
                .failure("no .BTF section; `core-btf extract` makes BTF from debug information")),
            Err(error) => Err(self.failure(error)),
        }
    }

    /// What is wrong with the BTF of the file.
    pub(crate) fn btf_failure(&self, start: usize, error: Error) -> Failure {
        if self.is_elf() {
            self.failure(format!(".BTF at offset {start:#x}: {error}"))
        } else {
            self.failure(error)
        }
    }

    /// The pieces of BTF that stand one after the other in a linked `.BTF` section, each complete
    /// in itself; one piece in all other files.
    pub(crate) fn pieces(&self) -> Result<Vec<Btf<'_>>, Failure> {
        let bytes = self.btf_bytes()?;
        let mut pieces = Vec::new();
        let mut start = 0;
        loop {
            let rest = bytes.get(start..).unwrap_or_default();
            let (piece, len) =
                Btf::parse_prefix(rest).map_err(|error| self.btf_failure(start, error))?;
            pieces.push(piece);
            start += len;
            // The linker pads with zeros.
            let rest = bytes.get(start..).unwrap_or_default();
            match rest.iter().position(|&byte| byte != 0) {
                Some(padding) => start += padding,
                None => return Ok(pieces),
            }
        }
    }

    /// The types of the file as one blob.
    pub(crate) fn blob(&self) -> Result<Blob<'_>, Failure> {
        let pieces = self.pieces()?;
        let bytes = match pieces.split_first() {
            Some((first, rest)) if !rest.is_empty() => {
                let rest: Vec<&Btf<'_>> = rest.iter().collect();
                let all = merge::append(first, &rest);
                Cow::Owned(all.map_err(|error| self.failure(error))?)
            }
            _ => Cow::Borrowed(self.btf_bytes()?),
        };
        Ok(Blob { input: self, bytes })
    }

    /// The split BTF of the file, that of a kernel module, say.
    pub(crate) fn split<'a>(&'a self, base: &'a Btf<'a>) -> Result<Btf<'a>, Failure> {
        Btf::parse_split(self.btf_bytes()?, base).map_err(|error| self.btf_failure(0, error))
    }
}

/// All types of a file.
#[derive(Debug)]
pub(crate) struct Blob<'i> {
    input: &'i Input,
    pub(crate) bytes: Cow<'i, [u8]>,
}

impl Blob<'_> {
    pub(crate) fn btf(&self) -> Result<Btf<'_>, Failure> {
        Btf::parse(&self.bytes).map_err(|error| self.input.btf_failure(0, error))
    }
}
