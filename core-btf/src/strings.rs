//! The string section in the making: names, each stored once.

use crate::error::{Error, Result};
use crate::hash::{Seed, Slots};
use crate::model::NameOffset;
use crate::write::MAX_STRING_BYTES;

/// Names, each stored once.
///
/// Shapes: `bytes` is the string section, from its leading NUL on. `slots` has the names' offsets, and
/// the names themselves are its keys: nothing is allocated per name.
#[derive(Clone, Debug)]
pub(crate) struct Strings {
    bytes: Vec<u8>,
    slots: Slots,
    seed: Seed,
    /// Names that [`Strings::intern_again`] had, by where they were or what they are; empty until it is
    /// used.
    #[cfg(feature = "dwarf")]
    recent: Vec<(u64, NameOffset)>,
}

/// Most entries of the table of recent names; a power of two.
#[cfg(feature = "dwarf")]
const RECENT: usize = 1 << 15;

impl Strings {
    /// The empty name alone.
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0],
            slots: Slots::default(),
            seed: Seed::random(),
            #[cfg(feature = "dwarf")]
            recent: Vec::new(),
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
        let hash = self.seed.bytes(name.as_bytes());
        let found = self.slots.find(hash, |offset| {
            // A stored name has no NUL, so the first one ends it.
            self.is_at(NameOffset(offset), name.as_bytes())
        });
        // What has a NUL would seem to be there if what ends at the NUL is.
        if name.contains('\0') {
            return Err(Error::Name {
                offset: u32::try_from(self.bytes.len()).unwrap_or(u32::MAX),
                problem: "to be given to a name that contains NUL",
            });
        }
        if let Some(known) = found {
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
        self.slots.insert(hash, offset);
        Ok(NameOffset(offset))
    }

    /// Like [`Strings::intern`], for bytes that are likely to come again from the same place in memory.
    /// What is not UTF-8 is replaced.
    #[cfg(feature = "dwarf")]
    pub(crate) fn intern_again(&mut self, name: &[u8]) -> Result<NameOffset> {
        // Short names are often in the entry itself: for these, what they say is as good.
        let place = match name.first_chunk::<8>() {
            Some(_) => name.as_ptr() as usize as u64,
            None => name.iter().fold(1, |key, byte| key << 8 | u64::from(*byte)),
        };
        let mixed = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let slot = mixed as usize & self.recent.len().wrapping_sub(1);
        if let Some((other, known)) = self.recent.get(slot)
            && *other == place
            && self.is_at(*known, name)
        {
            return Ok(*known);
        }
        let offset = match std::str::from_utf8(name) {
            Ok(name) => self.intern(name)?,
            Err(_) => self.intern(&String::from_utf8_lossy(name))?,
        };
        if self.recent.len() < RECENT.min(self.slots.len()) {
            // As long as there are few names, so is there little to remember.
            self.recent = vec![(0, NameOffset::ANONYMOUS); RECENT.min(self.slots.len())];
        } else if let Some(recent) = self.recent.get_mut(slot) {
            *recent = (place, offset);
        }
        Ok(offset)
    }

    /// Whether the name at `offset` is this one, which has no NUL.
    fn is_at(&self, offset: NameOffset, name: &[u8]) -> bool {
        let stored = self.bytes.get(offset.0 as usize..).unwrap_or_default();
        stored.starts_with(name) && stored.get(name.len()) == Some(&0)
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

    /// What is somewhere else by then, or shorter, is told apart.
    #[cfg(feature = "dwarf")]
    #[test]
    fn names_from_one_place_in_memory_need_not_be_one_name() {
        let mut strings = Strings::new();
        let mut place = *b"first";
        let first = strings.intern_again(&place).unwrap();
        assert_eq!(strings.intern_again(&place).unwrap(), first);
        assert_ne!(strings.intern_again(&place[..3]).unwrap(), first);
        place = *b"other";
        let other = strings.intern_again(&place).unwrap();
        assert_eq!(strings.get(other), "other");
        assert_eq!(strings.intern("first").unwrap(), first);
        let replaced = strings.intern_again(b"\xff").unwrap();
        assert_eq!(strings.get(replaced), "\u{fffd}");
        assert_eq!(strings.intern_again(b"").unwrap(), NameOffset::ANONYMOUS);
        assert!(strings.intern_again(b"a\0b").is_err());
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
