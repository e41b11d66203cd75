//! The string section in the making: names, each stored once.

#[cfg(feature = "dwarf")]
use std::collections::{HashMap, hash_map::Entry};

use crate::error::{Error, Result};
use crate::hash::{Seed, Slots};
use crate::model::NameOffset;
#[cfg(feature = "dwarf")]
use crate::model::Type;
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
    /// Most bytes there may be.
    limit: u64,
}

impl Strings {
    /// The empty name alone.
    pub(crate) fn new() -> Self {
        Self::with_limit(MAX_STRING_BYTES)
    }

    /// The same, for more bytes than a blob may have.
    pub(crate) fn with_limit(limit: u64) -> Self {
        Self {
            limit,
            bytes: vec![0],
            slots: Slots::default(),
            seed: Seed::random(),
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
        if end > self.limit {
            return Err(Error::Limit {
                what: "bytes of names",
                value: end,
                limit: self.limit,
            });
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "no limit is beyond 31 bits"
        )]
        let offset = offset as u32;
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.slots.insert(hash, offset);
        Ok(NameOffset(offset))
    }

    /// Lets types whose names are in `other` have them here, in the order of the types.
    #[cfg(feature = "dwarf")]
    pub(crate) fn adopt(&mut self, types: &mut [Type], other: &Self) -> Result<()> {
        let mut known: HashMap<NameOffset, NameOffset, Seed> = HashMap::with_hasher(Seed::random());
        for ty in types {
            let mut done = Ok(());
            ty.for_each_name_mut(|name| {
                let new = match known.entry(*name) {
                    Entry::Occupied(known) => Ok(*known.get()),
                    Entry::Vacant(place) => {
                        let new = self.intern(other.get(*name));
                        new.map(|new| *place.insert(new))
                    }
                };
                match new {
                    Ok(new) => *name = new,
                    Err(error) => done = Err(error),
                }
            });
            done?;
        }
        Ok(())
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
