//! What a type is apart from the types it refers to.

use std::hash::{BuildHasher as _, Hash as _, Hasher as _};

use super::graph::Node;
use crate::hash::{Mixer, Seed, Slots};
use crate::model::{CompositeKind, Kind, NameOffset, Type};

/// The fixed part: kind, name, and up to two words more.
type Head = (Kind, NameOffset, u64, u64);

fn head(ty: &Type) -> Head {
    let (a, b) = match ty {
        Type::Int {
            size_bytes,
            encoding,
            offset_bits,
            bits,
            ..
        } => (
            u64::from(*size_bytes),
            u64::from(encoding.0) << 16 | u64::from(*offset_bits) << 8 | u64::from(*bits),
        ),
        Type::Array { len, .. } => (u64::from(*len), 0),
        Type::Composite { size_bytes, .. }
        | Type::Datasec { size_bytes, .. }
        | Type::Float { size_bytes, .. } => (u64::from(*size_bytes), 0),
        Type::Enum {
            size_bytes, signed, ..
        } => (u64::from(*size_bytes), u64::from(*signed)),
        Type::Fwd { kind, .. } => (u64::from(*kind == CompositeKind::Union), 0),
        Type::Func { linkage, .. } => (u64::from(*linkage), 0),
        Type::Var { linkage, .. } => (u64::from(*linkage), 0),
        Type::DeclTag {
            component,
            attribute,
            ..
        } => (u64::from(component.cast_unsigned()), u64::from(*attribute)),
        Type::TypeTag { attribute, .. } => (u64::from(*attribute), 0),
        Type::Ptr(_)
        | Type::Typedef { .. }
        | Type::Volatile(_)
        | Type::Const(_)
        | Type::Restrict(_)
        | Type::FuncProto { .. } => (0, 0),
    };
    (ty.kind(), ty.name(), a, b)
}

/// Number of members, enumerators or parameters.
fn record_count(ty: &Type) -> usize {
    match ty {
        Type::Composite { members, .. } => members.len(),
        Type::Enum { values, .. } => values.len(),
        Type::FuncProto { params, .. } => params.len(),
        Type::Datasec { vars, .. } => vars.len(),
        _ => 0,
    }
}

/// Name of a record, and the rest of it but for its type.
fn record(ty: &Type, index: usize) -> Option<(u32, u64)> {
    Some(match ty {
        Type::Composite { members, .. } => {
            let m = members.get(index)?;
            let place = u64::from(m.offset_bits) << 8 | u64::from(m.bitfield_bits);
            (m.name.0, place)
        }
        Type::Enum { values, .. } => {
            let v = values.get(index)?;
            (v.name.0, v.value.cast_unsigned())
        }
        Type::FuncProto { params, .. } => (params.get(index)?.name.0, 0),
        Type::Datasec { vars, .. } => {
            let v = vars.get(index)?;
            let place = u64::from(v.offset_bytes) << 32 | u64::from(v.size_bytes);
            (0, place)
        }
        _ => return None,
    })
}

fn records(ty: &Type) -> impl Iterator<Item = (u32, u64)> + '_ {
    (0..record_count(ty)).map_while(|index| record(ty, index))
}

fn hash(ty: &Type, hasher: &mut Mixer) {
    head(ty).hash(hasher);
    for record in records(ty) {
        record.hash(hasher);
    }
}

/// Whether types are of one shape.
fn is_same(a: &Type, b: &Type) -> bool {
    head(a) == head(b) && records(a).eq(records(b))
}

/// Whether the type only announces one of its name: forward declarations, and enums without
/// enumerators.
pub(super) fn is_announcement(ty: &Type) -> bool {
    match ty {
        Type::Fwd { .. } => true,
        Type::Enum { name, values, .. } => values.is_empty() && !name.is_anonymous(),
        _ => false,
    }
}

/// The shape of each type, as a number from 1; 0 is that of `void`. Variables and sections have
/// each their own, so that none is merged.
pub(super) fn shapes(types: &[Type]) -> Vec<u32> {
    let get = |node: Node| types.get(node as usize - 1);
    number(
        types.len(),
        |node, hasher| {
            if let Some(ty) = get(node) {
                hash(ty, hasher);
            }
        },
        |a, b| get(a).zip(get(b)).is_some_and(|(a, b)| is_same(a, b)),
        |node| matches!(get(node), Some(Type::Var { .. } | Type::Datasec { .. })),
    )
}

/// The classes that refinement starts with: shapes, but all that a struct, union or enum name may
/// stand for in one class, as a forward declaration may stand for any.
pub(super) fn names(types: &[Type], shapes: &[u32]) -> Vec<u32> {
    let key = |node: Node| match types.get(node as usize - 1).and_then(tag) {
        Some((space, name)) => (space, name.0),
        None => (0, shapes.get(node as usize).copied().unwrap_or_default()),
    };
    number(
        types.len(),
        |node, hasher| key(node).hash(hasher),
        |a, b| key(a) == key(b),
        |_| false,
    )
}

/// Name of a struct, union, enum or forward declaration that has one, and the name space that it
/// is in.
pub(super) fn tag(ty: &Type) -> Option<(u8, NameOffset)> {
    let space = match ty {
        Type::Composite { kind, .. } | Type::Fwd { kind, .. } => match kind {
            CompositeKind::Struct => 1,
            CompositeKind::Union => 2,
        },
        Type::Enum { .. } => 3,
        _ => return None,
    };
    (!ty.name().is_anonymous()).then_some((space, ty.name()))
}

/// Numbers the nodes from 1 so that equal ones, and only those, share a number; `alone` ones never
/// do. `void` keeps 0.
fn number(
    count: usize,
    hash: impl Fn(Node, &mut Mixer),
    is_same: impl Fn(Node, Node) -> bool,
    alone: impl Fn(Node) -> bool,
) -> Vec<u32> {
    let seed = Seed::random();
    let mut slots = Slots::default();
    // For each number the first node that has it.
    let mut firsts: Vec<Node> = vec![0];
    let mut numbers = Vec::with_capacity(count + 1);
    numbers.push(0);
    for node in (1..).take(count) {
        let is_it = |number| {
            firsts
                .get(number as usize)
                .is_some_and(|it| is_same(*it, node))
        };
        let is_alone = alone(node);
        let mut hasher = seed.build_hasher();
        hash(node, &mut hasher);
        let hash = hasher.finish();
        let found = (!is_alone).then(|| slots.find(hash, is_it)).flatten();
        numbers.push(found.unwrap_or_else(|| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "no more than there are nodes"
            )]
            let new = firsts.len() as u32;
            firsts.push(node);
            if !is_alone {
                slots.insert(hash, new);
            }
            new
        }));
    }
    numbers
}
