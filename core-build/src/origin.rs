//! Where the header's types come from, and the one set of declarations that several origins make.
//!
//! Several programs have types of one name. As declarations they are the same when their members
//! have the same names and natures: offsets are the loader's business. Two that differ cannot stand
//! in one header, where a name says which type a program reads.

use std::collections::{BTreeMap, HashMap};

use core_btf::model::{CompositeKind, Type};
use core_btf::{BtfBuf, TypeId};

use crate::error::{Error, Result};
use crate::header::app_btf;
use crate::near::near;

/// Unnamed types nest so deep in a comparison.
const MAX_DEPTH: usize = 64;

/// Ends the name of the enum of an enum's tags: see `core_btf::rust`.
const TAG_ENUM: &str = "__tag";

/// Types, and what errors call their origin.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) name: String,
    pub(crate) types: BtfBuf,
    /// Whether the types have the layout that they have in a program; otherwise their names and
    /// members are known, no more.
    pub(crate) laid_out: bool,
}

/// Limits the types of each origin to those with these names and what they need, unless there are
/// no names. `what` is said of all origins when one has no type of a name.
pub(crate) fn narrow(origins: &mut [&mut Origin], names: &[String], what: &str) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let mut roots = vec![Vec::new(); origins.len()];
    for wanted in names {
        let mut found = false;
        for (origin, roots) in origins.iter().zip(&mut roots) {
            let before = roots.len();
            let ids = named(&origin.types).filter(|(_, name)| name == wanted);
            roots.extend(ids.map(|(id, _)| id));
            found |= roots.len() > before;
        }
        if !found {
            let names = origins.iter().flat_map(|origin| named(&origin.types));
            return Err(Error::NoSuchType {
                what: what.to_owned(),
                name: wanted.clone(),
                similar: near(wanted, names.map(|(_, name)| name)),
            });
        }
    }
    for (origin, roots) in origins.iter_mut().zip(roots) {
        origin.types = origin.types.closure(roots).map_err(app_btf)?;
    }
    Ok(())
}

/// The types that a header can declare by name.
fn named(types: &BtfBuf) -> impl Iterator<Item = (TypeId, &str)> {
    types.iter().filter_map(|(id, ty)| {
        let kind = ty.kind();
        let declared = kind.is_composite() || kind.is_enum() || matches!(ty, Type::Typedef { .. });
        let name = types.name(ty.name());
        (declared && !name.is_empty()).then_some((id, name))
    })
}

/// The types of all origins. Those that are declared alike by two of them are there once; two of
/// one name that differ are an error. (One origin may have several of one name, as C has.)
pub(crate) fn combine<'o>(origins: impl IntoIterator<Item = &'o Origin>) -> Result<BtfBuf> {
    let mut all = BtfBuf::new();
    let mut known = BTreeMap::<(bool, &str), Vec<Known<'_>>>::new();
    let mut replaced = HashMap::new();
    for origin in origins {
        let base = all.next_id().map_err(app_btf)?.0 - 1;
        let mut own = Vec::new();
        for (id, name) in named(&origin.types) {
            let is_typedef = matches!(origin.types.get(id), Some(Type::Typedef { .. }));
            let declaration = declaration(&origin.types, id);
            let others = known
                .get(&(is_typedef, name))
                .map_or(&[][..], Vec::as_slice);
            let id = TypeId(base + id.0);
            match others.iter().find(|other| other.declaration == declaration) {
                Some(same) => {
                    replaced.insert(id, same.id);
                }
                None => match others.first() {
                    Some(other) => {
                        return Err(Error::SameType {
                            name: name.to_owned(),
                            first: other.origin.to_owned(),
                            second: origin.name.clone(),
                        });
                    }
                    None => own.push(((is_typedef, name), id, declaration)),
                },
            }
        }
        for (key, id, declaration) in own {
            known.entry(key).or_default().push(Known {
                origin: &origin.name,
                id,
                declaration,
            });
        }
        all.extend(&origin.types).map_err(app_btf)?;
    }
    if replaced.is_empty() {
        return Ok(all);
    }
    let ids: Vec<TypeId> = all.iter().map(|(id, _)| id).collect();
    for id in &ids {
        if let Some(ty) = all.get_mut(*id) {
            ty.for_each_ref_mut(|id| *id = replaced.get(id).copied().unwrap_or(*id));
        }
    }
    let kept = ids.into_iter().filter(|id| !replaced.contains_key(id));
    all.closure(kept).map_err(app_btf)
}

