//! Looking things up in BTF the way that a relocation does.

use core_btf::model::{Enumerator, Member};
use core_btf::rust::identifier;
use core_btf::{Btf, Kind, TypeId, TypeRef};

/// A member of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) offset: usize,
    pub(crate) ty: TypeId,
}

#[derive(Debug)]
pub(crate) struct Types<'a> {
    pub(crate) btf: Btf<'a>,
}

impl<'a> Types<'a> {
    pub(crate) fn new(blob: &'a [u8]) -> Self {
        Self {
            btf: Btf::parse(blob).unwrap(),
        }
    }

    pub(crate) fn get(&self, id: TypeId) -> TypeRef<'a> {
        self.btf.get(id).unwrap()
    }

    /// The structs, unions and enums of this name.
    pub(crate) fn named(&self, name: &str) -> Vec<TypeRef<'a>> {
        self.btf
            .iter()
            .filter(|ty| ty.kind().is_composite() || ty.kind().is_enum())
            .filter(|ty| ty.name().unwrap() == name)
            .collect()
    }

    /// The one struct, union or enum of this name.
    pub(crate) fn one(&self, name: &str) -> TypeRef<'a> {
        match self.named(name)[..] {
            [ty] => ty,
            ref others => panic!("{} types are called {name}", others.len()),
        }
    }

    pub(crate) fn member_name(&self, member: &Member) -> &'a str {
        self.btf.name(member.name).unwrap()
    }

    pub(crate) fn enumerators(&self, ty: &TypeRef<'a>) -> Vec<(&'a str, Enumerator)> {
        ty.enumerators()
            .map(|value| (self.btf.name(value.name).unwrap(), value))
            .collect()
    }

    pub(crate) fn size(&self, id: TypeId) -> usize {
        self.btf.size_of(id, 8).unwrap().unwrap_or(0) as usize
    }

    /// The member at a path of C names and array indices, through members without name.
    pub(crate) fn place(&self, ty: TypeId, path: &str) -> Option<Place> {
        let mut place = Place { offset: 0, ty };
        for part in path.split('.') {
            let ty = self.get(place.ty);
            place = if ty.kind() == Kind::Array {
                let (element, _, _) = ty.array();
                let index: usize = part.parse().ok()?;
                Place {
                    offset: place.offset + index * self.size(element),
                    ty: element,
                }
            } else {
                self.member(place, &identifier(part))?
            };
        }
        Some(place)
    }

    fn member(&self, place: Place, name: &str) -> Option<Place> {
        self.get(place.ty).members().find_map(|member| {
            let inner = Place {
                offset: place.offset + member.offset_bits as usize / 8,
                ty: member.ty,
            };
            match self.member_name(&member) {
                "" => self.member(inner, name),
                found => (found == name).then_some(inner),
            }
        })
    }

    /// The number at a place in a value.
    pub(crate) fn int(&self, value: &[u8], place: Place) -> i128 {
        let size = self.size(place.ty);
        let mut bytes = [0; 16];
        bytes[..size].copy_from_slice(&value[place.offset..place.offset + size]);
        let bits = i128::from_le_bytes(bytes);
        let signed = match self.get(place.ty).kind() {
            Kind::Int | Kind::Enum | Kind::Enum64 => self.get(place.ty).is_signed(),
            Kind::Ptr | Kind::Float => false,
            kind => panic!("{kind:?} is not a number"),
        };
        let spare = 128 - 8 * u32::try_from(size).unwrap();
        if signed && spare < 128 {
            bits << spare >> spare
        } else {
            bits
        }
    }

    /// The variants that a value of an enum with data is one of, by the rules that
    /// [`core_btf::rust`] gives to C.
    pub(crate) fn variants_of(&self, name: &str, value: &[u8]) -> Vec<&'a str> {
        let union = self.one(name);
        assert_eq!(union.kind(), Kind::Union, "{name}");
        let tag = self.place(union.id(), "__tag").map(|place| {
            let bits = self.size(place.ty) * 8;
            (
                u64::try_from(self.int(value, place)).unwrap(),
                u64::MAX >> (64 - bits),
            )
        });
        let values: Vec<(&str, u64)> = self
            .named(&core_btf::rust::tag_enum(name))
            .iter()
            .flat_map(|tags| self.enumerators(tags))
            .map(|(name, value)| (name, value.value.cast_unsigned()))
            .collect();
        let value_of = |name: String| {
            values
                .iter()
                .find_map(|(known, value)| (*known == name).then_some(*value))
        };
        let is = |variant: &str| {
            if let Some(value) = value_of(core_btf::rust::enumerator(name, variant)) {
                return tag.is_some_and(|(tag, _)| tag == value);
            }
            let Some(_) = value_of(core_btf::rust::untagged(name, variant)) else {
                return false;
            };
            match (
                tag,
                value_of(core_btf::rust::first(name)),
                value_of(core_btf::rust::last(name)),
            ) {
                (Some((tag, mask)), Some(first), Some(last)) => {
                    tag.wrapping_sub(first) & mask > last.wrapping_sub(first) & mask
                }
                _ => true,
            }
        };
        union
            .members()
            .map(|member| self.member_name(&member))
            .filter(|variant| !variant.is_empty() && is(variant))
            .collect()
    }
}
