//! What attributes say, by their names and forms.

use gimli::{AttributeSpecification, DwAt, DwForm, Encoding, Format, constants as dw};

use super::attrs::Slot;
use super::plan::{Action, Form, Place, Step};
use crate::dwarf::annotations;

/// What sort of value a form is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Number,
    Signed,
    Wide,
    Flag,
    Block,
    Reference(Action),
    Name(Place),
    Offset,
    Other,
}

/// What to do with an attribute.
pub(super) fn step(spec: AttributeSpecification, encoding: Encoding) -> Step {
    let (form, class, value) = stored(spec, encoding);
    let (slot, action) = match class {
        // What to do is known when the form is.
        Class::Other if form == Form::Indirect => (Slot::None, Action::Odd),
        class => meaning(spec.name(), class),
    };
    Step {
        form,
        action,
        slot,
        signed: class == Class::Signed,
        attribute: spec.name(),
        value,
    }
}

/// How a value is stored, and of which sort it is; and what a step needs to know to read it.
fn stored(spec: AttributeSpecification, encoding: Encoding) -> (Form, Class, u64) {
    use Class::{Block, Name, Number, Reference, Signed};
    let offset = match encoding.format {
        Format::Dwarf32 => Form::U32,
        Format::Dwarf64 => Form::U64,
    };
    // DWARF 2 has references of the size of an address.
    let in_info = match (encoding.version, encoding.address_size) {
        (2, 1) => Form::U8,
        (2, 2) => Form::U16,
        (2, 4) => Form::U32,
        (2, 8) => Form::U64,
        (2, _) => Form::Unknown,
        _ => offset,
    };
    let other = |form| (form, Class::Other);
    let (form, class) = match spec.form() {
        dw::DW_FORM_data1 => (Form::U8, Number),
        dw::DW_FORM_data2 => (Form::U16, Number),
        // Before DWARF 4, a list of locations could be at an offset of this form.
        dw::DW_FORM_data4 | dw::DW_FORM_data8
            if encoding.version < 4 && spec.name() == dw::DW_AT_data_member_location =>
        {
            let is_offset = (spec.form() == dw::DW_FORM_data4) == (offset == Form::U32);
            let form = match spec.form() {
                dw::DW_FORM_data4 => Form::U32,
                _ => Form::U64,
            };
            (form, if is_offset { Class::Offset } else { Number })
        }
        dw::DW_FORM_data4 => (Form::U32, Number),
        dw::DW_FORM_data8 => (Form::U64, Number),
        dw::DW_FORM_data16 => (Form::U128, Class::Wide),
        dw::DW_FORM_udata => (Form::Uleb, Number),
        dw::DW_FORM_sdata => (Form::Sleb, Signed),
        dw::DW_FORM_implicit_const => {
            let value = spec.implicit_const_value().unwrap_or_default();
            return (Form::Implied, Signed, value.cast_unsigned());
        }
        dw::DW_FORM_flag => (Form::U8, Class::Flag),
        dw::DW_FORM_flag_present => return (Form::Implied, Class::Flag, 1),
        dw::DW_FORM_block1 => (Form::Block1, Block),
        dw::DW_FORM_block2 => (Form::Block2, Block),
        dw::DW_FORM_block4 => (Form::Block4, Block),
        dw::DW_FORM_block | dw::DW_FORM_exprloc => (Form::BlockUleb, Block),
        dw::DW_FORM_string => (Form::Inline, Name(Place::Inline)),
        dw::DW_FORM_strp => (offset, Name(Place::Str)),
        dw::DW_FORM_line_strp => (offset, Name(Place::LineStr)),
        dw::DW_FORM_strp_sup | dw::DW_FORM_GNU_strp_alt => (offset, Name(Place::AlternateStr)),
        dw::DW_FORM_strx | dw::DW_FORM_GNU_str_index => (Form::Uleb, Name(Place::Index)),
        dw::DW_FORM_strx1 => (Form::U8, Name(Place::Index)),
        dw::DW_FORM_strx2 => (Form::U16, Name(Place::Index)),
        dw::DW_FORM_strx3 => (Form::U24, Name(Place::Index)),
        dw::DW_FORM_strx4 => (Form::U32, Name(Place::Index)),
        dw::DW_FORM_ref1 => (Form::U8, Reference(Action::UnitRef)),
        dw::DW_FORM_ref2 => (Form::U16, Reference(Action::UnitRef)),
        dw::DW_FORM_ref4 => (Form::U32, Reference(Action::UnitRef)),
        dw::DW_FORM_ref8 => (Form::U64, Reference(Action::UnitRef)),
        dw::DW_FORM_ref_udata => (Form::Uleb, Reference(Action::UnitRef)),
        dw::DW_FORM_ref_addr => (in_info, Reference(Action::InfoRef)),
        dw::DW_FORM_ref_sig8 => (Form::U64, Reference(Action::Signature)),
        dw::DW_FORM_ref_sup4 => (Form::U32, Reference(Action::AlternateRef)),
        dw::DW_FORM_ref_sup8 => (Form::U64, Reference(Action::AlternateRef)),
        dw::DW_FORM_GNU_ref_alt => (offset, Reference(Action::AlternateRef)),
        dw::DW_FORM_sec_offset => (offset, Class::Offset),
        dw::DW_FORM_addr => return (Form::Bytes, Class::Other, encoding.address_size.into()),
        dw::DW_FORM_addrx1 => other(Form::U8),
        dw::DW_FORM_addrx2 => other(Form::U16),
        dw::DW_FORM_addrx3 => other(Form::U24),
        dw::DW_FORM_addrx4 => other(Form::U32),
        dw::DW_FORM_addrx
        | dw::DW_FORM_GNU_addr_index
        | dw::DW_FORM_loclistx
        | dw::DW_FORM_rnglistx => other(Form::Uleb),
        dw::DW_FORM_indirect => other(Form::Indirect),
        DwForm(form) => return (Form::Unknown, Class::Other, form.into()),
    };
    (form, class, 0)
}

