//! Values of attributes.

use gimli::{DwForm, Encoding, Expression, Operation, Reader as _, RunTimeEndian, constants as dw};

use super::entries::{Die, Has};
use super::plans::{Field, direct, skip_value};
use crate::dwarf::entries::{NOWHERE, Number};
use crate::dwarf::sections::{Sections, Slice};
use crate::dwarf::units::{Key, Unit, key_in};

/// What is needed to read values of a unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) sections: &'a Sections<'a>,
    pub(super) encoding: Encoding,
    pub(super) start: Key,
    pub(super) str_offsets_base: usize,
}

impl<'a> Place<'a> {
    pub(super) fn new(sections: &'a Sections<'a>, unit: &Unit<'a>) -> Self {
        Self {
            sections,
            encoding: unit.header.encoding(),
            start: unit.start,
            str_offsets_base: str_offsets_base(unit),
        }
    }
}

/// Where the table of names of a unit is that does not say so.
fn str_offsets_base(unit: &Unit<'_>) -> usize {
    let encoding = unit.header.encoding();
    // A split-off unit has no base attribute: its only table starts behind the header.
    let base = match (encoding.version, encoding.format) {
        (..5, _) => 0,
        (_, gimli::Format::Dwarf32) => 8,
        (_, gimli::Format::Dwarf64) => 16,
    };
    unit.str_offsets.saturating_add(base)
}

/// A value other than a name or reference.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    /// A number, and the bytes of its form: 0 for one that an expression computes.
    Number(Number, u8),
    /// A number of 128 bits.
    Wide(u128),
    /// Something else.
    Other,
}

impl Value {
    pub(super) const fn signed(value: i64) -> Self {
        let number = Number {
            bits: value.cast_unsigned(),
            signed: true,
        };
        Self::Number(number, 16)
    }

    /// A number that is not negative, and not computed.
    fn constant(self) -> Option<u64> {
        self.unsigned()
            .filter(|_| !matches!(self, Self::Number(_, 0)))
    }

    /// A number that is not negative.
    pub(super) fn unsigned(self) -> Option<u64> {
        match self {
            Self::Number(number, _) if !number.is_negative() => Some(number.bits),
            _ => None,
        }
    }
}

/// Reads a value other than a name or reference.
pub(super) fn value(rest: &mut Slice<'_>, form: DwForm, place: &Place<'_>) -> gimli::Result<Value> {
    let number = |bits, bytes| {
        let number = Number {
            bits,
            signed: false,
        };
        Ok(Value::Number(number, bytes))
    };
    match form {
        dw::DW_FORM_data1 => number(rest.read_u8()?.into(), 1),
        dw::DW_FORM_data2 => number(rest.read_u16()?.into(), 2),
        dw::DW_FORM_data4 => number(rest.read_u32()?.into(), 4),
        dw::DW_FORM_data8 => number(rest.read_u64()?, 8),
        dw::DW_FORM_udata => number(rest.read_uleb128()?, 16),
        dw::DW_FORM_sec_offset => {
            let offset = rest.read_offset(place.encoding.format)?;
            number(offset as u64, 0)
        }
        dw::DW_FORM_sdata => Ok(Value::signed(rest.read_sleb128()?)),
        dw::DW_FORM_data16 => Ok(Value::Wide(rest.read_u128()?)),
        dw::DW_FORM_indirect => {
            let form = direct(rest)?;
            value(rest, form, place)
        }
        dw::DW_FORM_exprloc
        | dw::DW_FORM_block
        | dw::DW_FORM_block1
        | dw::DW_FORM_block2
        | dw::DW_FORM_block4 => {
            let len = match form {
                dw::DW_FORM_block1 => rest.read_u8()?.into(),
                dw::DW_FORM_block2 => rest.read_u16()?.into(),
                dw::DW_FORM_block4 => rest.read_u32()?.into(),
                _ => rest.read_uleb128()?,
            };
            let end = gimli::Error::UnexpectedEof(rest.offset_id());
            let block = rest.split(usize::try_from(len).map_err(|_| end)?)?;
            Ok(block_value(block, place))
        }
        form => {
            skip_value(rest, form, place.encoding)?;
            Ok(Value::Other)
        }
    }
}