/// A named type of an earlier origin.
#[derive(Debug)]
struct Known<'o> {
    origin: &'o str,
    id: TypeId,
    declaration: String,
}

/// What the declaration of a named type says: its members and what they are, in no order, types by
/// their names.
fn declaration(types: &BtfBuf, id: TypeId) -> String {
    match types.get(id) {
        Some(Type::Typedef { ty, .. }) => nature(types, *ty, MAX_DEPTH),
        Some(ty) => body(types, ty, MAX_DEPTH),
        None => String::new(),
    }
}

fn body(types: &BtfBuf, ty: &Type, depth: usize) -> String {
    let (keyword, mut parts) = match ty {
        Type::Composite { kind, members, .. } => {
            let parts = members.iter().map(|member| {
                let name = types.name(member.name);
                let nature = nature(types, member.ty, depth);
                match member.bitfield_bits {
                    0 => format!("{name}:{nature}"),
                    bits => format!("{name}:{nature}:{bits}"),
                }
            });
            (keyword(*kind), parts.collect::<Vec<_>>())
        }
        Type::Enum { name, values, .. } => {
            // The tags of an enum with data have the values that the compiler gives them.
            let is_tag = types.name(*name).ends_with(TAG_ENUM);
            let parts = values.iter().map(|value| {
                let name = types.name(value.name);
                if is_tag {
                    name.to_owned()
                } else {
                    format!("{name}={}", value.value)
                }
            });
            ("enum", parts.collect())
        }
        _ => return String::new(),
    };
    parts.sort_unstable();
    format!("{keyword}{{{}}}", parts.join(","))
}

/// What a member is: named types by their names, typedefs as what they stand for.
fn nature(types: &BtfBuf, id: TypeId, depth: usize) -> String {
    let Some(depth) = depth.checked_sub(1) else {
        return String::new();
    };
    let Some(ty) = types.get(id) else {
        return "void".to_owned();
    };
    let tag = types.name(ty.name());
    match ty {
        Type::Int {
            size_bytes,
            encoding,
            ..
        } if encoding.is_bool() => format!("bool{size_bytes}"),
        // Its sign differs between machines.
        Type::Int { size_bytes: 1, .. } if tag == "char" => tag.to_owned(),
        Type::Int {
            size_bytes,
            encoding,
            ..
        } => {
            let sign = if encoding.is_signed() { "s" } else { "u" };
            format!("{sign}{size_bytes}")
        }
        Type::Float { size_bytes, .. } => format!("float{size_bytes}"),
        Type::Ptr(to) => format!("*{}", nature(types, *to, depth)),
        Type::Array { element, len, .. } => format!("[{len}]{}", nature(types, *element, depth)),
        Type::Composite { kind, .. } | Type::Fwd { kind, .. } if !tag.is_empty() => {
            format!("{} {tag}", keyword(*kind))
        }
        Type::Enum { .. } if !tag.is_empty() => format!("enum {tag}"),
        Type::Composite { .. } | Type::Enum { .. } => body(types, ty, depth),
        Type::Typedef { ty, .. }
        | Type::Const(ty)
        | Type::Volatile(ty)
        | Type::Restrict(ty)
        | Type::TypeTag { ty, .. } => nature(types, *ty, depth),
        _ => "function".to_owned(),
    }
}

const fn keyword(kind: CompositeKind) -> &'static str {
    match kind {
        CompositeKind::Struct => "struct",
        CompositeKind::Union => "union",
    }
}
