//! From what a user names to what the kernel probes: a file and an offset in it.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use crate::binary::Binary;
use crate::elf::FunctionKind;
use crate::error::{Error, Result};
use crate::file;
use crate::near;
use crate::process::Process;

/// What a user names.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// Code that is mapped into this process.
    Address(u64),
    /// A function that a binary defines.
    Symbol { binary: Binary, symbol: String },
    /// A place in a file.
    Offset { binary: Binary, offset: u64 },
}

/// Where the kernel sets the breakpoint.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The file, kept open for the path to it.
    file: Arc<File>,
    /// What it is called.
    pub(crate) name: PathBuf,
    /// In bytes from the start of the file.
    pub(crate) offset: u64,
}

impl Place {
    fn of(binary: &Binary, offset: u64) -> Self {
        Self {
            file: Arc::clone(binary.elf().file()),
            name: binary.name().to_path_buf(),
            offset,
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
                    offset,
                })
            }
            Self::Symbol { binary, symbol } => find_symbol(binary, symbol),
            Self::Offset { binary, offset } => Ok(Place::of(binary, *offset)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "address {address:#x} of this process"),
            Self::Symbol { binary, symbol } => {
                write!(f, "`{symbol}` of {}", binary.name().display())
            }
            Self::Offset { binary, offset } => {
                write!(f, "{}+{offset:#x}", binary.name().display())
            }
        }
    }
}

/// The start of the function `symbol` in the file. Of several with that name, one that other
/// compilation units can call is meant rather than ones that they can't.
fn find_symbol(binary: &Binary, symbol: &str) -> Result<Place> {
    let elf = binary.elf();
    let mut globals = Vec::new();
    let mut locals = Vec::new();
    elf.for_each_function(|function| {
        if function.name == symbol.as_bytes() && function.kind == FunctionKind::Defined {
            let found = if function.global {
                &mut globals
            } else {
                &mut locals
            };
            found.extend(elf.file_offset(function.address));
        }
    })?;
    let mut offsets = if globals.is_empty() { locals } else { globals };
    // `.symtab` and `.dynsym` both have an exported function, and aliases may share an address.
    offsets.sort_unstable();
    offsets.dedup();
    let file = binary.name().to_path_buf();
    match *offsets.as_slice() {
        [offset] => Ok(Place::of(binary, offset)),
        [] => Err(Error::NoSymbol {
            file,
            symbol: symbol.into(),
            near: near_functions(binary, symbol)?,
        }),
        _ => Err(Error::AmbiguousSymbol {
            file,
            symbol: symbol.into(),
            offsets,
        }),
    }
}

fn near_functions(binary: &Binary, symbol: &str) -> Result<Vec<String>> {
    let mut near = near::Matches::of(symbol);
    binary.elf().for_each_function(|function| {
        if function.kind == FunctionKind::Defined
            && let Ok(name) = std::str::from_utf8(function.name)
        {
            near.offer(name);
        }
    })?;
    Ok(near.best())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_for_a_missing_symbol() {
        let binary = Binary::this_program().unwrap();
        let error = find_symbol(&binary, "maim").unwrap_err();
        let this = std::env::current_exe().unwrap();
        let expected = "defines no function `maim`; did you mean main?";
        assert_eq!(error.to_string(), format!("{} {expected}", this.display()));
    }
}
