//! A fast hash for tables whose keys are compared anyway.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A seeded hash: each word is mixed in by a multiplication whose halves are folded.
///
/// The seed is random, so that input cannot be made to fill neighbouring slots of a table. What is
/// kept in the order that it came in does not depend on it.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    start: u64,
    key: u64,
}

impl Default for Seed {
    fn default() -> Self {
        Self::random()
    }
}

impl Seed {
    pub(crate) fn random() -> Self {
        let random = RandomState::new();
        Self {
            start: random.hash_one(0),
            key: random.hash_one(1) | 1,
        }
    }

    /// The hash of some bytes.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.build_hasher();
        hasher.write_u64(bytes.len() as u64);
        hasher.write(bytes);
        hasher.finish()
    }
}

impl BuildHasher for Seed {
    type Hasher = Mixer;

    fn build_hasher(&self) -> Mixer {
        Mixer {
            hash: self.start,
            key: self.key,
        }
    }
}

/// A hash in the making.
#[derive(Clone, Debug)]
pub(crate) struct Mixer {
    hash: u64,
    key: u64,
}

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.hash
    }

    fn write(&mut self, bytes: &[u8]) {
        words(bytes).for_each(|word| self.write_u64(word));
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(word.into());
    }

    fn write_u16(&mut self, word: u16) {
        self.write_u64(word.into());
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_u64(&mut self, word: u64) {
        self.hash = fold(self.hash ^ word, self.key);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}

/// The product, of which both halves are used.
#[inline]
pub(crate) fn fold(word: u64, key: u64) -> u64 {
    let product = u128::from(word) * u128::from(key);
    #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
    let folded = product as u64 ^ (product >> 64) as u64;
    folded
}

/// Bytes as words, the last of which is filled up with zeros.
#[inline]
pub(crate) fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let chunks = chunks.iter().copied().chain([last]);
    chunks.map(u64::from_le_bytes)
}

/// An open-addressed table of numbers, whose keys are elsewhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    /// A key's hash, and its number; 0 marks a free slot. As many as a power of two, a quarter of
    /// them free.
    slots: Vec<(u32, u32)>,
    taken: usize,
}

/// Slots of the first table.
const FIRST_SLOTS: usize = 64;

impl Slots {
    /// The number of the key that has `hash` and for whose number `is_it` says so.
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let (mask, hash) = (self.slots.len().checked_sub(1)?, short(hash));
        let mut at = hash as usize & mask;
        while let Some(&(other, number @ 1..)) = self.slots.get(at) {
            if other == hash && is_it(number) {
                return Some(number);
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Adds a key that is not there yet, under a number other than 0.
    pub(crate) fn insert(&mut self, hash: u64, number: u32) {
        if 4 * self.taken >= 3 * self.slots.len() {
            let slots = (2 * self.slots.len()).max(FIRST_SLOTS);
            for (hash, number) in std::mem::replace(&mut self.slots, vec![(0, 0); slots]) {
                if number != 0 {
                    self.put(hash, number);
                }
            }
        }
        self.taken += 1;
        self.put(short(hash), number);
    }

    fn put(&mut self, hash: u32, number: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while let Some((_, 1..)) = self.slots.get(at) {
            at = (at + 1) & mask;
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = (hash, number);
        }
    }
}

fn short(hash: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "half of it is enough")]
    let short = hash as u32;
    short
}
