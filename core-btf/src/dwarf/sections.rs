//! The debug sections of one object: decompressed, joined where there are several of one name, and
//! with relocations applied.

use std::borrow::Cow;

use gimli::{DebugInfo, EndianSlice, RunTimeEndian};
use object::read::elf::{ElfFile, FileHeader};
use object::{Endianness, Object as _, ObjectKind, ObjectSection as _, SectionIndex, elf};

use super::error::Error;
use super::relocate::{relocate, symbol_values};

/// What everything here is read through.
pub(super) type Slice<'a> = EndianSlice<'a, RunTimeEndian>;

/// Most bytes of one kind of section: offsets of entries are kept in 31 bits.
pub(super) const MAX_BYTES: u64 = 0x7fff_ffff;
/// A compressed section may grow to this, and beyond by [`MAX_GROWTH`]: what a few bytes of
/// malicious input can make us allocate is bounded.
const FREE_BYTES: u64 = 64 << 20;
/// Highest ratio of size to compressed size of large sections.
const MAX_GROWTH: u64 = 64;

/// Most bytes of all names of sections; a name ends where it ends, and many may end there.
const MAX_NAMES_BYTES: usize = 1 << 26;

/// The sections that types are read from; [`NAMES`] has their names in the same order.
const COUNT: usize = 8;
const NAMES: [&str; COUNT] = [
    "info",
    "types",
    "abbrev",
    "str",
    "line_str",
    "str_offsets",
    "cu_index",
    "tu_index",
];

/// The debug sections of one object.
#[derive(Debug)]
pub(super) struct Sections<'a> {
    pub(super) endian: RunTimeEndian,
    /// This is a split-off file (`.dwo`).
    pub(super) split_off: bool,
    data: [Cow<'a, [u8]>; COUNT],
    /// The sections of the alternate file, which several files share.
    pub(super) alternate: Option<Box<Self>>,
}

impl<'a> Sections<'a> {
    /// The debug sections of an ELF file, of `max_bytes` together at most; [`Error::NoDebugInfo`]
    /// when it has none.
    pub(super) fn load(data: &'a [u8], max_bytes: u64) -> Result<Self, Error> {
        // e_ident[EI_CLASS]
        match data.get(4) {
            Some(1) => Self::load_class::<elf::FileHeader32<Endianness>>(data, max_bytes),
            _ => Self::load_class::<elf::FileHeader64<Endianness>>(data, max_bytes),
        }
    }

    fn load_class<Elf: FileHeader<Endian = Endianness>>(
        data: &'a [u8],
        max_bytes: u64,
    ) -> Result<Self, Error> {
        let file = ElfFile::<Elf>::parse(data).map_err(|error| broken("ELF headers", &error))?;
        check_names(&file)?;
        let relocatable = file.kind() == ObjectKind::Relocatable;
        let endian = match file.endianness() {
            Endianness::Little => RunTimeEndian::Little,
            Endianness::Big => RunTimeEndian::Big,
        };

        // Objects have several sections of one name where type units are in COMDAT groups. They
        // are joined; `bases` says where in the joined section each of them starts.
        let mut parts: [Vec<SectionIndex>; COUNT] = Default::default();
        let mut found: [Option<Cow<'a, [u8]>>; COUNT] = Default::default();
        let mut bases = Vec::new();

        // Headers of many sections may be about the same bytes.
        let mut total = 0_u64;
        let limit = max_bytes.min(FREE_BYTES.max(MAX_GROWTH.saturating_mul(data.len() as u64)));
        let split_off = has_split_off(&file, endian, limit)?;
        for section in file.sections() {
            let Some(slot) = section
                .name_bytes()
                .ok()
                .and_then(|name| slot(name, split_off))
            else {
                continue;
            };
            let bytes = read(&section, limit - total)?;
            total += bytes.len() as u64;
            if total > limit {
                return Err(Error::TooLarge {
                    what: "debug information".to_owned(),
                    bytes: total,
                    limit,
                });
            }
            if let (Some(found), Some(parts)) = (found.get_mut(slot), parts.get_mut(slot)) {
                match found {
                    None => *found = Some(bytes),
                    Some(joined) => {
                        let index = section.index().0;
                        if bases.len() <= index {
                            bases.resize(index + 1, 0);
                        }
                        if let Some(base) = bases.get_mut(index) {
                            *base = joined.len() as u64;
                        }
                        joined.to_mut().extend_from_slice(&bytes);
                    }
                }
                parts.push(section.index());
            }
        }
        if found.first().is_none_or(Option::is_none) {
            return Err(Error::NoDebugInfo);
        }
        let mut sections = Self {
            endian,
            split_off,
            alternate: None,
            data: found.map(Option::unwrap_or_default),
        };
        for (name, data) in NAMES.iter().zip(&sections.data) {
            if data.len() as u64 > MAX_BYTES {
                return Err(Error::TooLarge {
                    what: format!(".debug_{name}"),
                    bytes: data.len() as u64,
                    limit: MAX_BYTES,
                });
            }
        }
        if relocatable {
            let symbols = symbol_values(&file, &bases);
            for (data, parts) in sections.data.iter_mut().zip(&parts) {
                for &part in parts {
                    relocate(&file, part, &bases, &symbols, data)?;
                }
            }
        }
        Ok(sections)
    }

    fn slice(&self, slot: usize) -> Slice<'_> {
        let data = self.data.get(slot).map(|data| &**data).unwrap_or_default();
        EndianSlice::new(data, self.endian)
    }

