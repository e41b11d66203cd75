//! Declarations of the types that were reached, as BTF to print the header from.

use std::collections::BTreeMap;

use core_btf::model::{
    CompositeKind, Enumerator, IntEncoding, Member as BtfMember, NameOffset, Type as BtfType,
};
use core_btf::rust::{
    FieldType, Names, Primitive, Storage, Type, View, enumerator, identifier, tag_enum,
    variant_struct,
};
use core_btf::{BtfBuf, TypeId};

use super::reach::{Body, Member, MemberType, Reached};
use super::source::Source;
use super::tags;
use crate::error::Result;
use crate::header::app_btf;

/// Bytes of a pointer in BPF, which prints the header's pointers.
const POINTER_BYTES: u32 = 8;

/// Declares every type that was reached.
pub(crate) fn declare(
    source: &Source,
    reached: &mut Reached,
    pointer_bytes: u32,
) -> Result<BtfBuf> {
    let names = Names::new(
        reached.roots.iter().cloned(),
        reached.types.keys(),
        &source.name,
    );
    let mut declarer = Declarer {
        names,
        bodies: &reached.types,
        pointer_bytes,
        btf: BtfBuf::new(),
        ids: BTreeMap::new(),
        layouts: Vec::new(),
        unknown_c: Vec::new(),
    };
    for ty in reached.types.keys() {
        declarer.ty(ty).map_err(app_btf)?;
    }
    reached.warnings.append(&mut declarer.unknown_c);
    Ok(declarer.btf)
}

/// Size and alignment, in bytes.
#[derive(Clone, Copy)]
struct Layout {
    size: u32,
    align: u32,
}

struct Declarer<'r> {
    names: Names,
    bodies: &'r BTreeMap<Type, Body>,
    pointer_bytes: u32,
    btf: BtfBuf,
    ids: BTreeMap<Type, TypeId>,
    /// Of each type of `btf`.
    layouts: Vec<Layout>,
    unknown_c: Vec<String>,
}

type Made<T = TypeId> = core_btf::Result<T>;