/// What an attribute with a value of this sort says.
fn meaning(attribute: DwAt, class: Class) -> (Slot, Action) {
    let is_number = matches!(class, Class::Number | Class::Signed);
    // What does not have to be understood.
    let number = if is_number {
        Action::Number
    } else {
        Action::Pass
    };
    let unsigned = if is_number {
        Action::Unsigned
    } else {
        Action::Odd
    };
    let reference = match class {
        Class::Reference(action) => action,
        _ => Action::Nowhere,
    };
    let flag = if class == Class::Flag {
        Action::Flag
    } else {
        Action::Pass
    };
    let text = match class {
        Class::Name(place) => Action::Text(place),
        _ => Action::Pass,
    };
    match attribute {
        dw::DW_AT_name => match class {
            Class::Name(place) => (Slot::None, Action::Name(place)),
            _ => (Slot::None, Action::Odd),
        },
        dw::DW_AT_linkage_name | dw::DW_AT_MIPS_linkage_name => (Slot::LinkageName, text),
        dw::DW_AT_dwo_name | dw::DW_AT_GNU_dwo_name => (Slot::DwoName, text),
        dw::DW_AT_comp_dir => (Slot::CompDir, text),
        dw::DW_AT_GNU_dwo_id => (Slot::DwoId, number),
        dw::DW_AT_type => (Slot::Type, reference),
        dw::DW_AT_abstract_origin | dw::DW_AT_specification => (Slot::Origin, reference),
        dw::DW_AT_signature => (Slot::Signature, reference),
        annotations::REFERENCE => (Slot::Annotation, reference),
        dw::DW_AT_discr => (Slot::Discr, reference),
        dw::DW_AT_sibling => (Slot::Sibling, reference),
        dw::DW_AT_byte_size => (Slot::ByteSize, unsigned),
        dw::DW_AT_bit_size => (Slot::BitSize, unsigned),
        dw::DW_AT_data_bit_offset => (Slot::DataBitOffset, unsigned),
        dw::DW_AT_bit_offset if is_number => (Slot::BitOffset, Action::Number),
        dw::DW_AT_bit_offset => (Slot::BitOffset, Action::Odd),
        dw::DW_AT_data_member_location if class == Class::Block => {
            (Slot::Location, Action::Location)
        }
        dw::DW_AT_data_member_location => (Slot::Location, unsigned),
        dw::DW_AT_encoding if is_number => (Slot::Encoding, Action::Byte),
        dw::DW_AT_encoding => (Slot::Encoding, Action::Odd),
        dw::DW_AT_count => (Slot::Count, number),
        dw::DW_AT_lower_bound if is_number => (Slot::LowerBound, number),
        dw::DW_AT_lower_bound => (Slot::LowerBound, Action::Odd),
        dw::DW_AT_upper_bound => (Slot::UpperBound, number),
        dw::DW_AT_const_value => match class {
            Class::Name(place) => (Slot::Text, Action::Text(place)),
            _ if is_number => (Slot::ConstValue, Action::Number),
            _ => (Slot::ConstValue, Action::Odd),
        },
        dw::DW_AT_discr_value => match class {
            Class::Number | Class::Signed | Class::Wide | Class::Block => {
                (Slot::DiscrValue, Action::Discriminant)
            }
            _ => (Slot::DiscrValue, Action::Odd),
        },
        dw::DW_AT_str_offsets_base if class == Class::Offset => {
            (Slot::StrOffsetsBase, Action::Number)
        }
        dw::DW_AT_str_offsets_base => (Slot::StrOffsetsBase, number),
        dw::DW_AT_language => (Slot::Language, number),
        dw::DW_AT_declaration => (Slot::Declaration, flag),
        dw::DW_AT_enum_class => (Slot::EnumClass, flag),
        dw::DW_AT_external => (Slot::External, flag),
        dw::DW_AT_virtuality if is_number => (Slot::Virtuality, Action::Flag),
        dw::DW_AT_virtuality => (Slot::Virtuality, Action::Present),
        dw::DW_AT_low_pc | dw::DW_AT_ranges | dw::DW_AT_entry_pc => (Slot::Code, Action::Present),
        dw::DW_AT_ordering if is_number => (Slot::ColumnMajor, Action::Flag),
        // Elements that are not next to each other, or are elsewhere (Ada, Fortran).
        dw::DW_AT_byte_stride
        | dw::DW_AT_bit_stride
        | dw::DW_AT_data_location
        | dw::DW_AT_allocated
        | dw::DW_AT_associated => (Slot::None, Action::Odd),
        _ => (Slot::None, Action::Pass),
    }
}
