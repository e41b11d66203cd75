//! The string section in the making: names, each stored once.

use std::hash::{BuildHasher as _, RandomState};

use crate::error::{Error, Result};
use crate::model::NameOffset;
use crate::write::MAX_STRING_BYTES;

/// Slots of the first table; always a power of two.
const FIRST_SLOTS: usize = 64;

/// Names, each stored once.
///
/// Shapes: `bytes` is the string section, from its leading NUL on. `slots` is an open-addressed
/// table of the names' offsets, and the names themselves its keys: nothing is allocated per name.
/// Offset 0, the empty name, marks a free slot.
#[derive(Clone, Debug)]
pub(crate) struct Strings {
    bytes: Vec<u8>,
    slots: Vec<u32>,
    names: usize,
    /// Random, so that input cannot be made to fill neighbouring slots. The order of `bytes` does
    /// not depend on it.
    seed: [u64; 2],
}

impl Strings {
    /// The empty name alone.
    pub(crate) fn new() -> Self {
        let random = RandomState::new();
        Self {
            bytes: vec![0],
            slots: Vec::new(),
            names: 0,
            seed: [random.hash_one(0), random.hash_one(1) | 1],
        }
    }

    /// The string section.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The name at `offset`; empty if none was stored there.
    pub(crate) fn get(&self, offset: NameOffset) -> &str {
        let rest = self.bytes.get(offset.0 as usize..).unwrap_or_default();
        let len = rest.iter().position(|&b| b == 0).unwrap_or(0);
        std::str::from_utf8(rest.get(..len).unwrap_or_default()).unwrap_or_default()
    }

    /// The offset of `name`, which is added when it is not there yet.
    pub(crate) fn intern(&mut self, name: &str) -> Result<NameOffset> {
        if name.is_empty() {
            return Ok(NameOffset::ANONYMOUS);
        }
        if name.contains('\0') {
            return Err(Error::Name {
                offset: u32::try_from(self.bytes.len()).unwrap_or(u32::MAX),
                problem: "to be given to a name that contains NUL",
            });
        }
        if 4 * self.names >= 3 * self.slots.len() {
            self.grow();
        }
        let at = self.find(name.as_bytes());
        if let Some(&known @ 1..) = self.slots.get(at) {
            return Ok(NameOffset(known));
        }
        let offset = self.bytes.len() as u64;
        let end = offset + name.len() as u64 + 1;
        if end > MAX_STRING_BYTES {
            return Err(Error::Limit {
                what: "bytes of names",
                value: end,
                limit: MAX_STRING_BYTES,
            });
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked against 24 bits")]
        let offset = offset as u32;
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.names += 1;
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = offset;
        }
        Ok(NameOffset(offset))
    }

    /// The slot that holds `name`, or the free one where it belongs. There is a free slot.
    fn find(&self, name: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the low bits are what is wanted"
        )]
        let mut at = self.hash(name) as usize & mask;
        while let Some(&offset @ 1..) = self.slots.get(at) {
            let stored = self.bytes.get(offset as usize..).unwrap_or_default();
            // A stored name has no NUL, so the first one ends it.
            if stored.starts_with(name) && stored.get(name.len()) == Some(&0) {
                break;
            }
            at = (at + 1) & mask;
        }
        at
    }

    /// Doubles the table and puts all names into it anew.
    fn grow(&mut self) {
        let slots = (2 * self.slots.len()).max(FIRST_SLOTS);
        let old = std::mem::replace(&mut self.slots, vec![0; slots]);
        for offset in old.into_iter().filter(|offset| *offset != 0) {
            let rest = self.bytes.get(offset as usize..).unwrap_or_default();
            let len = rest.iter().position(|&b| b == 0).unwrap_or(0);
            let at = self.find(rest.get(..len).unwrap_or_default());
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = offset;
            }
        }
    }

    /// A seeded hash: each 8 bytes are mixed in by a multiplication whose halves are folded.
    fn hash(&self, name: &[u8]) -> u64 {
        let [start, key] = self.seed;
        let mix = |hash: u64, bytes: [u8; 8]| {
            let product = u128::from(hash ^ u64::from_le_bytes(bytes)) * u128::from(key);
            #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
            let folded = product as u64 ^ (product >> 64) as u64;
            folded
        };
        let (chunks, rest) = name.as_chunks::<8>();
        let hash = chunks
            .iter()
            .fold(start ^ name.len() as u64, |hash, chunk| mix(hash, *chunk));
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        mix(hash, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stored_once_in_the_order_they_came() {
        let mut strings = Strings::new();
        let names: Vec<_> = (0..5000).map(|at| format!("name{}", at % 3000)).collect();
        let offsets: Vec<_> = names.iter().map(|it| strings.intern(it).unwrap()).collect();
        for (name, offset) in names.iter().zip(&offsets) {
            assert_eq!(strings.get(*offset), name);
            assert_eq!(strings.intern(name).unwrap(), *offset);
        }
        assert_eq!(offsets[..2000], offsets[3000..]);
        let expected = names[..3000].join("\0") + "\0";
        assert_eq!(&strings.bytes()[1..], expected.as_bytes());
    }

    #[test]
    fn prefixes_are_other_names() {
        let mut strings = Strings::new();
        let long = strings.intern("abcdefghij").unwrap();
        let short = strings.intern("abcdefgh").unwrap();
        assert_ne!(long, short);
        assert_eq!(strings.get(short), "abcdefgh");
        assert_eq!(strings.intern("").unwrap(), NameOffset::ANONYMOUS);
    }

    #[test]
    fn a_name_with_nul_is_refused_whatever_is_stored() {
        let mut strings = Strings::new();
        strings.intern("a").unwrap();
        strings.intern("b").unwrap();
        for name in ["a\0b", "\0", "a\0", "c\0d"] {
            assert!(
                matches!(strings.intern(name), Err(Error::Name { .. })),
                "{name:?}"
            );
        }
    }

    #[test]
    fn no_more_bytes_than_offsets_reach() {
        let mut strings = Strings::new();
        let name = "x".repeat(1 << 20);
        for at in 0..15 {
            strings.intern(&format!("{at}{name}")).unwrap();
        }
        let error = strings.intern(&format!("last{name}")).unwrap_err();
        assert!(matches!(error, Error::Limit { .. }), "{error}");
    }
}
