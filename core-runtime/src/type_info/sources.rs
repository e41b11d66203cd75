//! The places where the types of a binary may be, one after the other.

use std::fmt::{self, Write as _};
use std::io;
use std::path::{Path, PathBuf};

use super::types::{MAX_BTF_BYTES, TypeInfo};
use crate::binary::Binary;
use crate::error::{Error, Result};
use crate::file;

/// A place where types were looked for, and not found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// The place: a section, or a path.
    pub place: String,
    /// Why there are none.
    pub problem: String,
}

impl Tried {
    pub(crate) fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// The types of a binary, from the first source that has them.
pub(super) fn find(binary: &Binary) -> Result<TypeInfo> {
    let mut tried = Vec::new();
    let found = match section(binary, &mut tried)? {
        None => debug_info(binary, &mut tried),
        found => found,
    };
    let found = match found {
        None => by_build_id(binary, &mut tried)?,
        found => found,
    };
    found.ok_or_else(|| Error::NoTypeInfo {
        file: binary.name().to_path_buf(),
        tried,
    })
}

fn section(binary: &Binary, tried: &mut Vec<Tried>) -> Result<Option<TypeInfo>> {
    let elf = binary.elf();
    let Some(section) = elf.section(".BTF") else {
        tried.push(Tried::new("section .BTF", "it has none"));
        return Ok(None);
    };
    let bytes = elf.data_of(section, MAX_BTF_BYTES)?;
    let origin = binary.name().display().to_string();
    let types = TypeInfo::new(origin, section.offset, bytes.into())?;
    types.prove(elf)?;
    Ok(Some(types))
}

#[cfg(feature = "dwarf")]
fn debug_info(binary: &Binary, tried: &mut Vec<Tried>) -> Option<TypeInfo> {
    super::debug_info::types(binary, tried)
}

#[cfg(not(feature = "dwarf"))]
fn debug_info(_: &Binary, tried: &mut Vec<Tried>) -> Option<TypeInfo> {
    let problem = "not read, since core-runtime was built without its feature `dwarf`";
    tried.push(Tried::new("debug information", problem));
    None
}

fn by_build_id(binary: &Binary, tried: &mut Vec<Tried>) -> Result<Option<TypeInfo>> {
    const NAME: &str = "BTF file by build-id";
    let directories = binary.places().btf_dirs.as_slice();
    let Some(id) = binary.build_id() else {
        tried.push(Tried::new(NAME, "it has no build-id"));
        return Ok(None);
    };
    if directories.is_empty() {
        tried.push(Tried::new(
            NAME,
            "no directory is named (`Binary::btf_dirs`)",
        ));
    }
    let mut name = String::new();
    for byte in id {
        // A string takes all that is written to it.
        write!(name, "{byte:02x}").unwrap_or_default();
    }
    for directory in directories {
        let path = directory.join(format!("{name}.btf"));
        match read(&path) {
            Ok(bytes) => {
                let origin = path.display().to_string();
                return TypeInfo::new(origin, 0, bytes.into()).map(Some);
            }
            Err(error) => tried.push(Tried::new(path.display().to_string(), error.to_string())),
        }
    }
    Ok(None)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    file::read(&file::open_at(rustix::fs::CWD, path)?, MAX_BTF_BYTES)
}

/// Where sources outside of a binary are.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "dwarf"), derive(Default))]
pub(crate) struct Places {
    #[cfg(feature = "dwarf")]
    pub(crate) debug_dirs: Vec<PathBuf>,
    pub(crate) btf_dirs: Vec<PathBuf>,
}

#[cfg(feature = "dwarf")]
impl Default for Places {
    fn default() -> Self {
        Self {
            debug_dirs: vec!["/usr/lib/debug".into()],
            btf_dirs: Vec::new(),
        }
    }
}
