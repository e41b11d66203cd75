//! Names, once all types are known: how a type is called may depend on what others are.

use std::borrow::Cow;

use crate::error::Result;
use crate::model::{NameOffset, Type as BtfType, TypeId};
use crate::rust::{Names, Type, enumerator, first, last, tag_enum, untagged, variant_struct};
use crate::write::BtfBuf;

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
    /// An enum of fieldless variants, by name.
    Fieldless(Vec<String>),
    /// The enum of the tag.
    Tag(Vec<TagName>),
}

/// An enumerator of a tag; variants by name.
#[derive(Clone, Debug)]
pub(super) enum TagName {
    Value(NameOffset),
    Untagged(NameOffset),
    First,
    Last,
}

/// Gives all types their names.
pub(super) fn name_all(btf: &mut BtfBuf, labels: &[Label], names: &Names) -> Result<()> {
    for label in labels {
        let tag = names.known(&label.owner);
        let (name, values): (Cow<'_, str>, Vec<String>) = match &label.part {
            Part::Whole => (tag, Vec::new()),
            Part::Variant(variant) => {
                let variant = btf.name(*variant);
                (variant_struct(&tag, variant).into(), Vec::new())
            }
            Part::Fieldless(variants) => {
                let values = variants.iter().map(|variant| enumerator(&tag, variant));
                let values = values.collect();
                (tag, values)
            }
            Part::Tag(values) => {
                let values = values.iter().map(|value| match value {
                    TagName::Value(variant) => enumerator(&tag, btf.name(*variant)),
                    TagName::Untagged(variant) => untagged(&tag, btf.name(*variant)),
                    TagName::First => first(&tag),
                    TagName::Last => last(&tag),
                });
                (tag_enum(&tag).into(), values.collect())
            }
        };
        let name = btf.intern(&name)?;
        let values: Vec<NameOffset> = values
            .iter()
            .map(|value| btf.intern(value))
            .collect::<Result<_>>()?;
        match btf.get_mut(label.ty) {
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
                    enumerator.name = value;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
