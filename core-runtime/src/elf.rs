//! What the runtime reads of an ELF file on disk: sections, loaded segments and symbols.
//!
//! The file is read piece by piece with `pread`. It is not mapped, because a mapped file that
//! another process truncates kills the reader, and it is not read whole, because an executable
//! with debug information can be larger than memory. (A BPF object, which is in memory anyway, is
//! read by `core_btf::elf`.)

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::file::real_name;

/// Most bytes of one section that are read into memory. The symbol tables of browsers take about
/// a tenth of it.
const MAX_SECTION_BYTES: u64 = 1 << 30;

const SHT_SYMTAB: u32 = 2;
const SHT_NOBITS: u32 = 8;
const SHT_DYNSYM: u32 = 11;
const SHF_COMPRESSED: u64 = 0x800;
const PT_LOAD: u32 = 1;
const PF_X: u32 = 1;

/// An ELF file, 32 or 64 bits, of either byte order.
#[derive(Debug)]
pub(crate) struct Elf {
    file: File,
    /// What errors call it.
    path: PathBuf,
    /// Bytes in the file when it was opened.
    len: u64,
    format: Format,
    sections: Vec<Section>,
    segments: Vec<Segment>,
}

/// Word size and byte order.
#[derive(Clone, Copy, Debug)]
struct Format {
    wide: bool,
    big: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) name: Vec<u8>,
    kind: u32,
    flags: u64,
    /// Place in the file, in bytes.
    pub(crate) offset: u64,
    pub(crate) size: u64,
    /// Number of the section with the names, for a symbol table.
    link: u32,
}

/// A part of the file that is mapped when the program runs.
#[derive(Clone, Copy, Debug)]
struct Segment {
    executable: bool,
    offset: u64,
    address: u64,
    file_size: u64,
}

/// A function that the file defines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a [u8],
    /// Virtual address, before relocation.
    pub(crate) address: u64,
    /// Visible outside its compilation unit.
    pub(crate) global: bool,
}

/// Numbers at byte offsets of a slice; 0 past its end, so callers check lengths first.
#[derive(Clone, Copy)]
struct Fields<'a> {
    bytes: &'a [u8],
    format: Format,
}

impl Fields<'_> {
    fn number<const N: usize>(self, at: usize) -> u64 {
        let mut wide = [0; 8];
        let Some(bytes) = self
            .bytes
            .get(at..)
            .and_then(|rest| rest.first_chunk::<N>())
        else {
            return 0;
        };
        for (i, &byte) in bytes.iter().enumerate() {
            let place = if self.format.big { N - 1 - i } else { i };
            if let Some(slot) = wide.get_mut(place) {
                *slot = byte;
            }
        }
        u64::from_le_bytes(wide)
    }

    fn u16(self, at: usize) -> u64 {
        self.number::<2>(at)
    }

    #[expect(clippy::cast_possible_truncation, reason = "four bytes were read")]
    fn u32(self, at: usize) -> u32 {
        self.number::<4>(at) as u32
    }

    /// A word of the file's word size: the 64-bit layout has it at `wide`, the 32-bit at `narrow`.
    fn word(self, wide: usize, narrow: usize) -> u64 {
        if self.format.wide {
            self.number::<8>(wide)
        } else {
            self.number::<4>(narrow)
        }
    }

    /// A 32-bit field whose place differs between the two layouts.
    fn u32_at(self, wide: usize, narrow: usize) -> u32 {
        self.u32(if self.format.wide { wide } else { narrow })
    }
}

impl Elf {
    /// Reads the headers of `file`, which was opened as `path`.
    pub(crate) fn new(file: File, path: &Path) -> Result<Self> {
        let len = file.metadata().map(|metadata| metadata.len());
        let len = len.map_err(|source| Error::Io {
            action: "open",
            path: real_name(path),
            source,
        })?;
        let mut elf = Self {
            file,
            path: real_name(path),
            len,
            format: Format {
                wide: true,
                big: false,
            },
            sections: Vec::new(),
            segments: Vec::new(),
        };
        elf.read_headers()?;
        Ok(elf)
    }

