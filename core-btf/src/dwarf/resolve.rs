//! From pending references to type ids: first within a unit, where nearly all of them
//! lead, then in the whole object.

use std::ops::Range;

use super::collect::{Collected, LOCAL, Meaning, local};
use super::entries::NOWHERE;
use super::error::{Error, Problem};
use super::key_index::KeyIndex;
use super::units::Key;
use crate::model::{CompositeKind, NameOffset, Type, TypeId};

/// Most entries in a row that only stand for another type (`_Atomic` and the like).
const MAX_SAME: usize = 32;

/// Where a key leads.
pub(super) enum Found {
    Type(TypeId),
    /// To an entry of another unit.
    Elsewhere(Key),
    Nothing,
}

/// What is known of the entries of a unit, found by their keys.
#[derive(Debug)]
pub(super) struct Meanings {
    /// By ascending key.
    list: Vec<(Key, Meaning)>,
    keys: Range<Key>,
    index: KeyIndex,
}

impl Meanings {
    pub(super) fn new(list: Vec<(Key, Meaning)>, keys: Range<Key>) -> Self {
        let index = KeyIndex::new(keys.start, list.iter().map(|(key, _)| *key));
        Self { list, keys, index }
    }

    /// Keys of the unit's entries.
    pub(super) fn keys(&self) -> &Range<Key> {
        &self.keys
    }

    fn get(&self, key: Key) -> Option<Meaning> {
        let at = self.index.find(&self.list, key, |(key, _)| *key)?;
        self.list.get(at).map(|(_, meaning)| *meaning)
    }
}

/// What the entry at `key` stands for, as far as `meanings` tell.
pub(super) fn find(meanings: &Meanings, key: Key) -> Found {
    let mut key = key;
    for _ in 0..MAX_SAME {
        if key == NOWHERE {
            return Found::Nothing;
        }
        if !meanings.keys.contains(&key) {
            return Found::Elsewhere(key);
        }
        match meanings.get(key) {
            Some(Meaning::Type(ty)) => return Found::Type(ty),
            Some(Meaning::SameAs(other)) => key = other,
            None => return Found::Nothing,
        }
    }
    Found::Nothing
}

/// Resolves the references that stay within the unit's `keys`, and says what they lead to.
///
/// Those of a unit that is `alone` become type ids, and one that leads out of it leads nowhere.
pub(super) fn resolve_unit(
    chunk: &mut Collected<'_>,
    keys: Range<Key>,
    alone: bool,
) -> Result<Meanings, Error> {
    let mut lost: Vec<(usize, Key)> = Vec::new();
    let first_new = chunk.types.len();
    let meanings = Meanings::new(std::mem::take(&mut chunk.meanings), keys);
    let known = |ty: TypeId| if alone { ty } else { local(ty) };
    let mut resolve = |owner: usize, reference: &mut TypeId| {
        if reference.is_void() {
            return;
        }
        if reference.0 & LOCAL != 0 {
            *reference = known(TypeId(reference.0 & !LOCAL));
            return;
        }
        *reference = match find(&meanings, reference.0) {
            Found::Type(ty) if ty.is_void() => ty,
            Found::Type(ty) => known(ty),
            Found::Elsewhere(key) if !alone => TypeId(key),
            Found::Elsewhere(_) | Found::Nothing => {
                lost.push((owner, reference.0));
                // Where the stand-in will be.
                known(TypeId::from_index(first_new + lost.len()))
            }
        };
    };
    for (at, ty) in chunk.types.all_mut().iter_mut().enumerate() {
        ty.for_each_ref_mut(|reference| resolve(at, reference));
    }
    for (ty, reference) in chunk.late_references() {
        resolve(ty.index() - 1, reference);
    }
    for (owner, target) in lost {
        let key = chunk.keys.get(owner).copied().unwrap_or_default();
        let ty = chunk.push(key, stand_in())?;
        chunk.stand_in(ty, key, Problem::Reference(u64::from(target)));
    }
    Ok(meanings)
}

/// What is known of the type of an entry that is not there.
pub(super) fn stand_in() -> Type {
    Type::Composite {
        kind: CompositeKind::Struct,
        name: NameOffset::ANONYMOUS,
        size_bytes: 0,
        members: Vec::new(),
    }
}
