//! Types that come in parts, of which only those that differ are kept.
//!
//! The units of a program describe the same types over and over. A [`Merger`] takes the types of one
//! unit after the other and stores each type once while they come, so that memory is needed for what
//! differs and for four bytes for each type of a unit.
//!
//! That is sound because of names. A *tagged* type (a struct, union or enum with a name) is referred to
//! by a *symbol*, which stands for the tag, and every other type by what it consists of. As long as
//! there is one definition of a tag, all that its symbol stands for is the same type, in whichever
//! unit. Where there are several, which of them is meant depends on the unit. What refers to such a
//! symbol, directly or through others, is therefore made anew for each unit at the end, for
//! [`dedup`](super::dedup) to judge.

mod finish;
#[cfg(test)]
mod tests;

use std::hash::BuildHasher as _;

use super::shape::{is_announcement, tag};
use crate::error::{Error, Result};
use crate::hash::{Seed, Slots};
use crate::model::{NameOffset, Type, TypeId};
use crate::write::number;

/// Marks a reference to a symbol; the others are to what is stored, numbered from 1.
const SYMBOL: u32 = 1 << 31;

/// A name of structs, unions or enums.
#[derive(Debug, Default)]
struct Tag {
    /// Name space and name.
    name: (u8, NameOffset),
    /// The first definition, if there is one.
    definition: u32,
    /// The first forward declaration, if there is one.
    announcement: u32,
    /// Whether there are definitions that differ from the first.
    ambiguous: bool,
    /// What refers to the one definition that a part has, or where it has none, to its announcement.
    symbol: u32,
    /// What refers to announcements of a part that has definitions as well; 0 until there is one.
    announced: u32,
    /// The last part that has a definition.
    part: u32,
}

/// What a symbol stands for.
#[derive(Clone, Copy, Debug)]
enum Symbol {
    /// The definition that a part has of a tag, else the announcement.
    Tag(u32),
    /// The announcement of a tag.
    Announcement(u32),
    /// One type of one part: a tag's second definition in that part, or a type that refers to itself
    /// without passing through a tag. 0 until it is known.
    Only(u32),
}

/// Merges the types of parts that do not refer to each other; see the [module](self).
#[derive(Debug)]
pub(crate) struct Merger {
    /// Types that differ, each when it first came.
    types: Vec<Type>,
    /// For each of them, the number of its tag from 1, or 0.
    tags_of: Vec<u32>,
    slots: Slots,
    seed: Seed,
    tags: Vec<Tag>,
    tag_slots: Slots,
    symbols: Vec<Symbol>,
    /// For each part its types in their order, by their place in `types`, from 1.
    parts: Vec<Listing>,
    /// The last part that each type was listed for.
    listed_for: Vec<u32>,
}

/// Numbers that are near to each other, each as its distance from the one before: seven bits to a byte,
/// the lowest first. The units of a program list most of its types over and over.
#[derive(Debug, Default)]
struct Listing(Vec<u8>);

impl Listing {
    /// Adds `number`, which comes behind `last`.
    fn push(&mut self, last: &mut u32, number: u32) {
        let distance = number.wrapping_sub(*last).cast_signed();
        // The sign is the lowest bit, so that small distances either way are small numbers.
        let mut rest = (distance << 1 ^ distance >> 31).cast_unsigned();
        while rest >= 0x80 {
            #[expect(clippy::cast_possible_truncation, reason = "seven bits at a time")]
            self.0.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        #[expect(clippy::cast_possible_truncation, reason = "seven bits are left")]
        self.0.push(rest as u8);
        *last = number;
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        let (mut last, mut rest, mut shift) = (0_u32, 0, 0);
        self.0.iter().filter_map(move |byte| {
            rest |= u32::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 != 0 {
                return None;
            }
            let distance = rest >> 1 ^ (rest & 1).wrapping_neg();
            last = last.wrapping_add(distance);
            (rest, shift) = (0, 0);
            Some(last)
        })
    }
}

/// The types of a part while they are added.
struct Part {
    types: Vec<Type>,
    /// What refers to each, once that is known, else 0.
    references: Vec<u32>,
    /// What each is stored as, once it is, else 0.
    stored: Vec<u32>,
    /// Whether its references are being followed.
    open: Vec<bool>,
}

impl Part {
    fn reference(&self, id: TypeId) -> u32 {
        self.references.get(id.index()).copied().unwrap_or(0)
    }

