//! The BTF type model: one [`Type`] variant per kind of the kernel's BTF documentation.

use std::fmt;
use std::hash::{Hash, Hasher};

/// Number of a type in one BTF blob; 0 is `void`, the first stored type is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u32);

impl TypeId {
    /// The id that stands for `void`.
    pub const VOID: Self = Self(0);

    /// Whether this is `void`.
    #[must_use]
    pub const fn is_void(self) -> bool {
        self.0 == 0
    }

    /// The id that [`TypeId::index`] makes `index` of, which must be one that a type has.
    #[cfg(feature = "dwarf")]
    #[expect(clippy::cast_possible_truncation, reason = "ids have at most 31 bits")]
    pub(crate) const fn from_index(index: usize) -> Self {
        Self(index as u32)
    }

    /// The id as an index into a table that has an entry for `void`.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.0)
    }
}

/// Offset of a name in the string section, in bytes; 0 is the empty name of anonymous types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameOffset(pub u32);

impl NameOffset {
    /// The empty name.
    pub const ANONYMOUS: Self = Self(0);

    /// Whether this is the empty name.
    #[must_use]
    pub const fn is_anonymous(self) -> bool {
        self.0 == 0
    }
}

/// The kind of a type, with the number the format gives it (`BTF_KIND_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is the BTF_KIND_ constant of that name")]
pub enum Kind {
    Void = 0,
    Int = 1,
    Ptr = 2,
    Array = 3,
    Struct = 4,
    Union = 5,
    Enum = 6,
    Fwd = 7,
    Typedef = 8,
    Volatile = 9,
    Const = 10,
    Restrict = 11,
    Func = 12,
    FuncProto = 13,
    Var = 14,
    Datasec = 15,
    Float = 16,
    DeclTag = 17,
    TypeTag = 18,
    Enum64 = 19,
}

impl Kind {
    /// The kind with this number, if the format has one.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Void,
            1 => Self::Int,
            2 => Self::Ptr,
            3 => Self::Array,
            4 => Self::Struct,
            5 => Self::Union,
            6 => Self::Enum,
            7 => Self::Fwd,
            8 => Self::Typedef,
            9 => Self::Volatile,
            10 => Self::Const,
            11 => Self::Restrict,
            12 => Self::Func,
            13 => Self::FuncProto,
            14 => Self::Var,
            15 => Self::Datasec,
            16 => Self::Float,
            17 => Self::DeclTag,
            18 => Self::TypeTag,
            19 => Self::Enum64,
            _ => return None,
        })
    }

    /// `struct` or `union`.
    #[must_use]
    pub const fn is_composite(self) -> bool {
        matches!(self, Self::Struct | Self::Union)
    }

    /// `ENUM` or `ENUM64`.
    #[must_use]
    pub const fn is_enum(self) -> bool {
        matches!(self, Self::Enum | Self::Enum64)
    }

    /// `const`, `volatile`, `restrict` and type tags: they change no layout.
    #[must_use]
    pub const fn is_modifier(self) -> bool {
        matches!(
            self,
            Self::Volatile | Self::Const | Self::Restrict | Self::TypeTag
        )
    }
}

/// How an integer is to be read (the `BTF_INT_*` bits).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct IntEncoding(pub u8);

impl IntEncoding {
    /// No bit set.
    pub const UNSIGNED: Self = Self(0);
    /// `BTF_INT_SIGNED`.
    pub const SIGNED: Self = Self(1);
    /// `BTF_INT_CHAR`.
    pub const CHAR: Self = Self(2);
    /// `BTF_INT_BOOL`.
    pub const BOOL: Self = Self(4);

    /// Whether the sign bit is set.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        self.0 & Self::SIGNED.0 != 0
    }

    /// Whether this is a boolean.
    #[must_use]
    pub const fn is_bool(self) -> bool {
        self.0 & Self::BOOL.0 != 0
    }
}

/// `struct` or `union`, where only the keyword differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the two C keywords")]
pub enum CompositeKind {
    Struct,
    Union,
}

/// A member of a struct or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name; anonymous for the unnamed struct or union members of C11.
    pub name: NameOffset,
    /// Type of the member.
    pub ty: TypeId,
    /// Distance from the start of the composite, in bits (24 bits when any member is a bitfield).
    pub offset_bits: u32,
    /// Width in bits of a bitfield; 0 for an ordinary member.
    pub bitfield_bits: u8,
}

impl Hash for Member {
    /// Two words, where each field would be one: members are most of what is hashed.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.name.0) << 32 | u64::from(self.ty.0));
        state.write_u64(u64::from(self.offset_bits) << 8 | u64::from(self.bitfield_bits));
    }
}

/// A named value of an enum. `value` holds the 32 or 64 bits of the format, sign-extended when the
/// enum is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Enumerator {
    /// Name.
    pub name: NameOffset,
    /// Value; for an unsigned 64-bit enum, the same bits.
    pub value: i64,
}

