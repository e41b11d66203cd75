//! Reads the entries of units.

use gimli::DwForm;
use gimli::constants as dw;
use gimli::{Encoding, Reader as _};

use super::entries::{Die, Entries, Has, SCOPE, count, count_of};
use super::known::{Known, Name, name_at, name_of};
use super::plans::{Field, Plan, Plans, Role, Step, direct, skip_value};
use super::scopes::Scopes;
use super::values::{Place, Value, reference, set, value};
use crate::dwarf::error::Error;
use crate::dwarf::sections::Slice;
use crate::dwarf::units::{BYTES_PER_ENTRY, Key, MAX_PATH_BYTES, Table, Unit, Units};
use crate::fingerprint::Seed;

/// Deepest nesting of entries; rustc stays below a hundred.
const MAX_DEPTH: usize = 512;

/// How many entries are counted at a time.
const COUNTED: u64 = 256;

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
    /// The plans of the last unit, and what they are for.
    plans: Option<((Table, Encoding), Plans)>,
}

impl<'u, 'a> Reader<'u, 'a> {
    pub(super) fn new(units: &'u Units<'a>, seed: &'u Seed, anchors: bool) -> Self {
        Self {
            units,
            seed,
            anchors,
            known: Known::new(),
            plans: None,
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
        let what = (unit.table(), unit.header.encoding());
        let plans = match self.plans.take() {
            Some((of, plans)) if of == what => plans,
            _ => {
                let table = self.units.table(what.0);
                Plans::read(table, what.1, self.anchors)
                    .map_err(|error| self.units.error(error, unit.start))?
            }
        };
        let before = out.lens();
        let read = self.entries(unit, &plans, scopes, out);
        self.plans = Some((what, plans));
        if read.is_err() {
            out.truncate(before);
        }
        read
    }

    fn entries(
        &mut self,
        unit: &Unit<'a>,
        plans: &Plans,
        scopes: &mut Scopes<'a>,
        out: &mut Entries<'a>,
    ) -> Result<bool, Error> {
        let units = self.units;
        let root = unit.header.root_offset();
        let mut rest = unit
            .header
            .range_from(root..)
            .map_err(|error| units.error(error, unit.start))?;
        let end = unit.keys().end;
        let at = |error, rest: &Slice<'_>| units.error(error, end - count_of(rest.len()));
        let encoding = unit.header.encoding();
        let mut place = Place::new(units.sections, unit);
        let is_rust = read_root(plans, &mut rest, &mut place);
        if !is_rust.map_err(|error| at(error, &rest))? {
            return Ok(false);
        }
        // What is open, and the bytes of the path of what is around it.
        let mut open = vec![(Open::Scope(0), 0)];
        let mut path = 0_usize;
        let mut uncounted = 0;
        while !rest.is_empty() {
            let key = end - count_of(rest.len());
            let at = |error| units.error(error, key);
            let Some(plan) = plans.next(&mut rest).map_err(at)? else {
                if let Some((closed, around)) = open.pop() {
                    path = around;
                    out.close(closed);
                }
                continue;
            };
            let around = open.last().map(|(around, _)| *around);
            let (inner, name) = match (plan.role, around) {
                (Role::Scope, Some(Open::Scope(around))) => {
                    let die = self.die(plans, &plan, key, &mut rest, &place, &mut out.wide);
                    let (_, name) = die.map_err(at)?;
                    let scope = scopes.inner(around, name, self.seed);
                    (Open::Scope(scope), name)
                }
                (Role::Kept, Some(around)) => {
                    let die = self.die(plans, &plan, key, &mut rest, &place, &mut out.wide);
                    let (mut die, name) = die.map_err(at)?;
                    let entry = count(&out.list);
                    die.parent = match around {
                        Open::Scope(scope) => {
                            out.items.push(entry);
                            scope | SCOPE
                        }
                        Open::Entry(entry) => entry,
                    };
                    die.end = entry + 1;
                    out.list.push(die);
                    out.names.push(name.print);
                    out.item_of.push(count(&out.items) - 1);
                    uncounted += 1 + path as u64 / BYTES_PER_ENTRY;
                    if uncounted >= COUNTED {
                        units.count(key, std::mem::take(&mut uncounted))?;
                    }
                    (Open::Entry(entry), name)
                }
                _ => {
                    plans.skip(&plan, &mut rest, encoding).map_err(at)?;
                    if plan.has_children {
                        plans.skip_children(&mut rest, encoding).map_err(at)?;
                    }
                    continue;
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
        units.count(unit.start, uncounted)?;
        // A damaged unit may end before its last entries do.
        while let Some((closed, _)) = open.pop() {
            out.close(closed);
        }
        Ok(true)
    }

    /// Reads an entry, without what it is inside of; and its name.
    #[inline]
    fn die(
        &mut self,
        plans: &Plans,
        plan: &Plan,
        key: Key,
        rest: &mut Slice<'a>,
        place: &Place<'a>,
        wide: &mut Vec<u128>,
    ) -> gimli::Result<(Die<'a>, Name<'a>)> {
        let mut die = Die {
            name: "",
            value: 0,
            ty: 0,
            end: 0,
            parent: 0,
            key,
            tag: plan.tag,
            has: Has::Nothing,
            detail: 0,
        };
        let mut name = Name::default();
        for step in plans.steps(plan) {
            let (field, value) = match step {
                Step::Skip(bytes) => {
                    rest.skip(*bytes as usize)?;
                    continue;
                }
                Step::Measure(form) => {
                    skip_value(rest, *form, place.encoding)?;
                    continue;
                }
                Step::Take(Field::Name, form) => {
                    name = self.name(rest, *form, place)?;
                    die.name = name.text;
                    continue;
                }
                Step::Take(Field::Type, form) => {
                    die.ty = reference(rest, *form, place)?;
                    continue;
                }
                Step::Take(field, form) => (*field, value(rest, *form, place)?),
                Step::Constant(field, at) => (*field, Value::signed(plans.constant(*at))),
            };
            set(&mut die, field, value, wide);
        }
        Ok((die, name))
    }

    /// The name that an attribute has.
    #[inline]
    fn name(
        &mut self,
        rest: &mut Slice<'a>,
        form: DwForm,
        place: &Place<'a>,
    ) -> gimli::Result<Name<'a>> {
        let (seed, format) = (self.seed, place.encoding.format);
        let index = match form {
            dw::DW_FORM_strp => {
                let offset = rest.read_offset(format)?;
                return self.known.get(place.sections.str(), offset, seed);
            }
            dw::DW_FORM_string => {
                let name = rest.read_null_terminated_slice()?;
                return Ok(name_of(name.slice(), seed));
            }
            dw::DW_FORM_line_strp => {
                let offset = rest.read_offset(format)?;
                return name_at(place.sections.line_str(), offset, seed);
            }
            dw::DW_FORM_strp_sup | dw::DW_FORM_GNU_strp_alt => {
                let offset = rest.read_offset(format)?;
                return match &place.sections.alternate {
                    Some(alternate) => name_at(alternate.str(), offset, seed),
                    None => Ok(name_of(&[], seed)),
                };
            }
            dw::DW_FORM_strx1 => rest.read_u8()?.into(),
            dw::DW_FORM_strx2 => rest.read_u16()?.into(),
            dw::DW_FORM_strx3 => rest.read_uint(3)?,
            dw::DW_FORM_strx4 => rest.read_u32()?.into(),
            dw::DW_FORM_strx | dw::DW_FORM_GNU_str_index => rest.read_uleb128()?,
            dw::DW_FORM_indirect => {
                let form = direct(rest)?;
                return self.name(rest, form, place);
            }
            form => {
                skip_value(rest, form, place.encoding)?;
                return Ok(name_of(&[], seed));
            }
        };
        let index = usize::try_from(index).map_err(|_| gimli::Error::UnsupportedOffset)?;
        let offset = gimli::DebugStrOffsets::from(place.sections.str_offsets()).get_str_offset(
            format,
            gimli::DebugStrOffsetsBase(place.str_offsets_base),
            gimli::DebugStrOffsetsIndex(index),
        )?;
        self.known.get(place.sections.str(), offset.0, seed)
    }
}

/// Reads the root of a unit. Whether it is in Rust.
fn read_root(plans: &Plans, rest: &mut Slice<'_>, place: &mut Place<'_>) -> gimli::Result<bool> {
    let Some(root) = plans.next(rest)?.filter(|root| root.role == Role::Unit) else {
        return Ok(false);
    };
    let mut is_rust = false;
    for step in plans.steps(&root) {
        let (field, value) = match step {
            Step::Skip(bytes) => {
                rest.skip(*bytes as usize)?;
                continue;
            }
            Step::Measure(form) => {
                skip_value(rest, *form, place.encoding)?;
                continue;
            }
            Step::Take(field, form) => (field, value(rest, *form, place)?),
            Step::Constant(field, at) => (field, Value::signed(plans.constant(*at))),
        };
        match (field, value) {
            (Field::Language, value) => {
                is_rust = value.unsigned() == Some(dw::DW_LANG_Rust.0.into());
            }
            (Field::StrOffsetsBase, Value::Number(base, _)) => {
                place.str_offsets_base = usize::try_from(base.bits).unwrap_or(usize::MAX);
            }
            _ => {}
        }
    }
    Ok(is_rust && root.has_children)
}
