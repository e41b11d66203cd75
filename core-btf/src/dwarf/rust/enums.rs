//! Enums: those without data, and those with, as [`crate::rust`] describes them.

use std::collections::HashMap;

use gimli::constants as dw;

use super::convert::Converter;
use super::dies::{DieId, Dies};
use super::members::NewMember;
use super::naming::{Part, TagName};
use crate::dwarf::entries::Discriminant;
use crate::dwarf::error::Error;
use crate::dwarf::scalars::needs_enum64;
use crate::hash::Seed;
use crate::model::{CompositeKind, Enumerator, NameOffset, Type as BtfType, TypeId};
use crate::rust::{Type, variant_names};

/// How deep a type is searched for one that has no values.
const MAX_DEPTH: u32 = 64;

/// A variant of an enum with data.
struct Variant<'d> {
    /// Name in C.
    name: NameOffset,
    /// Name in Rust.
    rust_name: &'d str,
    /// Struct of what it holds.
    die: DieId,
    /// Place in the enum, in bytes.
    offset: u64,
    /// Value of the tag, unless the variant has none of its own.
    value: Option<Discriminant>,
    /// Whether there can be a value of it.
    exists: bool,
}

/// What says which variant a value is.
enum Tag {
    /// Nothing: there is one variant at most.
    None,
    /// A number.
    At(Place),
    /// A number of 128 bits, all of which count.
    TooWide,
}

/// Where the tag is, and how its values are given.
struct Place {
    offset: u64,
    size: u32,
    signed: bool,
}

impl<'d> Converter<'d> {
    /// An enum without data.
    pub(super) fn fieldless(
        &mut self,
        die: DieId,
        id: TypeId,
        ty: &Type,
    ) -> Result<BtfType, Error> {
        let size_bytes = self
            .dies
            .size(die)
            .and_then(|size| u32::try_from(size).ok())
            .filter(|size| matches!(size, 1 | 2 | 4 | 8))
            .ok_or_else(|| self.error(die, "is not of a size that BTF has for enums"))?;
        let signed = self
            .dies
            .type_of(die)
            .is_some_and(|underlying| self.dies.is_signed(underlying));
        let spare = 64 - 8 * size_bytes;
        let mut names = Vec::new();
        let mut values = Vec::new();
        for (_, enumerator) in self.dies.children_of(die, dw::DW_TAG_enumerator) {
            let value = enumerator
                .value()
                .ok_or_else(|| self.error(die, "has an enumerator without value"))?;
            let bits = value.cast_signed();
            names.push(enumerator.name);
            values.push(if signed {
                bits << spare >> spare
            } else {
                (value << spare >> spare).cast_signed()
            });
        }
        let names = variant_names(names).into_iter();
        let names = names.map(|name| Ok(TagName::Value(self.intern(&name)?)));
        let names = names.collect::<Result<_, Error>>()?;
        self.label(id, ty, Part::Fieldless(names));
        Ok(enumeration(size_bytes, signed, values))
    }

    /// An enum with data.
    pub(super) fn variants(&mut self, die: DieId, ty: &Type) -> Result<BtfType, Error> {
        let variants = self.list_variants(die)?;
        let tag = self.tag(die, &variants)?;
        let enumeration = self.tag_enum(die, ty, &variants, &tag)?;

        let mut common = self.members(die, die, "")?;
        if let (Tag::At(place), Some(ty)) = (&tag, enumeration) {
            common.push(NewMember {
                name: self.intern("__tag")?,
                ty,
                offset_bytes: place.offset,
                size_bytes: place.size.into(),
            });
        }
        let mut members = Vec::new();
        if !common.is_empty() {
            // The members of a union start where it does: those that do not are in a struct.
            let common = self.composite(die, CompositeKind::Struct, common)?;
            members.push(NewMember {
                name: NameOffset::ANONYMOUS,
                ty: self.types.push(common)?,
                offset_bytes: 0,
                size_bytes: 0,
            });
        }
        for variant in variants {
            let fields = self.members(variant.die, die, &format!("{}.", variant.rust_name))?;
            let content = self.composite(variant.die, CompositeKind::Struct, fields)?;
            let content = self.types.push(content)?;
            self.label(content, ty, Part::Variant(variant.name));
            members.push(NewMember {
                name: variant.name,
                ty: content,
                offset_bytes: variant.offset,
                size_bytes: 0,
            });
        }
        self.composite(die, CompositeKind::Union, members)
    }

