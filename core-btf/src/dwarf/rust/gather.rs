//! The types of all units in Rust, each once.

use std::sync::{PoisonError, RwLock};

use super::alike::Alike;
use super::dies::Dies;
use super::entries::{Die, Entries, SCOPE, count};
use super::read::{Reader, Role, role};
use super::scopes::{Scope, Scopes};
use crate::dwarf::error::{Error, Problem};
use crate::dwarf::linked::rust_is_linked;
use crate::dwarf::sound::damage;
use crate::dwarf::threads;
use crate::dwarf::units::{Key, Unit, Units};
use crate::fingerprint::{Fingerprint, Numbers, Seed};

/// Marks a reference to an entry of [`Gathered`], in what refers to its own entries otherwise.
const GATHERED: u32 = 1 << 31;

/// The types of all units in Rust, and the units that are damaged. `done` is told which were read.
pub(super) fn gather<'a>(
    units: &Units<'a>,
    threads: usize,
    done: impl Fn(&Unit<'a>) + Sync,
) -> Result<(Dies<'a>, Vec<(Key, Problem)>), Error> {
    let seed = Seed::random();
    // A panic of another thread is passed on by the scope that it ran in.
    let gathered = RwLock::new(Gathered::new(&seed));
    let linked = rust_is_linked(units, |tag| role(tag, false) == Role::Kept);
    let chunks = if linked {
        vec![units.list()]
    } else {
        units.chunks()
    };
    let mut damaged = Vec::new();
    threads::in_order(
        &chunks,
        threads,
        || Worker::new(units, &seed),
        |worker, units_of| worker.read(units_of, linked, &gathered, &done),
        |found| {
            let found = found?;
            damaged.extend(found.damaged.iter().copied());
            let mut gathered = gathered.write().unwrap_or_else(PoisonError::into_inner);
            gathered.take(&found);
            Ok::<_, Error>(())
        },
    )?;
    let gathered = gathered
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let dies = Dies::new(units, gathered.list, gathered.wide, gathered.scopes);
    Ok((dies, damaged))
}

/// The types that differ among those of all units so far.
struct Gathered<'a> {
    list: Vec<Die<'a>>,
    wide: Vec<u128>,
    scopes: Scopes<'a>,
    /// The first entries of the types.
    known: Numbers,
}

/// The types of some units that were not there before.
struct Found<'a> {
    /// References are to entries of this list, or with [`GATHERED`], of what has been gathered.
    list: Vec<Die<'a>>,
    wide: Vec<u128>,
    scopes: Scopes<'a>,
    /// The types and where they start.
    items: Vec<(Fingerprint, u32)>,
    known: Numbers,
    damaged: Vec<(Key, Problem)>,
}

/// What a thread needs to read units.
struct Worker<'u, 'a> {
    seed: &'u Seed,
    reader: Reader<'u, 'a>,
    entries: Entries<'a>,
    alike: Alike,
    /// Where each type of `entries` goes.
    places: Vec<u32>,
}

impl<'u, 'a> Worker<'u, 'a> {
    fn new(units: &'u Units<'a>, seed: &'u Seed) -> Self {
        Self {
            seed,
            reader: Reader::new(units, seed, false),
            entries: Entries::new(),
            alike: Alike::new(),
            places: Vec::new(),
        }
    }