/// The number in a block: one of 128 bits, or what an expression adds to an address.
fn block_value(block: Slice<'_>, place: &Place<'_>) -> Value {
    if let Ok(bytes) = <[u8; 16]>::try_from(block.slice()) {
        return Value::Wide(match place.sections.endian {
            RunTimeEndian::Little => u128::from_le_bytes(bytes),
            RunTimeEndian::Big => u128::from_be_bytes(bytes),
        });
    }
    let mut operations = Expression(block).operations(place.encoding);
    match (operations.next(), operations.next()) {
        (Ok(Some(Operation::PlusConstant { value: bits })), Ok(None)) => Value::Number(
            Number {
                bits,
                signed: false,
            },
            0,
        ),
        _ => Value::Other,
    }
}

/// Stores a value in an entry.
pub(super) fn set(die: &mut Die<'_>, field: Field, value: Value, wide: &mut Vec<u128>) {
    match field {
        Field::Location => {
            if let Some(offset) = value.unsigned() {
                (die.value, die.has) = (offset, Has::Value);
            }
        }
        Field::Size | Field::Count => {
            if let Some(value) = value.constant() {
                (die.value, die.has) = (value, Has::Value);
            }
        }
        Field::UpperBound => {
            if die.has == Has::Nothing
                && let Some(len) = value.constant().and_then(|last| last.checked_add(1))
            {
                (die.value, die.has) = (len, Has::Value);
            }
        }
        Field::Encoding => {
            let encoding = value.unsigned().and_then(|it| u8::try_from(it).ok());
            die.detail = encoding.unwrap_or_default();
        }
        Field::ConstValue => {
            if let Value::Number(number, 1..) = value {
                (die.value, die.has) = (number.bits, Has::Value);
            }
        }
        Field::DiscrValue => {
            (die.value, die.has, die.detail) = match value {
                Value::Number(number, bytes @ 1..) if !number.is_negative() => {
                    (number.bits, Has::Value, bytes)
                }
                Value::Number(number, 1..) => {
                    wide.push(i128::from(number.bits.cast_signed()).cast_unsigned());
                    (wide.len() as u64 - 1, Has::Wide, 16)
                }
                Value::Wide(bits) => {
                    wide.push(bits);
                    (wide.len() as u64 - 1, Has::Wide, 16)
                }
                Value::Number(..) | Value::Other => return,
            };
        }
        Field::Name | Field::Type | Field::Language | Field::StrOffsetsBase => {}
    }
}

/// The key of the entry that an attribute refers to.
#[inline]
pub(super) fn reference(
    rest: &mut Slice<'_>,
    form: DwForm,
    place: &Place<'_>,
) -> gimli::Result<Key> {
    let (start, offset) = match form {
        dw::DW_FORM_ref4 => (place.start, rest.read_u32()? as usize),
        dw::DW_FORM_ref1 => (place.start, rest.read_u8()?.into()),
        dw::DW_FORM_ref2 => (place.start, rest.read_u16()?.into()),
        dw::DW_FORM_ref8 => (place.start, offset(rest.read_u64()?)),
        dw::DW_FORM_ref_udata => (place.start, offset(rest.read_uleb128()?)),
        dw::DW_FORM_ref_addr if place.encoding.version < 3 => {
            (0, rest.read_sized_offset(place.encoding.address_size)?)
        }
        dw::DW_FORM_ref_addr => (0, rest.read_offset(place.encoding.format)?),
        dw::DW_FORM_indirect => {
            let form = direct(rest)?;
            return reference(rest, form, place);
        }
        form => {
            skip_value(rest, form, place.encoding)?;
            return Ok(NOWHERE);
        }
    };
    Ok(key_in(start, offset).unwrap_or(NOWHERE))
}

fn offset(bits: u64) -> usize {
    usize::try_from(bits).unwrap_or(usize::MAX)
}
