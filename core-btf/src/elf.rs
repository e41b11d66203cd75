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
    pub offset: u64,
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
pub(crate) struct Fields<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) endian: Endian,
    pub(crate) wide: bool,
}

impl Fields<'_> {
    pub(crate) fn half(self, at: usize) -> Option<u64> {
        let bytes: [u8; 2] = *self.data.get(at..)?.first_chunk()?;
        Some(u64::from(match self.endian {
            Endian::Little => u16::from_le_bytes(bytes),
            Endian::Big => u16::from_be_bytes(bytes),
        }))
    }

    pub(crate) fn word(self, at: usize) -> Option<u32> {
        self.endian.word_at(self.data, at)
    }

    /// The address-sized field at `at32` or `at64`.
    pub(crate) fn address(self, at32: usize, at64: usize) -> Option<u64> {
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

pub(crate) fn text_at(strings: &[u8], offset: u32) -> Option<&str> {
    let rest = strings.get(offset as usize..)?;
    let len = rest.iter().position(|&b| b == 0)?;
    std::str::from_utf8(rest.get(..len)?).ok()
}

pub(crate) fn slice<'a>(
    data: &'a [u8],
    what: &'static str,
    offset: u64,
    len: u64,
) -> Result<&'a [u8]> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Builder;

    fn sample(endian: Endian, wide: bool, extended: bool) -> Vec<u8> {
        let mut builder = Builder::new(endian, wide);
        builder.extended = extended;
        builder.section("uprobe", 1, 6, 0, &[1; 32]);
        builder.section(".bss", 8, 3, 0, &[]);
        builder.functions(&[("first", 1, 0, 16), ("second", 1, 16, 16)]);
        builder.section(".BTF", 1, 0, 0, b"types");
        builder.finish()
    }

    /// Classes, byte orders and numberings differ in where things stand, not in what is found.
    #[test]
    fn every_form_of_file_reads_alike() {
        for endian in [Endian::Little, Endian::Big] {
            for (wide, extended) in [(false, false), (true, false), (false, true), (true, true)] {
                let data = sample(endian, wide, extended);
                let elf = Elf::parse(&data).unwrap();
                assert_eq!(elf.endian(), endian);
                let names: Vec<_> = elf.sections().iter().map(|s| s.name).collect();
                let expected = [
                    "",
                    "uprobe",
                    ".bss",
                    ".strtab",
                    ".symtab",
                    ".BTF",
                    ".shstrtab",
                ];
                assert_eq!(names, expected);
                assert!(elf.section("uprobe").unwrap().is_code());
                assert!(elf.section(".bss").unwrap().data.is_empty());
                assert_eq!(section(&data, ".BTF").unwrap(), Some(&b"types"[..]));
                assert_eq!(section(&data, ".BTF.ext").unwrap(), None);
                let found: Vec<_> = elf
                    .functions()
                    .map(|f| (f.name, f.section, f.offset_bytes, f.size_bytes))
                    .collect();
                assert_eq!(found, [("first", 1, 0, 16), ("second", 1, 16, 16)]);
            }
        }
    }

    /// What is cut off is an error that says where; nothing panics.
    #[test]
    fn truncated_files_are_errors() {
        let data = sample(Endian::Little, true, false);
        for len in 0..data.len() {
            assert!(Elf::parse(&data[..len]).is_err(), "{len} bytes");
        }
        assert_eq!(Elf::parse(&data[..3]).unwrap_err(), Error::NotElf);
    }

    /// A file may lie in any byte.
    #[test]
    fn damaged_files_do_not_panic() {
        for wide in [false, true] {
            let data = sample(Endian::Little, wide, false);
            for at in 0..data.len() {
                for bit in 0..8 {
                    let mut damaged = data.clone();
                    damaged[at] ^= 1 << bit;
                    if let Ok(elf) = Elf::parse(&damaged) {
                        elf.functions().for_each(drop);
                    }
                }
            }
        }
    }

    /// Fields that no valid file has.
    #[test]
    fn malformed_headers_are_named() {
        let damaged = |at: usize, value: &[u8]| {
            let mut data = sample(Endian::Little, true, false);
            data[at..at + value.len()].copy_from_slice(value);
            Elf::parse(&data).unwrap_err().to_string()
        };
        assert_eq!(damaged(4, &[3]), "ELF class at offset 0x4 is 3, not 1 or 2");
        assert_eq!(
            damaged(5, &[0]),
            "ELF byte order at offset 0x5 is 0, not 1 or 2"
        );
        assert!(damaged(58, &[63, 0]).starts_with("ELF section header size at offset 0x3a is 63"));
        assert!(damaged(60, &[0xff, 0xff]).starts_with("ELF section headers at offset"));
        assert!(damaged(40, &[0xff; 8]).starts_with("ELF section headers at offset"));
    }
}
