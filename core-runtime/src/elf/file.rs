//! The headers of an ELF file, and what is read by them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fields::{Fields, Format, name_at, to_index};
use crate::error::{Error, Result};

/// Most bytes of one section that are read into memory. The symbol tables of browsers take about
/// a tenth of it.
const MAX_SECTION_BYTES: u64 = 1 << 29;

/// Most sections of a file. A linked binary has a few dozen.
const MAX_SECTIONS: u64 = 1 << 16;

/// Most bytes of a section's name; none that is looked for has as many.
const MAX_SECTION_NAME: usize = 64;

const SHT_NOBITS: u32 = 8;
const SHF_COMPRESSED: u64 = 0x800;
const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const PF_X: u32 = 1;

/// An ELF file, 32 or 64 bits, of either byte order.
#[derive(Debug)]
pub(crate) struct Elf {
    file: Arc<File>,
    /// What errors call it.
    path: PathBuf,
    /// Bytes in the file when it was opened.
    len: u64,
    pub(super) format: Format,
    pub(super) sections: Vec<Section>,
    segments: Vec<Segment>,
    /// Places in the file and sizes of the notes, in bytes.
    pub(super) notes: Vec<(u64, u64)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) name: Vec<u8>,
    pub(super) kind: u32,
    flags: u64,
    /// Place in the file, in bytes.
    pub(crate) offset: u64,
    pub(crate) size: u64,
    /// Number of the section with the names, for a symbol table.
    pub(super) link: u32,
}

/// A part of the file that is mapped when the program runs.
#[derive(Clone, Copy, Debug)]
struct Segment {
    executable: bool,
    offset: u64,
    address: u64,
    file_size: u64,
}

impl Elf {
    /// Reads the headers of `file`, which errors call `path`.
    pub(crate) fn new(file: File, path: PathBuf) -> Result<Self> {
        let len = file.metadata().map(|metadata| metadata.len());
        let len = len.map_err(|source| Error::Io {
            action: "open",
            path: path.clone(),
            source,
        })?;
        let mut elf = Self {
            file: Arc::new(file),
            path,
            len,
            format: Format {
                wide: true,
                big: false,
            },
            sections: Vec::new(),
            segments: Vec::new(),
            notes: Vec::new(),
        };
        elf.read_headers()?;
        Ok(elf)
    }

    /// The file itself.
    pub(crate) const fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// What errors call the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn malformed(&self, what: &'static str, offset: u64) -> Error {
        Error::MalformedElf {
            file: self.path.clone(),
            what,
            offset,
        }
    }

    /// `len` bytes at `offset`, which must lie within the file.
    pub(super) fn read(&self, what: &'static str, offset: u64, len: u64) -> Result<Vec<u8>> {
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

    /// `len` bytes at `at` of what starts at `offset`.
    pub(super) fn read_at(
        &self,
        what: &'static str,
        offset: u64,
        at: u64,
        len: u64,
    ) -> Result<Vec<u8>> {
        let start = offset.checked_add(at);
        self.read(what, start.unwrap_or(u64::MAX), len)
    }

    pub(super) fn fields<'a>(&self, bytes: &'a [u8]) -> Fields<'a> {
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
        self.read_segments(segments_at, segment_size, segment_count)?;

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

    fn read_segments(&mut self, offset: u64, size: u64, count: u64) -> Result<()> {
        if offset == 0 || count == 0 {
            return Ok(());
        }
        if size < if self.format.wide { 56 } else { 32 } {
            return Err(self.malformed("size of a program header", 0));
        }
        let table = self.read("program headers", offset, size * count)?;
        for entry in table.chunks_exact(to_index(size)) {
            let entry = self.fields(entry);
            let segment = Segment {
                executable: entry.u32_at(4, 24) & PF_X != 0,
                offset: entry.word(8, 4),
                address: entry.word(16, 8),
                file_size: entry.word(32, 16),
            };
            match entry.u32(0) {
                PT_LOAD => self.segments.push(segment),
                PT_NOTE => self.notes.push((segment.offset, segment.file_size)),
                _ => {}
            }
        }
        Ok(())
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
            .filter(|_| count <= MAX_SECTIONS)
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
                section.name = name_at(&names, name, MAX_SECTION_NAME).to_vec();
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

    /// The bytes of a section of `max` bytes at most.
    pub(crate) fn data_of(&self, section: &Section, max: u64) -> Result<Vec<u8>> {
        if section.size > max {
            return Err(self.malformed("size of a section", section.offset));
        }
        self.data(section)
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
