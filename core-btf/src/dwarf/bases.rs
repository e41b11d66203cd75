//! Base classes, once all classes are known.
//!
//! A base is an unnamed member, so that CO-RE finds its members as those of the class. That must
//! lead to what C++ means: where a class has a member of the name of one of a base's, or two bases
//! do, CO-RE would take the first. The bases of such a class are named, `base_` and their type.
//!
//! Where a virtual base is depends on the class of the whole object, whose vtable has it. It is no
//! member, then; an [enum](crate::virtual_bases) says where in the vtable.

use std::collections::HashSet;

use super::collect::{Collected, VirtualBase};
use super::entries::Names;
use super::error::{Error, Problem};
use super::list::TypeList;
use crate::model::{Enumerator, Member, NameOffset, Type, TypeId};
use crate::virtual_bases;

/// Longest chain of classes, each the base of the next.
const MAX_BASES: usize = 64;
/// Most members of a class, with those of its bases, that are looked at; beyond, bases are named.
const MAX_NAMES: usize = 1024;

/// Leaves empty bases out and names those that would be mistaken for others.
pub(super) fn settle_bases(out: &mut Collected<'_>) -> Result<(), Error> {
    if !out.has_bases {
        return Ok(());
    }
    drop_empty_bases(out);
    let mut done = vec![false; out.types.len() + 1];
    for at in 1..=out.types.len() {
        settle(
            &mut out.types,
            out.names,
            &mut done,
            TypeId::from_index(at),
            0,
        )?;
    }
    Ok(())
}

/// Makes the enums that say where the places of virtual bases are.
pub(super) fn settle_virtual_bases(out: &mut Collected<'_>) -> Result<(), Error> {
    let bases = std::mem::take(&mut out.virtual_bases);
    // Those of a class follow each other.
    for bases in bases.chunk_by(|one, other| one.class == other.class) {
        let Some(&VirtualBase { class, .. }) = bases.first() else {
            continue;
        };
        let name = |ty| match out.types.get(ty) {
            Some(Type::Composite { name, .. }) => {
                out.names.with(|names| names.get(*name).to_owned())
            }
            _ => String::new(),
        };
        let class_name = name(class);
        let named: Vec<_> = (bases.iter())
            .map(|it| (name(it.base), it.vtable_offset))
            .filter(|(base, _)| !base.is_empty() && !class_name.is_empty())
            .collect();
        let key = out.keys.get(class.index() - 1).copied().unwrap_or_default();
        if named.len() < bases.len() {
            out.warn(key, Problem::VirtualBase);
        }
        if named.is_empty() {
            continue;
        }
        let mut values = Vec::with_capacity(named.len());
        for (base, offset) in named {
            values.push(Enumerator {
                name: out
                    .names
                    .intern(&virtual_bases::enumerator(&class_name, &base))?,
                value: offset.into(),
            });
        }
        let name = out.names.intern(&virtual_bases::enum_name(&class_name))?;
        let places = Type::Enum {
            name,
            size_bytes: 4,
            signed: true,
            wide: false,
            values,
        };
        out.push(key, places)?;
    }
    Ok(())
}

/// Base classes without data take no place in the classes that have them, although they have a
/// size.
fn drop_empty_bases(out: &mut Collected<'_>) {
    let types = out.types.all_mut();
    let mut empty = vec![false; types.len() + 1];
    for _ in 0..MAX_BASES {
        let mut found = false;
        for (ty, empty) in types.iter().zip(empty.iter_mut().skip(1)) {
            let is_empty = matches!(ty, Type::Composite { size_bytes: ..=1, members, name, .. }
                if members.is_empty() && !name.is_anonymous());
            found |= is_empty && !*empty;
            *empty |= is_empty;
        }
        for stand_in in &out.stand_ins {
            if let Some(empty) = empty.get_mut(stand_in.ty.index()) {
                *empty = false;
            }
        }
        if !found {
            break;
        }
        for ty in &mut *types {
            if let Type::Composite { members, .. } = ty {
                members.retain(|member| {
                    let empty = empty.get(member.ty.index()).copied();
                    !member.name.is_anonymous() || !empty.unwrap_or_default()
                });
            }
        }
    }
}

/// The named type of an unnamed member: that of a base class. (Those of C have no name.)
fn base(types: &TypeList, member: &Member) -> Option<(TypeId, NameOffset)> {
    if !member.name.is_anonymous() {
        return None;
    }
    match types.get(member.ty)? {
        Type::Composite { name, .. } if !name.is_anonymous() => Some((member.ty, *name)),
        _ => None,
    }
}

/// Names the bases of a class if need be, those of its bases before.
fn settle(
    types: &mut TypeList,
    names: &Names,
    done: &mut [bool],
    ty: TypeId,
    depth: usize,
) -> Result<(), Error> {
    if done.get(ty.index()).copied().unwrap_or(true) || depth > MAX_BASES {
        return Ok(());
    }
    if let Some(done) = done.get_mut(ty.index()) {
        *done = true;
    }
    let Some(Type::Composite { members, .. }) = types.get(ty) else {
        return Ok(());
    };
    let bases: Vec<_> = members.iter().filter_map(|it| base(types, it)).collect();
    if bases.is_empty() {
        return Ok(());
    }
    for (base, _) in &bases {
        settle(types, names, done, *base, depth + 1)?;
    }
    if all_differ(types, ty, &mut HashSet::new(), 0) {
        return Ok(());
    }
    for (base, name) in bases {
        let name = names.with(|names| {
            let name = format!("base_{}", names.get(name));
            names.intern(&name)
        })?;
        if let Some(Type::Composite { members, .. }) = types.get_mut(ty) {
            for member in members.iter_mut() {
                if member.name.is_anonymous() && member.ty == base {
                    member.name = name;
                }
            }
        }
    }
    Ok(())
}

/// Whether no two members that CO-RE finds in a class have one name.
fn all_differ(types: &TypeList, ty: TypeId, names: &mut HashSet<NameOffset>, depth: usize) -> bool {
    let Some(Type::Composite { members, .. }) = types.get(ty) else {
        return true;
    };
    depth <= MAX_BASES
        && names.len() <= MAX_NAMES
        && members.iter().all(|member| {
            if member.name.is_anonymous() {
                all_differ(types, member.ty, names, depth + 1)
            } else {
                names.insert(member.name)
            }
        })
}
