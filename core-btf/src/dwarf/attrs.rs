//! The attributes of one entry, as far as types go.

use std::ffi::CStr;

use gimli::{
    AttributeSpecification, AttributeValue, DebugStrOffsetsBase, DwAt, DwAte, DwLang, Encoding,
    EntriesRaw, Expression, Operation, RunTimeEndian, constants as dw,
};

use super::annotations;
use super::sections::{Sections, Slice};
use super::units::{Key, Unit, Units, key_in};

/// Longest name that is looked for: without a limit, damaged input could make every one of many
/// entries scan megabytes.
const MAX_NAME_BYTES: usize = 1 << 14;

/// A reference that leads to no entry.
pub(super) const NOWHERE: Key = 1;

/// A number whose form says how it is to be extended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    /// The value's low 64 bits.
    pub(super) bits: u64,
    /// Whether the form is a signed one.
    pub(super) signed: bool,
}

impl Number {
    /// Whether the value is below zero.
    pub(super) const fn is_negative(self) -> bool {
        self.signed && self.bits.cast_signed() < 0
    }
}

/// The value that selects a variant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Discriminant {
    /// The value's bits, zero-extended.
    pub(super) bits: u128,
    /// Bytes of the form. A value of a signed type is to be extended from there.
    pub(super) bytes: u32,
}

/// The attributes of one entry.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the entry")]
pub(super) struct Attrs<'a> {
    /// `DW_AT_name`.
    pub(super) name: Option<&'a [u8]>,
    /// `DW_AT_linkage_name`.
    pub(super) linkage_name: Option<&'a [u8]>,
    /// `DW_AT_type`: key of the entry referred to.
    pub(super) ty: Option<Key>,
    /// `DW_AT_abstract_origin` or `DW_AT_specification`.
    pub(super) origin: Option<Key>,
    /// `DW_AT_signature`.
    pub(super) signature: Option<Key>,
    /// `DW_AT_byte_size`.
    pub(super) byte_size: Option<u64>,
    /// `DW_AT_bit_size`.
    pub(super) bit_size: Option<u64>,
    /// `DW_AT_bit_offset`, from the most significant bit of the storage unit.
    pub(super) bit_offset: Option<i64>,
    /// `DW_AT_data_bit_offset`.
    pub(super) data_bit_offset: Option<u64>,
    /// `DW_AT_data_member_location`, in bytes.
    pub(super) location: Option<u64>,
    /// `DW_AT_encoding`.
    pub(super) encoding: Option<DwAte>,
    /// `DW_AT_count`, where it is a constant.
    pub(super) count: Option<Number>,
    /// `DW_AT_lower_bound`, where it is a constant.
    pub(super) lower_bound: Option<Number>,
    /// `DW_AT_upper_bound`, where it is a constant.
    pub(super) upper_bound: Option<Number>,
    /// `DW_AT_const_value`.
    pub(super) const_value: Option<Number>,
    /// `DW_AT_const_value` that is a text.
    pub(super) text: Option<&'a [u8]>,
    /// `DW_AT_GNU_annotation`: the first note on what the entry describes.
    pub(super) annotation: Option<Key>,
    /// `DW_AT_discr`: the tag of a variant part.
    pub(super) discr: Option<Key>,
    /// `DW_AT_discr_value`.
    pub(super) discr_value: Option<Discriminant>,
    /// `DW_AT_str_offsets_base`.
    pub(super) str_offsets_base: Option<usize>,
    /// `DW_AT_dwo_name`.
    pub(super) dwo_name: Option<&'a [u8]>,
    /// `DW_AT_GNU_dwo_id`.
    pub(super) dwo_id: Option<u64>,
    /// `DW_AT_comp_dir`.
    pub(super) comp_dir: Option<&'a [u8]>,
    /// `DW_AT_language`.
    pub(super) language: Option<DwLang>,
    /// `DW_AT_declaration`.
    pub(super) declaration: bool,
    /// `DW_AT_enum_class`.
    pub(super) enum_class: bool,
    /// `DW_AT_virtuality`, other than none.
    pub(super) is_virtual: bool,
    /// `DW_AT_external`.
    pub(super) external: bool,
    /// `DW_AT_ordering`: elements whose first index differs are next to each other.
    pub(super) column_major: bool,
    /// There is code: `DW_AT_low_pc`, `DW_AT_ranges` or `DW_AT_entry_pc`.
    pub(super) code: bool,
    /// First attribute that matters and is not understood.
    pub(super) odd: Option<DwAt>,
}

