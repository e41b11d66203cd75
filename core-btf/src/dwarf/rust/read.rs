//! Reads the entries of units.

use gimli::{DwTag, constants as dw};

use super::entries::{Die, Entries, Has, SCOPE, count};
use super::known::{Known, Name};
use super::scopes::Scopes;
use crate::dwarf::entries::{self, Attrs, Plans, Slot};
use crate::dwarf::error::Error;
use crate::dwarf::units::{Key, MAX_PATH_BYTES, Tally, Unit, Units};
use crate::fingerprint::Seed;

/// Deepest nesting of entries; rustc stays below a hundred.
const MAX_DEPTH: usize = 512;

/// What an entry is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A namespace.
    Scope,
    /// A type, or a part of one.
    Kept,
    /// Nothing, as is all that is inside.
    Other,
}

/// What entries of a tag are to us. With `anchors`, variables and parameters are kept too.
///
/// Types are never inside functions: a function that has some also has a namespace.
pub(super) fn role(tag: DwTag, anchors: bool) -> Role {
    match tag {
        dw::DW_TAG_namespace => Role::Scope,
        dw::DW_TAG_structure_type
        | dw::DW_TAG_union_type
        | dw::DW_TAG_enumeration_type
        | dw::DW_TAG_enumerator
        | dw::DW_TAG_base_type
        | dw::DW_TAG_pointer_type
        | dw::DW_TAG_subroutine_type
        | dw::DW_TAG_array_type
        | dw::DW_TAG_subrange_type
        | dw::DW_TAG_member
        | dw::DW_TAG_variant_part
        | dw::DW_TAG_variant
        | dw::DW_TAG_template_type_parameter => Role::Kept,
        dw::DW_TAG_formal_parameter | dw::DW_TAG_variable if anchors => Role::Kept,
        _ => Role::Other,
    }
}

/// What is open while entries are read.
#[derive(Clone, Copy)]
pub(super) enum Open {
    Scope(u32),
    Entry(u32),
}

/// Reads units, one after the other.
#[derive(Debug)]
pub(super) struct Reader<'u, 'a> {
    units: &'u Units<'a>,
    seed: &'u Seed,
    /// Whether variables and parameters are kept too.
    anchors: bool,
    known: Known<'a>,
    plans: Plans<'a>,
}

impl<'u, 'a> Reader<'u, 'a> {
    pub(super) fn new(units: &'u Units<'a>, seed: &'u Seed, anchors: bool) -> Self {
        Self {
            units,
            seed,
            anchors,
            known: Known::new(units.sections.info().len()),
            plans: Plans::default(),
        }
    }

    /// Adds the entries of a unit if it is in Rust, and says whether it is. An error leaves none of
    /// them.
    pub(super) fn read(
        &mut self,
        unit: &Unit<'a>,
        scopes: &mut Scopes<'a>,
        out: &mut Entries<'a>,
    ) -> Result<bool, Error> {
        let info = self.units.sections.info();
        // What other tools put elsewhere has none of rustc's units.
        if unit.alternate || unit.start as usize >= info.len() {
            return Ok(false);
        }
        let before = out.lens();
        let read = self.entries(unit, scopes, out);
        if read.is_err() {
            out.truncate(before);
        }
        read
    }

