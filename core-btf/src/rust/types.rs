//! The abstract description of a Rust type that names and views are made from.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher as _, Hash, Hasher};
use std::sync::{Arc, LazyLock};

use super::std_path;
use crate::hash::Seed;

/// A type as far as its name and its view go: lifetimes, mutability, calling conventions and
/// default arguments (allocators, hashers) are not part of it. A copy shares what it consists of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// A number, `bool` or `char`.
    Primitive(Primitive),
    /// `!`.
    Never,
    /// `str`.
    Str,
    /// `[T]`.
    Slice(Arc<Type>),
    /// `[T; N]`.
    Array(Arc<Type>, u64),
    /// `(A, B)`; `()` has no elements.
    Tuple(Vec<Type>),
    /// `&T` and `&mut T`.
    Ref(Arc<Type>),
    /// `*const T` and `*mut T`.
    RawPtr(Arc<Type>),
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
        let args = args.into_iter().map(Arg::Type).collect();
        std_path::normalize(&joined(["std", module, name]), args)
    }

    /// A named type, in its normal form: see [`Path`]. Aliases of the standard library become what
    /// they stand for.
    #[must_use]
    pub fn path(segments: &[String], args: Vec<Arg>) -> Self {
        let segments = segments.iter();
        let segments = segments.map(|segment| segment.strip_prefix("r#").unwrap_or(segment));
        std_path::normalize(&joined(segments), args)
    }

    /// The type arguments of a named type.
    pub fn type_args(&self) -> impl Iterator<Item = &Self> {
        let args = match self {
            Self::Path(path) => path.args(),
            _ => &[],
        };
        args.iter().filter_map(|arg| match arg {
            Arg::Type(ty) => Some(ty),
            Arg::Const(_) => None,
        })
    }

    /// The types that it is written with.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Self> {
        let (one, several) = match self {
            Self::Slice(part) | Self::Array(part, _) | Self::Ref(part) | Self::RawPtr(part) => {
                (Some(&**part), [].as_slice())
            }
            Self::Tuple(parts) => (None, parts.as_slice()),
            _ => (None, [].as_slice()),
        };
        one.into_iter().chain(several).chain(self.type_args())
    }

    /// Module and name when this is a type of the standard library that has a canonical view.
    #[must_use]
    pub fn as_std(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Path(path) => path.0.std,
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
#[derive(Clone, PartialEq, Eq)]
pub struct Path(Arc<Named>);

/// What a path consists of.
#[derive(PartialEq, Eq)]
struct Named {
    /// The hash of all there is, which makes paths that differ quick to tell apart.
    hash: u64,
    /// Crate, modules and name, with [`BETWEEN`] between them; names without `r#`.
    segments: Box<str>,
    /// Type and const arguments; lifetimes are not kept.
    args: Box<[Arg]>,
    /// Module and name, if it is one of [`Type::as_std`].
    std: Option<(&'static str, &'static str)>,
}

/// Stands between segments: what no name has in it, and what comes before all that names have.
pub(super) const BETWEEN: char = '\0';

/// Segments in one text.
pub(super) fn joined<'t>(segments: impl IntoIterator<Item = &'t str>) -> String {
    let mut segments = segments.into_iter();
    let mut out = segments.next().unwrap_or_default().to_owned();
    for segment in segments {
        out.push(BETWEEN);
        out.push_str(segment);
    }
    out
}

impl Path {
    /// A path by its [`joined`] segments.
    pub(super) fn new(segments: &str, args: Vec<Arg>) -> Self {
        static SEED: LazyLock<Seed> = LazyLock::new(Seed::random);
        let std = segments.strip_prefix("std\0").and_then(std_path::known);
        Self(Arc::new(Named {
            hash: SEED.hash_one((segments, &args)),
            segments: segments.into(),
            args: args.into(),
            std,
        }))
    }

    /// Crate, modules and name; names without `r#`.
    #[must_use]
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.segments.split(BETWEEN)
    }

    /// Type and const arguments.
    #[must_use]
    pub fn args(&self) -> &[Arg] {
        &self.0.args
    }

    /// The first segment: the crate.
    #[must_use]
    pub fn krate(&self) -> &str {
        self.segments().next().unwrap_or_default()
    }

    /// The name: the last segment.
    #[must_use]
    pub fn name(&self) -> &str {
        self.segments().next_back().unwrap_or_default()
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let segments: Vec<&str> = self.segments().collect();
        f.debug_struct("Path")
            .field("segments", &segments)
            .field("args", &self.0.args)
            .finish()
    }
}

impl Hash for Path {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl Ord for Path {
    fn cmp(&self, other: &Self) -> Ordering {
        let (Self(this), Self(other)) = (self, other);
        let segments = this.segments.cmp(&other.segments);
        segments.then_with(|| this.args.cmp(&other.args))
    }
}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Types that were read, each kept once: the names of types repeat those of others.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    types: HashSet<Type, Seed>,
    /// Those that were arguments, by how they were written, and how deep what they consist of is nested.
    read: HashMap<Box<str>, (Type, u32), Seed>,
}

impl Shared {
    /// The type, which shares all with what was read before.
    pub(crate) fn share(&mut self, ty: Type) -> Type {
        if let Type::Primitive(_) | Type::Never | Type::Str | Type::Fn = ty {
            return ty;
        }
        if let Some(known) = self.types.get(&ty) {
            return known.clone();
        }
        self.types.insert(ty.clone());
        ty
    }

    /// What was noted of a text.
    pub(super) fn read(&self, text: &str) -> Option<(Type, u32)> {
        self.read.get(text).cloned()
    }

    /// Notes which type a text is, and its levels.
    pub(super) fn note(&mut self, text: &str, ty: &Type, levels: u32) {
        self.read.insert(text.into(), (ty.clone(), levels));
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
