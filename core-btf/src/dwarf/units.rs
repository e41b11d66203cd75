//! The units of an object: what is parsed in one go, and the numbering of entries.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use gimli::{DebugInfo, DebugTypeSignature, DebugTypes, DwLang, Reader as _, UnitHeader, UnitType};

use super::error::{Error, Problem};
use super::language::{is_flat, lower_bound};
use super::package::{Package, Part};
use super::root::unit_root;
use super::sections::{Sections, Slice};
use super::sound::damage;

/// Bytes of debug information that one thread takes at a time. Independent of the number of
/// threads, so that the result is too.
const CHUNK_BYTES: u32 = 1 << 17;

/// Most bytes in the names of the scopes around a type, which are part of its own.
pub(super) const MAX_PATH_BYTES: usize = 1 << 16;

/// Bytes of names that count as an entry.
const BYTES_PER_ENTRY: u64 = 64;

/// Place of an entry (DIE) in an object: its offset in `.debug_info`, or, behind all of those, in
/// `.debug_types` and then in `.debug_info` of the alternate file. Below 2^31; 0 is no entry, as a unit starts with its header.
pub(super) type Key = u32;

/// A unit and the key of its first byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit<'a> {
    pub(super) header: UnitHeader<Slice<'a>>,
    pub(super) start: Key,
    /// It is in the alternate file.
    pub(super) alternate: bool,
    /// Where its part of a package's `.debug_abbrev` starts; 0 outside of packages.
    abbreviations: usize,
    /// Where its part of a package's `.debug_str_offsets` starts; 0 outside of packages.
    pub(super) str_offsets: usize,
}

impl Unit<'_> {
    /// Keys of the entries in this unit.
    pub(super) fn keys(&self) -> Range<Key> {
        #[expect(clippy::cast_possible_truncation, reason = "units end below 2^31")]
        let len = self.header.length_including_self() as u32;
        self.start..self.start + len
    }

    /// The identity of a unit that is, or has, a split-off one, if its header says it (DWARF 5).
    pub(super) fn dwo_id(&self) -> Option<u64> {
        match self.header.type_() {
            UnitType::Skeleton(id) | UnitType::SplitCompilation(id) => Some(id.0),
            _ => None,
        }
    }

    /// Where its table of abbreviations starts.
    pub(super) fn table(&self) -> Table {
        let offset = self.header.debug_abbrev_offset().0;
        Table {
            alternate: self.alternate,
            offset: self.abbreviations.saturating_add(offset),
        }
    }
}

/// Place of a table of abbreviations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Table {
    alternate: bool,
    offset: usize,
}

#[cfg(test)]
impl Table {
    pub(super) fn at(offset: usize) -> Self {
        let alternate = false;
        Self { alternate, offset }
    }
}

/// The units of one object.
#[derive(Debug)]
pub(super) struct Units<'a> {
    pub(super) sections: &'a Sections<'a>,
    list: Vec<Unit<'a>>,
    /// Where the types of type units are.
    signatures: HashMap<u64, Key>,
    /// Where the tables of abbreviations start, in ascending order.
    tables: Vec<Table>,
    /// Units whose header is damaged.
    pub(super) damaged: Vec<(Key, Problem)>,
    /// What the languages of the units say of those that do not say theirs.
    flat: OnceLock<bool>,
    lower_bound: OnceLock<Option<u64>>,
    /// Most entries that may be read.
    max_entries: u64,
    /// How many have been, on all threads.
    entries: AtomicU64,
}

impl<'a> Units<'a> {
    /// Reads all unit headers.
    pub(super) fn read(sections: &'a Sections<'a>, max_entries: u64) -> Result<Self, Error> {
        let mut out = Self {
            sections,
            list: Vec::new(),
            signatures: HashMap::new(),
            tables: Vec::new(),
            damaged: Vec::new(),
            flat: OnceLock::new(),
            lower_bound: OnceLock::new(),
            max_entries,
            entries: AtomicU64::new(0),
        };
        let package = Package::read(sections)?;
        let mut failure = out.read_info(sections, 0, false, &package)?;
        let base = sections.info().len();
        let types = DebugTypes::from(sections.types());
        let mut headers = types.units();
        let mut end = 0;
        while let Some(header) = headers
            .next()
            .map_err(|error| sections.error(error, ".debug_types", end as u64))?
        {
            let part = package.types.get(&end).copied();
            out.push(header, base + end, false, part.unwrap_or_default())?;
            end += header.length_including_self();
        }
        if let Some(alternate) = &sections.alternate {
            let base = out.alternate_start();
            let other = out.read_info(alternate, base, true, &Package::default())?;
            failure = failure.or(other);
        }
        if let (Some(error), []) = (failure, out.list.as_slice()) {
            return Err(error);
        }
        out.tables = out.list.iter().map(Unit::table).collect();
        out.tables.sort_unstable();
        out.tables.dedup();
        Ok(out)
    }