/// What is needed to read attributes of a unit.
#[derive(Debug)]
pub(super) struct Reader<'u, 'a> {
    units: &'u Units<'a>,
    sections: &'a Sections<'a>,
    encoding: Encoding,
    start: Key,
    /// Key of the start of the `.debug_info` that the unit is in.
    info_start: Key,
    /// `DW_AT_str_offsets_base` of the unit's root.
    pub(super) str_offsets_base: usize,
}

impl<'u, 'a> Reader<'u, 'a> {
    pub(super) fn new(units: &'u Units<'a>, unit: &Unit<'a>) -> Self {
        let encoding = unit.header.encoding();
        // A split-off unit has no base attribute: its only table starts behind the header.
        let str_offsets_base = match (encoding.version, encoding.format) {
            (..5, _) => 0,
            (_, gimli::Format::Dwarf32) => 8,
            (_, gimli::Format::Dwarf64) => 16,
        };
        let str_offsets_base = unit.str_offsets.saturating_add(str_offsets_base);
        let info_start = if unit.alternate {
            units.alternate_key(0).unwrap_or(NOWHERE)
        } else {
            0
        };
        Self {
            units,
            info_start,
            sections: units.sections_of(unit),
            encoding,
            start: unit.start,
            str_offsets_base,
        }
    }

