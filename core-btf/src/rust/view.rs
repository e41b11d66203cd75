//! The canonical views: what a Rust type looks like in BTF and in C.

use std::borrow::Cow;
use std::sync::Arc;

use super::types::{Primitive, Type};

/// What a type looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// An INT or FLOAT.
    Primitive(Primitive),
    /// A PTR to the type; `None` for `void`.
    Pointer(Option<Type>),
    /// An ARRAY; of 0 elements for an unsized tail.
    Array(Type, u64),
    /// The same as another type.
    Same(Type),
    /// A STRUCT with these members, in no particular order.
    Struct(Vec<Field>),
    /// An enum with data.
    Enum(Vec<Variant>),
    /// An ENUM of these names.
    Fieldless(&'static [&'static str]),
    /// Whatever its definition says; see the rules for the user's types in the [module](super)
    /// documentation.
    Unknown,
}

/// A member of a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name in C.
    pub name: Cow<'static, str>,
    /// What it is.
    pub ty: FieldType,
}

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// A value of a type.
    Value(Type),
    /// A PTR to a type, even to an unsized one; `None` for `void`.
    Pointer(Option<Type>),
}

/// A variant of an enum with data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Name in Rust and C.
    pub name: &'static str,
    /// What it holds.
    pub fields: Vec<Field>,
}

/// What a pointer to a type consists of besides the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metadata {
    /// Nothing.
    Thin,
    /// The number of elements, of this type.
    Length(Type),
    /// A vtable.
    Vtable,
}

fn field(name: &'static str, ty: Type) -> Field {
    Field {
        name: name.into(),
        ty: FieldType::Value(ty),
    }
}

fn pointer(name: &'static str, to: Type) -> Field {
    Field {
        name: name.into(),
        ty: FieldType::Pointer((!to.is_void()).then_some(to)),
    }
}

fn primitive(primitive: Primitive) -> Type {
    Type::Primitive(primitive)
}

/// A variant with `types` for `__0`, `__1`, ...
fn variant(name: &'static str, types: impl IntoIterator<Item = Type>) -> Variant {
    Variant {
        name,
        fields: positional(types),
    }
}

fn positional(types: impl IntoIterator<Item = Type>) -> Vec<Field> {
    types
        .into_iter()
        .enumerate()
        .map(|(i, ty)| Field {
            name: format!("__{i}").into(),
            ty: FieldType::Value(ty),
        })
        .collect()
}

impl Type {
    /// What the type looks like.
    ///
    /// Whether a named type that is not std's is sized is not known here: a pointer to it is taken
    /// for a thin one.
    #[must_use]
    pub fn view(&self) -> View {
        match self {
            Self::Primitive(primitive) => View::Primitive(*primitive),
            Self::Never => View::Struct(Vec::new()),
            Self::Str => View::Array(Self::U8, 0),
            Self::Slice(element) => View::Array((**element).clone(), 0),
            Self::Array(element, len) => View::Array((**element).clone(), *len),
            Self::Tuple(types) => View::Struct(positional(types.iter().cloned())),
            Self::Ref(to) | Self::RawPtr(to) => pointer_view(to),
            Self::Fn => View::Pointer(None),
            Self::Dyn(_) => View::Unknown,
            Self::Path(_) => match self.as_std() {
                Some((module, name)) => self.std_view(module, name),
                None => View::Unknown,
            },
        }
    }

