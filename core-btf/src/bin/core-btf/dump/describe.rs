//! What bpftool says of a type, as fields in its order: the raw and the JSON form are two spellings
//! of it.

use core_btf::model::{CompositeKind, IntEncoding};
use core_btf::{Btf, Error, Kind, NameOffset, Type, TypeId, TypeRef};

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Number(i128),
    Word(&'static str),
    Name(String),
}

/// A field's key and value.
pub(crate) type Field = (&'static str, Value);

/// A type, or a part of one.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
    /// What the parts are called, and each part's fields.
    pub(crate) parts: Option<(&'static str, Vec<Vec<Field>>)>,
}

fn number(key: &'static str, value: impl Into<i128>) -> Field {
    (key, Value::Number(value.into()))
}

fn word(key: &'static str, value: &'static str) -> Field {
    (key, Value::Word(value))
}

fn id(key: &'static str, ty: TypeId) -> Field {
    number(key, ty.0)
}

/// The text of a name, as bpftool shows that of an anonymous type too.
pub(crate) fn name(btf: &Btf<'_>, offset: NameOffset) -> String {
    if offset.is_anonymous() {
        return "(anon)".to_owned();
    }
    String::from_utf8_lossy(btf.name_bytes(offset)).into_owned()
}

/// bpftool's name of a kind.
pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Void => "UNKNOWN",
        Kind::Int => "INT",
        Kind::Ptr => "PTR",
        Kind::Array => "ARRAY",
        Kind::Struct => "STRUCT",
        Kind::Union => "UNION",
        Kind::Enum => "ENUM",
        Kind::Fwd => "FWD",
        Kind::Typedef => "TYPEDEF",
        Kind::Volatile => "VOLATILE",
        Kind::Const => "CONST",
        Kind::Restrict => "RESTRICT",
        Kind::Func => "FUNC",
        Kind::FuncProto => "FUNC_PROTO",
        Kind::Var => "VAR",
        Kind::Datasec => "DATASEC",
        Kind::Float => "FLOAT",
        Kind::DeclTag => "DECL_TAG",
        Kind::TypeTag => "TYPE_TAG",
        Kind::Enum64 => "ENUM64",
    }
}

fn int_encoding(encoding: IntEncoding) -> &'static str {
    match encoding {
        IntEncoding::UNSIGNED => "(none)",
        IntEncoding::SIGNED => "SIGNED",
        IntEncoding::CHAR => "CHAR",
        IntEncoding::BOOL => "BOOL",
        _ => "UNKN",
    }
}

/// Describes a type of `btf`.
pub(crate) fn describe(btf: &Btf<'_>, ty: &TypeRef<'_>) -> Result<Description, Error> {
    let text = |offset| ("name", Value::Name(name(btf, offset)));
    let vlen = |len: usize| number("vlen", len as u64);
    let mut parts = None;
    let owned = ty.to_type()?;
    let fields = match &owned {
        Type::Int {
            size_bytes,
            encoding,
            offset_bits,
            bits,
            ..
        } => vec![
            number("size", *size_bytes),
            number("bits_offset", *offset_bits),
            number("nr_bits", *bits),
            word("encoding", int_encoding(*encoding)),
        ],
        Type::Ptr(to) | Type::Volatile(to) | Type::Const(to) | Type::Restrict(to) => {
            vec![id("type_id", *to)]
        }
        Type::Typedef { ty, .. } | Type::TypeTag { ty, .. } => vec![id("type_id", *ty)],
        Type::Array {
            element,
            index,
            len,
        } => vec![
            id("type_id", *element),
            id("index_type_id", *index),
            number("nr_elems", *len),
        ],
        Type::Composite {
            size_bytes,
            members,
            ..
        } => {
            let part = members.iter().map(|member| {
                let mut fields = vec![
                    text(member.name),
                    id("type_id", member.ty),
                    number("bits_offset", member.offset_bits),
                ];
                if member.bitfield_bits != 0 {
                    fields.push(number("bitfield_size", member.bitfield_bits));
                }
                fields
            });
            parts = Some(("members", part.collect()));
            vec![number("size", *size_bytes), vlen(members.len())]
        }
        Type::Enum {
            size_bytes,
            signed,
            wide,
            values,
            ..
        } => {
            let part = values.iter().map(|value| {
                let shown = match (signed, wide) {
                    (false, true) => i128::from(value.value.cast_unsigned()),
                    _ => i128::from(value.value),
                };
                vec![text(value.name), ("val", Value::Number(shown))]
            });
            parts = Some(("values", part.collect()));
            let encoding = if *signed { "SIGNED" } else { "UNSIGNED" };
            vec![
                word("encoding", encoding),
                number("size", *size_bytes),
                vlen(values.len()),
            ]
        }
        Type::Fwd { kind, .. } => {
            let of = match kind {
                CompositeKind::Struct => "struct",
                CompositeKind::Union => "union",
            };
            vec![word("fwd_kind", of)]
        }
        Type::Func { proto, linkage, .. } => vec![
            id("type_id", *proto),
            word("linkage", linkage_name((*linkage).into())),
        ],
        Type::FuncProto { returns, params } => {
            let part = params
                .iter()
                .map(|param| vec![text(param.name), id("type_id", param.ty)]);
            parts = Some(("params", part.collect()));
            vec![id("ret_type_id", *returns), vlen(params.len())]
        }
        Type::Var { ty, linkage, .. } => {
            vec![id("type_id", *ty), word("linkage", linkage_name(*linkage))]
        }
        Type::Datasec {
            size_bytes, vars, ..
        } => {
            let part = vars.iter().map(|var| {
                vec![
                    id("type_id", var.ty),
                    number("offset", var.offset_bytes),
                    number("size", var.size_bytes),
                ]
            });
            parts = Some(("vars", part.collect()));
            vec![number("size", *size_bytes), vlen(vars.len())]
        }
        Type::Float { size_bytes, .. } => vec![number("size", *size_bytes)],
        Type::DeclTag { ty, component, .. } => {
            vec![id("type_id", *ty), number("component_idx", *component)]
        }
    };
    Ok(Description {
        kind: kind_name(ty.kind()),
        name: name(btf, ty.name_offset()),
        fields,
        parts,
    })
}

fn linkage_name(linkage: u32) -> &'static str {
    match linkage {
        0 => "static",
        1 => "global",
        2 => "extern",
        _ => "(unknown)",
    }
}
