//! The attributes of one entry, as far as types go.

use std::ffi::CStr;

use gimli::{DwAt, DwAte, DwLang, EndianSlice, LittleEndian, Reader as _};

use crate::dwarf::units::Key;
use crate::model::NameOffset;

/// Longest text that is looked for: without a limit, damaged input could make every one of many
/// entries scan megabytes.
pub(super) const MAX_TEXT_BYTES: usize = 1 << 14;

/// An attribute that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::dwarf) enum Slot {
    /// `DW_AT_type`
    Type,
    /// `DW_AT_abstract_origin` or `DW_AT_specification`
    Origin,
    /// `DW_AT_signature`
    Signature,
    /// `DW_AT_GNU_annotation`: the first note on what the entry describes.
    Annotation,
    /// `DW_AT_discr`: the tag of a variant part.
    Discr,
    /// `DW_AT_sibling`: what comes behind all that is inside of the entry.
    Sibling,
    /// `DW_AT_byte_size`
    ByteSize,
    /// `DW_AT_bit_size`
    BitSize,
    /// `DW_AT_bit_offset`, from the most significant bit of the storage unit.
    BitOffset,
    /// `DW_AT_data_bit_offset`
    DataBitOffset,
    /// `DW_AT_data_member_location`, in bytes.
    Location,
    /// The same where it is read from the object's vtable: bytes from the start of that.
    VtableOffset,
    /// `DW_AT_encoding`
    Encoding,
    /// `DW_AT_count`, where it is a constant.
    Count,
    /// `DW_AT_lower_bound`, where it is a constant.
    LowerBound,
    /// `DW_AT_upper_bound`, where it is a constant.
    UpperBound,
    /// `DW_AT_const_value`, where it is a number.
    ConstValue,
    /// `DW_AT_discr_value`
    DiscrValue,
    /// `DW_AT_str_offsets_base`
    StrOffsetsBase,
    /// `DW_AT_GNU_dwo_id`
    DwoId,
    /// `DW_AT_language`
    Language,
    /// `DW_AT_declaration`
    Declaration,
    /// `DW_AT_enum_class`
    EnumClass,
    /// `DW_AT_virtuality`, other than none.
    Virtuality,
    /// `DW_AT_external`
    External,
    /// `DW_AT_ordering`: elements whose first index differs are next to each other.
    ColumnMajor,
    /// There is code: `DW_AT_low_pc`, `DW_AT_ranges` or `DW_AT_entry_pc`.
    Code,
    /// No number is stored.
    None,
    /// `DW_AT_linkage_name`
    LinkageName,
    /// `DW_AT_dwo_name`
    DwoName,
    /// `DW_AT_comp_dir`
    CompDir,
    /// `DW_AT_const_value`, where it is a text.
    Text,
}

/// Slots of numbers.
const NUMBERS: usize = Slot::None as usize + 1;
/// Slots of texts.
const TEXTS: usize = Slot::Text as usize - Slot::None as usize;

/// A number whose form says how it is to be extended.
#[derive(Clone, Copy, Debug)]
pub(in crate::dwarf) struct Number {
    /// The value's low 64 bits.
    pub(in crate::dwarf) bits: u64,
    /// Whether the form is a signed one.
    pub(in crate::dwarf) signed: bool,
}

impl Number {
    /// Whether the value is below zero.
    pub(in crate::dwarf) const fn is_negative(self) -> bool {
        self.signed && self.bits.cast_signed() < 0
    }
}

/// The value that selects a variant.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::dwarf) struct Discriminant {
    /// The value's bits, zero-extended.
    pub(in crate::dwarf) bits: u128,
    /// Bytes of the form. A value of a signed type is to be extended from there.
    pub(in crate::dwarf) bytes: u8,
}

/// A name or another text of the file.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::dwarf) struct Text<'a> {
    /// Its bytes; or if it is not known where it ends, all to the end of its section.
    pub(super) from: &'a [u8],
    pub(super) ends: bool,
}

impl<'a> Text<'a> {
    /// Its bytes, without the NUL; none if it is too long.
    pub(in crate::dwarf) fn bytes(self) -> &'a [u8] {
        self.find().ok().flatten().unwrap_or_default()
    }

    /// The same; `None` if it is too long.
    ///
    /// # Errors
    /// Its section ends before it does.
    pub(in crate::dwarf) fn find(self) -> gimli::Result<Option<&'a [u8]>> {
        if self.ends {
            return Ok(Some(self.from));
        }
        let from = self.from.get(..MAX_TEXT_BYTES).unwrap_or(self.from);
        match CStr::from_bytes_until_nul(from) {
            Ok(text) => Ok(Some(text.to_bytes())),
            Err(_) if from.len() == MAX_TEXT_BYTES => Ok(None),
            Err(_) => {
                let place = EndianSlice::new(from, LittleEndian).offset_id();
                Err(gimli::Error::UnexpectedEof(place))
            }
        }
    }
}