impl Declarer<'_> {
    fn push(&mut self, ty: BtfType, size: u32, align: u32) -> Made {
        self.layouts.push(Layout { size, align });
        self.btf.push(ty)
    }

    fn layout(&self, ty: TypeId) -> Layout {
        let known = ty
            .index()
            .checked_sub(1)
            .and_then(|at| self.layouts.get(at));
        known.copied().unwrap_or(Layout { size: 0, align: 1 })
    }

    /// The declaration of a type. One that contains itself by value, which rustc refuses, is found
    /// without size while it is being made, and so comes to an end.
    fn ty(&mut self, ty: &Type) -> Made {
        let ty = ty.unwrapped();
        if let Some(id) = self.ids.get(ty.as_ref()) {
            return Ok(*id);
        }
        let name = self.names.name(&ty);
        let id = match (ty.view(), self.bodies.get(ty.as_ref())) {
            (View::Primitive(primitive), _) => self.primitive(primitive)?,
            (View::Pointer(to), _) => {
                let id = self.push(BtfType::Ptr(TypeId::VOID), POINTER_BYTES, POINTER_BYTES)?;
                self.ids.insert(ty.into_owned(), id);
                return self.point(id, to);
            }
            (View::Array(element, len), _) => self.array(&element, len)?,
            (View::Fieldless(names), _) => {
                let variants: Vec<_> = (0..)
                    .zip(names)
                    .map(|(value, &name)| (name.to_owned(), Some(value)))
                    .collect();
                self.fieldless(&name, &variants, None)?
            }
            (View::Struct(fields), _) => {
                let id = self.open(CompositeKind::Struct, &name, &ty)?;
                let members = self.view_members(fields)?;
                self.close(id, members);
                id
            }
            (View::Enum(variants), _) => {
                let id = self.open(CompositeKind::Union, &name, &ty)?;
                let mut made = Vec::new();
                for variant in variants {
                    let members = self.view_members(variant.fields)?;
                    made.push((variant.name.to_owned(), members));
                }
                self.variants(id, &name, made)?;
                id
            }
            (View::Same(_) | View::Unknown, Some(Body::Struct(members))) => {
                let id = self.open(CompositeKind::Struct, &name, &ty)?;
                let members = self.members(members)?;
                self.close(id, members);
                id
            }
            (View::Same(_) | View::Unknown, Some(Body::Union(members))) => {
                let id = self.open(CompositeKind::Union, &name, &ty)?;
                let members = self.members(members)?;
                self.close(id, members);
                id
            }
            (View::Same(_) | View::Unknown, Some(Body::Fieldless(variants, repr))) => {
                self.fieldless(&name, variants, *repr)?
            }
            (View::Same(_) | View::Unknown, Some(Body::Enum(variants))) => {
                let id = self.open(CompositeKind::Union, &name, &ty)?;
                let mut made = Vec::new();
                for (name, members) in variants {
                    made.push((name.clone(), self.members(members)?));
                }
                self.variants(id, &name, made)?;
                id
            }
            (View::Same(_) | View::Unknown, Some(Body::View | Body::Foreign) | None) => {
                let name = self.btf.intern(&name)?;
                let kind = CompositeKind::Struct;
                self.push(BtfType::Fwd { name, kind }, 0, 1)?
            }
        };
        self.ids.insert(ty.into_owned(), id);
        Ok(id)
    }

    fn primitive(&mut self, primitive: Primitive) -> Made {
        let name = self.btf.intern(primitive.c_name(self.pointer_bytes))?;
        let size_bytes = primitive.size_bytes(self.pointer_bytes);
        let encoding = match primitive.storage() {
            Storage::Float => {
                return self.push(BtfType::Float { name, size_bytes }, size_bytes, size_bytes);
            }
            Storage::Signed => IntEncoding::SIGNED,
            Storage::Unsigned => IntEncoding::UNSIGNED,
            Storage::Bool => IntEncoding::BOOL,
        };
        self.int(name, size_bytes, encoding)
    }

    fn int(&mut self, name: NameOffset, size_bytes: u32, encoding: IntEncoding) -> Made {
        let int = BtfType::Int {
            name,
            size_bytes,
            encoding,
            offset_bits: 0,
            // At most 16 bytes.
            bits: u8::try_from(8 * size_bytes).unwrap_or(0),
        };
        self.push(int, size_bytes, size_bytes)
    }

    fn point(&mut self, id: TypeId, to: Option<Type>) -> Made {
        let target = match to {
            Some(to) => self.ty(&to)?,
            None => TypeId::VOID,
        };
        if let Some(place) = self.btf.get_mut(id) {
            *place = BtfType::Ptr(target);
        }
        Ok(id)
    }

    fn array(&mut self, element: &Type, len: u64) -> Made {
        let element = self.ty(element)?;
        let index = self.primitive(Primitive::U32)?;
        let len = u32::try_from(len).map_err(|_| core_btf::Error::Limit {
            what: "number of elements of an array",
            value: len,
            limit: u64::from(u32::MAX),
        })?;
        let Layout { size, align } = self.layout(element);
        let array = BtfType::Array {
            element,
            index,
            len,
        };
        self.push(array, size.saturating_mul(len), align)
    }

    /// An ENUM of the size that rustc chooses: the smallest that all values fit, unless a `repr`
    /// says otherwise.
    fn fieldless(
        &mut self,
        name: &str,
        variants: &[(String, Option<i128>)],
        repr: Option<Primitive>,
    ) -> Made {
        let known: Option<Vec<i128>> = variants.iter().map(|(_, value)| *value).collect();
        let values = known.unwrap_or_else(|| (0..).take(variants.len()).collect());
        let (low, high) = values.iter().fold((0, 0), |(low, high), &value| {
            (value.min(low), value.max(high))
        });
        let signed = low < 0;
        let size_bytes = repr.map_or_else(
            || {
                let fits = |bits: u32| {
                    let bits = if signed { bits - 1 } else { bits };
                    low >= -(1 << bits) && high < 1 << bits
                };
                [1, 2, 4]
                    .into_iter()
                    .find(|bytes| fits(8 * bytes))
                    .unwrap_or(8)
            },
            |primitive| primitive.size_bytes(self.pointer_bytes),
        );
        let mut enumerators = Vec::new();
        for ((variant, _), value) in variants.iter().zip(values) {
            let name = self.btf.intern(&enumerator(name, variant))?;
            // The low 64 bits, which are all that BTF has.
            #[expect(clippy::cast_possible_truncation, reason = "BTF's own limit")]
            let value = value as i64;
            enumerators.push(Enumerator { name, value });
        }
        let name = self.btf.intern(name)?;
        let ty = BtfType::Enum {
            name,
            size_bytes,
            signed,
            wide: size_bytes > 4,
            values: enumerators,
        };
        self.push(ty, size_bytes, size_bytes)
    }

    /// The enum of a union's tags. Its values are of no account; they are told apart, that is all.
    fn tags(&mut self, name: &str, names: Vec<String>) -> Made {
        let mut values = Vec::new();
        for (value, name) in (0..).zip(names) {
            let name = self.btf.intern(&name)?;
            values.push(Enumerator { name, value });
        }
        let name = self.btf.intern(&tag_enum(name))?;
        let ty = BtfType::Enum {
            name,
            size_bytes: 4,
            signed: false,
            wide: false,
            values,
        };
        self.push(ty, 4, 4)
    }

    /// A struct or union that has a place before it has members, as they may lead back to it.
    fn open(&mut self, kind: CompositeKind, name: &str, ty: &Type) -> Made {
        let id = self.composite(kind, name)?;
        self.ids.insert(ty.clone(), id);
        Ok(id)
    }

    fn composite(&mut self, kind: CompositeKind, name: &str) -> Made {
        let name = self.btf.intern(name)?;
        let composite = BtfType::Composite {
            kind,
            name,
            size_bytes: 0,
            members: Vec::new(),
        };
        self.push(composite, 0, 1)
    }

    /// Gives a struct or union its members, laid out as C does.
    fn close(&mut self, id: TypeId, members: Vec<(NameOffset, TypeId)>) {
        let Some(BtfType::Composite { kind, .. }) = self.btf.get(id) else {
            return;
        };
        let is_union = *kind == CompositeKind::Union;
        let (mut end, mut total) = (0_u32, Layout { size: 0, align: 1 });
        let mut placed = Vec::new();
        for (name, ty) in members {
            let Layout { size, align } = self.layout(ty);
            let offset = if is_union {
                0
            } else {
                end.next_multiple_of(align)
            };
            end = offset.saturating_add(size);
            total.size = total.size.max(end);
            total.align = total.align.max(align);
            placed.push(BtfMember {
                name,
                ty,
                offset_bits: offset.saturating_mul(8),
                bitfield_bits: 0,
            });
        }
        total.size = total.size.next_multiple_of(total.align);
        if let Some(BtfType::Composite {
            size_bytes,
            members,
            ..
        }) = self.btf.get_mut(id)
        {
            (*size_bytes, *members) = (total.size, placed);
        }
        if let Some(layout) = id
            .index()
            .checked_sub(1)
            .and_then(|at| self.layouts.get_mut(at))
        {
            *layout = total;
        }
    }

    fn view_members(
        &mut self,
        fields: Vec<core_btf::rust::Field>,
    ) -> Made<Vec<(NameOffset, TypeId)>> {
        let mut out = Vec::new();
        for field in fields {
            let ty = match field.ty {
                FieldType::Value(ty) => self.ty(&ty)?,
                FieldType::Pointer(to) => {
                    let id = self.push(BtfType::Ptr(TypeId::VOID), POINTER_BYTES, POINTER_BYTES)?;
                    self.point(id, to)?
                }
            };
            out.push((self.btf.intern(&field.name)?, ty));
        }
        Ok(out)
    }

    fn members(&mut self, members: &[Member]) -> Made<Vec<(NameOffset, TypeId)>> {
        let mut out = Vec::new();
        for member in members {
            let ty = match &member.ty {
                MemberType::Type(ty) => self.ty(ty)?,
                MemberType::C(spelling) => self.c(spelling, &member.name)?,
                MemberType::Opaque => self.composite(CompositeKind::Struct, "")?,
            };
            out.push((self.btf.intern(&member.name)?, ty));
        }
        Ok(out)
    }

    /// An enum with data: see `core_btf::rust`.
    fn variants(
        &mut self,
        id: TypeId,
        name: &str,
        variants: Vec<(String, Vec<(NameOffset, TypeId)>)>,
    ) -> Made<()> {
        let names: Vec<&str> = variants.iter().map(|(name, _)| name.as_str()).collect();
        let names = tags::names(name, &names);
        let tag = self.tags(name, names)?;
        let holder = self.composite(CompositeKind::Struct, "")?;
        let tag_name = self.btf.intern("__tag")?;
        self.close(holder, vec![(tag_name, tag)]);

        let mut members = vec![(NameOffset::ANONYMOUS, holder)];
        for (variant, fields) in variants {
            let held = self.composite(CompositeKind::Struct, &variant_struct(name, &variant))?;
            self.close(held, fields);
            members.push((self.btf.intern(&variant)?, held));
        }
        self.close(id, members);
        Ok(())
    }

    /// A type as `#[bpf(c = "..")]` spells it: a scalar, or a pointer to a scalar, struct or union.
    fn c(&mut self, spelling: &str, member: &str) -> Made {
        let (target, pointers) = match spelling.split_once('*') {
            Some((target, rest)) => (target.trim(), 1 + rest.matches('*').count()),
            None => (spelling.trim(), 0),
        };
        let words: Vec<&str> = target.split_whitespace().collect();
        let mut ty = match words.as_slice() {
            ["void"] if pointers > 0 => TypeId::VOID,
            [keyword @ ("struct" | "union"), tag] if identifier(tag) == *tag => {
                let kind = if *keyword == "struct" {
                    CompositeKind::Struct
                } else {
                    CompositeKind::Union
                };
                let name = self.btf.intern(tag)?;
                self.push(BtfType::Fwd { name, kind }, 0, 1)?
            }
            _ => {
                if let Some(primitive) = scalar(target) {
                    self.primitive(primitive)?
                } else {
                    self.unknown_c.push(format!(
                        "`{spelling}`, given for field `{member}`, is not understood: it takes \
                         scalars such as `u64` and `unsigned int`, `struct NAME`, and pointers"
                    ));
                    self.composite(CompositeKind::Struct, "")?
                }
            }
        };
        for _ in 0..pointers {
            ty = self.push(BtfType::Ptr(ty), POINTER_BYTES, POINTER_BYTES)?;
        }
        Ok(ty)
    }
}

/// The number type of a C spelling.
fn scalar(spelling: &str) -> Option<Primitive> {
    let name = spelling.trim_start_matches("__").trim_end_matches("_t");
    Some(match name {
        "u8" | "uint8" | "unsigned char" => Primitive::U8,
        "u16" | "uint16" | "unsigned short" => Primitive::U16,
        "u32" | "uint32" | "unsigned int" | "unsigned" => Primitive::U32,
        "u64" | "uint64" | "unsigned long long" => Primitive::U64,
        "s8" | "int8" | "signed char" | "char" => Primitive::I8,
        "s16" | "int16" | "short" => Primitive::I16,
        "s32" | "int32" | "int" => Primitive::I32,
        "s64" | "int64" | "long long" => Primitive::I64,
        "unsigned long" | "size" => Primitive::Usize,
        "long" | "ssize" => Primitive::Isize,
        "bool" | "_Bool" => Primitive::Bool,
        "float" => Primitive::F32,
        "double" => Primitive::F64,
        _ => return None,
    })
}
