//! Where the members of std's canonical views are.
//!
//! A member is recognised by what it is, and by the name of a field or type on the way to it. One
//! that its view is nothing without is also recognised as the only part left that it can be. What
//! is not recognised is left out, or an error: an offset is never guessed.

use std::collections::BTreeSet;

use super::dies::{DieId, Dies};
use super::leaves::{Leaf, fits, leaves};
use crate::rust::{Field, FieldType, Type};

/// The parts of `whole`, a `ty`, that its view's `fields` are.
///
/// # Errors
/// A necessary field that was not recognised.
pub(super) fn locate<'f>(
    dies: &Dies<'_>,
    whole: DieId,
    ty: &Type,
    fields: &'f [Field],
) -> Result<Vec<(&'f Field, Leaf)>, &'f Field> {
    let wanted: Vec<Type> = fields
        .iter()
        .filter_map(|field| match &field.ty {
            FieldType::Value(Type::Primitive(_)) | FieldType::Pointer(_) => None,
            FieldType::Value(ty) => Some(ty.clone()),
        })
        .collect();
    let leaves = leaves(dies, whole, &wanted).unwrap_or_default();
    let mut places: Vec<Option<usize>> = fields
        .iter()
        .map(|field| {
            let names = names_of(ty, &field.name);
            only(leaves.iter().enumerate().filter_map(|(at, leaf)| {
                (leaf.is_called(names) && fits(dies, leaf, &field.ty)).then_some(at)
            }))
        })
        .collect();

    let taken: BTreeSet<usize> = places.iter().flatten().copied().collect();
    for (field, place) in fields.iter().zip(&mut places) {
        if place.is_none() && !is_optional(ty, &field.name) {
            let left = leaves.iter().enumerate().filter_map(|(at, leaf)| {
                (!taken.contains(&at) && fits(dies, leaf, &field.ty)).then_some(at)
            });
            *place = Some(only(left).ok_or(field)?);
        }
    }
    // Two fields that found one part were not told apart.
    let mut taken = BTreeSet::new();
    for (field, place) in fields.iter().zip(&places) {
        if place.is_some_and(|at| !taken.insert(at)) {
            return Err(field);
        }
    }
    Ok(fields
        .iter()
        .zip(places)
        .filter_map(|(field, at)| Some((field, leaves.get(at?)?.clone())))
        .collect())
}

/// The only item.
fn only(mut items: impl Iterator<Item = usize>) -> Option<usize> {
    items.next().filter(|_| items.next().is_none())
}

/// What std has called a member, or the type that only it has.
fn names_of(ty: &Type, field: &str) -> &'static [&'static str] {
    match (ty.as_std(), field) {
        (_, "cap") => &["cap", "Cap", "UsizeNoHighBit"],
        (Some(("collections", "HashMap" | "HashSet")), "len") => &["items"],
        (_, "len") => &["len", "length"],
        (_, "head") => &["head"],
        (_, "vtable") => &["vtable"],
        (_, "ctrl") => &["ctrl"],
        (_, "bucket_mask") => &["bucket_mask"],
        (_, "growth_left") => &["growth_left"],
        (_, "strong") => &["strong"],
        (_, "weak") => &["weak"],
        (_, "value" | "data") => &["value", "data"],
        (_, "borrow") => &["borrow"],
        (Some(("sync", "Mutex")), "lock") => &["futex"],
        (Some(("sync", "RwLock")), "lock") => &["state"],
        (_, "writer_notify") => &["writer_notify"],
        (_, "poison") => &["poison"],
        (_, "once") => &["once"],
        (_, "secs") => &["secs", "tv_sec"],
        (_, "nanos") => &["nanos", "tv_nsec", "Nanoseconds"],
        (_, "start") => &["start"],
        (_, "end") => &["end"],
        (_, "exhausted") => &["exhausted"],
        (_, "flowinfo") => &["flowinfo"],
        (_, "scope_id") => &["scope_id"],
        _ => &[],
    }
}

/// Whether a view is of use without this member.
fn is_optional(ty: &Type, field: &str) -> bool {
    match ty.as_std() {
        Some(("collections", name)) => name != "VecDeque",
        Some(("rc" | "sync" | "cell", _)) => {
            !matches!(field, "value" | "data" | "ptr" | "len" | "vtable")
        }
        _ => matches!(field, "exhausted"),
    }
}