    fn entries(
        &mut self,
        unit: &Unit<'a>,
        scopes: &mut Scopes<'a>,
        out: &mut Entries<'a>,
    ) -> Result<bool, Error> {
        let Self {
            units, seed, known, ..
        } = self;
        let mut entries = entries::Entries::of(units, unit, &mut self.plans)?;
        let mut attrs = Attrs::default();
        let Some(root) = entries.begin()?.filter(|root| root.has_children) else {
            return Ok(false);
        };
        entries.read_root(root, &mut attrs)?;
        if attrs.language() != Some(dw::DW_LANG_Rust) {
            return Ok(false);
        }
        // What is open, and the bytes of the path of what is around it.
        let mut open = vec![(Open::Scope(0), 0)];
        let mut path = 0_usize;
        let mut tally = Tally::new(units);
        while !entries.is_empty() {
            let Some(plan) = entries.begin()? else {
                if let Some((closed, around)) = open.pop() {
                    path = around;
                    out.close(closed);
                }
                continue;
            };
            let key = entries.key();
            let around = open.last().map(|(around, _)| *around);
            let role = role(plan.tag, self.anchors);
            if role == Role::Other || around.is_none() {
                entries.pass(plan)?;
                if plan.has_children {
                    entries.pass_children()?;
                }
                continue;
            }
            entries.read(plan, &mut attrs)?;
            let name = known.get(attrs.name, seed);
            let name = name.map_err(|error| units.error(error, key))?;
            let inner = match (role, around) {
                (Role::Scope, Some(Open::Scope(around))) => {
                    Open::Scope(scopes.inner(around, name, seed))
                }
                (_, around) => {
                    let entry = count(&out.list);
                    let parent = match around {
                        Some(Open::Entry(entry)) => entry,
                        Some(Open::Scope(scope)) => {
                            out.items.push(entry);
                            scope | SCOPE
                        }
                        None => SCOPE,
                    };
                    let mut die = die(plan.tag, key, &attrs, &mut out.wide);
                    (die.parent, die.end) = (parent, entry + 1);
                    // What a parameter of a type is called matters to nobody.
                    let is_parameter = plan.tag == dw::DW_TAG_template_type_parameter;
                    let name = if is_parameter { Name::default() } else { name };
                    die.name = name.text;
                    out.list.push(die);
                    out.names.push(name.print);
                    out.item_of.push(count(&out.items) - 1);
                    tally.add(key, path)?;
                    Open::Entry(entry)
                }
            };
            if plan.has_children {
                open.push((inner, path));
                path += name.text.len() + "::".len();
                if path > MAX_PATH_BYTES || open.len() > MAX_DEPTH {
                    let (section, offset) = units.place(key);
                    return Err(Error::TooDeep { section, offset });
                }
            }
        }
        tally.flush(unit.start)?;
        // A damaged unit may end before its last entries do.
        while let Some((closed, _)) = open.pop() {
            out.close(closed);
        }
        Ok(true)
    }
}

/// An entry, without its name and what it is inside of.
fn die<'a>(tag: DwTag, key: Key, attrs: &Attrs<'_>, wide: &mut Vec<u128>) -> Die<'a> {
    let ty = match tag {
        dw::DW_TAG_variant_part => attrs.key(Slot::Discr),
        dw::DW_TAG_subrange_type => None,
        _ => attrs.key(Slot::Type),
    };
    let mut detail = 0;
    let value = match tag {
        dw::DW_TAG_member => attrs.get(Slot::Location),
        dw::DW_TAG_enumerator => attrs.get(Slot::ConstValue),
        dw::DW_TAG_subrange_type => {
            let constant = |slot| attrs.number(slot).filter(|it| !it.is_negative());
            let last = || constant(Slot::UpperBound)?.bits.checked_add(1);
            constant(Slot::Count).map(|count| count.bits).or_else(last)
        }
        dw::DW_TAG_base_type => {
            detail = attrs.encoding().map_or(0, |encoding| encoding.0);
            attrs.get(Slot::ByteSize)
        }
        dw::DW_TAG_variant => None,
        _ => attrs.get(Slot::ByteSize),
    };
    let (mut value, mut has) = match value {
        Some(value) => (value, Has::Value),
        None => (0, Has::Nothing),
    };
    if let Some(discriminant) = attrs.discriminant().filter(|_| tag == dw::DW_TAG_variant) {
        detail = discriminant.bytes;
        (value, has) = if let Ok(bits) = u64::try_from(discriminant.bits) {
            (bits, Has::Value)
        } else {
            wide.push(discriminant.bits);
            (wide.len() as u64 - 1, Has::Wide)
        };
    }
    Die {
        name: "",
        value,
        ty: ty.unwrap_or_default(),
        end: 0,
        parent: 0,
        key,
        tag,
        has,
        detail,
    }
}