    /// The type whose view this one has: itself, unless it only wraps another.
    #[must_use]
    pub fn unwrapped(&self) -> Cow<'_, Self> {
        let mut ty = Cow::Borrowed(self);
        // Each step leads to a part of the type, or to another type of std once.
        while let View::Same(inner) = ty.view() {
            ty = Cow::Owned(inner);
        }
        ty
    }

    /// What a pointer to this type consists of.
    #[must_use]
    pub fn metadata(&self) -> Metadata {
        match self {
            Self::Str => Metadata::Length(Self::U8),
            Self::Slice(element) => Metadata::Length((**element).clone()),
            Self::Dyn(_) => Metadata::Vtable,
            _ => match self.as_std() {
                Some(("path", "Path") | ("ffi", "OsStr" | "CStr")) => Metadata::Length(Self::U8),
                // The last field decides: `Mutex<dyn Trait>` is as unsized as what it holds.
                Some(
                    ("cell", "Cell" | "RefCell" | "SyncUnsafeCell" | "UnsafeCell")
                    | ("mem", "ManuallyDrop" | "MaybeDangling")
                    | ("rc", "RcInner")
                    | ("sync", "ArcInner" | "Mutex" | "RwLock"),
                ) => self
                    .type_args()
                    .next()
                    .map_or(Metadata::Thin, Self::metadata),
                _ => Metadata::Thin,
            },
        }
    }

    fn arg(&self, index: usize) -> Self {
        self.type_args().nth(index).cloned().unwrap_or(Self::UNIT)
    }

    /// The view of a pointer that is never null and has no metadata, if this is one.
    fn non_null(&self) -> Option<View> {
        let is_pointer = match self {
            Self::Ref(_) | Self::Fn => true,
            _ => match self.as_std() {
                Some(
                    ("boxed", "Box")
                    | ("ptr", "NonNull" | "Unique")
                    | ("rc", "Rc" | "Weak")
                    | ("sync", "Arc" | "Weak"),
                ) => true,
                Some(("pin", "Pin")) => return self.arg(0).non_null(),
                _ => false,
            },
        };
        match self.view() {
            view @ View::Pointer(_) if is_pointer => Some(view),
            _ => None,
        }
    }

    /// A counted allocation: `kind` is the type that Rc or Arc points to.
    fn counted(&self, module: &str, name: &str) -> View {
        let value = self.arg(0);
        let metadata = value.metadata();
        let inner = Self::std(module, name, vec![value]);
        match metadata {
            Metadata::Thin => View::Pointer(Some(inner)),
            Metadata::Length(_) => slice(inner),
            Metadata::Vtable => object(inner),
        }
    }

    fn std_view(&self, module: &str, name: &str) -> View {
        let arg = || self.arg(0);
        let with_data = |mut fields: Vec<Field>, name| {
            // Where a trait object begins depends on its alignment.
            if arg().metadata() != Metadata::Vtable {
                fields.push(field(name, arg()));
            }
            View::Struct(fields)
        };
        let bytes = || sequence(Self::U8);
        let timespec = |secs| {
            View::Struct(vec![
                field("secs", primitive(secs)),
                field("nanos", primitive(Primitive::U32)),
            ])
        };
        match (module, name) {
            ("boxed", "Box") | ("ptr", "NonNull" | "Unique") => pointer_view(&arg()),
            ("rc", "Rc" | "Weak") => self.counted("rc", "RcInner"),
            ("sync", "Arc" | "Weak") => self.counted("sync", "ArcInner"),
            ("rc", "RcInner") | ("sync", "ArcInner") => with_data(
                vec![field("strong", Self::USIZE), field("weak", Self::USIZE)],
                "value",
            ),

            ("cell", "Cell" | "UnsafeCell" | "SyncUnsafeCell")
            | ("mem", "ManuallyDrop" | "MaybeUninit" | "MaybeDangling")
            | ("num", "NonZero" | "Wrapping" | "Saturating")
            | ("cmp", "Reverse")
            | ("pin", "Pin")
            | ("panic", "AssertUnwindSafe") => View::Same(arg()),
            ("cell", "OnceCell") => View::Same(Self::std("option", "Option", vec![arg()])),
            ("collections", "BinaryHeap") => View::Same(Self::std("vec", "Vec", vec![arg()])),
            ("thread", "ThreadId") => View::Same(primitive(Primitive::U64)),
            ("sync", "AtomicPtr") => View::Same(Self::RawPtr(Arc::new(arg()))),
            ("sync", name) if name.starts_with("Atomic") => {
                let name = name.trim_start_matches("Atomic").to_ascii_lowercase();
                Primitive::from_name(&name)
                    .map_or(View::Unknown, |inner| View::Same(primitive(inner)))
            }

            ("string", "String") | ("path", "PathBuf") | ("ffi", "OsString") => bytes(),
            ("vec", "Vec") => sequence(arg()),
            ("ffi", "CString") => slice(Self::U8),
            ("collections", "VecDeque") => View::Struct(vec![
                pointer("ptr", arg()),
                field("cap", Self::USIZE),
                field("head", Self::USIZE),
                field("len", Self::USIZE),
            ]),
            ("collections", "HashMap" | "HashSet") => View::Struct(vec![
                pointer("ctrl", Self::U8),
                field("bucket_mask", Self::USIZE),
                field("growth_left", Self::USIZE),
                field("len", Self::USIZE),
            ]),
            ("collections", "BTreeMap" | "BTreeSet" | "LinkedList") => {
                View::Struct(vec![field("len", Self::USIZE)])
            }

            ("cell", "RefCell") => {
                with_data(vec![field("borrow", primitive(Primitive::Isize))], "data")
            }
            ("sync", "Mutex") => with_data(
                vec![
                    field("lock", primitive(Primitive::U32)),
                    field("poison", primitive(Primitive::Bool)),
                ],
                "data",
            ),
            ("sync", "RwLock") => with_data(
                vec![
                    field("lock", primitive(Primitive::U32)),
                    field("writer_notify", primitive(Primitive::U32)),
                    field("poison", primitive(Primitive::Bool)),
                ],
                "data",
            ),
            ("sync", "OnceLock") => View::Struct(vec![
                field("once", primitive(Primitive::U32)),
                field("value", arg()),
            ]),

            ("time", "Duration") => timespec(Primitive::U64),
            ("time", "Instant" | "SystemTime") => timespec(Primitive::I64),
            ("net", "Ipv4Addr") => View::Struct(vec![field("octets", octets(4))]),
            ("net", "Ipv6Addr") => View::Struct(vec![field("octets", octets(16))]),
            ("net", "SocketAddrV4") => View::Struct(vec![
                field("ip", Self::std("net", "Ipv4Addr", Vec::new())),
                field("port", primitive(Primitive::U16)),
            ]),
            ("net", "SocketAddrV6") => View::Struct(vec![
                field("ip", Self::std("net", "Ipv6Addr", Vec::new())),
                field("port", primitive(Primitive::U16)),
                field("flowinfo", primitive(Primitive::U32)),
                field("scope_id", primitive(Primitive::U32)),
            ]),
            ("net", "IpAddr" | "SocketAddr") => {
                let part = |version: &str| {
                    let name = match name {
                        "IpAddr" => format!("Ip{version}Addr"),
                        _ => format!("SocketAddr{}", version.to_ascii_uppercase()),
                    };
                    Self::std("net", &name, Vec::new())
                };
                View::Enum(vec![
                    variant("V4", [part("v4")]),
                    variant("V6", [part("v6")]),
                ])
            }
            ("fs", "File") | ("net" | "os", _) => {
                View::Struct(vec![field("fd", primitive(Primitive::I32))])
            }

            ("option", "Option") => arg()
                .non_null()
                .unwrap_or_else(|| View::Enum(vec![variant("None", []), variant("Some", [arg()])])),
            ("result", "Result") => {
                View::Enum(vec![variant("Ok", [arg()]), variant("Err", [self.arg(1)])])
            }
            ("borrow", "Cow") => View::Enum(vec![
                variant("Borrowed", [Self::Ref(Arc::new(arg()))]),
                variant("Owned", [arg().owned()]),
            ]),
            ("task", "Poll") => View::Enum(vec![variant("Ready", [arg()]), variant("Pending", [])]),
            ("ops", "Bound") => View::Enum(vec![
                variant("Included", [arg()]),
                variant("Excluded", [arg()]),
                variant("Unbounded", []),
            ]),
            ("ops", "ControlFlow") => View::Enum(vec![
                variant("Continue", [self.arg(1)]),
                variant("Break", [arg()]),
            ]),
            ("ops", "Range") => View::Struct(vec![field("start", arg()), field("end", arg())]),
            ("ops", "RangeInclusive") => View::Struct(vec![
                field("start", arg()),
                field("end", arg()),
                field("exhausted", primitive(Primitive::Bool)),
            ]),
            ("ops", "RangeFrom") => View::Struct(vec![field("start", arg())]),
            ("ops", "RangeTo" | "RangeToInclusive") => View::Struct(vec![field("end", arg())]),
            ("ops", "RangeFull") | ("marker", _) | ("ffi", "c_void") => View::Struct(Vec::new()),
            ("cmp", "Ordering") => View::Fieldless(&["Less", "Equal", "Greater"]),
            _ => View::Unknown,
        }
    }

    /// What `ToOwned` makes of a borrowed type.
    fn owned(&self) -> Self {
        match self {
            Self::Str => Self::std("string", "String", Vec::new()),
            Self::Slice(element) => Self::std("vec", "Vec", vec![(**element).clone()]),
            _ => match self.as_std() {
                Some(("path", "Path")) => Self::std("path", "PathBuf", Vec::new()),
                Some(("ffi", "OsStr")) => Self::std("ffi", "OsString", Vec::new()),
                Some(("ffi", "CStr")) => Self::std("ffi", "CString", Vec::new()),
                _ => self.clone(),
            },
        }
    }

    /// Whether C says `void` for what a pointer points to.
    fn is_void(&self) -> bool {
        *self == Self::UNIT || self.as_std() == Some(("ffi", "c_void"))
    }
}