    fn list_variants(&mut self, die: DieId) -> Result<Vec<Variant<'d>>, Error> {
        let mut out = Vec::new();
        let Some(part) = self.dies.variant_part(die) else {
            return Ok(out);
        };
        for (variant, _) in self.dies.children_of(part, dw::DW_TAG_variant) {
            let (content, member) = self
                .dies
                .children_of(variant, dw::DW_TAG_member)
                .next()
                .and_then(|(member, entry)| Some((self.dies.type_of(member)?, entry)))
                .ok_or_else(|| self.error(die, "has a variant without content"))?;
            out.push(Variant {
                name: NameOffset::ANONYMOUS,
                // The states of an `async fn` are numbered, but their structs have names.
                rust_name: self.dies.get(content).map_or("", |content| content.name),
                die: content,
                offset: member.value,
                value: self.dies.discr_value(variant),
                // A state's variables need not all have a value.
                exists: self
                    .dies
                    .get(die)
                    .is_some_and(|die| die.name.starts_with('{'))
                    || is_inhabited(self.dies, content, &mut self.inhabited),
            });
        }
        let names = variant_names(out.iter().map(|variant| variant.rust_name));
        for (variant, name) in out.iter_mut().zip(names) {
            variant.name = self.intern(&name)?;
        }
        Ok(out)
    }

    fn tag(&self, die: DieId, variants: &[Variant<'_>]) -> Result<Tag, Error> {
        let discr = self
            .dies
            .variant_part(die)
            .and_then(|part| self.dies.type_of(part));
        let Some(discr) = discr else {
            return Ok(Tag::None);
        };
        let ty = self.dies.type_of(discr);
        let size = ty
            .and_then(|ty| self.dies.size(ty))
            .and_then(|size| u32::try_from(size).ok());
        let (Some(ty), Some(size), Some(member)) = (ty, size, self.dies.get(discr)) else {
            return Err(self.error(die, "has a tag that is not described"));
        };
        let signed = self.dies.is_signed(ty);
        match size {
            1 | 2 | 4 | 8 => Ok(Tag::At(Place {
                offset: member.value,
                size,
                signed,
            })),
            16 => {
                let is_small = |variant: &Variant<'_>| {
                    !variant.exists
                        || variant
                            .value
                            .is_some_and(|value| u64::try_from(value.bits).is_ok())
                };
                if !variants.iter().all(is_small) {
                    return Ok(Tag::TooWide);
                }
                let low_half = if self.dies.big_endian { 8 } else { 0 };
                Ok(Tag::At(Place {
                    offset: member.value.saturating_add(low_half),
                    size: 8,
                    signed,
                }))
            }
            _ => Err(self.error(die, format!("has a tag of {size} bytes"))),
        }
    }

    /// The enum of the tag's values; `None` where there is nothing to say.
    fn tag_enum(
        &mut self,
        die: DieId,
        ty: &Type,
        variants: &[Variant<'_>],
        tag: &Tag,
    ) -> Result<Option<TypeId>, Error> {
        let place = match tag {
            Tag::At(place) => Some(place),
            Tag::None => None,
            Tag::TooWide => return Ok(None),
        };
        let mut names = Vec::new();
        let mut values = Vec::new();
        let mut explicit = Vec::new();
        let mut untagged = None;
        for variant in variants.iter().filter(|variant| variant.exists) {
            match (variant.value, place) {
                (Some(value), Some(place)) => {
                    let value = place.stored(value);
                    explicit.push(value);
                    values.push(value);
                    names.push(TagName::Value(variant.name));
                }
                _ if untagged.is_none() => {
                    untagged = Some(());
                    values.push(0);
                    names.push(TagName::Untagged(variant.name));
                }
                _ => return Err(self.error(die, "has two variants that look alike")),
            }
        }
        if let (Some(()), Some(place), Some(&first), Some(&last)) =
            (untagged, place, explicit.first(), explicit.last())
        {
            let distance = |value: &u64| value.wrapping_sub(first) & place.mask();
            if !explicit.is_sorted_by(|a, b| distance(a) < distance(b)) {
                return Err(self.error(die, "has tag values that are not in order"));
            }
            values.extend([first, last]);
            names.extend([TagName::First, TagName::Last]);
        }
        if names.is_empty() {
            return Ok(None);
        }
        let size = place.map_or(4, |place| place.size);
        let values = values.into_iter().map(u64::cast_signed).collect();
        let id = self.types.push(enumeration(size, false, values))?;
        self.label(id, ty, Part::Tag(names));
        Ok(Some(id))
    }
}

