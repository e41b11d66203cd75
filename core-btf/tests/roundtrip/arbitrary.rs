//! Types of every kind, referring to each other in every way.

use core_btf::model::{
    CompositeKind, Enumerator, IntEncoding, Member, NameOffset, Param, SectionVar,
};
use core_btf::{BtfBuf, Type, TypeId};
use proptest::collection::vec;
use proptest::prelude::*;

/// Few, so that types often have one name.
const NAMES: [&str; 6] = ["", "a", "b", "int", "größe", "a name\twith blanks"];

/// The names are given as numbers until there is a table to put them in.
fn name() -> impl Strategy<Value = NameOffset> {
    (0..6_u32).prop_map(NameOffset)
}

/// Any number; brought into range when the number of types is known.
fn ty() -> impl Strategy<Value = TypeId> {
    any::<u32>().prop_map(TypeId)
}

fn kind() -> impl Strategy<Value = CompositeKind> {
    prop_oneof![Just(CompositeKind::Struct), Just(CompositeKind::Union)]
}

fn members() -> impl Strategy<Value = Vec<Member>> {
    let plain = (name(), ty(), any::<u32>(), Just(0_u8));
    let bitfield = (name(), ty(), 0..1_u32 << 24, any::<u8>());
    let member = |(name, ty, offset_bits, bitfield_bits)| Member {
        name,
        ty,
        offset_bits,
        bitfield_bits,
    };
    prop_oneof![
        vec(plain.prop_map(member), 0..4),
        vec(bitfield.prop_map(member), 0..4)
    ]
}

fn enumeration() -> impl Strategy<Value = Type> {
    let values = vec((name(), any::<i64>()), 0..4);
    let parts = (name(), any::<u32>(), any::<bool>(), any::<bool>(), values);
    parts.prop_map(|(name, size_bytes, signed, wide, values)| Type::Enum {
        name,
        size_bytes,
        signed,
        wide,
        values: (values.into_iter())
            .map(|(name, value)| Enumerator {
                name,
                value: match (wide, signed) {
                    (true, _) => value,
                    (false, true) => value >> 32,
                    (false, false) => value & 0xffff_ffff,
                },
            })
            .collect(),
    })
}

fn arbitrary_type() -> impl Strategy<Value = Type> {
    let params = vec((name(), ty()), 0..3);
    let vars = vec((ty(), any::<u32>(), any::<u32>()), 0..3);
    prop_oneof![
        1 => (name(), any::<u32>(), 0..16_u8, any::<u8>(), any::<u8>()).prop_map(
            |(name, size_bytes, encoding, offset_bits, bits)| Type::Int {
                name,
                size_bytes,
                encoding: IntEncoding(encoding),
                offset_bits,
                bits,
            }
        ),
        3 => ty().prop_map(Type::Ptr),
        1 => (ty(), ty(), any::<u32>()).prop_map(|(element, index, len)| Type::Array {
            element,
            index,
            len
        }),
        3 => (kind(), name(), any::<u32>(), members()).prop_map(
            |(kind, name, size_bytes, members)| Type::Composite {
                kind,
                name,
                size_bytes,
                members,
            }
        ),
        2 => enumeration(),
        2 => (name(), kind()).prop_map(|(name, kind)| Type::Fwd { name, kind }),
        1 => (name(), ty()).prop_map(|(name, ty)| Type::Typedef { name, ty }),
        1 => ty().prop_map(Type::Volatile),
        1 => ty().prop_map(Type::Const),
        1 => ty().prop_map(Type::Restrict),
        1 => (name(), ty(), any::<u16>()).prop_map(|(name, proto, linkage)| Type::Func {
            name,
            proto,
            linkage
        }),
        1 => (ty(), params).prop_map(|(returns, params)| Type::FuncProto {
            returns,
            params: (params.into_iter())
                .map(|(name, ty)| Param { name, ty })
                .collect(),
        }),
        1 => (name(), ty(), any::<u32>()).prop_map(|(name, ty, linkage)| Type::Var {
            name,
            ty,
            linkage
        }),
        1 => (name(), any::<u32>(), vars).prop_map(|(name, size_bytes, vars)| Type::Datasec {
            name,
            size_bytes,
            vars: (vars.into_iter())
                .map(|(ty, offset_bytes, size_bytes)| SectionVar {
                    ty,
                    offset_bytes,
                    size_bytes,
                })
                .collect(),
        }),
        1 => (name(), any::<u32>()).prop_map(|(name, size_bytes)| Type::Float { name, size_bytes }),
        1 => (name(), ty(), any::<i32>(), any::<bool>()).prop_map(|(name, ty, component, attribute)| {
            Type::DeclTag {
                name,
                ty,
                component,
                attribute,
            }
        }),
        1 => (name(), ty(), any::<bool>()).prop_map(|(name, ty, attribute)| Type::TypeTag {
            name,
            ty,
            attribute
        }),
    ]
}

fn buf(mut types: Vec<Type>) -> BtfBuf {
    let mut out = BtfBuf::new();
    let count = u32::try_from(types.len()).unwrap() + 1;
    for ty in &mut types {
        ty.for_each_ref_mut(|id| id.0 %= count);
        ty.for_each_name_mut(|name| *name = out.intern(NAMES[name.0 as usize]).unwrap());
    }
    for ty in types {
        out.push(ty).unwrap();
    }
    out
}

/// Any types, with references to types that are there.
pub(crate) fn types() -> impl Strategy<Value = BtfBuf> {
    vec(arbitrary_type(), 0..40).prop_map(buf)
}

/// Types that are often the same: the few that a small program has, several times, and each time
/// with other references and now and then with a part left out.
pub(crate) fn repeated_types() -> impl Strategy<Value = BtfBuf> {
    let reference = any::<u32>();
    (
        vec(arbitrary_type(), 1..6),
        vec((0..6_usize, reference), 1..40),
    )
        .prop_map(|(shapes, picks)| {
            let types = picks.into_iter().map(|(shape, reference)| {
                let mut ty = shapes[shape % shapes.len()].clone();
                // Near each other, so that chains and cycles come about.
                ty.for_each_ref_mut(|id| id.0 = reference % 8);
                ty
            });
            buf(types.collect())
        })
}