    /// Reads all attributes of the entry at `raw`.
    pub(super) fn read(
        &self,
        raw: &mut EntriesRaw<'_, Slice<'a>>,
        specs: &[AttributeSpecification],
    ) -> gimli::Result<Attrs<'a>> {
        let mut attrs = Attrs::default();
        for &spec in specs {
            let value = raw.read_attribute(spec)?.raw_value();
            let known = match spec.name() {
                dw::DW_AT_name => {
                    attrs.name = self.name(value)?;
                    attrs.name.is_some()
                }
                dw::DW_AT_linkage_name | dw::DW_AT_MIPS_linkage_name => {
                    attrs.linkage_name = self.name(value)?;
                    true
                }
                dw::DW_AT_dwo_name | dw::DW_AT_GNU_dwo_name => {
                    attrs.dwo_name = Some(self.name(value)?.unwrap_or_default());
                    true
                }
                dw::DW_AT_GNU_dwo_id => {
                    attrs.dwo_id = unsigned(value);
                    true
                }
                dw::DW_AT_comp_dir => {
                    attrs.comp_dir = self.name(value)?;
                    true
                }
                dw::DW_AT_type => self.reference(value, &mut attrs.ty),
                dw::DW_AT_abstract_origin | dw::DW_AT_specification => {
                    self.reference(value, &mut attrs.origin)
                }
                dw::DW_AT_signature => self.reference(value, &mut attrs.signature),
                dw::DW_AT_byte_size => set(&mut attrs.byte_size, unsigned(value)),
                dw::DW_AT_bit_size => set(&mut attrs.bit_size, unsigned(value)),
                dw::DW_AT_bit_offset => set(
                    &mut attrs.bit_offset,
                    number(value).map(|number| number.bits.cast_signed()),
                ),
                dw::DW_AT_data_bit_offset => set(&mut attrs.data_bit_offset, unsigned(value)),
                dw::DW_AT_data_member_location => {
                    let location = unsigned(value).or_else(|| self.constant_location(value));
                    set(&mut attrs.location, location)
                }
                dw::DW_AT_encoding => {
                    let encoding = unsigned(value).and_then(|value| u8::try_from(value).ok());
                    set(&mut attrs.encoding, encoding.map(DwAte))
                }
                dw::DW_AT_count => {
                    attrs.count = number(value);
                    true
                }
                dw::DW_AT_lower_bound => {
                    attrs.lower_bound = number(value);
                    attrs.lower_bound.is_some()
                }
                dw::DW_AT_upper_bound => {
                    attrs.upper_bound = number(value);
                    true
                }
                dw::DW_AT_discr => self.reference(value, &mut attrs.discr),
                dw::DW_AT_discr_value => set(&mut attrs.discr_value, self.discriminant(value)),
                dw::DW_AT_const_value => {
                    attrs.const_value = number(value);
                    if attrs.const_value.is_none() {
                        attrs.text = self.name(value)?;
                    }
                    attrs.const_value.is_some() || attrs.text.is_some()
                }
                annotations::REFERENCE => {
                    self.reference(value, &mut attrs.annotation);
                    true
                }
                dw::DW_AT_str_offsets_base => {
                    attrs.str_offsets_base = match value {
                        AttributeValue::SecOffset(base) => Some(base),
                        _ => unsigned(value).and_then(|base| usize::try_from(base).ok()),
                    };
                    true
                }
                dw::DW_AT_declaration => {
                    attrs.declaration = value == AttributeValue::Flag(true);
                    true
                }
                dw::DW_AT_language => {
                    let language = unsigned(value).and_then(|value| u16::try_from(value).ok());
                    attrs.language = language.map(DwLang);
                    true
                }
                dw::DW_AT_enum_class => {
                    attrs.enum_class = value == AttributeValue::Flag(true);
                    true
                }
                dw::DW_AT_virtuality => {
                    attrs.is_virtual = unsigned(value) != Some(0);
                    true
                }
                dw::DW_AT_external => {
                    attrs.external = value == AttributeValue::Flag(true);
                    true
                }
                dw::DW_AT_low_pc | dw::DW_AT_ranges | dw::DW_AT_entry_pc => {
                    attrs.code = true;
                    true
                }
                dw::DW_AT_ordering => {
                    attrs.column_major = unsigned(value) == Some(dw::DW_ORD_col_major.0.into());
                    true
                }
                // Elements that are not next to each other, or are elsewhere (Ada, Fortran).
                dw::DW_AT_byte_stride
                | dw::DW_AT_bit_stride
                | dw::DW_AT_data_location
                | dw::DW_AT_allocated
                | dw::DW_AT_associated => false,
                _ => true,
            };
            if !known && attrs.odd.is_none() {
                attrs.odd = Some(spec.name());
            }
        }
        Ok(attrs)
    }

    /// The bytes of a name, without the NUL; `None` when they are in another file.
    fn name(&self, value: AttributeValue<Slice<'a>>) -> gimli::Result<Option<&'a [u8]>> {
        let (section, offset) = match value {
            AttributeValue::String(name) => return Ok(Some(name.slice())),
            AttributeValue::DebugStrRef(offset) => return name_at(self.sections.str(), offset.0),
            AttributeValue::DebugLineStrRef(offset) => (self.sections.line_str(), offset.0),
            AttributeValue::DebugStrRefSup(offset) => match &self.sections.alternate {
                Some(alternate) => (alternate.str(), offset.0),
                None => return Ok(None),
            },
            AttributeValue::DebugStrOffsetsIndex(index) => {
                let offset = gimli::DebugStrOffsets::from(self.sections.str_offsets())
                    .get_str_offset(
                        self.encoding.format,
                        DebugStrOffsetsBase(self.str_offsets_base),
                        index,
                    )?;
                return name_at(self.sections.str(), offset.0);
            }
            _ => return Ok(None),
        };
        name_at(section, offset)
    }

    /// The key of the entry that an attribute refers to; false when it is in another file or
    /// nowhere.
    fn reference(&self, value: AttributeValue<Slice<'a>>, to: &mut Option<Key>) -> bool {
        let key = match value {
            AttributeValue::UnitRef(offset) => key_in(self.start, offset.0),
            AttributeValue::DebugInfoRef(offset) => key_in(self.info_start, offset.0),
            AttributeValue::DebugInfoRefSup(offset) => self.units.alternate_key(offset.0),
            AttributeValue::DebugTypesRef(signature) => self.units.signature(signature.0),
            _ => None,
        };
        *to = Some(key.unwrap_or(NOWHERE));
        key.is_some()
    }

    fn discriminant(&self, value: AttributeValue<Slice<'a>>) -> Option<Discriminant> {
        let (bits, bytes) = match value {
            AttributeValue::Data1(value) => (value.into(), 1),
            AttributeValue::Data2(value) => (value.into(), 2),
            AttributeValue::Data4(value) => (value.into(), 4),
            AttributeValue::Data8(value) => (value.into(), 8),
            AttributeValue::Udata(value) => (value.into(), 16),
            AttributeValue::Sdata(value) => (i128::from(value).cast_unsigned(), 16),
            AttributeValue::Data16(value) => (value, 16),
            AttributeValue::Block(block) => {
                let bytes = <[u8; 16]>::try_from(block.slice()).ok()?;
                let bits = match self.sections.endian {
                    RunTimeEndian::Little => u128::from_le_bytes(bytes),
                    RunTimeEndian::Big => u128::from_be_bytes(bytes),
                };
                (bits, 16)
            }
            _ => return None,
        };
        Some(Discriminant { bits, bytes })
    }

    /// The value of a location expression that adds a constant to the object's address.
    fn constant_location(&self, value: AttributeValue<Slice<'a>>) -> Option<u64> {
        let expression = match value {
            AttributeValue::Exprloc(expression) => expression,
            AttributeValue::Block(block) => Expression(block),
            _ => return None,
        };
        let mut operations = expression.operations(self.encoding);
        match (operations.next(), operations.next()) {
            (Ok(Some(Operation::PlusConstant { value })), Ok(None)) => Some(value),
            _ => None,
        }
    }
}

