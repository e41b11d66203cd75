//! The abstract description of a Rust type that names and views are made from.

use super::std_path;
use crate::fingerprint::{Fingerprint, Seed};

/// A type as far as its name and its view go: lifetimes, mutability, calling conventions and
/// default arguments (allocators, hashers) are not part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// A number, `bool` or `char`.
    Primitive(Primitive),
    /// `!`.
    Never,
    /// `str`.
    Str,
    /// `[T]`.
    Slice(Box<Type>),
    /// `[T; N]`.
    Array(Box<Type>, u64),
    /// `(A, B)`; `()` has no elements.
    Tuple(Vec<Type>),
    /// `&T` and `&mut T`.
    Ref(Box<Type>),
    /// `*const T` and `*mut T`.
    RawPtr(Box<Type>),
    /// A function pointer of any signature.
    Fn,
    /// `dyn Trait`: the last path segment of the principal trait.
    Dyn(String),
    /// A named type.
    Path(Path),
}

impl Type {
    /// `()`.
    pub const UNIT: Self = Self::Tuple(Vec::new());
    /// `u8`.
    pub const U8: Self = Self::Primitive(Primitive::U8);
    /// `usize`.
    pub const USIZE: Self = Self::Primitive(Primitive::Usize);

    /// A type of the standard library by its path without the crate: `["vec", "Vec"]`.
    #[must_use]
    pub fn std(module: &str, name: &str, args: Vec<Self>) -> Self {
        let segments = ["std", module, name].map(str::to_owned).to_vec();
        Self::path(segments, args.into_iter().map(Arg::Type).collect())
    }

    /// A named type, in its normal form: see [`Path`]. Aliases of the standard library become what
    /// they stand for.
    #[must_use]
    pub fn path(segments: Vec<String>, args: Vec<Arg>) -> Self {
        std_path::normalize(segments, args)
    }

    /// The type arguments of a named type.
    pub fn type_args(&self) -> impl Iterator<Item = &Self> {
        let args = match self {
            Self::Path(path) => path.args.as_slice(),
            _ => &[],
        };
        args.iter().filter_map(|arg| match arg {
            Arg::Type(ty) => Some(ty),
            Arg::Const(_) => None,
        })
    }

    /// The fingerprint of the type.
    pub(crate) fn print(&self, seed: &Seed) -> Fingerprint {
        self.print_of(seed, |part| part.print(seed))
    }

    /// The fingerprint of the type, made of those of the types that it is written with.
    pub(crate) fn print_of<'t>(
        &'t self,
        seed: &Seed,
        mut part: impl FnMut(&'t Self) -> Fingerprint,
    ) -> Fingerprint {
        let kind = |kind| seed.word(seed.start(), kind);
        match self {
            Self::Primitive(primitive) => seed.word(kind(0), *primitive as u64),
            Self::Never => kind(1),
            Self::Str => kind(2),
            Self::Slice(element) => seed.pair(kind(3), part(element)),
            Self::Array(element, len) => seed.pair(seed.word(kind(4), *len), part(element)),
            Self::Tuple(types) => types
                .iter()
                .fold(kind(5), |print, ty| seed.pair(print, part(ty))),
            Self::Ref(to) => seed.pair(kind(6), part(to)),
            Self::RawPtr(to) => seed.pair(kind(7), part(to)),
            Self::Fn => kind(8),
            Self::Dyn(principal) => seed.pair(kind(9), seed.bytes(principal.as_bytes())),
            Self::Path(path) => {
                let len = path.segments.len() as u64;
                let segments = path.segments.iter();
                let print = segments.fold(seed.word(kind(10), len), |print, segment| {
                    seed.bytes_after(print, segment.as_bytes())
                });
                path.args.iter().fold(print, |print, arg| match arg {
                    Arg::Type(ty) => seed.word(seed.pair(print, part(ty)), 0),
                    Arg::Const(text) => seed.word(seed.bytes_after(print, text.as_bytes()), 1),
                })
            }
        }
    }

    /// Module and name when this is a type of the standard library that has a canonical view.
    #[must_use]
    pub fn as_std(&self) -> Option<(&str, &str)> {
        match self {
            Self::Path(path) => path.as_std(),
            _ => None,
        }
    }
}

