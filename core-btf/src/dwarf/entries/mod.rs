//! The entries (DIEs) of a unit, one after the other, each read as far as types go or passed over.

mod attrs;
mod names;
mod plan;

use gimli::{
    AttributeSpecification, DebugStrOffsetsBase, DebugStrOffsetsIndex, DwForm, Encoding,
    Error as DwarfError, Expression, Operation, Reader as _, RunTimeEndian, UnitOffset,
    constants as dw,
};

use super::error::Error;
use super::sections::{Sections, Slice};
use super::units::{Key, Table, Unit, Units, key_in};
pub(super) use attrs::{Attrs, Discriminant, Name, Slot, Text};
pub(super) use names::{Known, Names, is_plain};
pub(super) use plan::Plan;
use plan::{Action, Form, Place, Plans, Step, fixed};

/// A reference that leads to no entry.
pub(super) const NOWHERE: Key = 1;

/// The plans of the last unit that a thread has read: the next often has the same table.
#[derive(Debug, Default)]
pub(super) struct LastPlans(Option<(Table, Plans)>);

/// The entries of a unit.
#[derive(Debug)]
pub(super) struct Entries<'r, 'a> {
    unit: UnitContext<'r, 'a>,
    plans: &'r mut Plans,
    /// All, and what is not read yet.
    all: Slice<'a>,
    rest: Slice<'a>,
    /// The key of what is behind the unit.
    end: Key,
    /// The entry that was begun last.
    key: Key,
}

/// What the values of a unit's attributes depend on.
#[derive(Clone, Copy, Debug)]
struct UnitContext<'r, 'a> {
    units: &'r Units<'a>,
    sections: &'a Sections<'a>,
    encoding: Encoding,
    start: Key,
    /// Key of the start of the `.debug_info` that the unit is in.
    info_start: Key,
    /// `DW_AT_str_offsets_base` of the unit's root.
    str_offsets_base: usize,
    /// Whether the unit is in the alternate file, which has a `.debug_str` of its own.
    alternate: bool,
}

