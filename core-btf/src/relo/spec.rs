//! Access strings: which member of which type a relocation means.

use std::fmt;

use crate::ext::RelocationKind;
use crate::model::TypeId;
use crate::read::Btf;

/// Deepest access that libbpf takes (`BPF_CORE_SPEC_MAX_LEN`).
pub(crate) const MAX_ACCESS: usize = 64;

/// Why a relocation fails whatever the target: libbpf refuses the whole object.
pub(crate) type Fail = &'static str;

/// One step of an access that means something: a named member, an array element, or the first
/// index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accessor<'a> {
    /// The composite that has the member, or the element type.
    pub(crate) ty: TypeId,
    /// Number of the member or element.
    pub(crate) index: u32,
    /// Name of the member, or of the enumerator; an element has none.
    pub(crate) name: Option<&'a [u8]>,
}

/// What a relocation means in one BTF (`struct bpf_core_spec`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spec<'a> {
    pub(crate) kind: RelocationKind,
    pub(crate) root: TypeId,
    /// Named members and elements only; anonymous members on the way are skipped.
    pub(crate) accessors: Vec<Accessor<'a>>,
    /// Every step.
    pub(crate) raw: Vec<u32>,
    /// Offset of the field in the root. Wraps as libbpf's 32 bits do.
    pub(crate) offset_bits: u32,
}

impl<'a> Spec<'a> {
    pub(crate) fn new(kind: RelocationKind, root: TypeId) -> Self {
        Self {
            kind,
            root,
            accessors: Vec::new(),
            raw: Vec::new(),
            offset_bits: 0,
        }
    }

    /// Reads the access string of a local root (`bpf_core_parse_spec`).
    pub(crate) fn parse(
        btf: &Btf<'a>,
        kind: RelocationKind,
        root: TypeId,
        access: &str,
    ) -> Result<Self, Fail> {
        let mut spec = Self::new(kind, root);
        if kind.is_type() {
            return if access == "0" {
                Ok(spec)
            } else {
                Err("the access string of a type is not 0")
            };
        }
        for part in access.split(':') {
            if spec.raw.len() == MAX_ACCESS {
                return Err("the access string has more than 64 steps");
            }
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            let index = part.parse::<i32>().ok().filter(|_| digits);
            let index = index.ok_or("the access string is not a list of numbers")?;
            spec.raw.push(index.unsigned_abs());
        }
        let mut ty = btf.resolve(root).map_err(|_| "the root type is broken")?;
        let first = spec.raw.first().copied().unwrap_or_default();
        if kind.is_enumval() {
            let enumerator = ty.enumerators().nth(first as usize);
            let enumerator = enumerator
                .filter(|_| spec.raw.len() == 1)
                .ok_or("the access string names no enumerator")?;
            spec.accessors.push(Accessor {
                ty: ty.id(),
                index: first,
                name: Some(btf.name_bytes(enumerator.name)),
            });
            return Ok(spec);
        }
        spec.push_element(btf, ty.id(), first)?;
        for &index in spec.raw.clone().iter().skip(1) {
            let next = if ty.kind().is_composite() {
                let member = ty.members().nth(index as usize);
                let member = member.ok_or("the access string names no member")?;
                spec.offset_bits = spec.offset_bits.wrapping_add(member.offset_bits);
                if !member.name.is_anonymous() {
                    let name = btf.name_bytes(member.name);
                    if name.is_empty() {
                        return Err("a member has a broken name");
                    }
                    spec.accessors.push(Accessor {
                        ty: ty.id(),
                        index,
                        name: Some(name),
                    });
                }
                member.ty
            } else if ty.kind() == crate::Kind::Array {
                let (element, _, len) = ty.array();
                if index >= len && !is_flexible(btf, spec.accessors.last(), len) {
                    return Err("the access string goes beyond an array");
                }
                let element = btf
                    .resolve(element)
                    .map_err(|_| "an element type is broken")?;
                spec.push_element(btf, element.id(), index)?;
                element.id()
            } else {
                return Err("the access string goes into a type without members");
            };
            ty = btf.resolve(next).map_err(|_| "a member type is broken")?;
        }
        Ok(spec)
    }

