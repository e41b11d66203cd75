//! Which types were asked for.

use std::collections::{BTreeMap, HashMap};

use gimli::constants as dw;

use super::dies::{DieId, Dies};
use crate::dwarf::error::Error;
use crate::elf::Elf;

/// Section of the probe's object that lists the roots.
const SECTION: &str = ".core_roots";

/// A type that was asked for.
#[derive(Debug)]
pub(super) struct Root {
    /// Its name in C.
    pub(super) name: String,
    /// Whether types of other crates that it points to are wanted too.
    pub(super) deep: bool,
    /// Fields to leave out: `field`, or `Variant.field` in an enum.
    pub(super) skipped: Vec<String>,
    /// The type.
    pub(super) die: DieId,
}

/// The roots that a probe's object lists, in the order of their names.
pub(super) fn of_probe(object: &[u8], dies: &Dies<'_>) -> Result<Vec<Root>, Error> {
    // rustc gives each static a section of its own; a linker would join them.
    let elf = Elf::parse(object)?;
    let list: Vec<u8> = elf
        .sections()
        .iter()
        .filter(|section| section.name == SECTION)
        .flat_map(|section| [section.data, b"\n"].concat())
        .collect();
    let list = String::from_utf8(list).map_err(|error| Error::Object {
        what: SECTION.to_owned(),
        problem: error.to_string(),
    })?;
    let anchors = anchors(dies);
    let mut roots: BTreeMap<String, Root> = BTreeMap::new();
    // There may be padding between the statics.
    for line in list.split('\n').map(|line| line.trim_matches('\0')) {
        if line.is_empty() {
            continue;
        }
        let broken = |problem| Error::Root {
            line: line.to_owned(),
            problem,
        };
        let mut columns = line.split('\t');
        let (Some(anchor), Some(name), Some(flags), Some(skipped), None) = (
            columns.next(),
            columns.next(),
            columns.next(),
            columns.next(),
            columns.next(),
        ) else {
            return Err(broken("does not have four columns"));
        };
        let die = anchors
            .get(anchor)
            .copied()
            .ok_or_else(|| broken("has no anchor in the debug information"))?;
        let root = Root {
            name: name.to_owned(),
            deep: match flags {
                "" => false,
                "deep" => true,
                _ => return Err(broken("has an unknown flag")),
            },
            skipped: skipped
                .split(',')
                .filter(|field| !field.is_empty())
                .map(|field| field.replace("r#", ""))
                .collect(),
            die: anchored(dies, die).ok_or_else(|| broken("has an anchor of another type"))?,
        };
        if let Some(other) = roots.insert(root.name.clone(), root)
            && roots.get(name).is_none_or(|root| root.die != other.die)
        {
            return Err(broken("has the name of another root"));
        }
    }
    Ok(roots.into_values().collect())
}

/// The variables that could be anchors, by name.
fn anchors<'d>(dies: &'d Dies<'_>) -> HashMap<&'d str, DieId> {
    dies.iter()
        .filter(|(_, die)| die.tag == dw::DW_TAG_variable && !die.name.is_empty())
        .map(|(id, die)| (die.name, id))
        .collect()
}

/// T of an anchor of type `Option<fn(&T)>`.
fn anchored(dies: &Dies<'_>, anchor: DieId) -> Option<DieId> {
    let option = dies.type_of(anchor)?;
    let mut variants = dies.children_of(dies.variant_part(option)?, dw::DW_TAG_variant);
    let function = variants.find_map(|(variant, _)| {
        let (member, _) = dies.children_of(variant, dw::DW_TAG_member).next()?;
        let (value, _) = dies
            .children_of(dies.type_of(member)?, dw::DW_TAG_member)
            .next()?;
        dies.type_of(value)
    })?;
    let signature = dies.type_of(function)?;
    let (param, _) = dies
        .children_of(signature, dw::DW_TAG_formal_parameter)
        .next()?;
    dies.type_of(dies.type_of(param)?)
}