    /// The file itself.
    pub(crate) const fn file(&self) -> &File {
        &self.file
    }

    fn malformed(&self, what: &'static str, offset: u64) -> Error {
        Error::MalformedElf {
            file: self.path.clone(),
            what,
            offset,
        }
    }

    /// `len` bytes at `offset`, which must lie within the file.
    fn read(&self, what: &'static str, offset: u64, len: u64) -> Result<Vec<u8>> {
        let end = offset.checked_add(len);
        if end.is_none_or(|end| end > self.len) {
            return Err(self.malformed(what, offset));
        }
        let size = usize::try_from(len)
            .ok()
            .filter(|_| len <= MAX_SECTION_BYTES)
            .ok_or_else(|| self.malformed(what, offset))?;
        let mut bytes = vec![0; size];
        self.file
            .read_exact_at(&mut bytes, offset)
            .map_err(|source| match source.kind() {
                // The file has shrunk since it was opened.
                io::ErrorKind::UnexpectedEof => self.malformed(what, offset),
                _ => Error::Io {
                    action: "read",
                    path: self.path.clone(),
                    source,
                },
            })?;
        Ok(bytes)
    }

    fn fields<'a>(&self, bytes: &'a [u8]) -> Fields<'a> {
        Fields {
            bytes,
            format: self.format,
        }
    }

    fn read_headers(&mut self) -> Result<()> {
        let ident = self.read("ELF identification", 0, 16)?;
        let [0x7f, b'E', b'L', b'F', class @ (1 | 2), data @ (1 | 2), ..] = *ident.as_slice()
        else {
            return Err(self.malformed("ELF identification", 0));
        };
        self.format = Format {
            wide: class == 2,
            big: data == 2,
        };
        let wide = self.format.wide;
        let header = self.read("ELF header", 0, if wide { 64 } else { 52 })?;
        let header = self.fields(&header);
        let counts_at = if wide { 54 } else { 42 };

        let segments_at = header.word(32, 28);
        let (segment_size, segment_count) = (header.u16(counts_at), header.u16(counts_at + 2));
        self.segments = self.read_segments(segments_at, segment_size, segment_count)?;

        let sections_at = header.word(40, 32);
        let section_size = header.u16(counts_at + 4);
        let mut section_count = header.u16(counts_at + 6);
        let mut names_index = header.u16(counts_at + 8);
        if sections_at == 0 {
            return Ok(());
        }
        if section_size < if wide { 64 } else { 40 } {
            return Err(self.malformed("size of a section header", 0));
        }
        // Counts that do not fit 16 bits stand in the first section header.
        let first = self.read("first section header", sections_at, section_size)?;
        let first = self.fields(&first);
        if section_count == 0 {
            section_count = first.word(32, 20);
        }
        if names_index == 0xffff {
            names_index = u64::from(first.u32_at(40, 24));
        }
        self.sections =
            self.read_sections(sections_at, section_size, section_count, names_index)?;
        Ok(())
    }

    fn read_segments(&self, offset: u64, size: u64, count: u64) -> Result<Vec<Segment>> {
        if offset == 0 || count == 0 {
            return Ok(Vec::new());
        }
        if size < if self.format.wide { 56 } else { 32 } {
            return Err(self.malformed("size of a program header", 0));
        }
        let table = self.read("program headers", offset, size * count)?;
        Ok(table
            .chunks_exact(to_index(size))
            .map(|entry| self.fields(entry))
            .filter(|entry| entry.u32(0) == PT_LOAD)
            .map(|entry| Segment {
                executable: entry.u32_at(4, 24) & PF_X != 0,
                offset: entry.word(8, 4),
                address: entry.word(16, 8),
                file_size: entry.word(32, 16),
            })
            .collect())
    }

    fn read_sections(
        &self,
        offset: u64,
        size: u64,
        count: u64,
        names_index: u64,
    ) -> Result<Vec<Section>> {
        let bytes = size
            .checked_mul(count)
            .ok_or_else(|| self.malformed("section headers", offset))?;
        let table = self.read("section headers", offset, bytes)?;
        let mut name_offsets = Vec::new();
        let mut sections = Vec::new();
        for entry in table.chunks_exact(to_index(size)) {
            let entry = self.fields(entry);
            name_offsets.push(entry.u32(0));
            sections.push(Section {
                name: Vec::new(),
                kind: entry.u32(4),
                flags: entry.word(8, 8),
                offset: entry.word(24, 16),
                size: entry.word(32, 20),
                link: entry.u32_at(40, 24),
            });
        }
        if let Some(names) = sections.get(to_index(names_index)) {
            let names = self.read("section names", names.offset, names.size)?;
            for (section, name) in sections.iter_mut().zip(name_offsets) {
                section.name = name_at(&names, name).to_vec();
            }
        }
        Ok(sections)
    }

    /// The section of this name that has bytes in the file.
    pub(crate) fn section(&self, name: &str) -> Option<&Section> {
        self.sections
            .iter()
            .find(|section| section.name == name.as_bytes() && section.kind != SHT_NOBITS)
    }

    /// The bytes of a section.
    pub(crate) fn data(&self, section: &Section) -> Result<Vec<u8>> {
        if section.flags & SHF_COMPRESSED != 0 {
            return Err(self.malformed("section that should not be compressed", section.offset));
        }
        self.read("section", section.offset, section.size)
    }

    /// Visits the functions defined in `.symtab` and `.dynsym`; those in both, twice.
    pub(crate) fn for_each_function(&self, mut visit: impl FnMut(Function<'_>)) -> Result<()> {
        for table in &self.sections {
            if matches!(table.kind, SHT_SYMTAB | SHT_DYNSYM) {
                self.visit_functions(table, &mut visit)?;
            }
        }
        Ok(())
    }

    fn visit_functions(&self, table: &Section, visit: &mut impl FnMut(Function<'_>)) -> Result<()> {
        const STT_FUNC: u8 = 2;
        const STB_LOCAL: u8 = 0;
        let names = self
            .sections
            .get(table.link as usize)
            .ok_or_else(|| self.malformed("symbol table without names", table.offset))?;
        let names = self.data(names)?;
        let symbols = self.data(table)?;
        let wide = self.format.wide;
        for symbol in symbols.chunks_exact(if wide { 24 } else { 16 }) {
            let info = symbol.get(if wide { 4 } else { 12 }).copied();
            let info = info.unwrap_or_default();
            let symbol = self.fields(symbol);
            let section = symbol.u16(if wide { 6 } else { 14 });
            if info & 0xf == STT_FUNC && section != 0 {
                visit(Function {
                    name: name_at(&names, symbol.u32(0)),
                    address: symbol.word(8, 4),
                    global: info >> 4 != STB_LOCAL,
                });
            }
        }
        Ok(())
    }

    /// The place in the file of a virtual address of executable code. That, not the address, is
    /// what the kernel wants for a probe; they are the same only by accident of linking.
    pub(crate) fn file_offset(&self, address: u64) -> Option<u64> {
        self.segments
            .iter()
            .filter(|segment| segment.executable)
            .find_map(|segment| {
                let distance = address.checked_sub(segment.address)?;
                (distance < segment.file_size).then_some(())?;
                segment.offset.checked_add(distance)
            })
    }
}

/// The NUL-terminated name at `offset`; empty outside the table.
fn name_at(names: &[u8], offset: u32) -> &[u8] {
    let rest = names.get(offset as usize..).unwrap_or_default();
    rest.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// A number that the file's length already bounds, as an index.
fn to_index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
