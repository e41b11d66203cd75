//! Fingerprints of types, which are equal where types are: whichever unit describes them.
//!
//! Units describe the same types over and over. What a type's fingerprint is made of is all that its
//! entry says, and those of all types that it refers to, directly or through others. A reference
//! itself is to a name; that is enough as long as a unit has but one type of a name, and where it has
//! several, they are numbered. So two types of one fingerprint have the same entries behind them all
//! the way, while types that are alike may, where names are not unique, have different ones.
//!
//! Types that refer to each other in a circle (they are *strongly connected*) have the fingerprints of
//! each other in theirs; they are found as Tarjan's algorithm does it.

#[cfg(test)]
mod tests;

use super::entries::{Die, Entries, SCOPE, count};
use super::scopes::Scopes;
use crate::fingerprint::{Fingerprint, Numbers, Seed};

/// How deep types without names may nest in each other.
const MAX_NESTING: u32 = 64;

/// The fingerprints of the types of some units, and what it takes to make them.
#[derive(Debug)]
pub(super) struct Alike {
    /// Of each type, that of its path, or of all it says if it has no name.
    names: Vec<Option<Fingerprint>>,
    /// Of each type, that of all that it says.
    own: Vec<Fingerprint>,
    /// Of each type, the sum of those it refers to.
    others: Vec<Fingerprint>,
    /// Of each type, that of all there is to it.
    whole: Vec<Fingerprint>,
    /// The order in which each type was come to, from 1.
    order: Vec<u32>,
    /// The first in that order of those that a type leads back to.
    low: Vec<u32>,
    /// Whether a type's circle is not complete.
    open: Vec<bool>,
    /// How many types of a path there are, by its fingerprint and that number.
    numbers: Numbers,
}

/// What the fingerprints are made for.
#[derive(Clone, Copy)]
struct Types<'t, 'a> {
    entries: &'t Entries<'a>,
    scopes: &'t Scopes<'a>,
    seed: &'t Seed,
}

impl<'t, 'a> Types<'t, 'a> {
    /// The first entry of a type, and the one behind its last.
    fn range(&self, item: u32) -> (u32, u32) {
        let start = self.entries.items.get(item as usize).copied();
        let start = start.unwrap_or_default();
        (start, self.die(start).map_or(start, |die| die.end))
    }

    fn die(&self, at: u32) -> Option<&'t Die<'a>> {
        self.entries.list.get(at as usize)
    }

    fn item_of(&self, at: u32) -> u32 {
        let item = self.entries.item_of.get(at as usize);
        item.copied().unwrap_or_default()
    }
}

impl Alike {
    pub(super) fn new() -> Self {
        Self {
            names: Vec::new(),
            own: Vec::new(),
            others: Vec::new(),
            whole: Vec::new(),
            order: Vec::new(),
            low: Vec::new(),
            open: Vec::new(),
            numbers: Numbers::default(),
        }
    }

    /// The fingerprints of all types of `entries`, whose references have been resolved.
    pub(super) fn prints(
        &mut self,
        entries: &Entries<'_>,
        scopes: &Scopes<'_>,
        seed: &Seed,
    ) -> &[Fingerprint] {
        let types = Types {
            entries,
            scopes,
            seed,
        };
        self.name(types);
        let items = count(&entries.items);
        self.own.clear();
        for item in 0..items {
            let (start, _) = types.range(item);
            let name = types.die(start).map_or("", |die| die.name);
            // One without a name may have been referred to before, or not: it is the same.
            let own = if name.is_empty() {
                self.reference(types, item, MAX_NESTING)
            } else {
                let path = get(&self.names, item).unwrap_or_default();
                self.content(types, item, path, MAX_NESTING)
            };
            self.own.push(own);
        }
        self.join(types);
        &self.whole
    }

    /// The fingerprints of paths.
    fn name(&mut self, types: Types<'_, '_>) {
        let (entries, seed) = (types.entries, types.seed);
        self.numbers.clear();
        self.names.clear();
        for &start in &entries.items {
            let print = types.die(start).filter(|die| !die.name.is_empty());
            let print = print.map(|die| {
                let scope = types.scopes.get(die.parent & !SCOPE);
                let scope = scope.map_or_else(|| seed.start(), |scope| scope.print);
                let name = entries.names.get(start as usize).copied();
                let mut print = seed.word(scope, die.tag.0.into());
                print = seed.pair(print, name.unwrap_or_default());
                // Several of one path are told apart by their number.
                let number = self.numbers.add(print);
                if number > 0 {
                    print = seed.word(print, number.into());
                }
                print
            });
            self.names.push(print);
        }
    }

