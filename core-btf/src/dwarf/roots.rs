//! The types that an extraction is asked for by name.

use std::collections::HashSet;

use super::closure::{Marks, Through};
use super::error::Error;
use super::list::get;
use super::object::Part;
use crate::glob;
use crate::model::{Type, TypeId};
use crate::strings::Strings;
use crate::write::BtfBuf;

/// The definitions that a root means: those that it is the name of in BTF or, where that is another
/// one, in the source.
pub(super) fn matching(types: &[Type], names: &Strings, root: &str) -> Vec<TypeId> {
    let mut found = Vec::new();
    for (id, ty) in (1..).map(TypeId).zip(types) {
        let name = names.get(ty.name());
        match ty {
            Type::Fwd { .. } => {}
            Type::DeclTag { ty, .. } => {
                let is_definition = !matches!(get(types, *ty), None | Some(Type::Fwd { .. }));
                if is_definition && spelling(name).is_some_and(|it| glob::matches(root, it)) {
                    found.push(*ty);
                }
            }
            _ if !name.is_empty() && glob::matches(root, name) => found.push(id),
            _ => {}
        }
    }
    found
}

/// The spelling in the source, if that is what a tag says.
fn spelling(tag: &str) -> Option<&str> {
    tag.strip_prefix("c++:")
        .or_else(|| tag.strip_prefix("rust:"))
}

/// Leaves the tags with the spelling in the source to roots. What was a tag becomes something that
/// no type refers to.
pub(super) fn forget_spellings(btf: &mut BtfBuf, roots: &[TypeId]) {
    let roots: HashSet<TypeId> = roots.iter().copied().collect();
    let mut types = btf.take_types();
    for ty in &mut types {
        if matches!(ty, Type::DeclTag { name, ty, .. }
            if !roots.contains(ty) && spelling(btf.name(*name)).is_some())
        {
            *ty = Type::Ptr(TypeId::VOID);
        }
    }
    btf.put_types(types);
}

/// Fails if a root contains something that could not be described.
pub(super) fn check_root(names: &Strings, part: &Part, root: &str) -> Result<(), Error> {
    if part.stand_ins.is_empty() {
        return Ok(());
    }
    let mut marks = Marks::new(&part.types);
    for id in matching(&part.types, names, root) {
        marks.add(&part.types, id, Through::Values);
    }
    for stand_in in &part.stand_ins {
        if marks.contains(stand_in.ty)
            && let Some(warning) = part.warnings.get(stand_in.warning)
        {
            return Err(Error::Unsupported {
                root: root.to_owned(),
                warning: Box::new(warning.clone()),
            });
        }
    }
    Ok(())
}