/// A parameter of a function prototype; a last one without name and with type `void` is `...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Param {
    /// Name.
    pub name: NameOffset,
    /// Type.
    pub ty: TypeId,
}

/// A variable in a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SectionVar {
    /// The `VAR` (or `FUNC`).
    pub ty: TypeId,
    /// Offset in the section, in bytes.
    pub offset_bytes: u32,
    /// Size, in bytes.
    pub size_bytes: u32,
}

/// A type. Names are offsets into the string table of the same [`BtfBuf`](crate::BtfBuf).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// An integer: `size_bytes` of storage, `bits` of value at `offset_bits`.
    Int {
        /// Name.
        name: NameOffset,
        /// Storage, in bytes: 1, 2, 4, 8 or 16.
        size_bytes: u32,
        /// Signed, char, bool.
        encoding: IntEncoding,
        /// First bit of the value (legacy bitfields only; else 0).
        offset_bits: u8,
        /// Bits of value, at most 128.
        bits: u8,
    },
    /// A pointer.
    Ptr(TypeId),
    /// An array of `len` elements; 0 for a flexible array.
    Array {
        /// Element type.
        element: TypeId,
        /// Type of the index.
        index: TypeId,
        /// Number of elements.
        len: u32,
    },
    /// A struct or union.
    Composite {
        /// Which.
        kind: CompositeKind,
        /// Tag.
        name: NameOffset,
        /// Size, in bytes.
        size_bytes: u32,
        /// Members, by ascending offset.
        members: Vec<Member>,
    },
    /// An enum; encoded as `ENUM` when all values fit 32 bits and `size_bytes` is at most 4, else
    /// as `ENUM64`.
    Enum {
        /// Tag.
        name: NameOffset,
        /// Size, in bytes: 1, 2, 4 or 8.
        size_bytes: u32,
        /// Whether values are signed.
        signed: bool,
        /// Whether the type is an `ENUM64`.
        wide: bool,
        /// Values, in declaration order.
        values: Vec<Enumerator>,
    },
    /// A forward declaration.
    Fwd {
        /// Tag.
        name: NameOffset,
        /// Of a struct or of a union.
        kind: CompositeKind,
    },
    /// A typedef.
    Typedef {
        /// Name.
        name: NameOffset,
        /// Aliased type.
        ty: TypeId,
    },
    /// `volatile`.
    Volatile(TypeId),
    /// `const`.
    Const(TypeId),
    /// `restrict`.
    Restrict(TypeId),
    /// A function; `proto` is a `FUNC_PROTO`.
    Func {
        /// Name.
        name: NameOffset,
        /// Prototype.
        proto: TypeId,
        /// `BTF_FUNC_STATIC` 0, `BTF_FUNC_GLOBAL` 1, `BTF_FUNC_EXTERN` 2.
        linkage: u16,
    },
    /// A function prototype.
    FuncProto {
        /// Return type.
        returns: TypeId,
        /// Parameters.
        params: Vec<Param>,
    },
    /// A variable.
    Var {
        /// Name.
        name: NameOffset,
        /// Type.
        ty: TypeId,
        /// `BTF_VAR_STATIC` 0, `BTF_VAR_GLOBAL_ALLOCATED` 1, `BTF_VAR_GLOBAL_EXTERN` 2.
        linkage: u32,
    },
    /// A data section.
    Datasec {
        /// Name.
        name: NameOffset,
        /// Size, in bytes.
        size_bytes: u32,
        /// Variables, by ascending offset.
        vars: Vec<SectionVar>,
    },
    /// A floating point number of 2, 4, 8, 12 or 16 bytes.
    Float {
        /// Name.
        name: NameOffset,
        /// Size, in bytes.
        size_bytes: u32,
    },
    /// An annotation (`btf_decl_tag`) of `ty` or of one of its components.
    DeclTag {
        /// The tag's text.
        name: NameOffset,
        /// Annotated struct, union, func, var or typedef.
        ty: TypeId,
        /// Member or parameter number; -1 for `ty` itself.
        component: i32,
        /// Whether the text is a whole `__attribute__` (`kind_flag`) and not a tag's argument.
        attribute: bool,
    },
    /// An annotation (`btf_type_tag`) of a pointed-to type.
    TypeTag {
        /// The tag's text.
        name: NameOffset,
        /// Annotated type.
        ty: TypeId,
        /// Whether the text is a whole `__attribute__` (`kind_flag`) and not a tag's argument.
        attribute: bool,
    },
}