    /// Reads the unit headers of a `.debug_info`, whose keys start at `base`. What is wrong with the
    /// first that is damaged is returned.
    fn read_info(
        &mut self,
        sections: &'a Sections<'a>,
        base: usize,
        alternate: bool,
        package: &Package,
    ) -> Result<Option<Error>, Error> {
        let info = sections.info();
        let mut headers = DebugInfo::from(info).units();
        let mut end = 0;
        let mut failure = None;
        loop {
            match headers.next() {
                Ok(None) => return Ok(failure),
                Ok(Some(header)) => {
                    let part = package.info.get(&end).copied();
                    self.push(header, base + end, alternate, part.unwrap_or_default())?;
                    end += header.length_including_self();
                }
                Err(error) => {
                    let error = sections.error(error, ".debug_info", end as u64);
                    let key = u32::try_from(base + end).unwrap_or_default();
                    self.damaged.extend(damage(&error).map(|it| (key, it)));
                    failure.get_or_insert(error);
                    // Where the next one starts is known, if nothing else is.
                    let Some((rest, skipped)) = behind(info, end) else {
                        return Ok(failure);
                    };
                    headers = DebugInfo::from(rest).units();
                    end += skipped;
                }
            }
        }
    }

    /// The first key of the alternate file.
    fn alternate_start(&self) -> usize {
        self.sections.info().len() + self.sections.types().len()
    }

    /// The key of what is at `offset` in the alternate file's `.debug_info`.
    pub(super) fn alternate_key(&self, offset: usize) -> Option<Key> {
        self.sections.alternate.as_ref()?;
        key_in(u32::try_from(self.alternate_start()).ok()?, offset)
    }

    /// All units.
    pub(super) fn list(&self) -> &[Unit<'a>] {
        &self.list
    }

    /// Whether a unit that does not say its language (the partial ones that dwz makes) is of one
    /// without scopes: if all others are.
    pub(super) fn is_flat(&self) -> bool {
        *self.flat.get_or_init(|| {
            let mut languages = self.languages().map(is_flat).peekable();
            languages.peek().is_some() && languages.all(|flat| flat)
        })
    }

    /// The number of the first element of arrays that do not say it, in units that do not say their
    /// language: none if that differs between the others.
    pub(super) fn lower_bound(&self) -> Option<u64> {
        *self.lower_bound.get_or_init(|| {
            let mut bounds = self.languages().map(lower_bound);
            let first = bounds.next().unwrap_or_default();
            bounds.all(|other| other == first).then_some(first)
        })
    }

    fn languages(&self) -> impl Iterator<Item = DwLang> {
        self.list.iter().filter_map(|unit| {
            let root = unit_root(self, unit).ok()??;
            root.language()
        })
    }

    fn push(
        &mut self,
        header: UnitHeader<Slice<'a>>,
        start: usize,
        alternate: bool,
        part: Part,
    ) -> Result<(), Error> {
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
        self.list.push(Unit {
            header,
            start,
            alternate,
            abbreviations: part.abbreviations,
            str_offsets: part.str_offsets,
        });
        Ok(())
    }

    /// Runs of units, each large enough to be worth a thread's while.
    pub(super) fn chunks(&self) -> Vec<&[Unit<'a>]> {
        let mut chunks = Vec::new();
        let mut rest = self.list.as_slice();
        while let Some(first) = rest.first() {
            let cut = rest
                .iter()
                .position(|unit| unit.start - first.start >= CHUNK_BYTES)
                .unwrap_or(rest.len());
            let (chunk, others) = rest.split_at(cut);
            chunks.push(chunk);
            rest = others;
        }
        chunks
    }

