//! A relocated offset with both of its sides, and what else its function asks of the field.

use super::Verdict;
use crate::ext::RelocationKind;
use crate::model::{Enumerator, Kind, TypeId};
use crate::object::{BpfObject, Relocation};
use crate::read::Btf;
use crate::relo::evaluate::Hit;
use crate::relo::name::essential_name;
use crate::relo::reading::Layouts;
use crate::relo::spec::{Fail, MAX_ACCESS, Spec, size_of};
use crate::relo::value::{Field, field};

/// A `byte_off` relocation.
pub(super) struct Site<'x, 'o, 't> {
    pub(super) relocation: &'x Relocation<'o>,
    pub(super) local_btf: &'x Btf<'o>,
    pub(super) target_btf: &'x Btf<'t>,
    pub(super) local_root: TypeId,
    target_root: TypeId,
    pub(super) local: Field,
    pub(super) target: Field,
    /// Local and target length of the array that the field is, or is an element of.
    pub(super) counts: Option<(u32, u32)>,
    /// First index of the access: which of consecutive roots.
    pub(super) first: u32,
    /// The function takes these from the target for the same field, or for the array around it.
    pub(super) takes: Takes,
}

/// What a function asks of a field besides its offset.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a relocation kind of its own"
)]
pub(super) struct Takes {
    pub(super) size: bool,
    /// Size of the array that the field is an element of.
    pub(super) array_size: bool,
    /// Both shifts.
    pub(super) shifts: bool,
    pub(super) sign: bool,
    /// Size of the root.
    pub(super) root_size: bool,
}

/// How a size relates to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It is the field's.
    Same,
    /// It is that of an element or member of the field.
    Inner,
    /// It is that of the field's type.
    Type,
}

impl<'x, 'o, 't> Site<'x, 'o, 't> {
    pub(super) fn new(
        object: &'x BpfObject<'o>,
        relocation: &'x Relocation<'o>,
        local: &Spec<'_>,
        target_btf: &'x Btf<'t>,
        hit: &Hit<'_>,
    ) -> Result<Self, Fail> {
        let local_btf = object.btf();
        let counts = count(local_btf, local).zip(count(target_btf, &hit.spec));
        let mut site = Self {
            relocation,
            local_btf,
            target_btf,
            local_root: relocation.root,
            target_root: hit.candidate.ty,
            local: field(local_btf, local)?,
            target: field(target_btf, &hit.spec)?,
            counts,
            first: local.raw.first().copied().unwrap_or_default(),
            takes: Takes::default(),
        };
        site.takes = site.takes(object);
        Ok(site)
    }

    fn takes(&self, object: &BpfObject<'_>) -> Takes {
        let of_function = || {
            let all = object.relocations().iter();
            all.filter(|other| other.function == self.relocation.function)
        };
        let has = |kind| {
            of_function().any(|other| other.kind == kind && self.part_of(other) == Some(Part::Same))
        };
        let array = self
            .relocation
            .access
            .rsplit_once(':')
            .map(|(array, _)| array);
        Takes {
            size: has(RelocationKind::FieldByteSize),
            array_size: of_function().any(|other| {
                other.kind == RelocationKind::FieldByteSize
                    && other.root == self.relocation.root
                    && Some(other.access) == array
            }),
            shifts: has(RelocationKind::FieldLshiftU64) && has(RelocationKind::FieldRshiftU64),
            sign: has(RelocationKind::FieldSigned),
            root_size: of_function().any(|other| {
                other.kind == RelocationKind::TypeSize && other.root == self.local_root
            }),
        }
    }

    /// Whether `other` is about the same member of the same root, or about a part of it.
    pub(super) fn part_of(&self, other: &Relocation<'_>) -> Option<Part> {
        if self.relocation.root != other.root {
            return None;
        }
        let rest = other.access.strip_prefix(self.relocation.access)?;
        match rest.bytes().next() {
            None => Some(Part::Same),
            Some(b':') => Some(Part::Inner),
            Some(_) => None,
        }
    }