/// The name at an offset in a section of names, without the NUL; `None` if it is too long.
fn name_at(section: Slice<'_>, offset: usize) -> gimli::Result<Option<&[u8]>> {
    let mut rest = section;
    gimli::Reader::skip(&mut rest, offset)?;
    let bytes = rest.slice();
    let bytes = bytes.get(..MAX_NAME_BYTES).unwrap_or(bytes);
    match CStr::from_bytes_until_nul(bytes) {
        Ok(name) => Ok(Some(name.to_bytes())),
        Err(_) if bytes.len() == MAX_NAME_BYTES => Ok(None),
        Err(_) => Err(gimli::Error::UnexpectedEof(gimli::Reader::offset_id(&rest))),
    }
}

/// Stores a value that was understood, and says whether it was.
fn set<T>(to: &mut Option<T>, value: Option<T>) -> bool {
    *to = value;
    to.is_some()
}

fn number(value: AttributeValue<Slice<'_>>) -> Option<Number> {
    let (bits, signed) = match value {
        AttributeValue::Data1(value) => (u64::from(value), false),
        AttributeValue::Data2(value) => (u64::from(value), false),
        AttributeValue::Data4(value) => (u64::from(value), false),
        AttributeValue::Data8(value) | AttributeValue::Udata(value) => (value, false),
        AttributeValue::Sdata(value) => (value.cast_unsigned(), true),
        _ => return None,
    };
    Some(Number { bits, signed })
}

/// A number that is not negative.
fn unsigned(value: AttributeValue<Slice<'_>>) -> Option<u64> {
    number(value)
        .filter(|number| !number.is_negative())
        .map(|number| number.bits)
}