    /// The sections that a unit is in.
    pub(super) fn sections_of(&self, unit: &Unit<'a>) -> &'a Sections<'a> {
        let alternate = self.sections.alternate.as_deref();
        alternate
            .filter(|_| unit.alternate)
            .unwrap_or(self.sections)
    }

    /// Where tables of abbreviations are.
    pub(super) fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The bytes of a table of abbreviations.
    ///
    /// They end before the next one starts: tables that overlap could make each of many small units
    /// have all of a large section parsed.
    pub(super) fn table(&self, table: Table) -> Slice<'a> {
        let alternate = self.sections.alternate.as_deref();
        let sections = alternate.filter(|_| table.alternate);
        let section = sections.unwrap_or(self.sections).abbrev();
        let next = self.tables.partition_point(|other| *other <= table);
        let next = self.tables.get(next);
        let next = next.filter(|next| next.alternate == table.alternate);
        let end = next.map_or(section.len(), |next| next.offset.min(section.len()));
        section.range(table.offset.min(end)..end)
    }

    /// A DWARF error in a table of abbreviations.
    pub(super) fn abbreviation_error(&self, error: gimli::Error, table: Table) -> Error {
        let alternate = self.sections.alternate.as_deref();
        let sections = alternate.filter(|_| table.alternate);
        let sections = sections.unwrap_or(self.sections);
        sections.error(error, ".debug_abbrev", table.offset as u64)
    }

    /// The entry that a type unit's signature stands for.
    pub(super) fn signature(&self, signature: u64) -> Option<Key> {
        self.signatures.get(&signature).copied()
    }

    /// Counts entries that are kept in memory, of which the last is at `key`.
    fn count(&self, key: Key, count: u64) -> Result<(), Error> {
        // Only the sum matters, and it stays far below what a u64 holds.
        let before = self.entries.fetch_add(count, Ordering::Relaxed);
        if before + count <= self.max_entries {
            return Ok(());
        }
        let (section, offset) = self.place(key);
        Err(Error::TooMany {
            section,
            offset,
            limit: self.max_entries,
        })
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
        let key = key as usize;
        if let Some(offset) = key.checked_sub(self.alternate_start()) {
            return (".debug_info of the alternate file", offset as u64);
        }
        match key.checked_sub(info) {
            Some(offset) => (".debug_types", offset as u64),
            None => (".debug_info", key as u64),
        }
    }

    /// A DWARF error with its place, which is `key` unless the error knows better.
    pub(super) fn error(&self, error: gimli::Error, key: Key) -> Error {
        let (section, offset) = self.place(key);
        self.sections.error(error, section, offset)
    }
}

/// Counts entries that are kept in memory, some at a time: all threads count together.
pub(super) struct Tally<'u, 'a> {
    units: &'u Units<'a>,
    pending: u64,
}

impl<'u, 'a> Tally<'u, 'a> {
    /// Most that are not counted yet.
    const PENDING: u64 = 256;

    pub(super) fn new(units: &'u Units<'a>) -> Self {
        Self { units, pending: 0 }
    }

    /// Counts the entry at `key` and the `bytes` of names that are made for it.
    pub(super) fn add(&mut self, key: Key, bytes: usize) -> Result<(), Error> {
        self.pending += 1 + bytes as u64 / BYTES_PER_ENTRY;
        if self.pending < Self::PENDING {
            return Ok(());
        }
        self.flush(key)
    }

    /// Counts what is left.
    pub(super) fn flush(&mut self, key: Key) -> Result<(), Error> {
        self.units.count(key, std::mem::take(&mut self.pending))
    }
}

/// What is behind the unit at `offset`, and the number of bytes from that to there.
fn behind(section: Slice<'_>, offset: usize) -> Option<(Slice<'_>, usize)> {
    let mut rest = section;
    rest.skip(offset).ok()?;
    let before = rest.len();
    let (length, _) = rest.read_initial_length().ok()?;
    rest.skip(length).ok()?;
    (!rest.is_empty()).then(|| (rest, before - rest.len()))
}

/// The key of what is at `offset` in the unit that starts at `start`.
pub(super) fn key_in(start: Key, offset: usize) -> Option<Key> {
    u32::try_from(offset)
        .ok()
        .and_then(|offset| start.checked_add(offset))
        .filter(|key| *key < 1 << 31)
}