    pub(super) fn layouts(&self) -> Layouts<'x, 'o, 't> {
        Layouts::new(self.local_btf, self.target_btf)
    }

    /// How the field differs when it is copied whole.
    pub(super) fn field_difference(&self) -> Verdict {
        self.layouts().value(self.local.ty, self.target.ty)
    }

    /// How the root differs, in any member.
    pub(super) fn root_difference(&self) -> Verdict {
        self.layouts().value(self.local_root, self.target_root)
    }

    /// Compares what a copy covers, from the field on, in its root.
    pub(super) fn span_difference(&self, bytes: u64) -> Verdict {
        let starts = (self.local.offset_bytes, self.target.offset_bytes);
        let mut layouts = self.layouts();
        layouts.span(self.local_root, self.target_root, starts, bytes)
    }

    pub(super) fn kinds(&self) -> Result<(Kind, Kind), Fail> {
        let broken = |_| "a field type is broken";
        Ok((
            self.local_btf.get(self.local.ty).map_err(broken)?.kind(),
            self.target_btf.get(self.target.ty).map_err(broken)?.kind(),
        ))
    }

    pub(super) fn root_sizes(&self) -> Result<(u32, u32), Fail> {
        self.sizes(self.local_root, self.target_root)
    }

    pub(super) fn sizes(&self, local: TypeId, target: TypeId) -> Result<(u32, u32), Fail> {
        Ok((
            size_of(self.local_btf, local)?,
            size_of(self.target_btf, target)?,
        ))
    }

    /// Local and target size of all that consecutive values of may stand at the address: the
    /// root, and the elements of the field if that is an array.
    pub(super) fn strides(&self) -> Result<Vec<(u32, u32)>, Fail> {
        let mut out = vec![self.root_sizes()?];
        let (mut l, mut t) = (self.local.ty, self.target.ty);
        if self.local.is_element {
            out.push(self.sizes(l, t)?);
        }
        for _ in 0..MAX_ACCESS {
            let (Ok(ll), Ok(tt)) = (self.local_btf.resolve(l), self.target_btf.resolve(t)) else {
                break;
            };
            if ll.kind() != Kind::Array || tt.kind() != Kind::Array {
                break;
            }
            (l, t) = (ll.array().0, tt.array().0);
            out.push(self.sizes(l, t)?);
        }
        Ok(out)
    }

    /// The type of the local field, of its elements if it is an array.
    pub(super) fn core_type(&self) -> Option<TypeId> {
        innermost(self.local_btf, self.local.ty)
    }

    /// The first enumerator that means another number in the target, or whose number means another
    /// enumerator there.
    pub(super) fn renumbered(&self) -> Option<String> {
        /// Enough for any enum that a person compares with; hostile ones must not cost more.
        const MOST: usize = 1 << 10;
        let local = self.local_btf.get(self.core_type()?).ok()?;
        let target = innermost(self.target_btf, self.target.ty)?;
        let target = self.target_btf.get(target).ok()?;
        let name_of = |e: &Enumerator| essential_name(self.local_btf.name_bytes(e.name));
        let means = |name: &[u8], value: i64| {
            let mut same_number = None;
            for e in target.enumerators().take(MOST) {
                let same_name = essential_name(self.target_btf.name_bytes(e.name)) == name;
                if same_name {
                    return e.value == value;
                }
                if e.value == value {
                    same_number = Some(());
                }
            }
            same_number.is_none()
        };
        let mut all = local.enumerators().take(MOST);
        let renumbered = all.find(|e| !means(name_of(e), e.value))?;
        Some(String::from_utf8_lossy(name_of(&renumbered)).into_owned())
    }

    /// Whether the field is, or consists of, this type: a member of it follows.
    pub(super) fn leads_to(&self, root: TypeId) -> bool {
        let name = |id| Some(self.local_btf.get(id).ok()?.name_bytes());
        let (Some(core), Ok(root)) = (self.core_type(), self.local_btf.resolve(root)) else {
            return false;
        };
        let same_name = name(core).is_some_and(|name| {
            !name.is_empty() && essential_name(name) == essential_name(root.name_bytes())
        });
        root.id() == core || same_name
    }
}

/// The type of what an array, of whatever dimensions, consists of; other types are their own.
pub(super) fn innermost(btf: &Btf<'_>, ty: TypeId) -> Option<TypeId> {
    let mut ty = btf.resolve(ty).ok()?;
    for _ in 0..MAX_ACCESS {
        if ty.kind() != Kind::Array {
            return Some(ty.id());
        }
        ty = btf.resolve(ty.array().0).ok()?;
    }
    None
}

/// Length of the array that an access leads to, or that it takes an element of.
fn count(btf: &Btf<'_>, spec: &Spec<'_>) -> Option<u32> {
    let (last, before) = spec.accessors.split_last()?;
    let accessor = if last.name.is_some() {
        last
    } else {
        before.last()?
    };
    let ty = match accessor.name {
        Some(_) => {
            let composite = btf.get(accessor.ty).ok()?;
            composite.members().nth(accessor.index as usize)?.ty
        }
        None => accessor.ty,
    };
    let array = btf.resolve(ty).ok()?;
    (array.kind() == Kind::Array).then(|| array.array().2)
}
