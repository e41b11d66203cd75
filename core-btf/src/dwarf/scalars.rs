//! Base types and enums.

use gimli::constants as dw;

use super::collect::{Collected, Meaning, local};
use super::entries::{Attrs, Slot};
use super::error::{Error, Problem};
use super::types::{self, Frame, pending};
use super::units::Key;
use crate::model::{CompositeKind, Enumerator, IntEncoding, Member, NameOffset, Type, TypeId};
use crate::write::MAX_VLEN;

/// A base type: INT, FLOAT, or for complex numbers a struct.
pub(super) fn base(out: &mut Collected<'_>, key: Key, attrs: &Attrs<'_>) -> Result<Frame, Error> {
    let size = attrs
        .get(Slot::ByteSize)
        .or(attrs.get(Slot::BitSize).map(|bits| bits.div_ceil(8)))
        .map_or(0, |size| u32::try_from(size).unwrap_or(u32::MAX));
    // DWARF 5 operators convert between types that only exist for them, and array indices have a
    // type of their own in clang's DWARF. Nothing else refers to these.
    let (name, stored) = (attrs.name_bytes(), attrs.name_offset());
    if name.starts_with(b"DW_ATE_") || name == b"__ARRAY_SIZE_TYPE__" {
        out.meanings.push((key, Meaning::Type(TypeId::VOID)));
        return Ok(Frame::Other);
    }
    let encoding = attrs.encoding().unwrap_or(dw::DW_ATE_lo_user);
    let problem = Problem::BaseType {
        encoding,
        size_bytes: u64::from(size),
    };
    let ty = match encoding {
        dw::DW_ATE_boolean => int(stored, attrs, size, IntEncoding::BOOL),
        dw::DW_ATE_signed | dw::DW_ATE_signed_char => int(stored, attrs, size, IntEncoding::SIGNED),
        dw::DW_ATE_unsigned
        | dw::DW_ATE_unsigned_char
        | dw::DW_ATE_address
        | dw::DW_ATE_ASCII
        | dw::DW_ATE_UCS
        | dw::DW_ATE_UTF => int(stored, attrs, size, IntEncoding::UNSIGNED),
        dw::DW_ATE_float | dw::DW_ATE_imaginary_float => float(stored, size),
        dw::DW_ATE_complex_float => return complex(out, key, attrs, size),
        // How gcc says that both halves of a complex number are integers.
        dw::DW_ATE_lo_user if name.starts_with(b"complex ") => {
            return complex(out, key, attrs, size);
        }
        _ => None,
    };
    match ty {
        Some(ty) => {
            out.define(key, ty)?;
            Ok(Frame::Other)
        }
        None => types::opaque(out, key, attrs, problem),
    }
}

/// A subrange that is not the dimension of an array (Ada, Pascal): the type that it restricts, or
/// an INT if it has a size of its own.
pub(super) fn subrange(
    out: &mut Collected<'_>,
    key: Key,
    attrs: &Attrs<'_>,
) -> Result<Frame, Error> {
    let Some(size) = attrs.get(Slot::ByteSize) else {
        return Ok(types::same_as(out, key, attrs));
    };
    let (lower, default) = (attrs.number(Slot::LowerBound), out.lower_bound);
    let encoding = match (attrs.odd, lower) {
        (None, Some(lower)) if lower.is_negative() => Some(IntEncoding::SIGNED),
        (None, _) if lower.is_some() || default.is_some() => Some(IntEncoding::UNSIGNED),
        _ => None,
    };
    let ty = match encoding {
        Some(encoding) => {
            let size = u32::try_from(size).unwrap_or(u32::MAX);
            let name = match attrs.name {
                Some(_) => attrs.name_offset(),
                None => out.names.intern("subrange")?,
            };
            int(name, attrs, size, encoding)
        }
        None => None,
    };
    if let Some(ty) = ty {
        out.define(key, ty)?;
        return Ok(Frame::Other);
    }
    let problem = Problem::Attribute(attrs.odd.unwrap_or(dw::DW_AT_byte_size));
    types::opaque(out, key, attrs, problem)
}

/// An INT, of the sizes that BTF has.
fn int(name: NameOffset, attrs: &Attrs<'_>, size: u32, encoding: IntEncoding) -> Option<Type> {
    let all: u8 = match size {
        1 => 8,
        2 => 16,
        4 => 32,
        8 => 64,
        16 => 128,
        _ => return None,
    };
    // `_BitInt(37)` has 8 bytes, 37 of whose bits count.
    let bits = attrs
        .get(Slot::BitSize)
        .and_then(|bits| u8::try_from(bits).ok());
    let bits = bits.filter(|bits| (1..=all).contains(bits)).unwrap_or(all);
    Some(Type::Int {
        name,
        size_bytes: size,
        encoding,
        offset_bits: 0,
        bits,
    })
}

/// A FLOAT, of the sizes that BTF has.
fn float(name: NameOffset, size: u32) -> Option<Type> {
    match size {
        2 | 4 | 8 | 12 | 16 => Some(Type::Float {
            name,
            size_bytes: size,
        }),
        _ => None,
    }
}

