//! Whether a target type is what a local access means: libbpf's rules, function by function.

use crate::model::{Kind, TypeId};
use crate::read::{Btf, TypeRef};
use crate::relo::name::essential_name;
use crate::relo::spec::{Accessor, Fail, MAX_ACCESS, Spec, is_flexible};
use crate::relo::types;

/// Most members that one search looks at. Real types stay far below; hostile ones that nest
/// anonymous members in themselves end here.
pub(crate) const MAX_STEPS: u32 = 1 << 14;

/// The answer for one candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Match<'a> {
    /// The candidate has it, here.
    Yes(Spec<'a>),
    /// The candidate does not have it; how far the access got, and why it stopped.
    No(Spec<'a>, Stop),
}

/// Why a candidate does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// No member or enumerator of that name in this type.
    NoMember(TypeId),
    /// The member is there, with a type of another nature.
    OtherType {
        /// Of the local member.
        local: TypeId,
        /// Of the target member.
        target: TypeId,
    },
    /// The array is shorter than the index, or there is no array.
    NoElement(TypeId),
    /// The type as a whole is not what is asked for.
    Type,
}

/// Whether `ty` is what `local` means (`bpf_core_spec_match`).
pub(crate) fn match_spec<'t>(
    local_btf: &Btf<'_>,
    local: &Spec<'_>,
    btf: &Btf<'t>,
    root: TypeId,
) -> Result<Match<'t>, Fail> {
    use crate::RelocationKind;
    let mut spec = Spec::new(local.kind, root);
    if local.kind.is_type() {
        let matches = if local.kind == RelocationKind::TypeMatches {
            types::types_match(local_btf, local.root, btf, root)?
        } else {
            types::types_are_compat(local_btf, local.root, btf, root)?
        };
        return Ok(if matches {
            Match::Yes(spec)
        } else {
            Match::No(spec, Stop::Type)
        });
    }
    let mut ty = resolve(btf, root)?;
    if local.kind.is_enumval() {
        let name = local.last().and_then(|a| a.name).unwrap_or_default();
        let name = essential_name(name);
        let found = ty
            .enumerators()
            .zip(0_u32..)
            .find(|(e, _)| essential_name(btf.name_bytes(e.name)) == name);
        let Some((enumerator, index)) = found else {
            return Ok(Match::No(spec, Stop::NoMember(ty.id())));
        };
        spec.accessors.push(Accessor {
            ty: ty.id(),
            index,
            name: Some(btf.name_bytes(enumerator.name)),
        });
        spec.raw.push(index);
        return Ok(Match::Yes(spec));
    }
    for (n, accessor) in local.accessors.iter().enumerate() {
        if let Some(name) = accessor.name {
            let found = find_member(btf, &ty, name, &mut spec)?;
            let Some(member) = found else {
                return Ok(Match::No(spec, Stop::NoMember(ty.id())));
            };
            let local_member = local_btf
                .get(accessor.ty)
                .ok()
                .and_then(|ty| ty.members().nth(accessor.index as usize))
                .ok_or("a local member is gone")?;
            if !fields_are_compat(local_btf, local_member.ty, btf, member)? {
                let stop = Stop::OtherType {
                    local: local_member.ty,
                    target: member,
                };
                return Ok(Match::No(spec, stop));
            }
            ty = resolve(btf, member)?;
        } else {
            if n > 0 {
                let (element, _, len) = ty.array();
                if ty.kind() != Kind::Array
                    || accessor.index >= len && !is_flexible(btf, spec.last(), len)
                {
                    return Ok(Match::No(spec, Stop::NoElement(ty.id())));
                }
                ty = resolve(btf, element)?;
            }
            if spec.raw.len() == MAX_ACCESS {
                return Err("the target nests deeper than 64 levels");
            }
            spec.raw.push(accessor.index);
            spec.push_element(btf, ty.id(), accessor.index)?;
        }
    }
    Ok(Match::Yes(spec))
}

fn resolve<'t>(btf: &Btf<'t>, id: TypeId) -> Result<TypeRef<'t>, Fail> {
    btf.resolve(id).map_err(|_| "a target type is broken")
}

/// Finds the first member of this name, also in anonymous structs and unions
/// (`bpf_core_match_member` without its type check), and goes there in `spec`.
pub(crate) fn find_member<'t>(
    btf: &Btf<'t>,
    ty: &TypeRef<'t>,
    name: &[u8],
    spec: &mut Spec<'t>,
) -> Result<Option<TypeId>, Fail> {
    let mut steps = MAX_STEPS;
    descend(btf, ty, name, spec, &mut steps)
}

fn descend<'t>(
    btf: &Btf<'t>,
    ty: &TypeRef<'t>,
    name: &[u8],
    spec: &mut Spec<'t>,
    steps: &mut u32,
) -> Result<Option<TypeId>, Fail> {
    // The nesting is bounded by the length of `raw`, which grows at each level.
    for (member, index) in ty.members().zip(0_u32..) {
        *steps = steps.checked_sub(1).ok_or("the target nests without end")?;
        if spec.raw.len() == MAX_ACCESS {
            return Err("the target nests deeper than 64 levels");
        }
        let before = spec.offset_bits;
        spec.offset_bits = before.wrapping_add(member.offset_bits);
        spec.raw.push(index);
        let target_name = btf.name_bytes(member.name);
        if target_name.is_empty() {
            let inner = resolve(btf, member.ty)?;
            if let Some(found) = descend(btf, &inner, name, spec, steps)? {
                return Ok(Some(found));
            }
        } else if target_name == name {
            spec.accessors.push(Accessor {
                ty: ty.id(),
                index,
                name: Some(target_name),
            });
            return Ok(Some(member.ty));
        }
        spec.offset_bits = before;
        spec.raw.pop();
    }
    Ok(None)
}

/// `btf_kind_core_compat`: only `ENUM` and `ENUM64` mix.
pub(crate) fn kinds_are_compat(a: Kind, b: Kind) -> bool {
    a == b || a.is_enum() && b.is_enum()
}

/// Whether the member types are of one nature (`bpf_core_fields_are_compat`): sizes, signs and
/// lengths do not count.
pub(crate) fn fields_are_compat(
    local_btf: &Btf<'_>,
    local: TypeId,
    btf: &Btf<'_>,
    target: TypeId,
) -> Result<bool, Fail> {
    let (mut local, mut target) = (local, target);
    for _ in 0..MAX_ACCESS {
        let l = resolve(local_btf, local)?;
        let t = resolve(btf, target)?;
        if l.kind().is_composite() && t.kind().is_composite() {
            return Ok(true);
        }
        if !kinds_are_compat(l.kind(), t.kind()) {
            return Ok(false);
        }
        return Ok(match l.kind() {
            Kind::Ptr | Kind::Float => true,
            Kind::Fwd | Kind::Enum | Kind::Enum64 => {
                let l = essential_name(l.name_bytes());
                let t = essential_name(t.name_bytes());
                l.is_empty() || t.is_empty() || l == t
            }
            Kind::Int => l.int().1 == 0 && t.int().1 == 0,
            Kind::Array => {
                (local, target) = (l.array().0, t.array().0);
                continue;
            }
            _ => false,
        });
    }
    Err("an array has too many dimensions")
}
