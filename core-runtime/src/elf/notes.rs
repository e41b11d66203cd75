//! The build-id of an ELF file, from its notes.

use super::file::Elf;
use crate::error::Result;

const SHT_NOTE: u32 = 7;
const NT_GNU_BUILD_ID: u32 = 3;

/// Most bytes of notes that are read; those that matter come in a segment of some dozens.
const MAX_NOTES_BYTES: u64 = 64 << 10;

/// Most bytes of a build-id. Linkers make 20, or as many as a user gives them.
const MAX_BUILD_ID: usize = 64;

impl Elf {
    /// The GNU build-id: what tells this build from all others, if the linker was asked for it.
    pub(crate) fn build_id(&self) -> Result<Option<Vec<u8>>> {
        // A file of debug information may have sections only, a stripped program segments only.
        let sections = self.sections.iter();
        let sections = sections.filter(|section| section.kind == SHT_NOTE);
        let sections = sections.map(|section| (section.offset, section.size));
        for (offset, size) in self.notes.iter().copied().chain(sections) {
            let notes = self.read("notes", offset, size.min(MAX_NOTES_BYTES))?;
            if let Some(id) = self.build_id_in(&notes) {
                return Ok(Some(id.to_vec()));
            }
        }
        Ok(None)
    }

    fn build_id_in<'a>(&self, notes: &'a [u8]) -> Option<&'a [u8]> {
        const HEADER: usize = 12;
        let mut rest = notes;
        while rest.len() >= HEADER {
            let header = self.fields(rest);
            let name_len = header.u32(0) as usize;
            let len = header.u32(4) as usize;
            let name = rest.get(HEADER..HEADER.checked_add(name_len)?)?;
            // Names and contents are padded to four bytes.
            let start = (HEADER + name_len).next_multiple_of(4);
            let content = rest.get(start..start.checked_add(len)?)?;
            if name == b"GNU\0" && header.u32(8) == NT_GNU_BUILD_ID {
                return Some(content).filter(|id| (1..=MAX_BUILD_ID).contains(&id.len()));
            }
            rest = rest.get((start + len).next_multiple_of(4)..)?;
        }
        None
    }
}
