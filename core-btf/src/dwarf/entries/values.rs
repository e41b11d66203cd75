//! The values of attributes, read or passed over as their plan says.

use gimli::{
    AttributeSpecification, DebugStrOffsetsBase, DebugStrOffsetsIndex, DwForm, Encoding,
    Error as DwarfError, Expression, Operation, Reader as _, RunTimeEndian, constants as dw,
};

use super::NOWHERE;
use super::attrs::{Attrs, Discriminant, Name, Slot, Text};
use super::meaning;
use super::plan::{Action, Form, Place, Step, fixed};
use crate::dwarf::sections::{Sections, Slice};
use crate::dwarf::units::{Key, Unit, Units, key_in};

/// What the values of a unit's attributes depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnitContext<'r, 'a> {
    pub(super) units: &'r Units<'a>,
    sections: &'a Sections<'a>,
    pub(super) encoding: Encoding,
    pub(super) start: Key,
    /// Key of the start of the `.debug_info` that the unit is in.
    info_start: Key,
    /// `DW_AT_str_offsets_base` of the unit's root.
    pub(super) str_offsets_base: usize,
    /// Whether the unit is in the alternate file, which has a `.debug_str` of its own.
    alternate: bool,
}

impl<'r, 'a> UnitContext<'r, 'a> {
    pub(super) fn new(units: &'r Units<'a>, unit: &Unit<'a>) -> Self {
        let encoding = unit.header.encoding();
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
        Self {
            units,
            sections: units.sections_of(unit),
            encoding,
            start: unit.start,
            info_start,
            str_offsets_base: unit.str_offsets.saturating_add(str_offsets_base),
            alternate: unit.alternate,
        }
    }

    /// Reads one attribute, or passes over some.
    #[inline]
    pub(super) fn take(
        &self,
        step: &Step,
        rest: &mut Slice<'a>,
        attrs: &mut Attrs<'a>,
    ) -> gimli::Result<()> {
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
        refer(step, reference, attrs);
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
            _ => without_value(step, attrs),
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
pub(super) fn pass(step: &Step, rest: &mut Slice<'_>, encoding: Encoding) -> gimli::Result<()> {
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
pub(super) fn uleb(rest: &mut Slice<'_>) -> gimli::Result<u64> {
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
    Ok(meaning::step(spec, encoding))
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
        _ => without_value(step, attrs),
    }
    Ok(())
}

/// Notes what does not depend on the value of an attribute.
fn without_value(step: &Step, attrs: &mut Attrs<'_>) {
    match step.action {
        Action::Odd => attrs.set_odd(step.attribute),
        Action::Nowhere => refer(step, None, attrs),
        Action::Present => attrs.mark(step.slot),
        _ => {}
    }
}

/// Notes the entry that an attribute refers to, if there is one. Notes of gcc need not be there.
fn refer(step: &Step, to: Option<Key>, attrs: &mut Attrs<'_>) {
    attrs.set(step.slot, to.unwrap_or(NOWHERE).into(), false);
    if to.is_none() && step.slot != Slot::Annotation {
        attrs.set_odd(step.attribute);
    }
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
