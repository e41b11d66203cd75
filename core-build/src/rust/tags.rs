//! The enumerators that a program may ask for of an enum with data.
//!
//! A program's own BTF has those that are true of its layout: which variant goes without a tag, or
//! from which tag to which. The header declares all, as another version may have others.

use std::collections::BTreeSet;

use core_btf::model::{CompositeKind, Enumerator, Member, Type};
use core_btf::rust::{enumerator, first, last, tag_enum, untagged};
use core_btf::{BtfBuf, TypeId};

use crate::error::Result;
use crate::header::app_btf;

/// What there is to ask for of the tags of the enum called `name`.
pub(super) fn names(name: &str, variants: &[&str]) -> Vec<String> {
    let tags = variants.iter().map(|variant| enumerator(name, variant));
    let untagged = variants.iter().map(|variant| untagged(name, variant));
    tags.chain(untagged)
        .chain([first(name), last(name)])
        .collect()
}

/// Gives the tags of each enum with data in `types`, which are a program's own, the enumerators
/// that they lack. Their values are of no account.
pub(crate) fn complete(types: &mut BtfBuf) -> Result<()> {
    let enums: Vec<(TypeId, Vec<String>)> = types
        .iter()
        .filter_map(|(_, ty)| tags_of(types, ty))
        .collect();
    for (id, wanted) in enums {
        let Some(Type::Enum { values, .. }) = types.get(id) else {
            continue;
        };
        let known: BTreeSet<String> = values
            .iter()
            .map(|value| types.name(value.name).to_owned())
            .collect();
        let mut more = Vec::new();
        for name in wanted.iter().filter(|name| !known.contains(*name)) {
            let name = types.intern(name).map_err(app_btf)?;
            more.push(Enumerator { name, value: 0 });
        }
        if let Some(Type::Enum { values, .. }) = types.get_mut(id) {
            values.extend(more);
        }
    }
    Ok(())
}

/// The enum of the tags of a union that stands for an enum with data, and all it may be asked for.
fn tags_of(types: &BtfBuf, ty: &Type) -> Option<(TypeId, Vec<String>)> {
    let Type::Composite {
        kind: CompositeKind::Union,
        name,
        members,
        ..
    } = ty
    else {
        return None;
    };
    let name = types.name(*name);
    let id = members.iter().find_map(|holder| tag(types, holder))?;
    let Some(Type::Enum { name: found, .. }) = types.get(id) else {
        return None;
    };
    if types.name(*found) != tag_enum(name) {
        return None;
    }
    let variants: Vec<&str> = members
        .iter()
        .map(|member| types.name(member.name))
        .filter(|name| !name.is_empty())
        .collect();
    Some((id, names(name, &variants)))
}

/// The type of `__tag` in the unnamed struct that holds it.
fn tag(types: &BtfBuf, holder: &Member) -> Option<TypeId> {
    if !holder.name.is_anonymous() {
        return None;
    }
    let Some(Type::Composite { members, .. }) = types.get(holder.ty) else {
        return None;
    };
    let tag = members.iter().find(|it| types.name(it.name) == "__tag")?;
    Some(tag.ty)
}
