//! What a type of std consists of, whatever its private fields are called and however deep they
//! are nested: the scalars and values at the ends of its structs.

use gimli::constants as dw;

use super::dies::{DieId, Dies};
use crate::rust::{FieldType, Primitive, Type};

/// No type of std comes near; a damaged one could have no end.
const MAX_DEPTH: usize = 32;
const MAX_LEAVES: usize = 256;

/// A part that is not taken apart.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// Its type.
    pub(super) die: DieId,
    /// Distance from the start of the whole, in bytes.
    pub(super) offset: u64,
    /// Names of the members that lead to it, and of their types.
    names: Vec<String>,
}

impl Leaf {
    /// Whether a member on the way to it, or its type, has one of these names.
    pub(super) fn is_called(&self, names: &[&str]) -> bool {
        self.names.iter().any(|name| names.contains(&name.as_str()))
    }
}

/// The leaves of a struct; values of the types in `wanted` are not taken apart. `None` when there
/// are too many.
pub(super) fn leaves(dies: &Dies<'_>, whole: DieId, wanted: &[Type]) -> Option<Vec<Leaf>> {
    let mut out = Vec::new();
    let mut todo = vec![Leaf {
        die: whole,
        offset: 0,
        names: Vec::new(),
    }];
    while let Some(part) = todo.pop() {
        let ty = dies.ty(part.die);
        if part.die != whole && !is_taken_apart(dies, part.die, &ty, wanted) {
            out.push(part);
        } else if part.names.len() < MAX_DEPTH {
            for (member, die) in dies.children_of(part.die, dw::DW_TAG_member) {
                let inner = dies.type_of(member)?;
                // Markers and allocators take no space, and nor may a value that is wanted.
                if dies.size(inner) == Some(0)
                    && !wanted.contains(dies.ty(inner).unwrapped().as_ref())
                {
                    continue;
                }
                let mut names = part.names.clone();
                names.push(die.name.to_owned());
                if let Type::Path(path) = dies.ty(inner) {
                    names.push(path.name().to_owned());
                }
                todo.push(Leaf {
                    die: inner,
                    offset: part.offset.checked_add(die.value)?,
                    names,
                });
            }
        }
        if out.len() + todo.len() > MAX_LEAVES {
            return None;
        }
    }
    Some(out)
}

fn is_taken_apart(dies: &Dies<'_>, die: DieId, ty: &Type, wanted: &[Type]) -> bool {
    if wanted.contains(ty) || dies.tag(die) != dw::DW_TAG_structure_type {
        return false;
    }
    if dies.variant_part(die).is_some() {
        return false;
    }
    match ty {
        // A cell is where someone else's value begins; an atomic is a number.
        Type::Path(_) if matches!(ty.as_std(), Some(("cell", _))) => false,
        Type::Path(_) if matches!(ty.as_std(), Some(("sync", name)) if name.starts_with("Atomic")) => {
            false
        }
        Type::Path(path) => matches!(path.krate(), "std" | "core" | "alloc" | "hashbrown"),
        // Pointers with a length or vtable.
        Type::Ref(_) | Type::RawPtr(_) => true,
        _ => false,
    }
}

/// Whether a leaf can be a field of this type.
pub(super) fn fits(dies: &Dies<'_>, leaf: &Leaf, ty: &FieldType) -> bool {
    let ty = match ty {
        FieldType::Pointer(_) => return dies.tag(leaf.die) == dw::DW_TAG_pointer_type,
        FieldType::Value(ty) => ty,
    };
    let found = dies.ty(leaf.die);
    let (found, ty) = (found.unwrapped(), ty.unwrapped());
    match (&*ty, &*found) {
        (Type::Primitive(wanted), Type::Primitive(found)) => {
            is_like(*wanted, *found, dies.pointer_bytes)
        }
        // Of an unsized tail, debug information has the first element.
        (Type::Str, found) => *found == Type::U8 || *found == Type::Str,
        (Type::Slice(element), found) => element.unwrapped().as_ref() == found || *ty == *found,
        (ty, found) => ty == found,
    }
}

/// Whether a number of one type can be stored as one of another.
fn is_like(wanted: Primitive, found: Primitive, pointer_bytes: u32) -> bool {
    use crate::rust::Storage;
    let float = |primitive: Primitive| primitive.storage() == Storage::Float;
    wanted.size_bytes(pointer_bytes) == found.size_bytes(pointer_bytes)
        && float(wanted) == float(found)
}

/// The one type inside a wrapper that is described by `ty`: the wrapper itself, or what its only
/// member with a size is, and so on.
pub(super) fn unwrap(dies: &Dies<'_>, wrapper: DieId, ty: &Type) -> Option<DieId> {
    let mut die = wrapper;
    for _ in 0..MAX_DEPTH {
        if dies.ty(die) == *ty {
            return Some(die);
        }
        let members = || {
            dies.children_of(die, dw::DW_TAG_member)
                .filter_map(|(member, _)| dies.type_of(member))
        };
        if let Some(found) = members().find(|inner| dies.ty(*inner) == *ty) {
            return Some(found);
        }
        let mut sized = members().filter(|inner| dies.size(*inner) != Some(0));
        let inner = sized.next();
        if sized.next().is_some() {
            return None;
        }
        // A value without size is wrapped in what has none either.
        die = inner.or_else(|| members().next())?;
    }
    None
}

/// The type arguments of a generic type that are in its debug information. For `str` and `[T]` it
/// has the type of the elements.
pub(super) fn type_params(dies: &Dies<'_>, generic: DieId) -> Vec<(DieId, Type)> {
    dies.children_of(generic, dw::DW_TAG_template_type_parameter)
        .filter_map(|(param, _)| dies.type_of(param))
        .map(|param| (param, dies.ty(param)))
        .collect()
}
