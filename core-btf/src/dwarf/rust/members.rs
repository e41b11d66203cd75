//! The members of structs, unions and variants, and those of std's canonical views.

use gimli::constants as dw;

use super::canonical::locate;
use super::convert::Converter;
use super::dies::DieId;
use super::leaves::{Leaf, type_params, unwrap};
use crate::dwarf::error::Error;
use crate::model::{CompositeKind, Member, NameOffset, Type as BtfType, TypeId};
use crate::rust::{Field, FieldType, Type, identifier, member_names};

/// A member of a composite that is being made.
pub(super) struct NewMember {
    pub(super) name: NameOffset,
    pub(super) ty: TypeId,
    pub(super) offset_bytes: u64,
    /// Size of its type in bytes.
    pub(super) size_bytes: u64,
}

impl<'d> Converter<'d> {
    /// The fields of a struct, union or variant, without those that the root `owner` was to be
    /// left without: `prefix` and the field's name.
    pub(super) fn members(
        &mut self,
        die: DieId,
        owner: DieId,
        prefix: &str,
    ) -> Result<Vec<NewMember>, Error> {
        let mut fields: Vec<(DieId, &'d str, u64)> = Vec::new();
        for (member, field) in self.dies.children_of(die, dw::DW_TAG_member) {
            let Some(ty) = self.dies.type_of(member) else {
                return Err(self.error(die, format!("field {} has no type", field.name)));
            };
            // A state of an `async fn` may list a variable twice.
            let field = (ty, field.name, field.value);
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        let names = self.member_names(&fields)?;
        let skipped = self.skipped.get(&owner).copied().unwrap_or_default();
        let mut members = Vec::new();
        for ((ty, field, offset_bytes), name) in fields.into_iter().zip(names) {
            if !skipped.iter().any(|skipped| {
                skipped
                    .strip_prefix(prefix)
                    .is_some_and(|rest| rest == field)
            }) {
                members.push(NewMember {
                    name,
                    ty: self.value(ty)?,
                    offset_bytes,
                    size_bytes: self.dies.size(ty).unwrap_or(0),
                });
            }
        }
        Ok(members)
    }

    /// [`member_names`] of fields.
    fn member_names(&mut self, fields: &[(DieId, &'d str, u64)]) -> Result<Vec<NameOffset>, Error> {
        let names = fields.iter().map(|(_, name, _)| *name);
        let each = names.clone().map(|name| self.identifier(name));
        let each = each.collect::<Result<Vec<_>, _>>()?;
        let mut sorted = each.clone();
        sorted.sort_unstable();
        if sorted.is_sorted_by(|one, next| one < next) {
            return Ok(each);
        }
        // Some are equal.
        let names = member_names(names).into_iter();
        names.map(|name| self.intern(&name)).collect()
    }

    /// The members of one of std's canonical views.
    pub(super) fn canonical(
        &mut self,
        die: DieId,
        ty: &Type,
        fields: &[Field],
    ) -> Result<Vec<NewMember>, Error> {
        let located = locate(self.dies, die, ty, fields)
            .map_err(|field| self.error(die, format!("no {} was found in it", field.name)))?;
        let is_counted = matches!(ty.as_std(), Some((_, "RcInner" | "ArcInner")));
        let mut members = Vec::new();
        for (field, leaf) in located {
            // `Arc<T>` is a pointer to T, although what it points to begins with the counts.
            if let FieldType::Value(value) = &field.ty
                && is_counted
                && self.is_declared(&value.unwrapped())
            {
                continue;
            }
            let found = match &field.ty {
                FieldType::Pointer(to) => self.canonical_pointer(die, &leaf, to.as_ref())?,
                FieldType::Value(value) => self.canonical_value(&leaf, value)?,
            };
            let ty = found.ok_or_else(|| {
                self.error(
                    die,
                    format!("its {} is not of the type expected", field.name),
                )
            })?;
            members.push(NewMember {
                name: self.intern(&identifier(&field.name))?,
                ty,
                offset_bytes: leaf.offset,
                size_bytes: self.dies.size(leaf.die).unwrap_or(0),
            });
        }
        Ok(members)
    }

    fn canonical_pointer(
        &mut self,
        whole: DieId,
        leaf: &Leaf,
        to: Option<&Type>,
    ) -> Result<Option<TypeId>, Error> {
        let to = match to {
            None => TypeId::VOID,
            Some(Type::Primitive(to)) => self.primitive(*to)?,
            Some(to) => {
                // std's own pointer may be one to bytes; the type argument says to what.
                let params = type_params(self.dies, whole)
                    .into_iter()
                    .map(|(param, _)| param);
                let found = self
                    .dies
                    .type_of(leaf.die)
                    .into_iter()
                    .chain(params)
                    .find(|die| self.dies.ty(*die) == *to);
                match found {
                    Some(die) => self.pointee(Some(die))?,
                    None => return Ok(None),
                }
            }
        };
        self.pointer_to(to).map(Some)
    }

    fn canonical_value(&mut self, leaf: &Leaf, value: &Type) -> Result<Option<TypeId>, Error> {
        let tail = match value {
            Type::Primitive(primitive) => return self.primitive(*primitive).map(Some),
            Type::Str => Some(&Type::U8),
            Type::Slice(element) => Some(&**element),
            _ => None,
        };
        let Some(die) = unwrap(self.dies, leaf.die, tail.unwrap_or(value)) else {
            return Ok(None);
        };
        let ty = self.value(die)?;
        match tail {
            Some(_) => self.array_of(ty, 0).map(Some),
            None => Ok(Some(ty)),
        }
    }

    /// A struct or union; members are put in the order that BTF asks for.
    pub(super) fn composite(
        &mut self,
        die: DieId,
        kind: CompositeKind,
        members: Vec<NewMember>,
    ) -> Result<BtfType, Error> {
        let size = self.dies.size(die).unwrap_or(0);
        let size_bytes =
            u32::try_from(size).map_err(|_| self.error(die, "is larger than 4 GiB"))?;
        let mut members = members;
        for member in &mut members {
            // The tail of an unsized type is described as one element, unless its view is an array.
            if member.offset_bytes >= size && member.size_bytes != 0 {
                let tail = self.types.get(member.ty);
                if !matches!(tail, Some(BtfType::Array { len: 0, .. })) {
                    member.ty = self.array_of(member.ty, 0)?;
                }
                member.size_bytes = 0;
            }
        }
        if kind == CompositeKind::Struct {
            members.sort_by_key(|member| (member.offset_bytes, member.size_bytes != 0));
        }
        let members = members
            .into_iter()
            .map(|member| {
                let offset_bits = member.offset_bytes.checked_mul(8);
                Ok(Member {
                    name: member.name,
                    ty: member.ty,
                    offset_bits: offset_bits
                        .and_then(|bits| u32::try_from(bits).ok())
                        .ok_or_else(|| self.error(die, "is larger than 512 MiB"))?,
                    bitfield_bits: 0,
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(BtfType::Composite {
            kind,
            name: NameOffset::ANONYMOUS,
            size_bytes,
            members,
        })
    }
}

/// What a pointer to an unsized type of the user's looks like.
pub(super) fn unsized_pointer(vtable: bool) -> Vec<Field> {
    let pointer = |name: &'static str, to: Option<Type>| Field {
        name: name.into(),
        ty: FieldType::Pointer(to),
    };
    if vtable {
        vec![pointer("data", None), pointer("vtable", Some(Type::USIZE))]
    } else {
        let len = Field {
            name: "len".into(),
            ty: FieldType::Value(Type::USIZE),
        };
        vec![pointer("ptr", None), len]
    }
}
