//! What two descriptions of a program's types must agree on, as text.

use std::collections::{BTreeMap, BTreeSet};

use core_btf::model::{CompositeKind, Member};
use core_btf::{BtfBuf, Type, TypeId};

/// For each named struct, union and enum (`struct foo`) its layouts; more than one where functions
/// have types of the same name.
pub type Layouts = BTreeMap<String, BTreeSet<String>>;

/// The layouts of all named structs, unions and enums.
#[must_use]
pub fn layouts(btf: &BtfBuf) -> Layouts {
    let mut out = Layouts::new();
    for ty in btf.types() {
        let name = btf.name(ty.name());
        let (keyword, layout) = match ty {
            _ if name.is_empty() => continue,
            Type::Composite { kind, .. } => (keyword(*kind), composite(btf, ty)),
            Type::Enum { .. } => ("enum", enumeration(btf, ty)),
            _ => continue,
        };
        out.entry(format!("{keyword} {name}"))
            .or_default()
            .insert(layout);
    }
    out
}

/// What the two have otherwise, or not at all; empty if nothing.
#[must_use]
pub fn differences(ours: &Layouts, theirs: &Layouts) -> Vec<String> {
    let names: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let differ = |name: &&&String| ours.get(**name) != theirs.get(**name);
    let show = |name: &String| {
        let (ours, theirs) = (ours.get(name), theirs.get(name));
        format!("{name}: ours {ours:?}, theirs {theirs:?}")
    };
    names.iter().filter(differ).map(|name| show(name)).collect()
}

/// The layout of every typedef of a type that has no name of its own.
#[must_use]
pub fn typedef_layouts(btf: &BtfBuf) -> Layouts {
    let mut out = Layouts::new();
    for ty in btf.types() {
        if let Type::Typedef { name, ty } = ty {
            let name = format!("typedef {}", btf.name(*name));
            out.entry(name).or_default().insert(value(btf, *ty));
        }
    }
    out
}

fn keyword(kind: CompositeKind) -> &'static str {
    match kind {
        CompositeKind::Struct => "struct",
        CompositeKind::Union => "union",
    }
}

fn composite(btf: &BtfBuf, ty: &Type) -> String {
    let Type::Composite {
        kind,
        size_bytes,
        members,
        ..
    } = ty
    else {
        unreachable!()
    };
    let members: Vec<_> = members.iter().map(|m| member(btf, m)).collect();
    let members = members.join("; ");
    format!("{} of {size_bytes} {{ {members} }}", keyword(*kind))
}

fn member(btf: &BtfBuf, member: &Member) -> String {
    let name = btf.name(member.name);
    let (at, bits) = (member.offset_bits, member.bitfield_bits);
    let bits = match bits {
        0 => String::new(),
        bits => format!(":{bits}"),
    };
    format!("{name}{bits} @{at} {}", value(btf, member.ty))
}

fn enumeration(btf: &BtfBuf, ty: &Type) -> String {
    let Type::Enum {
        size_bytes, values, ..
    } = ty
    else {
        unreachable!()
    };
    let values = values.iter().map(|it| {
        format!(
            "{} = {:#x}",
            btf.name(it.name),
            truncated(it.value, *size_bytes)
        )
    });
    let values: Vec<_> = values.collect();
    format!("enum of {size_bytes} {{ {} }}", values.join(", "))
}

/// The bits of a value that an enum of this size has; makers of BTF differ in how they extend it.
fn truncated(value: i64, size_bytes: u32) -> u64 {
    value.cast_unsigned() << (64 - 8 * size_bytes) >> (64 - 8 * size_bytes)
}

/// A type that is stored somewhere, without the typedefs and qualifiers on the way to it.
fn value(btf: &BtfBuf, id: TypeId) -> String {
    let Some(ty) = btf.get(id) else {
        return "void".to_owned();
    };
    let name = btf.name(ty.name());
    match ty {
        Type::Int {
            size_bytes,
            encoding,
            ..
        } => match (encoding.is_bool(), encoding.is_signed()) {
            (true, _) => format!("bool of {size_bytes}"),
            (_, true) => format!("int of {size_bytes}"),
            _ => format!("unsigned of {size_bytes}"),
        },
        Type::Float { size_bytes, .. } => format!("float of {size_bytes}"),
        Type::Ptr(to) => format!("pointer to {}", pointee(btf, *to)),
        Type::Array { .. } => {
            // pahole makes one dimension of several, so this does too.
            let (mut total, mut element) = (1, id);
            loop {
                match btf.get(element) {
                    Some(Type::Array {
                        element: of, len, ..
                    }) => {
                        (total, element) = (total * u64::from(*len), *of);
                    }
                    Some(Type::Typedef { ty, .. }) => element = *ty,
                    _ => break,
                }
            }
            format!("{total} times {}", value(btf, element))
        }
        Type::Composite {
            kind, size_bytes, ..
        } if !name.is_empty() => format!("{} {name} of {size_bytes}", keyword(*kind)),
        Type::Composite { .. } => composite(btf, ty),
        Type::Enum { size_bytes, .. } if !name.is_empty() => format!("enum {name} of {size_bytes}"),
        Type::Enum { .. } => enumeration(btf, ty),
        Type::Typedef { ty, .. }
        | Type::Const(ty)
        | Type::Volatile(ty)
        | Type::Restrict(ty)
        | Type::TypeTag { ty, .. } => value(btf, *ty),
        Type::FuncProto { .. } | Type::Fwd { .. } => pointee(btf, id),
        other => format!("{:?}, which is no type of a value", other.kind()),
    }
}

/// A type that is pointed to: its name says enough.
fn pointee(btf: &BtfBuf, id: TypeId) -> String {
    let Some(ty) = btf.get(id) else {
        return "void".to_owned();
    };
    let name = btf.name(ty.name());
    match ty {
        Type::Composite { kind, .. } | Type::Fwd { kind, .. } => {
            format!("{} {name}", keyword(*kind))
        }
        Type::Enum { .. } => format!("enum {name}"),
        Type::Typedef { ty, .. }
        | Type::Const(ty)
        | Type::Volatile(ty)
        | Type::Restrict(ty)
        | Type::TypeTag { ty, .. } => pointee(btf, *ty),
        Type::FuncProto { returns, params } => {
            let params: Vec<_> = params.iter().map(|p| pointee(btf, p.ty)).collect();
            format!("{}({})", pointee(btf, *returns), params.join(", "))
        }
        Type::Ptr(to) => format!("pointer to {}", pointee(btf, *to)),
        Type::Array { .. } => "array".to_owned(),
        _ => value(btf, id),
    }
}