impl<'r, 'a> Entries<'r, 'a> {
    /// The entries of `unit`, from the root on.
    pub(super) fn of(
        units: &'r Units<'a>,
        unit: &Unit<'a>,
        last: &'r mut LastPlans,
    ) -> Result<Self, Error> {
        let encoding = unit.header.encoding();
        let LastPlans(plans) = last;
        let table = unit.table();
        let is_it = |(of, plans): &(Table, Plans)| *of == table && plans.encoding() == encoding;
        if !plans.as_ref().is_some_and(is_it) {
            *plans = None;
        }
        let (_, plans) = match plans {
            Some(plans) => plans,
            None => plans.insert((table, Plans::new(units.abbreviations(unit)?, encoding))),
        };
        let rest = (unit.header)
            .range_from(UnitOffset(unit.header.header_size())..)
            .map_err(|error| units.error(error, unit.start))?;
        // A split-off unit has no base attribute: its only table starts behind the header.
        let str_offsets_base = match (encoding.version, encoding.format) {
            (..5, _) => 0,
            (_, gimli::Format::Dwarf32) => 8,
            (_, gimli::Format::Dwarf64) => 16,
        };
        let info_start = if unit.alternate {
            units.alternate_key(0).unwrap_or(NOWHERE)
        } else {
            0
        };
        Ok(Self {
            unit: UnitContext {
                units,
                sections: units.sections_of(unit),
                encoding,
                start: unit.start,
                info_start,
                str_offsets_base: unit.str_offsets.saturating_add(str_offsets_base),
                alternate: unit.alternate,
            },
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

impl<'a> UnitContext<'_, 'a> {
    /// Reads one attribute, or passes over some.
    #[inline]
    fn take(&self, step: &Step, rest: &mut Slice<'a>, attrs: &mut Attrs<'a>) -> gimli::Result<()> {
        let value = match step.form {
            Form::Bytes => {
                rest.skip(bytes(step))?;
                0
            }
            Form::U8 => rest.read_u8()?.into(),
            Form::U32 => rest.read_u32()?.into(),
            Form::U16 => rest.read_u16()?.into(),
            Form::Implied => step.value,
            Form::Uleb => uleb(rest)?,
            Form::Sleb => rest.read_sleb128()?.cast_unsigned(),
            Form::U64 => rest.read_u64()?,
            _ => return self.take_rarely(step, rest, attrs),
        };
        let reference = match step.action {
            Action::Pass => return Ok(()),
            Action::Name(place) => return self.name(step, place, value, attrs),
            Action::UnitRef => key_in(self.start, offset(value)),
            Action::Number => {
                attrs.set(step.slot, value, step.signed);
                return Ok(());
            }
            Action::Unsigned => {
                if step.signed && value.cast_signed() < 0 {
                    attrs.set_odd(step.attribute);
                } else {
                    attrs.set(step.slot, value, step.signed);
                }
                return Ok(());
            }
            Action::Byte => {
                match u8::try_from(value) {
                    Ok(byte) => attrs.set(step.slot, byte.into(), false),
                    Err(_) => attrs.set_odd(step.attribute),
                }
                return Ok(());
            }
            Action::Flag => {
                if value != 0 {
                    attrs.mark(step.slot);
                }
                return Ok(());
            }
            Action::Present => {
                attrs.mark(step.slot);
                return Ok(());
            }
            Action::Odd | Action::Location => {
                attrs.set_odd(step.attribute);
                return Ok(());
            }
            Action::InfoRef => key_in(self.info_start, offset(value)),
            Action::AlternateRef => self.units.alternate_key(offset(value)),
            Action::Signature => self.units.signature(value),
            Action::Nowhere => None,
            Action::Discriminant => {
                attrs.set_discriminant(discriminant(step.form, value));
                return Ok(());
            }
            Action::Text(place) => {
                if let Some((section, offset, _)) = self.section(place, value)? {
                    attrs.set_text(step.slot, text(section, offset)?);
                }
                return Ok(());
            }
        };
        attrs.set(step.slot, reference.unwrap_or(NOWHERE).into(), false);
        if reference.is_none() && step.slot != Slot::Annotation {
            attrs.set_odd(step.attribute);
        }
        Ok(())
    }

    /// The same for forms that few attributes have.
    #[inline(never)]
    fn take_rarely(
        &self,
        step: &Step,
        rest: &mut Slice<'a>,
        attrs: &mut Attrs<'a>,
    ) -> gimli::Result<()> {
        let block = match step.form {
            Form::Inline => return inline(step, rest, attrs),
            Form::Indirect => {
                let step = indirect(step, rest, self.encoding)?;
                return self.take(&step, rest, attrs);
            }
            Form::U24 => {
                let value = rest.read_uint(3)?;
                let step = Step {
                    form: Form::Implied,
                    value,
                    ..*step
                };
                return self.take(&step, rest, attrs);
            }
            Form::U128 => rest.split(16)?,
            _ => {
                let len = block_len(step, rest)?;
                rest.split(len)?
            }
        };
        match step.action {
            Action::Location => {
                if let Some(value) = self.constant(block) {
                    attrs.set(step.slot, value, false);
                } else {
                    if let Some(offset) = self.in_vtable(block) {
                        attrs.set(Slot::VtableOffset, offset.cast_unsigned(), true);
                    }
                    attrs.set_odd(step.attribute);
                }
            }
            Action::Discriminant => match <[u8; 16]>::try_from(block.slice()) {
                Ok(bytes) => attrs.set_discriminant(Discriminant {
                    bits: match self.sections.endian {
                        RunTimeEndian::Little => u128::from_le_bytes(bytes),
                        RunTimeEndian::Big => u128::from_be_bytes(bytes),
                    },
                    bytes: 16,
                }),
                Err(_) => attrs.set_odd(step.attribute),
            },
            Action::Odd => attrs.set_odd(step.attribute),
            Action::Nowhere => {
                attrs.set(step.slot, NOWHERE.into(), false);
                if step.slot != Slot::Annotation {
                    attrs.set_odd(step.attribute);
                }
            }
            Action::Present => attrs.mark(step.slot),
            _ => {}
        }
        Ok(())
    }

    /// The value of a location expression that adds a constant to the object's address.
    fn constant(&self, block: Slice<'a>) -> Option<u64> {
        let mut operations = Expression(block).operations(self.encoding);
        match (operations.next(), operations.next()) {
            (Ok(Some(Operation::PlusConstant { value })), Ok(None)) => Some(value),
            _ => None,
        }
    }

    /// Where in the vtable it is that a location expression reads what it adds to the object's
    /// address: that of a virtual base class. The vtable is where the object's first word leads.
    fn in_vtable(&self, block: Slice<'a>) -> Option<i64> {
        let mut operations = Expression(block).operations(self.encoding);
        let mut next = || operations.next().ok();
        let is_word = |size| size == self.encoding.address_size;
        let Operation::Pick { index: 0 } = next()?? else {
            return None;
        };
        let Operation::Deref { size, .. } = next()?? else {
            return None;
        };
        let offset = match next()?? {
            Operation::PlusConstant { value } => i64::try_from(value).ok()?,
            constant => {
                let value = match constant {
                    Operation::UnsignedConstant { value } => i64::try_from(value).ok()?,
                    Operation::SignedConstant { value } => value,
                    _ => return None,
                };
                match next()?? {
                    Operation::Minus => value.checked_neg()?,
                    Operation::Plus => value,
                    _ => return None,
                }
            }
        };
        match (next()??, next()??, next()?) {
            (Operation::Deref { size: second, .. }, Operation::Plus, None)
                if is_word(size) && is_word(second) =>
            {
                Some(offset)
            }
            _ => None,
        }
    }

    /// Reads the name of an entry, which is somewhere else.
    #[inline]
    fn name(
        &self,
        step: &Step,
        place: Place,
        value: u64,
        attrs: &mut Attrs<'a>,
    ) -> gimli::Result<()> {
        let Some((section, offset, place)) = self.section(place, value)? else {
            attrs.set_odd(step.attribute);
            return Ok(());
        };
        let text = text(section, offset)?;
        attrs.name = Some(Name { place, text });
        Ok(())
    }

    /// The section of a name, its offset there, and a number that only this place has.
    #[inline]
    fn section(&self, place: Place, value: u64) -> gimli::Result<Option<(Slice<'a>, u64, u64)>> {
        let (section, value, number) = match place {
            Place::Str if self.alternate => (self.sections.str(), value, 3),
            Place::Str => (self.sections.str(), value, 1),
            Place::LineStr if self.alternate => (self.sections.line_str(), value, 4),
            Place::LineStr => (self.sections.line_str(), value, 2),
            Place::AlternateStr => match &self.sections.alternate {
                Some(alternate) => (alternate.str(), value, 3),
                None => return Ok(None),
            },
            Place::Index => {
                let offset = gimli::DebugStrOffsets::from(self.sections.str_offsets())
                    .get_str_offset(
                        self.encoding.format,
                        DebugStrOffsetsBase(self.str_offsets_base),
                        DebugStrOffsetsIndex(offset(value)),
                    )?;
                return self.section(Place::Str, offset.0 as u64);
            }
            Place::Inline => return Ok(None),
        };
        Ok(Some((section, value, number << 60 | value)))
    }
}

/// Passes over one attribute, or some.
#[inline]
fn pass(step: &Step, rest: &mut Slice<'_>, encoding: Encoding) -> gimli::Result<()> {
    match step.form {
        Form::Bytes => rest.skip(bytes(step)),
        Form::Uleb | Form::Sleb => rest.skip_leb128(),
        Form::Inline => rest.read_null_terminated_slice().map(drop),
        Form::Indirect => {
            let step = indirect(step, rest, encoding)?;
            match fixed(step.form, step.value) {
                Some(len) => rest.skip(offset(len)),
                None => pass(&step, rest, encoding),
            }
        }
        _ => {
            let len = block_len(step, rest)?;
            rest.skip(len)
        }
    }
}

/// A number in base 128: nearly all have one byte.
#[inline]
fn uleb(rest: &mut Slice<'_>) -> gimli::Result<u64> {
    match rest.slice().first() {
        Some(byte @ ..0x80) => rest.skip(1).map(|()| u64::from(*byte)),
        _ => rest.read_uleb128(),
    }
}

fn offset(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The number of bytes that a step passes over.
fn bytes(step: &Step) -> usize {
    offset(step.value)
}

/// The number of bytes in a block, which comes before them.
fn block_len(step: &Step, rest: &mut Slice<'_>) -> gimli::Result<usize> {
    Ok(match step.form {
        Form::Block1 => rest.read_u8()?.into(),
        Form::Block2 => rest.read_u16()?.into(),
        Form::Block4 => offset(rest.read_u32()?.into()),
        Form::BlockUleb => offset(uleb(rest)?),
        _ => {
            let form = u16::try_from(step.value).unwrap_or_default();
            return Err(DwarfError::UnknownForm(DwForm(form)));
        }
    })
}

/// What to do with an attribute whose form comes before it.
fn indirect(step: &Step, rest: &mut Slice<'_>, encoding: Encoding) -> gimli::Result<Step> {
    let mut form = dw::DW_FORM_indirect;
    while form == dw::DW_FORM_indirect {
        form = DwForm(rest.read_uleb128_u16()?);
    }
    if form == dw::DW_FORM_implicit_const {
        return Err(DwarfError::InvalidImplicitConst);
    }
    let spec = AttributeSpecification::new(step.attribute, form, None);
    Ok(plan::step(spec, encoding))
}

/// A name that is in the entry.
fn inline<'a>(step: &Step, rest: &mut Slice<'a>, attrs: &mut Attrs<'a>) -> gimli::Result<()> {
    let bytes = rest.read_null_terminated_slice()?.slice();
    let text = Text {
        from: bytes,
        ends: true,
    };
    match step.action {
        Action::Name(_) => {
            // Most are short: what they say is as good as their place.
            let place = match bytes.len() {
                ..8 => bytes
                    .iter()
                    .fold(1, |all, byte| all << 8 | u64::from(*byte)),
                _ => 0,
            };
            attrs.name = Some(Name { place, text });
        }
        Action::Text(_) => attrs.set_text(step.slot, text),
        Action::Nowhere => {
            attrs.set(step.slot, NOWHERE.into(), false);
            attrs.set_odd(step.attribute);
        }
        Action::Odd => attrs.set_odd(step.attribute),
        Action::Present => attrs.mark(step.slot),
        _ => {}
    }
    Ok(())
}

fn discriminant(form: Form, value: u64) -> Discriminant {
    let (bits, bytes) = match form {
        Form::U8 => (value.into(), 1),
        Form::U16 => (value.into(), 2),
        Form::U32 => (value.into(), 4),
        Form::U64 => (value.into(), 8),
        Form::Uleb => (value.into(), 16),
        _ => (i128::from(value.cast_signed()).cast_unsigned(), 16),
    };
    Discriminant { bits, bytes }
}

/// The text at an offset of a section.
#[inline]
fn text(section: Slice<'_>, offset: u64) -> gimli::Result<Text<'_>> {
    let mut rest = section;
    rest.skip(self::offset(offset))?;
    let (from, ends) = (rest.slice(), false);
    Ok(Text { from, ends })
}
