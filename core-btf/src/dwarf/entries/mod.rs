//! The entries (DIEs) of a unit, one after the other, each read as far as types go or passed over.

mod attrs;
mod meaning;
mod names;
mod plan;
mod values;

use gimli::{Error as DwarfError, Reader as _, UnitOffset};

use super::error::Error;
use super::sections::Slice;
use super::units::{Key, Unit, Units};
pub(super) use attrs::{Attrs, Discriminant, Name, Slot, Text};
pub(super) use names::{Known, Names, is_plain};
pub(super) use plan::{Plan, Plans, is_expanded_code};
use values::{UnitContext, pass, uleb};

/// A reference that leads to no entry.
pub(super) const NOWHERE: Key = 1;

/// The entries of a unit.
#[derive(Debug)]
pub(super) struct Entries<'r, 'a> {
    unit: UnitContext<'r, 'a>,
    plans: &'r Plans<'a>,
    /// All, and what is not read yet.
    all: Slice<'a>,
    rest: Slice<'a>,
    /// The key of what is behind the unit.
    end: Key,
    /// The entry that was begun last.
    key: Key,
}

impl<'r, 'a> Entries<'r, 'a> {
    /// The entries of `unit`, from the root on.
    pub(super) fn of(
        units: &'r Units<'a>,
        unit: &Unit<'a>,
        plans: &'r mut Plans<'a>,
    ) -> Result<Self, Error> {
        let table = unit.table();
        let opened = plans.open(table, unit.header.encoding(), units.table(table));
        opened.map_err(|error| units.abbreviation_error(error, table))?;
        let rest = (unit.header)
            .range_from(UnitOffset(unit.header.header_size())..)
            .map_err(|error| units.error(error, unit.start))?;
        Ok(Self {
            unit: UnitContext::new(units, unit),
            plans,
            all: rest,
            rest,
            end: unit.keys().end,
            key: unit.start,
        })
    }

    /// Whether all have been read.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The entry that was begun last.
    pub(super) fn key(&self) -> Key {
        self.key
    }

    /// Begins an entry, whose attributes are then to be read or passed over; `None` at the end of
    /// some entry's children.
    #[inline]
    pub(super) fn begin(&mut self) -> Result<Option<Plan>, Error> {
        #[expect(clippy::cast_possible_truncation, reason = "units end below 2^31")]
        let left = self.rest.len() as u32;
        self.key = self.end - left;
        let plan = match uleb(&mut self.rest) {
            Ok(0) => return Ok(None),
            Ok(code) => self.plans.get(code),
            Err(error) => Err(error),
        };
        plan.map(Some).map_err(|error| self.error(error))
    }

    /// Reads the attributes of the entry that was begun.
    #[inline]
    pub(super) fn read(&mut self, plan: Plan, attrs: &mut Attrs<'a>) -> Result<(), Error> {
        attrs.clear();
        let (unit, rest) = (&self.unit, &mut self.rest);
        let mut steps = self.plans.to_read(plan).iter();
        let done = steps.try_for_each(|step| unit.take(step, rest, attrs));
        done.map_err(|error| self.error(error))
    }

    /// Reads the attributes of the root, which say how to read others.
    pub(super) fn read_root(&mut self, plan: Plan, attrs: &mut Attrs<'a>) -> Result<(), Error> {
        let rest = self.rest;
        self.read(plan, attrs)?;
        let base = attrs.get(Slot::StrOffsetsBase);
        let Some(base) = base.and_then(|base| usize::try_from(base).ok()) else {
            return Ok(());
        };
        // Names may need an attribute that comes behind them.
        self.unit.str_offsets_base = base;
        self.rest = rest;
        self.read(plan, attrs)
    }

    /// Passes over the attributes of the entry that was begun.
    #[inline]
    pub(super) fn pass(&mut self, plan: Plan) -> Result<(), Error> {
        let (rest, encoding) = (&mut self.rest, self.unit.encoding);
        let mut steps = self.plans.to_pass(plan).iter();
        let done = steps.try_for_each(|step| pass(step, rest, encoding));
        done.map_err(|error| self.error(error))
    }

    /// Passes over the entry of [expanded code](is_expanded_code) that was begun, and all inside of it.
    pub(super) fn pass_code(&mut self, plan: Plan, attrs: &mut Attrs<'a>) -> Result<(), Error> {
        self.read(plan, attrs)?;
        let ahead = attrs.key(Slot::Sibling);
        let ahead = ahead.and_then(|sibling| self.end.checked_sub(sibling));
        match ahead.map(|ahead| ahead as usize) {
            _ if !plan.has_children => Ok(()),
            // Forward only: what is damaged could lead back again and again.
            Some(ahead) if ahead < self.rest.len() => {
                self.rest = self.all.range_from(self.all.len() - ahead..);
                Ok(())
            }
            _ => self.pass_children(),
        }
    }

    /// Passes over all that is inside of an entry whose attributes have been read, or passed over.
    pub(super) fn pass_children(&mut self) -> Result<(), Error> {
        let mut open = 1_u64;
        // A damaged unit may end before its last entries do.
        while open > 0 && !self.is_empty() {
            match self.begin()? {
                None => open -= 1,
                Some(plan) => {
                    self.pass(plan)?;
                    open += u64::from(plan.has_children);
                }
            }
        }
        Ok(())
    }

    /// The attributes of another entry of the unit, if there is one at `key`.
    pub(super) fn at(&mut self, key: Key) -> Option<Attrs<'a>> {
        let before = (self.rest, self.key);
        let ahead = self.end.checked_sub(key)?;
        let passed = self.all.len().checked_sub(ahead as usize)?;
        self.rest = self.all.range_from(passed..);
        let mut attrs = Attrs::default();
        let plan = self.begin().ok().flatten();
        let read = plan.and_then(|plan| self.read(plan, &mut attrs).ok());
        (self.rest, self.key) = before;
        read.map(|()| attrs)
    }

    #[cold]
    fn error(&self, error: DwarfError) -> Error {
        self.unit.units.error(error, self.key)
    }
}