    pub(super) fn info(&self) -> Slice<'_> {
        self.slice(0)
    }

    pub(super) fn types(&self) -> Slice<'_> {
        self.slice(1)
    }

    pub(super) fn abbrev(&self) -> Slice<'_> {
        self.slice(2)
    }

    pub(super) fn str(&self) -> Slice<'_> {
        self.slice(3)
    }

    pub(super) fn line_str(&self) -> Slice<'_> {
        self.slice(4)
    }

    pub(super) fn str_offsets(&self) -> Slice<'_> {
        self.slice(5)
    }

    /// Indexes of the units and of the type units of a package (`.dwp`).
    pub(super) fn package_indexes(&self) -> [Slice<'_>; 2] {
        [self.slice(6), self.slice(7)]
    }

    /// A DWARF error with the place it happened at; `section` and `offset` say where reading
    /// started, for errors that do not know better.
    pub(super) fn error(&self, source: gimli::Error, section: &'static str, offset: u64) -> Error {
        const SECTIONS: [&str; COUNT] = [
            ".debug_info",
            ".debug_types",
            ".debug_abbrev",
            ".debug_str",
            ".debug_line_str",
            ".debug_str_offsets",
            ".debug_cu_index",
            ".debug_tu_index",
        ];
        let (mut section, mut offset) = (section, offset);
        if let gimli::Error::UnexpectedEof(id) = source {
            for (slot, name) in SECTIONS.iter().enumerate() {
                if let Some(at) = gimli::Reader::lookup_offset_id(&self.slice(slot), id) {
                    (section, offset) = (name, at as u64);
                    break;
                }
            }
        }
        Error::Dwarf {
            section,
            offset,
            source,
        }
    }
}

pub(super) fn broken(what: &str, error: &object::Error) -> Error {
    Error::Object {
        what: what.to_owned(),
        problem: error.to_string(),
    }
}

/// Fails if it would take long to look for a section by its name.
pub(super) fn check_names<'a>(file: &impl object::Object<'a>) -> Result<(), Error> {
    let mut left = MAX_NAMES_BYTES;
    for section in file.sections() {
        let len = section.name_bytes().map_or(0, <[u8]>::len);
        left = left.checked_sub(len).ok_or_else(|| Error::Object {
            what: "names of sections".to_owned(),
            problem: "are longer than is read".to_owned(),
        })?;
    }
    Ok(())
}

/// Whether what is split off is in this file, maybe beside its skeleton, which has no types
/// (`-gsplit-dwarf=single`). A linker that joins such objects loses what belongs together.
fn has_split_off<'a>(
    file: &impl object::Object<'a>,
    endian: RunTimeEndian,
    max_bytes: u64,
) -> Result<bool, Error> {
    let named = |name: &'static [u8]| {
        file.sections()
            .filter(move |section| section.name_bytes() == Ok(name))
    };
    if named(b".debug_info.dwo").next().is_none() {
        return Ok(false);
    }
    let mut skeletons = 0;
    for section in named(b".debug_info") {
        let bytes = read(&section, max_bytes)?;
        let mut units = DebugInfo::new(&bytes, endian).units();
        while skeletons < 2 && matches!(units.next(), Ok(Some(_))) {
            skeletons += 1;
        }
    }
    if skeletons > 1 {
        return Err(Error::Object {
            what: ".debug_info.dwo".to_owned(),
            problem: "has been joined with other units by a linker".to_owned(),
        });
    }
    Ok(true)
}

/// Which of [`NAMES`] a section's name stands for: `.debug_X`, the old compressed `.zdebug_X`, or of
/// what is split off, `.debug_X.dwo`; a package's indexes have no such end.
fn slot(name: &[u8], split_off: bool) -> Option<usize> {
    let rest = name
        .strip_prefix(b".debug_")
        .or_else(|| name.strip_prefix(b".zdebug_"))?;
    let rest = match rest.strip_suffix(b".dwo") {
        Some(rest) if split_off => rest,
        None if !split_off || rest.ends_with(b"u_index") => rest,
        _ => return None,
    };
    NAMES.iter().position(|known| known.as_bytes() == rest)
}

/// The decompressed bytes of a section, `max_bytes` at most.
pub(super) fn read<'a>(
    section: &impl object::ObjectSection<'a>,
    max_bytes: u64,
) -> Result<Cow<'a, [u8]>, Error> {
    let name = || {
        section
            .name_bytes()
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .unwrap_or_default()
    };
    let data = section
        .compressed_data()
        .map_err(|error| broken(&name(), &error))?;
    let packed = data.data.len() as u64;
    let limit = max_bytes
        .min(MAX_BYTES)
        .min(FREE_BYTES.max(packed.saturating_mul(MAX_GROWTH)));
    if data.format != object::CompressionFormat::None && data.uncompressed_size > limit {
        return Err(Error::TooLarge {
            what: name(),
            bytes: data.uncompressed_size,
            limit,
        });
    }
    if data.format != object::CompressionFormat::None && !cfg!(feature = "compressed") {
        return Err(Error::Object {
            what: name(),
            problem: "is compressed, which core-btf reads with its feature `compressed`".to_owned(),
        });
    }
    data.decompress().map_err(|error| broken(&name(), &error))
}
