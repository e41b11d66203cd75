//! From pending references to type ids: first within a unit, where nearly all of them
//! lead, then in the whole object.

use std::ops::Range;

use super::attrs::NOWHERE;
use super::collect::{Collected, LOCAL, Meaning, local};
use super::error::{Error, Problem};
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

/// What the entry at `key` stands for, as far as `meanings`, of the entries in `keys`, tell.
pub(super) fn find(meanings: &[(Key, Meaning)], keys: &Range<Key>, key: Key) -> Found {
    let mut key = key;
    for _ in 0..MAX_SAME {
        if key == NOWHERE {
            return Found::Nothing;
        }
        if !keys.contains(&key) {
            return Found::Elsewhere(key);
        }
        let meaning = meanings
            .binary_search_by_key(&key, |(key, _)| *key)
            .ok()
            .and_then(|at| meanings.get(at));
        match meaning {
            Some((_, Meaning::Type(ty))) => return Found::Type(*ty),
            Some((_, Meaning::SameAs(other))) => key = *other,
            None => return Found::Nothing,
        }
    }
    Found::Nothing
}

/// Resolves the references that stay within the unit's `keys`.
pub(super) fn resolve_unit(chunk: &mut Collected, keys: &Range<Key>) -> Result<(), Error> {
    let mut types = chunk.btf.take_types();
    let mut lost: Vec<(usize, Key)> = Vec::new();
    let first_new = types.len();
    let meanings = &chunk.meanings;
    let mut resolve = |owner: usize, reference: &mut TypeId| {
        if reference.is_void() || reference.0 & LOCAL != 0 {
            return;
        }
        *reference = match find(meanings, keys, reference.0) {
            Found::Type(ty) if ty.is_void() => ty,
            Found::Type(ty) => local(ty),
            Found::Elsewhere(key) => TypeId(key),
            Found::Nothing => {
                lost.push((owner, reference.0));
                // Where the stand-in will be.
                local(TypeId::from_index(first_new + lost.len()))
            }
        };
    };
    for (at, ty) in types.iter_mut().enumerate() {
        ty.for_each_ref_mut(|reference| resolve(at, reference));
    }
    for (ty, reference) in chunk
        .late_enums
        .iter_mut()
        .chain(&mut chunk.member_pointers)
    {
        resolve(ty.index() - 1, reference);
    }
    chunk.btf.put_types(types);
    for (owner, target) in lost {
        let key = chunk.keys.get(owner).copied().unwrap_or_default();
        let ty = chunk.push(key, stand_in())?;
        chunk.stand_in(ty, key, Problem::Reference(u64::from(target)));
    }
    Ok(())
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
