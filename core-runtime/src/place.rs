//! From what a user names to what the kernel probes: a file and an offset in it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::elf::Elf;
use crate::error::{Error, Result};
use crate::file::real_name;
use crate::near;

/// The running executable, under a path that holds when its file was moved or deleted.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// What a user names.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// Code that is mapped into this process.
    Address(u64),
    /// A function that a binary defines.
    Symbol { file: PathBuf, symbol: String },
    /// A place in a file.
    Offset { file: PathBuf, offset: u64 },
}

/// Where the kernel sets the breakpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// A path that the kernel resolves to the file.
    pub(crate) file: PathBuf,
    /// In bytes from the start of the file.
    pub(crate) offset: u64,
}

impl Target {
    pub(crate) fn symbol_of_this_program(symbol: String) -> Self {
        Self::Symbol {
            file: THIS_PROGRAM.into(),
            symbol,
        }
    }

    pub(crate) fn resolve(&self) -> Result<Place> {
        match self {
            Self::Address(address) => mapped_place(*address),
            Self::Symbol { file, symbol } => find_symbol(file, symbol),
            Self::Offset { file, offset } => Ok(Place {
                file: file.clone(),
                offset: *offset,
            }),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "address {address:#x} of this process"),
            Self::Symbol { file, symbol } => {
                write!(f, "`{symbol}` of {}", real_name(file).display())
            }
            Self::Offset { file, offset } => {
                write!(f, "{}+{offset:#x}", real_name(file).display())
            }
        }
    }
}

/// One line of `/proc/self/maps`.
#[derive(Debug, PartialEq, Eq)]
struct Mapping<'a> {
    start: u64,
    end: u64,
    executable: bool,
    /// In bytes from the start of the file.
    offset: u64,
    inode: u64,
    path: &'a str,
}

impl<'a> Mapping<'a> {
    /// `start-end perms offset dev inode path`, numbers in hex but for the inode.
    fn parse(line: &'a str) -> Option<Self> {
        let mut rest = line;
        let mut field = || {
            let (field, after) = rest.split_once(' ').unwrap_or((rest, ""));
            rest = after;
            field
        };
        let (start, end) = field().split_once('-')?;
        let executable = field().contains('x');
        let offset = u64::from_str_radix(field(), 16).ok()?;
        let _device = field();
        let inode = field().parse().ok()?;
        Some(Self {
            start: u64::from_str_radix(start, 16).ok()?,
            end: u64::from_str_radix(end, 16).ok()?,
            executable,
            offset,
            inode,
            path: rest.trim_start(),
        })
    }

    /// A path of the mapped file that the kernel can open, whatever became of its name.
    fn file(&self) -> PathBuf {
        let executable = std::fs::read_link(THIS_PROGRAM);
        if executable.is_ok_and(|executable| executable == Path::new(self.path)) {
            THIS_PROGRAM.into()
        } else if self.path.ends_with(" (deleted)") || self.path.contains('\\') {
            // The name is gone, or has a character that the kernel prints escaped.
            format!("/proc/self/map_files/{:x}-{:x}", self.start, self.end).into()
        } else {
            self.path.into()
        }
    }
}

/// The place in its file of code that is mapped into this process. Works without symbols, and
/// whatever address the program was loaded at.
fn mapped_place(address: u64) -> Result<Place> {
    const MAPS: &str = "/proc/self/maps";
    let maps = std::fs::read_to_string(MAPS).map_err(|source| Error::Io {
        action: "read",
        path: MAPS.into(),
        source,
    })?;
    place_in(&maps, address)
}

fn place_in(maps: &str, address: u64) -> Result<Place> {
    let not_code = |problem| Error::NotCode { address, problem };
    let mapping = maps
        .lines()
        .filter_map(Mapping::parse)
        .find(|mapping| (mapping.start..mapping.end).contains(&address))
        .ok_or_else(|| not_code("nothing is mapped there".into()))?;
    if mapping.inode == 0 {
        return Err(not_code("it is not in a mapped file".into()));
    }
    if !mapping.executable {
        return Err(not_code(format!("it is data of {}", mapping.path)));
    }
    Ok(Place {
        file: mapping.file(),
        offset: address - mapping.start + mapping.offset,
    })
}

/// The start of the function `symbol` in the file. Of several with that name, one that other
/// compilation units can call is meant rather than ones that they can't.
fn find_symbol(file: &Path, symbol: &str) -> Result<Place> {
    let elf = Elf::new(crate::file::open(file)?, file)?;
    let mut globals = Vec::new();
    let mut locals = Vec::new();
    elf.for_each_function(|function| {
        if function.name == symbol.as_bytes() {
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
    match *offsets.as_slice() {
        [offset] => Ok(Place {
            file: file.to_path_buf(),
            offset,
        }),
        [] => Err(Error::NoSymbol {
            file: real_name(file),
            symbol: symbol.into(),
            near: near_functions(&elf, symbol)?,
        }),
        _ => Err(Error::AmbiguousSymbol {
            file: real_name(file),
            symbol: symbol.into(),
            offsets,
        }),
    }
}

fn near_functions(elf: &Elf, symbol: &str) -> Result<Vec<String>> {
    let mut near = near::Matches::of(symbol);
    elf.for_each_function(|function| {
        if let Ok(name) = std::str::from_utf8(function.name) {
            near.offer(name);
        }
    })?;
    Ok(near.best())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
55d0a0000000-55d0a0010000 r--p 00000000 fe:00 1234    /opt/a b/server
55d0a0010000-55d0a0020000 r-xp 00010000 fe:00 1234    /opt/a b/server
7f0000000000-7f0000001000 r-xp 00002000 fe:00 99      /usr/lib/libx.so (deleted)
7f0000001000-7f0000002000 r-xp 00000000 00:00 0 
7ffc00000000-7ffc00001000 r-xp 00000000 00:00 0       [vdso]
";

    #[test]
    fn an_address_becomes_an_offset_in_its_file() {
        let place = place_in(MAPS, 0x55d0_a001_0123).unwrap();
        assert_eq!(place.file, Path::new("/opt/a b/server"));
        assert_eq!(place.offset, 0x10123);
    }

    #[test]
    fn a_deleted_library_is_reached_through_its_mapping() {
        let place = place_in(MAPS, 0x7f00_0000_0010).unwrap();
        let file = "/proc/self/map_files/7f0000000000-7f0000001000";
        assert_eq!(place.file, Path::new(file));
        assert_eq!(place.offset, 0x2010);
    }

    #[test]
    fn addresses_without_code_of_a_file_say_what_is_there() {
        for (address, expected) in [
            (0x1000, "nothing is mapped there"),
            (0x55d0_a000_0000, "it is data of /opt/a b/server"),
            (0x7f00_0000_1800, "it is not in a mapped file"),
            (0x7ffc_0000_0000, "it is not in a mapped file"),
        ] {
            let text = place_in(MAPS, address).unwrap_err().to_string();
            assert!(text.ends_with(expected), "{text}");
        }
    }

    #[test]
    fn code_of_this_program_is_reached_through_proc() {
        let function = mapped_place as fn(u64) -> Result<Place>;
        let place = mapped_place(function as usize as u64).unwrap();
        assert_eq!(place.file, Path::new(THIS_PROGRAM));
    }

    #[test]
    fn a_near_name_is_suggested_for_a_missing_symbol() {
        let error = find_symbol(Path::new(THIS_PROGRAM), "maim").unwrap_err();
        let this = std::env::current_exe().unwrap();
        let expected = "defines no function `maim`; did you mean main?";
        assert_eq!(error.to_string(), format!("{} {expected}", this.display()));
    }
}