impl Type {
    /// The kind of this type.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Int { .. } => Kind::Int,
            Self::Ptr(_) => Kind::Ptr,
            Self::Array { .. } => Kind::Array,
            Self::Composite { kind, .. } => match kind {
                CompositeKind::Struct => Kind::Struct,
                CompositeKind::Union => Kind::Union,
            },
            Self::Enum { wide: false, .. } => Kind::Enum,
            Self::Enum { wide: true, .. } => Kind::Enum64,
            Self::Fwd { .. } => Kind::Fwd,
            Self::Typedef { .. } => Kind::Typedef,
            Self::Volatile(_) => Kind::Volatile,
            Self::Const(_) => Kind::Const,
            Self::Restrict(_) => Kind::Restrict,
            Self::Func { .. } => Kind::Func,
            Self::FuncProto { .. } => Kind::FuncProto,
            Self::Var { .. } => Kind::Var,
            Self::Datasec { .. } => Kind::Datasec,
            Self::Float { .. } => Kind::Float,
            Self::DeclTag { .. } => Kind::DeclTag,
            Self::TypeTag { .. } => Kind::TypeTag,
        }
    }

    /// The type's own name; anonymous for the kinds that have none.
    #[must_use]
    pub const fn name(&self) -> NameOffset {
        match self {
            Self::Int { name, .. }
            | Self::Composite { name, .. }
            | Self::Enum { name, .. }
            | Self::Fwd { name, .. }
            | Self::Typedef { name, .. }
            | Self::Func { name, .. }
            | Self::Var { name, .. }
            | Self::Datasec { name, .. }
            | Self::Float { name, .. }
            | Self::DeclTag { name, .. }
            | Self::TypeTag { name, .. } => *name,
            Self::Ptr(_)
            | Self::Array { .. }
            | Self::Volatile(_)
            | Self::Const(_)
            | Self::Restrict(_)
            | Self::FuncProto { .. } => NameOffset::ANONYMOUS,
        }
    }

    /// Visits every reference to another type, in the order of the encoding.
    pub fn for_each_ref_mut(&mut self, mut visit: impl FnMut(&mut TypeId)) {
        match self {
            Self::Int { .. } | Self::Enum { .. } | Self::Fwd { .. } | Self::Float { .. } => {}
            Self::Ptr(ty)
            | Self::Volatile(ty)
            | Self::Const(ty)
            | Self::Restrict(ty)
            | Self::Typedef { ty, .. }
            | Self::Func { proto: ty, .. }
            | Self::Var { ty, .. }
            | Self::DeclTag { ty, .. }
            | Self::TypeTag { ty, .. } => visit(ty),
            Self::Array { element, index, .. } => {
                visit(element);
                visit(index);
            }
            Self::Composite { members, .. } => {
                for member in members {
                    visit(&mut member.ty);
                }
            }
            Self::FuncProto { returns, params } => {
                visit(returns);
                for param in params {
                    visit(&mut param.ty);
                }
            }
            Self::Datasec { vars, .. } => {
                for var in vars {
                    visit(&mut var.ty);
                }
            }
        }
    }

    /// Visits every reference to another type, in the order of the encoding.
    pub fn for_each_ref(&self, mut visit: impl FnMut(TypeId)) {
        match self {
            Self::Int { .. } | Self::Enum { .. } | Self::Fwd { .. } | Self::Float { .. } => {}
            Self::Ptr(ty)
            | Self::Volatile(ty)
            | Self::Const(ty)
            | Self::Restrict(ty)
            | Self::Typedef { ty, .. }
            | Self::Func { proto: ty, .. }
            | Self::Var { ty, .. }
            | Self::DeclTag { ty, .. }
            | Self::TypeTag { ty, .. } => visit(*ty),
            Self::Array { element, index, .. } => {
                visit(*element);
                visit(*index);
            }
            Self::Composite { members, .. } => {
                for member in members {
                    visit(member.ty);
                }
            }
            Self::FuncProto { returns, params } => {
                visit(*returns);
                for param in params {
                    visit(param.ty);
                }
            }
            Self::Datasec { vars, .. } => {
                for var in vars {
                    visit(var.ty);
                }
            }
        }
    }

    /// Visits every name, the type's own first.
    pub fn for_each_name_mut(&mut self, mut visit: impl FnMut(&mut NameOffset)) {
        match self {
            Self::Int { name, .. }
            | Self::Fwd { name, .. }
            | Self::Typedef { name, .. }
            | Self::Func { name, .. }
            | Self::Var { name, .. }
            | Self::Datasec { name, .. }
            | Self::Float { name, .. }
            | Self::DeclTag { name, .. }
            | Self::TypeTag { name, .. } => visit(name),
            Self::Composite { name, members, .. } => {
                visit(name);
                for member in members {
                    visit(&mut member.name);
                }
            }
            Self::Enum { name, values, .. } => {
                visit(name);
                for value in values {
                    visit(&mut value.name);
                }
            }
            Self::FuncProto { params, .. } => {
                for param in params {
                    visit(&mut param.name);
                }
            }
            Self::Ptr(_)
            | Self::Array { .. }
            | Self::Volatile(_)
            | Self::Const(_)
            | Self::Restrict(_) => {}
        }
    }
}