/// A complex number: `struct complex_T { T real; T imag; }`. The name of the halves' type T is
/// made from their size, as clang gives none.
fn complex(
    out: &mut Collected<'_>,
    key: Key,
    attrs: &Attrs<'_>,
    size: u32,
) -> Result<Frame, Error> {
    let encoding = attrs.encoding().unwrap_or(dw::DW_ATE_lo_user);
    let whole = attrs.name_bytes();
    let unsigned = whole.windows(8).any(|part| part == b"unsigned");
    let half = size / 2;
    let is_float = encoding == dw::DW_ATE_complex_float;
    let (name, signed) = match (is_float, half, unsigned) {
        (true, 2, _) => ("_Float16", true),
        (true, 4, _) => ("float", true),
        (true, 8, _) => ("double", true),
        (true, 12 | 16, _) => ("long double", true),
        (false, 1, true) => ("unsigned char", false),
        (false, 1, false) => ("signed char", true),
        (false, 2, true) => ("short unsigned int", false),
        (false, 2, false) => ("short int", true),
        (false, 4, true) => ("unsigned int", false),
        (false, 4, false) => ("int", true),
        (false, 8, true) => ("long unsigned int", false),
        (false, 8, false) => ("long int", true),
        _ => {
            let problem = Problem::BaseType {
                encoding,
                size_bytes: u64::from(size),
            };
            return types::opaque(out, key, attrs, problem);
        }
    };
    let half_bits = u8::try_from(half * 8).unwrap_or(128);
    let half_name = out.names.intern(name)?;
    let half_type = if is_float {
        Type::Float {
            name: half_name,
            size_bytes: half,
        }
    } else {
        Type::Int {
            name: half_name,
            size_bytes: half,
            encoding: if signed {
                IntEncoding::SIGNED
            } else {
                IntEncoding::UNSIGNED
            },
            offset_bits: 0,
            bits: half_bits,
        }
    };
    let ty = local(out.push(key, half_type)?);
    let member = |name, offset_bits| {
        Ok::<_, Error>(Member {
            name: out.names.intern(name)?,
            ty,
            offset_bits,
            bitfield_bits: 0,
        })
    };
    let members = vec![member("real", 0)?, member("imag", u32::from(half_bits))?];
    let name = out
        .names
        .intern(&format!("complex_{}", name.replace(' ', "_")))?;
    out.define(
        key,
        Type::Composite {
            kind: CompositeKind::Struct,
            name,
            size_bytes: size,
            members,
        },
    )?;
    Ok(Frame::Other)
}

/// An enum whose values are being read.
#[derive(Debug)]
pub(super) struct EnumFrame {
    key: Key,
    ty: TypeId,
    /// Number of values of those around it.
    first_value: usize,
    spoiled: Option<Problem>,
}

/// Begins an enum. One that is only declared has no values.
pub(super) fn enumeration(
    out: &mut Collected<'_>,
    key: Key,
    attrs: &Attrs<'_>,
) -> Result<Frame, Error> {
    if let Some(definition) = attrs.key(Slot::Signature) {
        out.meanings.push((key, Meaning::SameAs(definition)));
        return Ok(Frame::Other);
    }
    let size_bytes = match attrs.get(Slot::ByteSize).map(u32::try_from) {
        Some(Ok(size @ (1 | 2 | 4 | 8))) => size,
        // What a C compiler takes when it sees but the name.
        None => 4,
        Some(_) => {
            return types::opaque(out, key, attrs, Problem::Attribute(dw::DW_AT_byte_size));
        }
    };
    let signed = matches!(
        attrs.encoding(),
        Some(dw::DW_ATE_signed | dw::DW_ATE_signed_char)
    );
    let name = attrs.name_offset();
    let ty = out.define(
        key,
        Type::Enum {
            name,
            size_bytes,
            signed,
            wide: size_bytes == 8,
            values: Vec::new(),
        },
    )?;
    if attrs.encoding().is_none() && attrs.key(Slot::Type).is_some() {
        out.late_enums.push((ty, pending(attrs.key(Slot::Type))));
    }
    Ok(Frame::Enum(EnumFrame {
        key,
        ty,
        first_value: out.values.len(),
        spoiled: None,
    }))
}

impl EnumFrame {
    pub(super) fn add(&mut self, out: &mut Collected<'_>, key: Key, attrs: &Attrs<'_>) {
        let Some(value) = attrs.number(Slot::ConstValue) else {
            self.spoiled = Some(Problem::Missing(dw::DW_AT_const_value));
            out.warn(key, Problem::Missing(dw::DW_AT_const_value));
            return;
        };
        let name = attrs.name_offset();
        if value.is_negative()
            && let Some(Type::Enum { signed, .. }) = out.types.get_mut(self.ty)
        {
            *signed = true;
        }
        out.values.push(Enumerator {
            name,
            value: value.bits.cast_signed(),
        });
    }

    pub(super) fn close(self, out: &mut Collected<'_>) {
        let values = out.values.split_off(self.first_value);
        let spoiled = match self.spoiled {
            None if values.len() as u64 > MAX_VLEN => Some(Problem::Limit("number of enumerators")),
            spoiled => spoiled,
        };
        if let Some(problem) = spoiled {
            out.stand_in(self.ty, self.key, problem);
        } else if let Some(Type::Enum { values: place, .. }) = out.types.get_mut(self.ty) {
            *place = values;
        }
    }
}

/// Brings the values of an enum, whose sign is known now, into the form BTF has them in, and picks
/// ENUM or ENUM64.
pub(super) fn settle_enum(ty: &mut Type) {
    let Type::Enum {
        size_bytes,
        signed,
        wide,
        values,
        ..
    } = ty
    else {
        return;
    };
    let spare = 64u32.saturating_sub(8 * *size_bytes);
    for value in &mut *values {
        if *signed {
            value.value = value.value << spare >> spare;
        }
    }
    *wide = needs_enum64(*size_bytes, values.iter().map(|value| value.value));
}

/// Whether an enum is an ENUM64. ENUM has 32 bits for a value, which libbpf extends by sign, those
/// of unsigned enums too: what has the highest of these bits would get a wrong value.
pub(super) fn needs_enum64(size_bytes: u32, mut values: impl Iterator<Item = i64>) -> bool {
    size_bytes == 8 || values.any(|value| i32::try_from(value).is_err())
}
