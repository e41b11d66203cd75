//! Names, as they are in `.debug_str`.

use crate::dwarf::entries;
use crate::fingerprint::{Fingerprint, Seed};

/// A name and its fingerprint.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Name<'a> {
    pub(super) text: &'a str,
    pub(super) print: Fingerprint,
}

/// Names that were read before, by their places. Of several that share one here, the last is known.
#[derive(Debug)]
pub(super) struct Known<'a> {
    names: Vec<(u64, Name<'a>)>,
}

/// Most names that are known at a time; a power of two.
const KNOWN: usize = 1 << 14;

impl<'a> Known<'a> {
    /// For some bytes of debug information.
    pub(super) fn new(bytes: usize) -> Self {
        let names = (bytes / 32).clamp(16, KNOWN).next_power_of_two();
        Self {
            names: vec![(0, Name::default()); names],
        }
    }

    /// The name of an entry; none if it is not UTF-8, or too long.
    #[inline]
    pub(super) fn get(
        &mut self,
        name: Option<entries::Name<'a>>,
        seed: &Seed,
    ) -> gimli::Result<Name<'a>> {
        let Some(entries::Name { place, text }) = name else {
            return Ok(name_of(&[], seed));
        };
        #[expect(clippy::cast_possible_truncation, reason = "the low bits are enough")]
        let slot = (place ^ place >> 14) as usize & (self.names.len() - 1);
        if let Some((at, name)) = self.names.get(slot)
            && *at == place
            && place != 0
        {
            return Ok(*name);
        }
        let name = name_of(text.find()?.unwrap_or_default(), seed);
        if let Some(known) = self.names.get_mut(slot) {
            *known = (place, name);
        }
        Ok(name)
    }
}

/// A name by its bytes.
fn name_of<'a>(bytes: &'a [u8], seed: &Seed) -> Name<'a> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    Name {
        text,
        print: seed.bytes(text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, Name};

    /// Found by fuzzing: each file, however small, took 655 kB.
    #[test]
    fn small_files_take_little_memory() {
        let known = Known::new(100);
        assert!(known.names.len() * size_of::<(u64, Name<'_>)>() < 64 * 100);
    }
}
