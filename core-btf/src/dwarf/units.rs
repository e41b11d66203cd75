//! The units of an object: what is parsed in one go, and the numbering of entries.

use std::collections::HashMap;
use std::ops::Range;

use gimli::{
    Abbreviations, DebugAbbrev, DebugAbbrevOffset, DebugInfo, DebugTypeSignature, DebugTypes,
    Reader as _, UnitHeader, UnitType,
};

use super::error::Error;
use super::sections::{Sections, Slice};

/// Bytes of debug information that one thread takes at a time. Independent of the number of
/// threads, so that the result is too.
const CHUNK_BYTES: u32 = 1 << 17;

/// Place of an entry (DIE) in an object: its offset in `.debug_info`, or, behind all of those, in
/// `.debug_types`. Below 2^31; 0 is no entry, as a unit starts with its header.
pub(super) type Key = u32;

/// A unit and the key of its first byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit<'a> {
    pub(super) header: UnitHeader<Slice<'a>>,
    pub(super) start: Key,
}

/// The units of one object.
#[derive(Debug)]
pub(super) struct Units<'a> {
    pub(super) sections: &'a Sections<'a>,
    list: Vec<Unit<'a>>,
    /// Where the types of type units are.
    signatures: HashMap<u64, Key>,
    /// Where the tables of abbreviations start, in ascending order.
    tables: Vec<usize>,
}

impl<'a> Units<'a> {
    /// Reads all unit headers.
    pub(super) fn read(sections: &'a Sections<'a>) -> Result<Self, Error> {
        let mut out = Self {
            sections,
            list: Vec::new(),
            signatures: HashMap::new(),
            tables: Vec::new(),
        };
        let info = DebugInfo::from(sections.info());
        let mut headers = info.units();
        let mut end = 0;
        while let Some(header) = headers
            .next()
            .map_err(|error| sections.error(error, ".debug_info", end as u64))?
        {
            out.push(header, end)?;
            end += header.length_including_self();
        }
        let base = sections.info().len();
        let types = DebugTypes::from(sections.types());
        let mut headers = types.units();
        let mut end = 0;
        while let Some(header) = headers
            .next()
            .map_err(|error| sections.error(error, ".debug_types", end as u64))?
        {
            out.push(header, base + end)?;
            end += header.length_including_self();
        }
        let table = |unit: &Unit<'_>| unit.header.debug_abbrev_offset().0;
        out.tables = out.list.iter().map(table).collect();
        out.tables.sort_unstable();
        out.tables.dedup();
        Ok(out)
    }

    fn push(&mut self, header: UnitHeader<Slice<'a>>, start: usize) -> Result<(), Error> {
        let end = start as u64 + header.length_including_self() as u64;
        let start = u32::try_from(start).ok().filter(|_| end < 1 << 31);
        let Some(start) = start else {
            return Err(Error::TooLarge {
                what: ".debug_info and .debug_types".to_owned(),
                bytes: end,
                limit: 1 << 31,
            });
        };
        let signature = match header.type_() {
            UnitType::Type {
                type_signature,
                type_offset,
            }
            | UnitType::SplitType {
                type_signature,
                type_offset,
            } => Some((type_signature, type_offset)),
            _ => None,
        };
        if let Some((DebugTypeSignature(signature), offset)) = signature
            && let Some(key) = key_in(start, offset.0)
        {
            self.signatures.insert(signature, key);
        }
        self.list.push(Unit { header, start });
        Ok(())
    }

    /// Runs of units, each large enough to be worth a thread's while.
    pub(super) fn chunks(&self) -> Vec<Chunk<'_, 'a>> {
        let mut chunks = Vec::new();
        let mut rest = self.list.as_slice();
        while let Some(first) = rest.first() {
            let cut = rest
                .iter()
                .position(|unit| unit.start - first.start >= CHUNK_BYTES)
                .unwrap_or(rest.len());
            let (units, others) = rest.split_at(cut);
            let end = others.first().map_or(1 << 31, |unit| unit.start);
            chunks.push(Chunk {
                all: self,
                units,
                keys: first.start..end,
            });
            rest = others;
        }
        chunks
    }

    /// The table of abbreviations that starts at `offset`.
    ///
    /// It ends before the next one starts: tables that overlap could make each of many small units
    /// have all of a large section parsed.
    pub(super) fn abbreviations(&self, offset: usize) -> Result<Abbreviations, Error> {
        let section = self.sections.abbrev();
        let next = self.tables.partition_point(|table| *table <= offset);
        let end = self.tables.get(next).copied().unwrap_or(section.len());
        let mut table = section;
        table
            .truncate(end.min(section.len()))
            .and_then(|()| DebugAbbrev::from(table).abbreviations(DebugAbbrevOffset(offset)))
            .map_err(|error| self.sections.error(error, ".debug_abbrev", offset as u64))
    }

    /// The entry that a type unit's signature stands for.
    pub(super) fn signature(&self, signature: u64) -> Option<Key> {
        self.signatures.get(&signature).copied()
    }

    /// Size of an address in the first unit, in bytes.
    pub(super) fn pointer_bytes(&self) -> u8 {
        self.list
            .first()
            .map_or(0, |unit| unit.header.address_size())
    }

    /// Section and offset of an entry, for messages.
    pub(super) fn place(&self, key: Key) -> (&'static str, u64) {
        let info = self.sections.info().len();
        match (key as usize).checked_sub(info) {
            Some(offset) => (".debug_types", offset as u64),
            None => (".debug_info", u64::from(key)),
        }
    }

    /// A DWARF error with its place, which is `key` unless the error knows better.
    pub(super) fn error(&self, error: gimli::Error, key: Key) -> Error {
        let (section, offset) = self.place(key);
        self.sections.error(error, section, offset)
    }
}

/// The key of what is at `offset` in the unit that starts at `start`.
pub(super) fn key_in(start: Key, offset: usize) -> Option<Key> {
    u32::try_from(offset)
        .ok()
        .and_then(|offset| start.checked_add(offset))
        .filter(|key| *key < 1 << 31)
}

/// Neighbouring units that are collected together.
#[derive(Debug)]
pub(super) struct Chunk<'u, 'a> {
    pub(super) all: &'u Units<'a>,
    pub(super) units: &'u [Unit<'a>],
    /// Keys of the entries in these units, and of none in others.
    pub(super) keys: Range<Key>,
}
