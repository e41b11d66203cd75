//! Entries, as they are read.

use gimli::DwTag;

use super::read::Open;
use crate::dwarf::key_index::KeyIndex;
use crate::dwarf::units::Key;
use crate::fingerprint::Fingerprint;

/// Marks the parent of an entry that is a [`Scope`].
pub(super) const SCOPE: u32 = 1 << 31;

/// An entry. Other entries are numbered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Die<'a> {
    pub(super) name: &'a str,
    /// A type's size, a member's offset, an array's length, an enumerator's or a variant's value.
    pub(super) value: u64,
    /// The entry of its type, or a variant part's tag, from 1; 0 for none. While a unit is read, the key.
    pub(super) ty: u32,
    /// The first entry that is not inside this one.
    pub(super) end: u32,
    /// The entry that this one is inside of, or with [`SCOPE`], the scope.
    pub(super) parent: u32,
    pub(super) key: Key,
    pub(super) tag: DwTag,
    pub(super) has: Has,
    /// A base type's `DW_AT_encoding`, or the bytes of a variant's value.
    pub(super) detail: u8,
}

impl Die<'_> {
    /// Its value, if there is one of 64 bits at most.
    pub(super) fn value(&self) -> Option<u64> {
        (self.has == Has::Value).then_some(self.value)
    }

    /// The value, if it is one of 128 bits.
    pub(super) fn wide(&self, wide: &[u128]) -> Option<u128> {
        let at = usize::try_from(self.value).ok();
        let at = at.filter(|_| self.has == Has::Wide)?;
        wide.get(at).copied()
    }
}

/// Whether an entry has a value, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Has {
    /// It has none.
    Nothing,
    /// In the entry.
    Value,
    /// Of 128 bits: in [`Entries::wide`], at the place that the entry says.
    Wide,
}

/// Types that are not part of another, and what they consist of.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    pub(super) list: Vec<Die<'a>>,
    /// The fingerprints of their names.
    pub(super) names: Vec<Fingerprint>,
    /// Of each entry, the number of the type that it is a part of.
    pub(super) item_of: Vec<u32>,
    /// The first entries of those types.
    pub(super) items: Vec<u32>,
    /// Values that are wider than an entry has room for.
    pub(super) wide: Vec<u128>,
}

impl Entries<'_> {
    pub(super) const fn new() -> Self {
        Self {
            list: Vec::new(),
            names: Vec::new(),
            item_of: Vec::new(),
            items: Vec::new(),
            wide: Vec::new(),
        }
    }

    /// Forgets all entries, but not the room they had.
    pub(super) fn clear(&mut self) {
        self.truncate([0; 3]);
    }

    pub(super) fn lens(&self) -> [usize; 3] {
        [self.list.len(), self.items.len(), self.wide.len()]
    }

    pub(super) fn truncate(&mut self, [list, items, wide]: [usize; 3]) {
        self.list.truncate(list);
        self.names.truncate(list);
        self.item_of.truncate(list);
        self.items.truncate(items);
        self.wide.truncate(wide);
    }

    /// Notes that what is inside an entry ends.
    pub(super) fn close(&mut self, open: Open) {
        let end = count(&self.list);
        if let Open::Entry(at) = open
            && let Some(die) = self.list.get_mut(at as usize)
        {
            die.end = end;
        }
    }

    /// Lets references be to entries instead of keys; those that lead nowhere are none.
    pub(super) fn resolve(&mut self) {
        let Some(first) = self.list.first().map(|die| die.key) else {
            return;
        };
        let index = KeyIndex::new(first, self.list.iter().map(|die| die.key));
        for at in 0..self.list.len() {
            let Some(key) = self.list.get(at).map(|die| die.ty).filter(|key| *key != 0) else {
                continue;
            };
            let found = index.find(&self.list, key, |die| die.key);
            if let Some(die) = self.list.get_mut(at) {
                die.ty = found.map_or(0, |found| count_of(found) + 1);
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "there are fewer entries than keys"
)]
pub(super) fn count_of(len: usize) -> u32 {
    len as u32
}

/// How many there are.
pub(super) fn count<T>(list: &[T]) -> u32 {
    count_of(list.len())
}