    /// Goes to element `index` of consecutive values of type `ty`.
    pub(crate) fn push_element(
        &mut self,
        btf: &Btf<'_>,
        ty: TypeId,
        index: u32,
    ) -> Result<(), Fail> {
        self.accessors.push(Accessor {
            ty,
            index,
            name: None,
        });
        let size = size_of(btf, ty)?;
        let bits = index.wrapping_mul(size).wrapping_mul(8);
        self.offset_bits = self.offset_bits.wrapping_add(bits);
        Ok(())
    }

    /// The last step: it decides what is read.
    pub(crate) fn last(&self) -> Option<&Accessor<'a>> {
        self.accessors.last()
    }
}

/// Size in bytes; an error for types that have none (`btf__resolve_size`).
pub(crate) fn size_of(btf: &Btf<'_>, ty: TypeId) -> Result<u32, Fail> {
    let size = btf.size_of(ty, btf.pointer_bytes());
    size.ok().flatten().ok_or("a type has no size")
}

/// Whether an array of `len` elements, reached by `accessor`, is a flexible array member
/// (`is_flex_arr`).
pub(crate) fn is_flexible(btf: &Btf<'_>, accessor: Option<&Accessor<'_>>, len: u32) -> bool {
    let Some(accessor) = accessor.filter(|a| len == 0 && a.name.is_some()) else {
        return false;
    };
    btf.get(accessor.ty)
        .is_ok_and(|ty| ty.vlen() == accessor.index as usize + 1)
}

/// Shows a spec as libbpf does, without ids: `struct data.c (0:1 @ offset 4)`.
pub(crate) struct Display<'s, 'a> {
    pub(crate) btf: &'s Btf<'a>,
    pub(crate) spec: &'s Spec<'a>,
}

impl fmt::Display for Display<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { btf, spec } = self;
        f.write_str(&type_name(btf, spec.root))?;
        if spec.kind.is_type() {
            return Ok(());
        }
        if spec.kind.is_enumval() {
            let Some(accessor) = spec.last() else {
                return Ok(());
            };
            let name = String::from_utf8_lossy(accessor.name.unwrap_or_default());
            write!(f, "::{name}")?;
            let Ok(ty) = btf.get(accessor.ty) else {
                return Ok(());
            };
            return match ty.enumerators().nth(accessor.index as usize) {
                Some(e) if ty.is_signed() => write!(f, " = {}", e.value),
                Some(e) => write!(f, " = {}", e.value.cast_unsigned()),
                None => Ok(()),
            };
        }
        for (n, accessor) in spec.accessors.iter().enumerate() {
            match accessor.name {
                Some(name) => write!(f, ".{}", String::from_utf8_lossy(name))?,
                None if n > 0 || accessor.index > 0 => write!(f, "[{}]", accessor.index)?,
                None => {}
            }
        }
        f.write_str(" (")?;
        for (n, index) in spec.raw.iter().enumerate() {
            write!(f, "{}{index}", if n == 0 { "" } else { ":" })?;
        }
        write!(f, " @ offset {}", spec.offset_bits / 8)?;
        match spec.offset_bits % 8 {
            0 => f.write_str(")"),
            bit => write!(f, ".{bit})"),
        }
    }
}

/// A type as C names it: `struct data`, `int`, `foo_t`; `<anon>` without a name.
pub(crate) fn type_name(btf: &Btf<'_>, id: TypeId) -> String {
    use crate::Kind;
    let Ok(ty) = btf.get(id) else {
        return format!("type {id}");
    };
    let keyword = match ty.kind() {
        Kind::Union => "union ",
        Kind::Enum | Kind::Enum64 => "enum ",
        Kind::Fwd if ty.kind_flag() => "union ",
        Kind::Struct | Kind::Fwd => "struct ",
        Kind::Void => return "void".into(),
        Kind::Ptr => return "pointer".into(),
        Kind::Array => return "array".into(),
        Kind::FuncProto => return "function".into(),
        Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => {
            return btf
                .resolve(id)
                .map_or_else(|_| format!("type {id}"), |ty| type_name(btf, ty.id()));
        }
        _ => "",
    };
    match ty.name_bytes() {
        [] => format!("{keyword}<anon>"),
        name => format!("{keyword}{}", String::from_utf8_lossy(name)),
    }
}