/// A path to a type, with the arguments of its last segment.
///
/// The segments of a type of the standard library that has a canonical view are always `std`, its
/// module and its name, wherever std keeps it: `alloc::vec::Vec` is `std::vec::Vec`, and
/// `std::sync::poison::mutex::Mutex` is `std::sync::Mutex`. All other paths stay as they are.
/// [`Type::path`] makes this form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// Crate, modules and name; names without `r#`.
    pub(super) segments: Vec<String>,
    /// Type and const arguments; lifetimes are not kept.
    pub(super) args: Vec<Arg>,
}

impl Path {
    /// Crate, modules and name; names without `r#`.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// Type and const arguments.
    #[must_use]
    pub fn args(&self) -> &[Arg] {
        &self.args
    }

    /// The name: the last segment.
    #[must_use]
    pub fn name(&self) -> &str {
        self.segments.last().map_or("", String::as_str)
    }

    fn as_std(&self) -> Option<(&str, &str)> {
        match self.segments.as_slice() {
            [std, module, name] if std == "std" && std_path::is_known(module, name) => {
                Some((module, name))
            }
            _ => None,
        }
    }
}

/// An argument of a generic type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arg {
    /// A type.
    Type(Type),
    /// The value of a const argument as rustc prints it: `-5`, `true`.
    Const(String),
}

/// The primitive types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the primitive of that name")]
pub enum Primitive {
    I8,
    I16,
    I32,
    I64,
    I128,
    Isize,
    U8,
    U16,
    U32,
    U64,
    U128,
    Usize,
    F16,
    F32,
    F64,
    F128,
    Bool,
    Char,
}

/// How a primitive is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the kinds of BTF")]
pub enum Storage {
    Signed,
    Unsigned,
    Bool,
    Float,
}

impl Primitive {
    const ALL: [(Self, &'static str); 18] = [
        (Self::I8, "i8"),
        (Self::I16, "i16"),
        (Self::I32, "i32"),
        (Self::I64, "i64"),
        (Self::I128, "i128"),
        (Self::Isize, "isize"),
        (Self::U8, "u8"),
        (Self::U16, "u16"),
        (Self::U32, "u32"),
        (Self::U64, "u64"),
        (Self::U128, "u128"),
        (Self::Usize, "usize"),
        (Self::F16, "f16"),
        (Self::F32, "f32"),
        (Self::F64, "f64"),
        (Self::F128, "f128"),
        (Self::Bool, "bool"),
        (Self::Char, "char"),
    ];

    /// The primitive of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find_map(|(primitive, known)| (*known == name).then_some(*primitive))
    }

    /// Its name in Rust.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find_map(|(primitive, name)| (*primitive == self).then_some(*name))
            .unwrap_or_default()
    }

    /// Its name in C, which needs no typedef and is the name of its INT or FLOAT; `pointer_bytes`
    /// is the size of `usize`, 4 or 8.
    #[must_use]
    pub const fn c_name(self, pointer_bytes: u32) -> &'static str {
        match self {
            // `long` has 64 bits in BPF C, whatever the application was compiled for.
            Self::Isize if pointer_bytes == 8 => "long",
            Self::Usize if pointer_bytes == 8 => "unsigned long",
            Self::I8 => "signed char",
            Self::U8 => "unsigned char",
            Self::I16 => "short",
            Self::U16 => "unsigned short",
            Self::I32 | Self::Isize => "int",
            Self::U32 | Self::Char | Self::Usize => "unsigned int",
            Self::I64 => "long long",
            Self::U64 => "unsigned long long",
            Self::I128 => "__int128",
            Self::U128 => "unsigned __int128",
            Self::F16 => "_Float16",
            Self::F32 => "float",
            Self::F64 => "double",
            Self::F128 => "__float128",
            Self::Bool => "_Bool",
        }
    }

    /// Its size in bytes; `pointer_bytes` is the size of `usize`.
    #[must_use]
    pub const fn size_bytes(self, pointer_bytes: u32) -> u32 {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::I16 | Self::U16 | Self::F16 => 2,
            Self::I32 | Self::U32 | Self::F32 | Self::Char => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
            Self::I128 | Self::U128 | Self::F128 => 16,
            Self::Isize | Self::Usize => pointer_bytes,
        }
    }

    /// How it is stored; `char` is an unsigned number.
    #[must_use]
    pub const fn storage(self) -> Storage {
        match self {
            Self::I8 | Self::I16 | Self::I32 | Self::I64 | Self::I128 | Self::Isize => {
                Storage::Signed
            }
            Self::F16 | Self::F32 | Self::F64 | Self::F128 => Storage::Float,
            Self::Bool => Storage::Bool,
            _ => Storage::Unsigned,
        }
    }
}