fn pointer_view(to: &Type) -> View {
    match to.metadata() {
        Metadata::Thin if to.is_void() => View::Pointer(None),
        Metadata::Thin => View::Pointer(Some(to.clone())),
        Metadata::Length(element) => match to {
            // What has a header before its elements is pointed to as a whole.
            Type::Path(_) if to.view() != View::Unknown => slice(to.clone()),
            _ => slice(element),
        },
        Metadata::Vtable => match to {
            Type::Dyn(_) => object(Type::UNIT),
            _ => object(to.clone()),
        },
    }
}

fn slice(element: Type) -> View {
    View::Struct(vec![pointer("ptr", element), field("len", Type::USIZE)])
}

fn object(data: Type) -> View {
    View::Struct(vec![pointer("data", data), pointer("vtable", Type::USIZE)])
}

fn sequence(element: Type) -> View {
    View::Struct(vec![
        pointer("ptr", element),
        field("cap", Type::USIZE),
        field("len", Type::USIZE),
    ])
}

fn octets(len: u64) -> Type {
    Type::Array(Arc::new(Type::U8), len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(text: &str) -> Type {
        Type::parse(text).unwrap()
    }

    /// `name: type` of each member, `*` for a pointer.
    fn members(fields: &[Field]) -> String {
        let mut out: Vec<String> = Vec::new();
        for field in fields {
            let names = super::super::Names::default();
            out.push(match &field.ty {
                FieldType::Value(ty) => format!("{}: {}", field.name, names.name(ty)),
                FieldType::Pointer(Some(ty)) => format!("{}: *{}", field.name, names.name(ty)),
                FieldType::Pointer(None) => format!("{}: *", field.name),
            });
        }
        out.join(", ")
    }

    fn struct_of(text: &str) -> String {
        match ty(text).unwrapped().view() {
            View::Struct(fields) => members(&fields),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn structs_have_canonical_members() {
        for (text, expected) in [
            ("&str", "ptr: *u8, len: usize"),
            ("Box<[u16]>", "ptr: *u16, len: usize"),
            ("&std::ffi::CStr", "ptr: *u8, len: usize"),
            ("&dyn Fn()", "data: *, vtable: *usize"),
            ("String", "ptr: *u8, cap: usize, len: usize"),
            ("Vec<()>", "ptr: *, cap: usize, len: usize"),
            (
                "std::cell::Cell<std::pin::Pin<Box<dyn Fn()>>>",
                "data: *, vtable: *usize",
            ),
            ("std::sync::Arc<str>", "ptr: *ArcInner_str, len: usize"),
            (
                "std::sync::Arc<std::sync::Mutex<dyn Fn()>>",
                "data: *ArcInner_Mutex_dyn_Fn, vtable: *usize",
            ),
            ("std::sync::Mutex<a::S>", "lock: u32, poison: bool, data: S"),
            ("std::sync::Mutex<dyn Fn()>", "lock: u32, poison: bool"),
            (
                "std::rc::RcInner<[u8]>",
                "strong: usize, weak: usize, value: slice_u8",
            ),
            ("std::net::SocketAddrV4", "ip: Ipv4Addr, port: u16"),
            ("(u8, a::S)", "__0: u8, __1: S"),
            ("()", ""),
        ] {
            assert_eq!(struct_of(text), expected, "{text}");
        }
    }

    /// A pointer in C is one address; what has a length, a vtable or room for a second state of
    /// its own is none.
    #[test]
    fn thin_pointers_are_pointers() {
        for (text, to) in [
            ("&a::S", Some("a::S")),
            ("*mut u8", Some("u8")),
            ("*const ()", None),
            ("*mut std::ffi::c_void", None),
            ("Box<Vec<u8>>", Some("Vec<u8>")),
            ("Option<Box<a::S>>", Some("a::S")),
            ("Option<std::pin::Pin<&mut a::S>>", Some("a::S")),
            ("Option<std::rc::Rc<u8>>", Some("std::rc::RcInner<u8>")),
            ("std::sync::Weak<u8>", Some("std::sync::ArcInner<u8>")),
            ("std::sync::atomic::AtomicPtr<u8>", Some("u8")),
            ("Option<fn(u8) -> u8>", None),
        ] {
            let view = ty(text).unwrapped().view();
            assert_eq!(view, View::Pointer(to.map(ty)), "{text}");
        }
        for text in [
            "Option<*const u8>",
            "Option<Option<Box<u8>>>",
            "Option<&str>",
            "Option<Box<dyn Fn()>>",
            "Option<std::sync::Arc<[u8]>>",
            "Option<std::sync::atomic::AtomicPtr<u8>>",
        ] {
            assert!(matches!(ty(text).view(), View::Enum(_)), "{text}");
        }
    }

    #[test]
    fn enums_have_their_variants() {
        for (text, expected) in [
            ("Option<u8>", "None(), Some(__0: u8)"),
            ("Result<(), String>", "Ok(__0: unit), Err(__0: String)"),
            ("std::io::Result<u8>", "Ok(__0: u8), Err(__0: Error)"),
            (
                "std::borrow::Cow<'a, str>",
                "Borrowed(__0: str), Owned(__0: String)",
            ),
            (
                "std::borrow::Cow<[u8]>",
                "Borrowed(__0: slice_u8), Owned(__0: Vec_u8)",
            ),
            (
                "std::borrow::Cow<std::path::Path>",
                "Borrowed(__0: Path), Owned(__0: PathBuf)",
            ),
            (
                "std::net::SocketAddr",
                "V4(__0: SocketAddrV4), V6(__0: SocketAddrV6)",
            ),
            ("std::net::IpAddr", "V4(__0: Ipv4Addr), V6(__0: Ipv6Addr)"),
            (
                "std::ops::ControlFlow<u8>",
                "Continue(__0: unit), Break(__0: u8)",
            ),
        ] {
            let View::Enum(variants) = ty(text).view() else {
                panic!("{text}");
            };
            let found: Vec<String> = variants
                .iter()
                .map(|variant| format!("{}({})", variant.name, members(&variant.fields)))
                .collect();
            assert_eq!(found.join(", "), expected, "{text}");
        }
    }

    #[test]
    fn wrappers_look_like_what_they_hold() {
        for (text, inner) in [
            ("std::cell::Cell<std::mem::MaybeUninit<a::S>>", "a::S"),
            ("std::num::NonZeroI16", "i16"),
            ("std::sync::atomic::AtomicBool", "bool"),
            ("std::sync::atomic::AtomicU64", "u64"),
            ("std::cell::OnceCell<u8>", "Option<u8>"),
            ("std::collections::BinaryHeap<u8>", "Vec<u8>"),
            ("a::S", "a::S"),
        ] {
            assert_eq!(*ty(text).unwrapped(), ty(inner), "{text}");
        }
    }
}
