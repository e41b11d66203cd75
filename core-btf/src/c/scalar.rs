//! Integers, floats and enums, as BPF's clang has them.

use crate::model::Kind;
use crate::read::TypeRef;

/// How C spells a scalar type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// With this name, aligned to its size.
    Name(&'static str),
    /// Not at all: as an array of this many bytes.
    Bytes(u32),
}

/// The spelling of an `INT` or `FLOAT`, for a machine with `long_bytes` of `long`.
pub(super) fn spelling(ty: &TypeRef<'_>, long_bytes: u32) -> Spelling {
    let (size, encoding) = (ty.size_bytes(), ty.int().0);
    let name = ty.name_bytes();
    let long = long_bytes == 8 && !name.starts_with(b"long long");
    Spelling::Name(match (ty.kind(), size, encoding.is_signed()) {
        (Kind::Float, 4, _) => "float",
        (Kind::Float, 8, _) => "double",
        (Kind::Int, 1, _) if encoding.is_bool() => "_Bool",
        (Kind::Int, 1, _) if name == b"char" => "char",
        (Kind::Int, 1, true) => "signed char",
        (Kind::Int, 1, false) => "unsigned char",
        (Kind::Int, 2, true) => "short",
        (Kind::Int, 2, false) => "unsigned short",
        (Kind::Int, 4, true) => "int",
        (Kind::Int, 4, false) => "unsigned int",
        (Kind::Int, 8, true) if long => "long",
        (Kind::Int, 8, false) if long => "unsigned long",
        (Kind::Int, 8, true) => "long long",
        (Kind::Int, 8, false) => "unsigned long long",
        (Kind::Int, 16, true) => "__int128",
        (Kind::Int, 16, false) => "unsigned __int128",
        _ => return Spelling::Bytes(size),
    })
}

/// The type that an enum must be given explicitly because clang would choose another one for its
/// values; `None` when clang's choice is right.
pub(super) fn enum_base(ty: &TypeRef<'_>) -> Option<&'static str> {
    let (size, signed) = (ty.size_bytes(), ty.is_signed());
    if ty.vlen() != 0 && clang_choice(ty) == (size, signed) {
        return None;
    }
    Some(match (size, signed) {
        (1, true) => "signed char",
        (1, false) => "unsigned char",
        (2, true) => "short",
        (2, false) => "unsigned short",
        (8, true) => "long long",
        (8, false) => "unsigned long long",
        (_, true) => "int",
        (_, false) => "unsigned int",
    })
}

/// Size and sign that clang gives an enum with these values.
fn clang_choice(ty: &TypeRef<'_>) -> (u32, bool) {
    let negative = ty.is_signed() && ty.enumerators().any(|e| e.value < 0);
    let wide = ty.enumerators().any(|e| {
        if negative {
            i32::try_from(e.value).is_err()
        } else {
            u32::try_from(e.value).is_err()
        }
    });
    (if wide { 8 } else { 4 }, negative)
}

/// The value as a C constant that fits the enum's size.
pub(super) fn constant(ty: &TypeRef<'_>, value: i64) -> String {
    // A value wider than the enum only occurs in BTF from before enums had a sign.
    let unused = 64 - 8 * ty.size_bytes().clamp(1, 8);
    if ty.is_signed() {
        match value << unused >> unused {
            i64::MIN => format!("({} - 1)", i64::MIN + 1),
            value => value.to_string(),
        }
    } else {
        let value = value.cast_unsigned() << unused >> unused;
        match i64::try_from(value) {
            Ok(_) => value.to_string(),
            Err(_) => format!("{value}ULL"),
        }
    }
}
