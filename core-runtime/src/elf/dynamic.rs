//! What an ELF file tells the dynamic linker: its own name as a library, and those it needs.

use super::fields::name_at;
use super::file::Elf;
use crate::error::Result;

const SHT_DYNAMIC: u32 = 6;
const DT_NEEDED: u64 = 1;
const DT_SONAME: u64 = 14;

/// Most bytes of a library's name, as of a file's.
const MAX_NAME: usize = 255;

/// Most libraries that are listed.
const MAX_NEEDED: usize = 1024;

/// Names for the dynamic linker.
#[derive(Debug, Default)]
pub(crate) struct Dynamic {
    /// The name by which others are linked to this library.
    pub(crate) soname: Option<String>,
    /// The names of the libraries that this file is linked to.
    pub(crate) needed: Vec<String>,
}

impl Elf {
    pub(crate) fn dynamic(&self) -> Result<Dynamic> {
        let mut dynamic = Dynamic::default();
        let sections = &self.sections;
        let Some(table) = sections.iter().find(|table| table.kind == SHT_DYNAMIC) else {
            return Ok(dynamic);
        };
        let Some(names) = sections.get(table.link as usize) else {
            return Ok(dynamic);
        };
        let (names, entries) = (self.data(names)?, self.data(table)?);
        let size = if self.format.wide { 16 } else { 8 };
        for entry in entries.chunks_exact(size) {
            let entry = self.fields(entry);
            let Ok(offset) = u32::try_from(entry.word(8, 4)) else {
                continue;
            };
            let name = || String::from_utf8_lossy(name_at(&names, offset, MAX_NAME)).into_owned();
            match entry.word(0, 0) {
                DT_SONAME => dynamic.soname = Some(name()),
                DT_NEEDED if dynamic.needed.len() < MAX_NEEDED => dynamic.needed.push(name()),
                _ => {}
            }
        }
        Ok(dynamic)
    }
}
