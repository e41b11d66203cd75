//! Fingerprints, for what is large to keep and slow to compare.

use std::hash::{BuildHasher as _, RandomState};

use crate::hash::{Slots, fold, words};

/// 128 bits that stand for something: that what differs has the same is too unlikely to be met.
///
/// They depend on numbers that each run draws, so they are good for nothing but to be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64, u64);

impl Fingerprint {
    /// That of what comes in no order: it is added up.
    #[cfg(feature = "dwarf")]
    #[must_use]
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0), self.1.wrapping_add(other.1))
    }
}

/// The numbers that fingerprints depend on.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    start: Fingerprint,
    keys: [u64; 2],
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
            start: Fingerprint(random.hash_one(0), random.hash_one(1)),
            keys: [random.hash_one(2) | 1, random.hash_one(3) | 1],
        }
    }

    /// That of nothing yet.
    #[cfg(feature = "dwarf")]
    pub(crate) const fn start(&self) -> Fingerprint {
        self.start
    }

    /// That of what `print` is of, and a word.
    #[inline]
    pub(crate) fn word(&self, print: Fingerprint, word: u64) -> Fingerprint {
        let [first, second] = self.keys;
        Fingerprint(fold(print.0 ^ word, first), fold(print.1 ^ word, second))
    }

    /// That of what `print` is of, and what `other` is of.
    #[cfg(feature = "dwarf")]
    #[inline]
    pub(crate) fn pair(&self, print: Fingerprint, other: Fingerprint) -> Fingerprint {
        let [first, second] = self.keys;
        let print = Fingerprint(
            fold(print.0 ^ other.0, first),
            fold(print.1 ^ other.1, second),
        );
        Fingerprint(
            fold(print.0 ^ other.1, first),
            fold(print.1 ^ other.0, second),
        )
    }

    /// That of some bytes.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Fingerprint {
        self.bytes_after(self.start, bytes)
    }

    /// That of what `print` is of, and some bytes.
    pub(crate) fn bytes_after(&self, print: Fingerprint, bytes: &[u8]) -> Fingerprint {
        let print = self.word(print, bytes.len() as u64);
        words(bytes).fold(print, |print, word| self.word(print, word))
    }
}

/// What is known by its fingerprint, and the number of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers {
    slots: Slots,
    list: Vec<(Fingerprint, u32)>,
}

impl Numbers {
    /// The number of what has this fingerprint.
    pub(crate) fn get(&self, print: Fingerprint) -> Option<u32> {
        let is_it = |at: u32| self.at(at).is_some_and(|(other, _)| other == print);
        let at = self.slots.find(print.0, is_it)?;
        self.at(at).map(|(_, number)| number)
    }

    fn at(&self, at: u32) -> Option<(Fingerprint, u32)> {
        self.list.get(at as usize - 1).copied()
    }

    /// Gives a number to what has none yet.
    pub(crate) fn insert(&mut self, print: Fingerprint, number: u32) {
        self.list.push((print, number));
        #[expect(clippy::cast_possible_truncation, reason = "fewer than entries")]
        let at = self.list.len() as u32;
        self.slots.insert(print.0, at);
    }

    /// How often this was asked for before.
    pub(crate) fn add(&mut self, print: Fingerprint) -> u32 {
        let is_it = |at: u32| self.at(at).is_some_and(|(other, _)| other == print);
        let Some(at) = self.slots.find(print.0, is_it) else {
            self.insert(print, 0);
            return 0;
        };
        let times = self.list.get_mut(at as usize - 1);
        times.map_or(0, |(_, times)| {
            *times += 1;
            *times
        })
    }

    #[cfg(feature = "dwarf")]
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.slots = Slots::default();
    }
}

#[cfg(test)]
mod tests {
    use super::{Numbers, Seed};

    /// Whatever goes in, and in whichever order, shows.
    #[test]
    fn what_differs_has_another() {
        let seed = Seed::random();
        let texts = [
            "",
            "\0",
            "a",
            "a\0",
            "b",
            "ab",
            "ba",
            "12345678",
            "123456789",
        ];
        let mut prints: Vec<_> = texts.map(|text| seed.bytes(text.as_bytes())).to_vec();
        let [a, b] = [seed.bytes(b"a"), seed.bytes(b"b")];
        prints.extend([seed.word(a, 0), seed.word(a, 1), seed.word(b, 0)]);
        prints.push(seed.bytes_after(a, b"b"));
        for (at, print) in prints.iter().enumerate() {
            assert!(!prints[..at].contains(print), "{at}");
        }
        assert_eq!(seed.bytes(b"ab"), seed.bytes(b"ab"));
        assert_ne!(Seed::random().bytes(b"ab"), seed.bytes(b"ab"));
    }

    #[cfg(feature = "dwarf")]
    #[test]
    fn pairs_have_an_order_and_sums_have_none() {
        let seed = Seed::random();
        let [a, b, c] = [b"a", b"b", b"c"].map(|text| seed.bytes(text));
        assert_ne!(seed.pair(a, b), seed.pair(b, a));
        assert_ne!(seed.pair(seed.pair(a, b), c), seed.pair(a, seed.pair(b, c)));
        assert_eq!(a.and(b).and(c), c.and(a).and(b));
        assert_ne!(a.and(a), a);
    }

    #[test]
    fn numbers_are_kept_however_many_there_are() {
        let seed = Seed::random();
        let print = |at: u32| seed.bytes(&at.to_le_bytes());
        let mut numbers = Numbers::default();
        for at in 0..5000 {
            assert_eq!(numbers.get(print(at)), None);
            numbers.insert(print(at), at / 2);
        }
        for at in 0..5000 {
            assert_eq!(numbers.get(print(at)), Some(at / 2));
        }
    }

    #[test]
    fn what_is_asked_for_again_is_counted() {
        let seed = Seed::random();
        let [a, b] = [b"a", b"b"].map(|text| seed.bytes(text));
        let mut numbers = Numbers::default();
        let times = [a, a, b, a].map(|print| numbers.add(print));
        assert_eq!(times, [0, 1, 0, 2]);
        assert_eq!([a, b].map(|print| numbers.get(print)), [Some(2), Some(0)]);
    }
}