/// The name of an entry.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::dwarf) struct Name<'a> {
    /// A number that only this name has; 0 if it has none.
    pub(in crate::dwarf) place: u64,
    pub(in crate::dwarf) text: Text<'a>,
}

/// The attributes of one entry.
#[derive(Clone, Debug, Default)]
pub(in crate::dwarf) struct Attrs<'a> {
    /// `DW_AT_name`
    pub(in crate::dwarf) name: Option<Name<'a>>,
    /// Where the name is stored, and whether C can spell it.
    stored: NameOffset,
    is_plain: bool,
    /// First attribute that matters and is not understood.
    pub(in crate::dwarf) odd: Option<DwAt>,
    /// For each [`Slot`] whether the entry has it, and of numbers, whether its form is signed.
    present: u32,
    signed: u32,
    numbers: [u64; NUMBERS],
    texts: [Text<'a>; TEXTS],
    discriminant: Discriminant,
}

const fn bit(slot: Slot) -> u32 {
    1 << slot as u32
}

impl<'a> Attrs<'a> {
    /// Forgets the attributes of the entry before.
    pub(super) fn clear(&mut self) {
        self.name = None;
        self.store(NameOffset::ANONYMOUS, true);
        self.odd = None;
        self.present = 0;
        self.signed = 0;
    }

    pub(super) fn set(&mut self, slot: Slot, value: u64, signed: bool) {
        if let Some(number) = self.numbers.get_mut(slot as usize) {
            *number = value;
        }
        self.present |= bit(slot);
        self.signed |= bit(slot) * u32::from(signed);
    }

    pub(super) fn mark(&mut self, slot: Slot) {
        self.present |= bit(slot);
    }

    pub(super) fn set_text(&mut self, slot: Slot, text: Text<'a>) {
        let at = (slot as usize).checked_sub(NUMBERS);
        if let Some(place) = at.and_then(|at| self.texts.get_mut(at)) {
            *place = text;
        }
        self.present |= bit(slot);
    }

    pub(super) fn set_discriminant(&mut self, discriminant: Discriminant) {
        self.discriminant = discriminant;
        self.present |= bit(Slot::DiscrValue);
    }

    /// Notes an attribute that is not understood.
    pub(super) fn set_odd(&mut self, attribute: DwAt) {
        self.odd.get_or_insert(attribute);
    }

    /// Whether the entry has an attribute; for a flag, whether it is set.
    pub(in crate::dwarf) fn has(&self, slot: Slot) -> bool {
        self.present & bit(slot) != 0
    }

    /// Where the name is stored, if it is; the empty one if there is none.
    pub(in crate::dwarf) fn name_offset(&self) -> NameOffset {
        self.stored
    }

    /// Whether C can spell the name, once it is stored.
    pub(in crate::dwarf) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Says where the name is stored, and whether C can spell it.
    pub(in crate::dwarf) fn store(&mut self, stored: NameOffset, is_plain: bool) {
        self.stored = stored;
        self.is_plain = is_plain;
    }

    /// The name's bytes.
    pub(in crate::dwarf) fn name_bytes(&self) -> &'a [u8] {
        self.name.map_or(&[], |name| name.text.bytes())
    }

    /// The value of an attribute; for one that may be below zero, its bits.
    pub(in crate::dwarf) fn get(&self, slot: Slot) -> Option<u64> {
        let value = self.numbers.get(slot as usize).copied()?;
        self.has(slot).then_some(value)
    }

    pub(in crate::dwarf) fn number(&self, slot: Slot) -> Option<Number> {
        let signed = self.signed & bit(slot) != 0;
        self.get(slot).map(|bits| Number { bits, signed })
    }

    /// The entry that an attribute refers to.
    pub(in crate::dwarf) fn key(&self, slot: Slot) -> Option<Key> {
        let key = self.get(slot)?;
        Some(u32::try_from(key).unwrap_or(super::NOWHERE))
    }

    pub(in crate::dwarf) fn text(&self, slot: Slot) -> Option<Text<'a>> {
        let at = (slot as usize).checked_sub(NUMBERS)?;
        let text = self.texts.get(at).copied()?;
        self.has(slot).then_some(text)
    }

    /// `DW_AT_discr_value`
    pub(in crate::dwarf) fn discriminant(&self) -> Option<Discriminant> {
        self.has(Slot::DiscrValue).then_some(self.discriminant)
    }

    /// `DW_AT_encoding`
    pub(in crate::dwarf) fn encoding(&self) -> Option<DwAte> {
        let value = self.get(Slot::Encoding)?;
        u8::try_from(value).ok().map(DwAte)
    }

    /// `DW_AT_language`
    pub(in crate::dwarf) fn language(&self) -> Option<DwLang> {
        let value = self.get(Slot::Language)?;
        u16::try_from(value).ok().map(DwLang)
    }
}