impl Place {
    fn mask(&self) -> u64 {
        u64::MAX >> (64 - 8 * self.size)
    }

    /// The value as it stands in memory, zero-extended.
    fn stored(&self, value: Discriminant) -> u64 {
        let spare = 128 - 8 * value.bytes;
        let bits = if self.signed {
            (value.bits.cast_signed() << spare >> spare).cast_unsigned()
        } else {
            value.bits
        };
        #[expect(clippy::cast_possible_truncation, reason = "a tag has at most 64 bits")]
        let bits = bits as u64;
        bits & self.mask()
    }
}

/// Whether there can be a value of a type. It takes an enum without variants, somewhere inside, to
/// make it impossible.
fn is_inhabited(dies: &Dies<'_>, die: DieId, known: &mut HashMap<DieId, bool, Seed>) -> bool {
    fn visit(
        dies: &Dies<'_>,
        die: DieId,
        depth: u32,
        known: &mut HashMap<DieId, bool, Seed>,
    ) -> bool {
        if let Some(known) = known.get(&die) {
            return *known;
        }
        let Some(depth) = depth.checked_sub(1) else {
            return true;
        };
        known.insert(die, true);
        let inhabited = match dies.get(die).map(|entry| (entry.tag, entry.name)) {
            Some((dw::DW_TAG_base_type, name)) => name != "!",
            Some((dw::DW_TAG_array_type, _)) => {
                dies.array_len(die) == Some(0)
                    || dies
                        .type_of(die)
                        .is_none_or(|element| visit(dies, element, depth, known))
            }
            Some((dw::DW_TAG_structure_type, _)) => {
                let mut members = |die| {
                    dies.children_of(die, dw::DW_TAG_member)
                        .filter_map(|(member, _)| dies.type_of(member))
                        .all(|ty| visit(dies, ty, depth, known))
                };
                members(die)
                    && dies.variant_part(die).is_none_or(|part| {
                        dies.children_of(part, dw::DW_TAG_variant)
                            .any(|(variant, _)| members(variant))
                    })
            }
            _ => true,
        };
        known.insert(die, inhabited);
        inhabited
    }
    known.clear();
    visit(dies, die, MAX_DEPTH, known)
}

/// An enum whose enumerators have no names yet.
fn enumeration(size_bytes: u32, signed: bool, values: Vec<i64>) -> BtfType {
    BtfType::Enum {
        name: NameOffset::ANONYMOUS,
        size_bytes,
        signed,
        wide: needs_enum64(size_bytes, values.iter().copied()),
        values: values
            .into_iter()
            .map(|value| Enumerator {
                name: NameOffset::ANONYMOUS,
                value,
            })
            .collect(),
    }
}
