//! Names, once all types are known: how a type is called may depend on what others are.

use std::borrow::Cow;

use crate::error::Result;
use crate::model::{NameOffset, Type as BtfType, TypeId};
use crate::rust::{Names, Type, enumerator, first, last, tag_enum, untagged, variant_struct};
use crate::strings::Strings;

/// What a type is to be called.
#[derive(Clone, Debug)]
pub(super) struct Label {
    pub(super) ty: TypeId,
    /// The Rust type that it belongs to.
    pub(super) owner: Type,
    pub(super) part: Part,
}

/// Which part of a Rust type a type is.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// The type itself.
    Whole,
    /// What a variant holds; by its name.
    Variant(NameOffset),
    /// An enum of fieldless variants.
    Fieldless(Vec<TagName>),
    /// The enum of the tag.
    Tag(Vec<TagName>),
}

/// An enumerator; variants by name.
#[derive(Clone, Copy, Debug)]
pub(super) enum TagName {
    Value(NameOffset),
    Untagged(NameOffset),
    First,
    Last,
}

/// Gives all types their names, which are `stored`.
pub(super) fn name_all(
    types: &mut [BtfType],
    stored: &mut Strings,
    labels: &[Label],
    names: &Names,
) -> Result<()> {
    for label in labels {
        let tag = names.known(&label.owner);
        let (name, values): (Cow<'_, str>, &[TagName]) = match &label.part {
            Part::Whole => (Cow::Borrowed(&tag), &[]),
            Part::Variant(variant) => (variant_struct(&tag, stored.get(*variant)).into(), &[]),
            Part::Fieldless(values) => (Cow::Borrowed(&tag), values),
            Part::Tag(values) => (tag_enum(&tag).into(), values),
        };
        let name = stored.intern(&name)?;
        let place = label.ty.index().checked_sub(1);
        match place.and_then(|at| types.get_mut(at)) {
            Some(BtfType::Composite { name: place, .. } | BtfType::Fwd { name: place, .. }) => {
                *place = name;
            }
            Some(BtfType::Enum {
                name: place,
                values: enumerators,
                ..
            }) => {
                *place = name;
                for (enumerator, value) in enumerators.iter_mut().zip(values) {
                    enumerator.name = stored.intern(&value.name(&tag, stored))?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

impl TagName {
    /// The name of the enumerator, in the enum of this tag.
    fn name(self, tag: &str, stored: &Strings) -> String {
        match self {
            Self::Value(variant) => enumerator(tag, stored.get(variant)),
            Self::Untagged(variant) => untagged(tag, stored.get(variant)),
            Self::First => first(tag),
            Self::Last => last(tag),
        }
    }
}