    fn is_open(&self, id: TypeId) -> bool {
        self.open.get(id.index()).copied().unwrap_or(false)
    }

    fn ty(&self, id: TypeId) -> Option<&Type> {
        self.types.get(id.index().checked_sub(1)?)
    }
}

fn set<T>(table: &mut [T], at: usize, value: T) {
    if let Some(entry) = table.get_mut(at) {
        *entry = value;
    }
}

fn get(table: &[u32], at: u32) -> u32 {
    table.get(at as usize).copied().unwrap_or(0)
}

impl Merger {
    pub(crate) fn new() -> Self {
        Self {
            types: Vec::new(),
            tags_of: Vec::new(),
            slots: Slots::default(),
            seed: Seed::random(),
            tags: Vec::new(),
            tag_slots: Slots::default(),
            symbols: vec![Symbol::Only(0)],
            parts: Vec::new(),
            listed_for: vec![0],
        }
    }

    /// Adds the types of a part that `keep` says so of, which must do so of all that they refer to.
    ///
    /// One name has one offset in all parts.
    ///
    /// # Errors
    /// [`Error::NoSuchType`] for a reference to a type that is not there, and [`Error::Limit`].
    pub(crate) fn add(&mut self, types: Vec<Type>, keep: impl Fn(TypeId) -> bool) -> Result<()> {
        let last = word(types.len())?;
        let ids = || (1..=last).map(TypeId).filter(|id| keep(*id));
        let len = types.len() + 1;
        let mut part = Part {
            types,
            references: vec![0; len],
            stored: vec![0; len],
            open: vec![false; len],
        };
        self.name_tagged(&mut part, ids)?;
        let mut path = Vec::new();
        for id in ids() {
            path.push(id);
            self.store(&mut part, &mut path)?;
        }
        let number = word(self.parts.len() + 1)?;
        let mut listing = Listing::default();
        let mut last = 0;
        for id in ids() {
            let stored = get(&part.stored, id.0);
            if get(&self.listed_for, stored) != number {
                set(&mut self.listed_for, stored as usize, number);
                listing.push(&mut last, stored);
            }
        }
        listing.0.shrink_to_fit();
        self.parts.push(listing);
        Ok(())
    }

    /// Gives the tagged types of a part their symbols.
    fn name_tagged<I: Iterator<Item = TypeId>>(
        &mut self,
        part: &mut Part,
        ids: impl Fn() -> I,
    ) -> Result<()> {
        let number = word(self.parts.len() + 1)?;
        let mut announcements = Vec::new();
        for id in ids() {
            let Some(name) = part.ty(id).and_then(tag) else {
                continue;
            };
            let at = self.tag(name)?;
            if part.ty(id).is_some_and(is_announcement) {
                announcements.push((id, at));
                continue;
            }
            let Some(tag) = self.tags.get_mut(at as usize) else {
                continue;
            };
            let symbol = if tag.part == number {
                self.symbol(Symbol::Only(0))?
            } else {
                tag.part = number;
                tag.symbol
            };
            set(&mut part.references, id.index(), symbol | SYMBOL);
        }
        for (id, at) in announcements {
            let Some(tag) = self.tags.get(at as usize) else {
                continue;
            };
            let mut symbol = tag.symbol;
            if tag.part == number {
                symbol = tag.announced;
                if symbol == 0 {
                    symbol = self.symbol(Symbol::Announcement(at))?;
                    if let Some(tag) = self.tags.get_mut(at as usize) {
                        tag.announced = symbol;
                    }
                }
            }
            set(&mut part.references, id.index(), symbol | SYMBOL);
        }
        Ok(())
    }

