//! A tiny reader of ELF sections and symbols: 32 and 64 bits, both byte orders, extended section
//! numbering.
//!
//! Enough for BPF objects and for the `.BTF` section of binaries; nothing is read that a bound has
//! not been checked for, and what is allocated is at most proportional to the input.

use crate::error::{Error, Result};
use crate::read::Endian;

const SHT_SYMTAB: u32 = 2;
const SHT_NOBITS: u32 = 8;
const SHF_EXECINSTR: u64 = 4;
const SHN_XINDEX: u64 = 0xffff;
const STT_FUNC: u8 = 2;

/// The sections of an ELF file.
#[derive(Clone, Debug)]
pub struct Elf<'a> {
    endian: Endian,
    wide: bool,
    sections: Vec<Section<'a>>,
}

/// A section.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// Name; empty when it is not UTF-8 or outside the string table.
    pub name: &'a str,
    /// Bytes; none for a section without bytes in the file.
    pub data: &'a [u8],
    /// Where the bytes are in the file.
    pub(crate) offset: u64,
    kind: u32,
    flags: u64,
    link: u32,
}

impl Section<'_> {
    /// Whether the section holds instructions.
    #[must_use]
    pub const fn is_code(&self) -> bool {
        self.flags & SHF_EXECINSTR != 0
    }
}

/// A function symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function<'a> {
    /// Name.
    pub name: &'a str,
    /// Number of the section it is in.
    pub section: usize,
    /// Value of the symbol; in a relocatable object, bytes from the start of the section.
    pub offset_bytes: u64,
    /// Size, in bytes.
    pub size_bytes: u64,
}

/// Fields of an ELF structure, whose addresses and sizes are 4 or 8 bytes.
#[derive(Clone, Copy)]
struct Fields<'a> {
    data: &'a [u8],
    endian: Endian,
    wide: bool,
}

impl Fields<'_> {
    fn half(self, at: usize) -> Option<u64> {
        let bytes: [u8; 2] = *self.data.get(at..)?.first_chunk()?;
        Some(u64::from(match self.endian {
            Endian::Little => u16::from_le_bytes(bytes),
            Endian::Big => u16::from_be_bytes(bytes),
        }))
    }

    fn word(self, at: usize) -> Option<u32> {
        self.endian.word_at(self.data, at)
    }

    /// The address-sized field at `at32` or `at64`.
    fn address(self, at32: usize, at64: usize) -> Option<u64> {
        if !self.wide {
            return self.word(at32).map(u64::from);
        }
        let bytes: [u8; 8] = *self.data.get(at64..)?.first_chunk()?;
        Some(match self.endian {
            Endian::Little => u64::from_le_bytes(bytes),
            Endian::Big => u64::from_be_bytes(bytes),
        })
    }
}

/// One section header, its name not yet looked up.
struct Header {
    name: u32,
    kind: u32,
    flags: u64,
    offset: u64,
    size: u64,
    link: u32,
}

impl Header {
    fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            name: fields.word(0)?,
            kind: fields.word(4)?,
            flags: fields.address(8, 8)?,
            offset: fields.address(16, 24)?,
            size: fields.address(20, 32)?,
            link: fields.word(if fields.wide { 40 } else { 24 })?,
        })
    }
}

fn text_at(strings: &[u8], offset: u32) -> Option<&str> {
    let rest = strings.get(offset as usize..)?;
    let len = rest.iter().position(|&b| b == 0)?;
    std::str::from_utf8(rest.get(..len)?).ok()
}

fn slice<'a>(data: &'a [u8], what: &'static str, offset: u64, len: u64) -> Result<&'a [u8]> {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let need = usize::try_from(len).unwrap_or(usize::MAX);
    data.get(start..)
        .and_then(|rest| rest.get(..need))
        .ok_or(Error::Truncated {
            what,
            offset: start,
            need,
            have: data.len().saturating_sub(start),
        })
}