    /// The types of some units. Where units refer to each other, these are all there are.
    fn read(
        &mut self,
        units: &[Unit<'a>],
        linked: bool,
        gathered: &RwLock<Gathered<'a>>,
        done: impl Fn(&Unit<'a>),
    ) -> Result<Found<'a>, Error> {
        let mut found = Found::new(self.seed);
        self.entries.clear();
        for unit in units {
            let is_rust = self.reader.read(unit, &mut found.scopes, &mut self.entries);
            match is_rust {
                Ok(false) => continue,
                Ok(true) => {}
                Err(error) => {
                    let problem = damage(&error).ok_or(error)?;
                    found.damaged.push((unit.start, problem));
                }
            }
            if !linked {
                self.add(&mut found, gathered);
                self.entries.clear();
            }
            done(unit);
        }
        self.add(&mut found, gathered);
        Ok(found)
    }

    /// Adds the types that have been read to those that were found, unless they are known.
    fn add(&mut self, found: &mut Found<'a>, gathered: &RwLock<Gathered<'a>>) {
        self.entries.resolve();
        let entries = &self.entries;
        let prints = self.alike.prints(entries, &found.scopes, self.seed);
        self.places.clear();
        let first = found.items.len();
        let mut next = count(&found.list);
        {
            let gathered = gathered.read().unwrap_or_else(PoisonError::into_inner);
            for (start, print) in entries.items.iter().zip(prints) {
                let known = gathered.known.get(*print).map(|at| at | GATHERED);
                let place = known.or_else(|| found.known.get(*print));
                self.places.push(place.unwrap_or(next));
                if place.is_none() {
                    found.known.insert(*print, next);
                    found.items.push((*print, next));
                    let end = entries.list.get(*start as usize).map_or(0, |die| die.end);
                    next += end - start;
                }
            }
        }
        let place = |at: u32| {
            let item = entries.item_of.get(at as usize).copied()?;
            let start = entries.items.get(item as usize)?;
            Some(self.places.get(item as usize)? + (at - start))
        };
        // The first type of each fingerprint is the one that is copied.
        let mut new = found.items.iter().skip(first).peekable();
        for (start, to) in entries.items.iter().zip(&self.places) {
            if new.next_if(|(_, at)| at == to).is_none() {
                continue;
            }
            let end = entries.list.get(*start as usize).map_or(0, |die| die.end);
            let dies = entries.list.get(*start as usize..end as usize);
            for die in dies.unwrap_or_default() {
                let mut die = *die;
                if let Some(bits) = die.wide(&entries.wide) {
                    die.value = found.wide.len() as u64;
                    found.wide.push(bits);
                }
                die.end = to + (die.end - start);
                if die.parent & SCOPE == 0 {
                    die.parent = to + (die.parent - start);
                }
                let ty = die.ty.checked_sub(1).and_then(place);
                die.ty = ty.map_or(0, |ty| ty + 1);
                found.list.push(die);
            }
        }
    }
}

impl Found<'_> {
    fn new(seed: &Seed) -> Self {
        Self {
            list: Vec::new(),
            wide: Vec::new(),
            scopes: Scopes::new(seed),
            items: Vec::new(),
            known: Numbers::default(),
            damaged: Vec::new(),
        }
    }
}

impl<'a> Gathered<'a> {
    fn new(seed: &Seed) -> Self {
        Self {
            list: Vec::new(),
            wide: Vec::new(),
            scopes: Scopes::new(seed),
            known: Numbers::default(),
        }
    }

    /// Adds types, of which some may have come in the meantime.
    fn take(&mut self, found: &Found<'a>) {
        let mut scopes = Vec::new();
        for scope in found.scopes.iter() {
            let parent = scopes.get(scope.parent as usize).copied();
            let parent = parent.unwrap_or_default();
            scopes.push(self.scopes.add(Scope { parent, ..*scope }));
        }
        // Where each entry goes.
        let mut places: Vec<u32> = Vec::with_capacity(found.list.len());
        let mut next = count(&self.list);
        let mut new = Vec::new();
        for (print, start) in &found.items {
            let end = found.list.get(*start as usize).map_or(0, |die| die.end);
            let known = self.known.get(*print);
            let to = known.unwrap_or(next);
            if known.is_none() {
                self.known.insert(*print, to);
                new.push((*start, end));
                next += end - start;
            }
            places.extend((0..end - start).map(|at| to + at));
        }
        for (start, end) in new {
            let dies = found.list.get(start as usize..end as usize);
            for die in dies.unwrap_or_default() {
                let mut die = *die;
                if let Some(bits) = die.wide(&found.wide) {
                    die.value = self.wide.len() as u64;
                    self.wide.push(bits);
                }
                let to = places.get(start as usize).copied().unwrap_or_default();
                die.end = to + (die.end - start);
                die.parent = if die.parent & SCOPE == 0 {
                    to + (die.parent - start)
                } else {
                    let scope = scopes.get((die.parent & !SCOPE) as usize);
                    scope.copied().unwrap_or_default() | SCOPE
                };
                let ty = die.ty.checked_sub(1).and_then(|ty| match ty & GATHERED {
                    0 => places.get(ty as usize).copied(),
                    _ => Some(ty & !GATHERED),
                });
                die.ty = ty.map_or(0, |ty| ty + 1);
                self.list.push(die);
            }
        }
    }
}
