//! Finding types by kind and essential name in a large blob.
//!
//! vmlinux has 130 000 types, and a load waits for the answer. Nothing is allocated per type: the
//! kind sorts out most of them, and the first two bytes of the name nearly all others, before a
//! name is looked at.

use crate::model::{Kind, TypeId};
use crate::read::{Btf, MAX_NAME_BYTES};
use crate::relo::matching::kinds_are_compat;
use crate::relo::name::essential_name;

/// Most types of one name that are taken. Real blobs have a handful; hostile ones must not make
/// every relocation be tried against thousands.
const MAX_FOUND: usize = 64;

/// A kind and essential name to look for, and who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'n> {
    pub(crate) asker: usize,
    pub(crate) kind: Kind,
    pub(crate) name: &'n [u8],
}

/// A bit for each pair of bytes that a wanted name may begin with.
struct Starts(Vec<u64>);

impl Starts {
    fn new(wanted: &[Wanted<'_>]) -> Self {
        let mut starts = Self(vec![0; 1 << 10]);
        for wanted in wanted {
            match *wanted.name {
                [] => {}
                // The name ends there, or goes on with a flavor.
                [first] => {
                    starts.set([first, 0]);
                    starts.set([first, b'_']);
                }
                [first, second, ..] => starts.set([first, second]),
            }
        }
        starts
    }

    fn set(&mut self, start: [u8; 2]) {
        let bit = u16::from_le_bytes(start);
        if let Some(word) = self.0.get_mut(usize::from(bit >> 6)) {
            *word |= 1 << (bit & 63);
        }
    }

    fn has(&self, start: [u8; 2]) -> bool {
        let bit = u16::from_le_bytes(start);
        let word = self.0.get(usize::from(bit >> 6));
        word.is_some_and(|word| word >> (bit & 63) & 1 != 0)
    }
}

/// All types of `btf` that one of `wanted` means, with who asked, ascending by id.
pub(crate) fn search(btf: &Btf<'_>, wanted: &[Wanted<'_>]) -> Vec<(usize, TypeId)> {
    let mut kinds = 0_u32;
    for wanted in wanted {
        kinds |= 1 << wanted.kind as u8;
        if wanted.kind.is_enum() {
            kinds |= 1 << Kind::Enum as u8 | 1 << Kind::Enum64 as u8;
        }
    }
    let mut found: Vec<(usize, TypeId)> = Vec::new();
    if kinds == 0 {
        return found;
    }
    let starts = Starts::new(wanted);
    for (id, kind, name) in btf.names_of_kinds(kinds) {
        if !name.first_chunk().is_some_and(|start| starts.has(*start)) {
            continue;
        }
        for wanted in wanted {
            if !name.starts_with(wanted.name) || !kinds_are_compat(wanted.kind, kind) {
                continue;
            }
            // `name` runs to the end of the string section: cut it only now.
            let name = name.get(..MAX_NAME_BYTES).unwrap_or(name);
            let Some(len) = name.iter().position(|&b| b == 0) else {
                continue;
            };
            let whole = name.get(..len).unwrap_or_default();
            let count = || found.iter().filter(|(asker, _)| *asker == wanted.asker);
            if essential_name(whole) == wanted.name && count().count() < MAX_FOUND {
                found.push((wanted.asker, id));
            }
        }
    }
    found
}