    /// The place of a tag.
    fn tag(&mut self, name: (u8, NameOffset)) -> Result<u32> {
        let hash = self.seed.hash_one((name.0, name.1.0));
        let found = self.tag_slots.find(hash, |number| {
            let tag = self.tags.get(number as usize - 1);
            tag.is_some_and(|tag| tag.name == name)
        });
        if let Some(number) = found {
            return Ok(number - 1);
        }
        let at = word(self.tags.len())?;
        let symbol = self.symbol(Symbol::Tag(at))?;
        self.tags.push(Tag {
            name,
            symbol,
            ..Tag::default()
        });
        self.tag_slots.insert(hash, at + 1);
        Ok(at)
    }

    fn symbol(&mut self, symbol: Symbol) -> Result<u32> {
        let number = word(self.symbols.len())?;
        self.symbols.push(symbol);
        Ok(number)
    }

    /// Stores the last type of `path`, and before it what it refers to other than by symbols.
    fn store(&mut self, part: &mut Part, path: &mut Vec<TypeId>) -> Result<()> {
        let last = word(part.types.len())?;
        while let Some(&id) = path.last() {
            if get(&part.stored, id.0) != 0 {
                path.pop();
                continue;
            }
            set(&mut part.open, id.index(), true);
            let before = path.len();
            let mut cycles = Vec::new();
            let mut missing = None;
            if let Some(ty) = part.ty(id) {
                ty.for_each_ref(|to| {
                    if to.0 > last {
                        missing = Some(to);
                    } else if to.is_void() || part.reference(to) != 0 {
                    } else if part.is_open(to) {
                        cycles.push(to);
                    } else {
                        path.push(to);
                    }
                });
            }
            if let Some(ty) = missing {
                return Err(Error::NoSuchType { ty, last });
            }
            for to in cycles {
                if part.reference(to) == 0 {
                    let symbol = self.symbol(Symbol::Only(0))?;
                    set(&mut part.references, to.index(), symbol | SYMBOL);
                }
            }
            if path.len() == before {
                path.pop();
                self.store_one(part, id)?;
            }
        }
        Ok(())
    }

    /// Stores a type whose references are all known.
    fn store_one(&mut self, part: &mut Part, id: TypeId) -> Result<()> {
        let place = id.index().checked_sub(1);
        let Some(place) = place.and_then(|at| part.types.get_mut(at)) else {
            return Ok(());
        };
        let mut ty = std::mem::replace(place, Type::Ptr(TypeId::VOID));
        ty.for_each_ref_mut(|to| to.0 = get(&part.references, to.0));
        let announces = is_announcement(&ty);
        let tag = match tag(&ty) {
            Some(name) => Some(self.tag(name)?),
            None => None,
        };
        // One announcement is like another.
        let known = tag
            .filter(|_| announces)
            .and_then(|at| self.tags.get(at as usize))
            .map_or(0, |tag| tag.announcement);
        let stored = match known {
            0 => self.stored(ty, tag)?,
            known => known,
        };
        set(&mut part.stored, id.index(), stored);
        let reference = part.reference(id);
        if reference == 0 {
            set(&mut part.references, id.index(), stored);
        } else if let Some(Symbol::Only(known)) =
            self.symbols.get_mut((reference & !SYMBOL) as usize)
        {
            *known = stored;
        }
        if let Some(tag) = tag.and_then(|at| self.tags.get_mut(at as usize)) {
            if announces {
                tag.announcement = stored;
            } else if tag.definition == 0 {
                tag.definition = stored;
            } else if tag.definition != stored {
                tag.ambiguous = true;
            }
        }
        Ok(())
    }

    /// Where a type, whose references are those of `types`, is stored.
    fn stored(&mut self, ty: Type, tag: Option<u32>) -> Result<u32> {
        let alone = matches!(ty, Type::Var { .. } | Type::Datasec { .. });
        let hash = self.seed.hash_one(&ty);
        let found = self.slots.find(hash, |number| {
            !alone && self.types.get(number as usize - 1) == Some(&ty)
        });
        if let Some(found) = found {
            return Ok(found);
        }
        let number = word(self.types.len() + 1)?;
        self.types.push(ty);
        self.tags_of.push(tag.map_or(0, |at| at + 1));
        self.listed_for.push(0);
        self.slots.insert(hash, number);
        Ok(number)
    }
}

/// A number of types, tags or symbols.
fn word(count: usize) -> Result<u32> {
    number(count).map(|number| number.0)
}