    /// The fingerprint that stands for a type where it is referred to.
    fn reference(&mut self, types: Types<'_, '_>, item: u32, levels: u32) -> Fingerprint {
        if let Some(Some(print)) = self.names.get(item as usize) {
            return *print;
        }
        // One that leads to itself without a name between is like no other.
        let (start, _) = types.range(item);
        let key = types.die(start).map_or(0, |die| die.key);
        let alone = types.seed.word(types.seed.start(), !u64::from(key));
        let Some(levels) = levels.checked_sub(1) else {
            return alone;
        };
        put(&mut self.names, item, Some(alone));
        let print = self.content(types, item, types.seed.start(), levels);
        put(&mut self.names, item, Some(print));
        print
    }

    /// The fingerprint of all that the entries of a type say, after that of its path.
    fn content(
        &mut self,
        types: Types<'_, '_>,
        item: u32,
        path: Fingerprint,
        levels: u32,
    ) -> Fingerprint {
        let (start, end) = types.range(item);
        let seed = types.seed;
        let mut print = path;
        for at in start..end {
            let Some(die) = types.die(at) else { break };
            let kind = u64::from(die.tag.0) | u64::from(die.detail) << 16 | (die.has as u64) << 24;
            print = seed.word(print, kind | u64::from(die.end - at) << 32);
            if !die.name.is_empty() && at > start {
                let name = types.entries.names.get(at as usize).copied();
                print = seed.pair(print, name.unwrap_or_default());
            }
            match die.wide(&types.entries.wide) {
                None => print = seed.word(print, die.value),
                Some(bits) => {
                    for half in halves(bits) {
                        print = seed.word(print, half);
                    }
                }
            }
            if let Some(to) = die.ty.checked_sub(1) {
                let other = types.item_of(to);
                let inner = to - types.range(other).0;
                let other = self.reference(types, other, levels);
                print = seed.word(seed.pair(print, other), inner.into());
            }
        }
        print
    }

    /// Adds to each type's fingerprint those that it refers to.
    fn join(&mut self, types: Types<'_, '_>) {
        let items = types.entries.items.len();
        refill(&mut self.others, items, Fingerprint::default());
        refill(&mut self.whole, items, Fingerprint::default());
        refill(&mut self.order, items, 0);
        refill(&mut self.low, items, 0);
        refill(&mut self.open, items, false);
        let mut next = 1;
        // The types that are being followed, and the entries that come next.
        let mut path: Vec<(u32, u32)> = Vec::new();
        let mut circle: Vec<u32> = Vec::new();
        for root in 0..count(&types.entries.items) {
            if get(&self.order, root) != 0 {
                continue;
            }
            path.push((root, types.range(root).0));
            while let Some(&(item, from)) = path.last() {
                let (start, end) = types.range(item);
                if get(&self.order, item) == 0 {
                    put(&mut self.order, item, next);
                    put(&mut self.low, item, next);
                    put(&mut self.open, item, true);
                    circle.push(item);
                    next += 1;
                }
                let mut deeper = None;
                let mut at = from.max(start);
                while at < end {
                    let to = types.die(at).map_or(0, |die| die.ty);
                    if let Some(to) = to.checked_sub(1) {
                        let to = types.item_of(to);
                        if get(&self.order, to) == 0 {
                            deeper = Some(to);
                            break;
                        }
                        if get(&self.open, to) {
                            let low = get(&self.low, item).min(get(&self.low, to));
                            put(&mut self.low, item, low);
                        } else {
                            let sum = get(&self.others, item).and(get(&self.whole, to));
                            put(&mut self.others, item, sum);
                        }
                    }
                    at += 1;
                }
                if let Some((_, from)) = path.last_mut() {
                    *from = at;
                }
                if let Some(deeper) = deeper {
                    path.push((deeper, types.range(deeper).0));
                    continue;
                }
                path.pop();
                if get(&self.low, item) == get(&self.order, item) {
                    self.close(types.seed, item, &mut circle);
                }
            }
        }
    }

    /// Ends the circle of `first`, of which all that is behind it in `circle` is a part.
    fn close(&mut self, seed: &Seed, first: u32, circle: &mut Vec<u32>) {
        let start = circle.iter().rposition(|item| *item == first);
        let members = circle.split_off(start.unwrap_or_default());
        let mut own = Fingerprint::default();
        let mut others = Fingerprint::default();
        for &item in &members {
            own = own.and(get(&self.own, item));
            others = others.and(get(&self.others, item));
        }
        let all = seed.pair(seed.pair(seed.start(), own), others);
        for &item in &members {
            put(&mut self.whole, item, seed.pair(get(&self.own, item), all));
            put(&mut self.open, item, false);
        }
    }
}

fn halves(bits: u128) -> [u64; 2] {
    #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
    let halves = [bits as u64, (bits >> 64) as u64];
    halves
}

fn refill<T: Clone>(list: &mut Vec<T>, len: usize, value: T) {
    list.clear();
    list.resize(len, value);
}

fn get<T: Copy + Default>(list: &[T], at: u32) -> T {
    list.get(at as usize).copied().unwrap_or_default()
}

fn put<T>(list: &mut [T], at: u32, value: T) {
    if let Some(place) = list.get_mut(at as usize) {
        *place = value;
    }
}
