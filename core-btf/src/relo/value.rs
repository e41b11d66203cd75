//! The number that a relocation stands for in one BTF.

use crate::ext::RelocationKind;
use crate::model::{Kind, TypeId};
use crate::read::{Btf, Endian};
use crate::relo::spec::{Fail, MAX_ACCESS, Spec, size_of};

/// Value of a relocation for one spec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) number: u64,
    /// Size and type of what a load of the field reads: of one element for an array; 0 where
    /// libbpf does not adjust loads.
    pub(crate) load_bytes: u32,
    pub(crate) load_type: TypeId,
    /// Whether the unpatched instruction must hold the local value.
    pub(crate) exact: bool,
}

impl Value {
    fn of(number: u64) -> Self {
        Self {
            number,
            exact: true,
            ..Self::default()
        }
    }
}

/// A field as it is read: its storage unit for a bitfield (`bpf_core_calc_field_relo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Type, resolved.
    pub(crate) ty: TypeId,
    /// Offset in the root, in bytes.
    pub(crate) offset_bytes: u32,
    /// Size, in bytes.
    pub(crate) size_bytes: u32,
    /// First bit, from the start of the root.
    pub(crate) offset_bits: u32,
    /// Bits of value.
    pub(crate) bits: u32,
    pub(crate) is_bitfield: bool,
    pub(crate) is_element: bool,
}

/// The field that a spec leads to.
pub(crate) fn field(btf: &Btf<'_>, spec: &Spec<'_>) -> Result<Field, Fail> {
    let broken = |_| "a field type is broken";
    let last = spec.last().ok_or("the access string is empty")?;
    let offset_bits = spec.offset_bits;
    let (ty, width) = if last.name.is_some() {
        let composite = btf.get(last.ty).map_err(broken)?;
        let member = composite.members().nth(last.index as usize);
        let member = member.ok_or("a member is gone")?;
        (member.ty, u32::from(member.bitfield_bits))
    } else {
        (last.ty, 0)
    };
    let ty = btf.resolve(ty).map_err(broken)?;
    if width == 0 {
        let size_bytes = size_of(btf, ty.id())?;
        return Ok(Field {
            ty: ty.id(),
            offset_bytes: offset_bits / 8,
            size_bytes,
            offset_bits,
            bits: size_bytes.wrapping_mul(8),
            is_bitfield: false,
            is_element: last.name.is_none(),
        });
    }
    // The smallest aligned unit that holds the whole bitfield.
    let mut unit = ty.size_bytes();
    if !matches!(unit, 1 | 2 | 4 | 8 | 16) {
        return Err("a bitfield has a type of no integer size");
    }
    loop {
        let start = offset_bits / 8 / unit * unit;
        let end = u64::from(offset_bits) + u64::from(width) - 8 * u64::from(start);
        if end <= 8 * u64::from(unit) {
            return Ok(Field {
                ty: ty.id(),
                offset_bytes: start,
                size_bytes: unit,
                offset_bits,
                bits: width,
                is_bitfield: true,
                is_element: false,
            });
        }
        if unit >= 8 {
            return Err("a bitfield needs more than a 64-bit read");
        }
        unit *= 2;
    }
}

/// Size and type of one element of a field, for the width of a load.
fn load_of(btf: &Btf<'_>, ty: TypeId) -> Result<u32, Fail> {
    let mut element = btf.resolve(ty).map_err(|_| "a field type is broken")?;
    for _ in 0..MAX_ACCESS {
        if element.kind() != Kind::Array {
            return size_of(btf, element.id());
        }
        element = btf
            .resolve(element.array().0)
            .map_err(|_| "an element type is broken")?;
    }
    Err("an array has too many dimensions")
}

/// The value of `kind` for a spec of a BTF; `endian` is that of the machine that runs the program.
pub(crate) fn value(
    btf: &Btf<'_>,
    spec: &Spec<'_>,
    kind: RelocationKind,
    endian: Endian,
) -> Result<Value, Fail> {
    match kind {
        RelocationKind::FieldExists
        | RelocationKind::TypeExists
        | RelocationKind::TypeMatches
        | RelocationKind::EnumvalExists => Ok(Value::of(1)),
        RelocationKind::TypeIdLocal | RelocationKind::TypeIdTarget => Ok(Value {
            exact: false,
            ..Value::of(u64::from(spec.root.0))
        }),
        RelocationKind::TypeSize => size_of(btf, spec.root).map(|size| Value::of(size.into())),
        RelocationKind::EnumvalValue => enumerator(btf, spec).map(Value::of),
        RelocationKind::FieldByteOffset
        | RelocationKind::FieldByteSize
        | RelocationKind::FieldSigned
        | RelocationKind::FieldLshiftU64
        | RelocationKind::FieldRshiftU64 => field_value(btf, spec, kind, endian),
    }
}

fn enumerator(btf: &Btf<'_>, spec: &Spec<'_>) -> Result<u64, Fail> {
    let accessor = spec.last().ok_or("the access string is empty")?;
    let ty = btf.get(accessor.ty).map_err(|_| "an enum is broken")?;
    let value = ty.enumerators().nth(accessor.index as usize);
    let value = value.ok_or("an enumerator is gone")?.value;
    // libbpf sign-extends all 32-bit enumerators, those of unsigned enums too.
    #[expect(clippy::cast_possible_truncation, reason = "the low word is the value")]
    let value = match ty.kind() {
        Kind::Enum => i64::from(value as i32),
        _ => value,
    };
    Ok(value.cast_unsigned())
}

fn field_value(
    btf: &Btf<'_>,
    spec: &Spec<'_>,
    kind: RelocationKind,
    endian: Endian,
) -> Result<Value, Fail> {
    let field = field(btf, spec)?;
    let element = field.is_element;
    let exact = !field.is_bitfield;
    Ok(match kind {
        RelocationKind::FieldByteOffset => Value {
            number: field.offset_bytes.into(),
            load_bytes: if field.is_bitfield {
                0
            } else {
                load_of(btf, field.ty)?
            },
            load_type: if field.is_bitfield {
                TypeId::VOID
            } else {
                field.ty
            },
            exact,
        },
        RelocationKind::FieldByteSize => Value {
            exact,
            ..Value::of(field.size_bytes.into())
        },
        _ if element => return Err("this kind of relocation does not apply to an array element"),
        RelocationKind::FieldSigned => {
            let ty = btf.get(field.ty).map_err(|_| "a field type is broken")?;
            Value::of(ty.is_signed().into())
        }
        RelocationKind::FieldLshiftU64 => {
            let (unit, start) = (field.size_bytes, field.offset_bytes);
            let number = match endian {
                Endian::Little => 64_u32.wrapping_sub(
                    field
                        .offset_bits
                        .wrapping_add(field.bits)
                        .wrapping_sub(8 * start),
                ),
                Endian::Big => 8_u32
                    .wrapping_sub(unit)
                    .wrapping_mul(8)
                    .wrapping_add(field.offset_bits - 8 * start),
            };
            Value {
                exact,
                ..Value::of(number.into())
            }
        }
        _ => Value::of(64_u32.wrapping_sub(field.bits).into()),
    })
}