impl<'a> Elf<'a> {
    /// Reads the section headers.
    ///
    /// # Errors
    /// [`Error::NotElf`], and [`Error::Truncated`] or [`Error::Invalid`] with the place.
    pub fn parse(data: &'a [u8]) -> Result<Self> {
        let Some(&[0x7f, b'E', b'L', b'F', class, order, ..]) = data.first_chunk::<16>() else {
            return Err(Error::NotElf);
        };
        let bad = |what, offset, value, expected| Error::Invalid {
            what,
            offset,
            value,
            expected,
        };
        let wide = match class {
            1 => false,
            2 => true,
            other => return Err(bad("ELF class", 4, other.into(), "1 or 2")),
        };
        let endian = match order {
            1 => Endian::Little,
            2 => Endian::Big,
            other => return Err(bad("ELF byte order", 5, other.into(), "1 or 2")),
        };
        let (header_bytes, entry_bytes) = if wide { (64, 64) } else { (52, 40) };
        let header = Fields {
            data: slice(data, "ELF header", 0, header_bytes)?,
            endian,
            wide,
        };
        // All inside the header, whose length was checked.
        let table = header.address(32, 40).unwrap_or_default();
        let half = |at32, at64| {
            let at = if wide { at64 } else { at32 };
            header.half(at).unwrap_or_default()
        };
        let (entry, count, names) = (half(46, 58), half(48, 60), half(50, 62));
        let mut elf = Self {
            endian,
            wide,
            sections: Vec::new(),
        };
        if table == 0 {
            return Ok(elf);
        }
        if entry != entry_bytes {
            let at = if wide { 58 } else { 46 };
            return Err(bad("ELF section header size", at, entry, "40 or 64"));
        }
        let headers = |count: u64| {
            let bytes = slice(
                data,
                "ELF section headers",
                table,
                count.saturating_mul(entry),
            )?;
            #[expect(clippy::cast_possible_truncation, reason = "40 or 64")]
            let entries = bytes.chunks_exact(entry as usize);
            Ok::<_, Error>(
                entries.filter_map(move |data| Header::read(Fields { data, endian, wide })),
            )
        };
        // Counts that do not fit 16 bits stand in the first section header.
        let Some(first) = headers(1)?.next() else {
            return Ok(elf);
        };
        let count = if count == 0 { first.size } else { count };
        let names = if names == SHN_XINDEX {
            u64::from(first.link)
        } else {
            names
        };
        let names = usize::try_from(names).unwrap_or(usize::MAX);
        let names = match headers(count)?.nth(names) {
            Some(header) => slice(data, "ELF section names", header.offset, header.size)?,
            None => &[],
        };
        for header in headers(count)? {
            let bytes = if header.kind == SHT_NOBITS || header.kind == 0 {
                &[]
            } else {
                slice(data, "ELF section", header.offset, header.size)?
            };
            elf.sections.push(Section {
                name: text_at(names, header.name).unwrap_or_default(),
                data: bytes,
                offset: header.offset,
                kind: header.kind,
                flags: header.flags,
                link: header.link,
            });
        }
        Ok(elf)
    }

    /// Byte order.
    #[must_use]
    pub const fn endian(&self) -> Endian {
        self.endian
    }

    /// All sections; a section's number is its place here.
    #[must_use]
    pub fn sections(&self) -> &[Section<'a>] {
        &self.sections
    }

    /// The first section of this name.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The function symbols, in the order of the symbol table.
    pub fn functions(&self) -> impl Iterator<Item = Function<'a>> + '_ {
        let (endian, wide) = (self.endian, self.wide);
        let entry = if wide { 24 } else { 16 };
        self.sections
            .iter()
            .filter(|section| section.kind == SHT_SYMTAB)
            .flat_map(move |symbols| {
                let names = self.sections.get(symbols.link as usize);
                let names = names.map_or(&[][..], |section| section.data);
                symbols.data.chunks_exact(entry).filter_map(move |data| {
                    let fields = Fields { data, endian, wide };
                    let (info, section) = if wide { (4, 6) } else { (12, 14) };
                    if data.get(info)? & 0xf != STT_FUNC {
                        return None;
                    }
                    Some(Function {
                        name: text_at(names, fields.word(0)?)?,
                        section: usize::try_from(fields.half(section)?).ok()?,
                        offset_bytes: fields.address(4, 8)?,
                        size_bytes: fields.address(8, 16)?,
                    })
                })
            })
    }
}

/// The bytes of the section of this name, if there is one.
///
/// # Errors
/// As [`Elf::parse`].
pub fn section<'a>(elf: &'a [u8], name: &str) -> Result<Option<&'a [u8]>> {
    Ok(Elf::parse(elf)?.section(name).map(|section| section.data))
}
