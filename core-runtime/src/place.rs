//! From what a user names to what the kernel probes: a file and an offset in it.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use crate::binary::Binary;
use crate::error::{Error, Result};
use crate::file;
use crate::process::Process;
use crate::symbols;

/// What a user names.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// Code that is mapped into this process.
    Address(u64),
    /// A function that a binary defines.
    Symbol {
        binary: Binary,
        symbol: String,
        /// Of several functions of this name, each is meant.
        all: bool,
    },
    /// A place in a file.
    Offset { binary: Binary, offset: u64 },
}

/// Where the kernel sets the breakpoints.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The file, kept open for the path to it.
    file: Arc<File>,
    /// What it is called.
    pub(crate) name: PathBuf,
    /// In bytes from the start of the file; one at least.
    pub(crate) offsets: Vec<u64>,
}

impl Place {
    fn of(binary: &Binary, offsets: Vec<u64>) -> Self {
        Self {
            file: Arc::clone(binary.elf().file()),
            name: binary.name().to_path_buf(),
            offsets,
        }
    }

    /// A path that the kernel resolves to the file.
    pub(crate) fn path(&self) -> PathBuf {
        file::kernel_path(&self.file)
    }
}

impl Target {
    pub(crate) fn resolve(&self) -> Result<Place> {
        match self {
            Self::Address(address) => {
                let (file, name, offset) = Process::this()?.code_at(*address)?;
                Ok(Place {
                    file: file.into(),
                    name,
                    offsets: vec![offset],
                })
            }
            Self::Symbol {
                binary,
                symbol,
                all,
            } => {
                let found = symbols::find(binary, symbol)?;
                if found.len() > 1 && !all {
                    return Err(Error::AmbiguousSymbol {
                        file: binary.name().to_path_buf(),
                        symbol: symbol.clone(),
                        found,
                    });
                }
                let offsets = found.iter().map(|found| found.offset).collect();
                Ok(Place::of(binary, offsets))
            }
            Self::Offset { binary, offset } => Ok(Place::of(binary, vec![*offset])),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "address {address:#x} of this process"),
            Self::Symbol { binary, symbol, .. } => {
                write!(f, "`{symbol}` of {}", binary.name().display())
            }
            Self::Offset { binary, offset } => {
                write!(f, "{}+{offset:#x}", binary.name().display())
            }
        }
    }
}
