//! Whether two types as a whole are compatible, or match: what type-based relocations ask.

use crate::model::{Kind, NameOffset, TypeId};
use crate::object::is_mark;
use crate::read::{Btf, TypeRef};
use crate::relo::matching::kinds_are_compat;
use crate::relo::name::essential_name;
use crate::relo::spec::Fail;

/// libbpf's limits: types that lead on to each other, and parameters or members inside each other.
const MAX_CHAIN: u32 = 32;
const MAX_LEVEL: u32 = 32;
/// Most type pairs that one question compares. libbpf has no such bound, and no real type comes
/// near it; hostile ones would otherwise branch 32 levels deep.
const MAX_PAIRS: u32 = 1 << 20;

const DEEP: Fail = "types lead on to each other without end";

/// Two types of two blobs, compared step by step.
struct Pair<'x, 'l, 't> {
    local: &'x Btf<'l>,
    target: &'x Btf<'t>,
    left: u32,
}

/// `bpf_core_types_are_compat`: kinds and shapes; names, sizes and members do not count.
pub(crate) fn types_are_compat(
    local_btf: &Btf<'_>,
    local: TypeId,
    btf: &Btf<'_>,
    target: TypeId,
) -> Result<bool, Fail> {
    let mut pair = Pair {
        local: local_btf,
        target: btf,
        left: MAX_PAIRS,
    };
    pair.compat(local, target, MAX_LEVEL)
}

/// `bpf_core_types_match`: the target has all that the local type has, of the same types. The
/// names of the two have been matched already.
pub(crate) fn types_match(
    local_btf: &Btf<'_>,
    local: TypeId,
    btf: &Btf<'_>,
    target: TypeId,
) -> Result<bool, Fail> {
    let mut pair = Pair {
        local: local_btf,
        target: btf,
        left: MAX_PAIRS,
    };
    let (l, t) = pair.resolved(local, target)?;
    // An anonymous type that goes by the name of its typedef is compared as if it had that name.
    if t.name_bytes().is_empty() && l.kind() == t.kind() {
        match l.kind() {
            Kind::Struct | Kind::Union => return pair.composites_match(&l, &t, MAX_LEVEL),
            Kind::Enum | Kind::Enum64 => return pair.enums_match(&l, &t),
            _ => {}
        }
    }
    pair.matches(local, target, false, MAX_LEVEL)
}

fn names_match(local: &[u8], target: &[u8]) -> bool {
    if target.is_empty() {
        local.is_empty()
    } else {
        essential_name(local) == essential_name(target)
    }
}

impl<'l, 't> Pair<'_, 'l, 't> {
    fn step(&mut self) -> Result<(), Fail> {
        self.left = self.left.checked_sub(1).ok_or(DEEP)?;
        Ok(())
    }

    fn resolved(&self, local: TypeId, target: TypeId) -> Result<(TypeRef<'l>, TypeRef<'t>), Fail> {
        let broken = |_| "a type is broken";
        Ok((
            self.local.resolve(local).map_err(broken)?,
            self.target.resolve(target).map_err(broken)?,
        ))
    }

    fn compat(&mut self, local: TypeId, target: TypeId, level: u32) -> Result<bool, Fail> {
        let kind = |btf: &Btf<'_>, id| btf.get(id).map(|ty| ty.kind());
        let broken = |_| "a type is broken";
        if !kinds_are_compat(
            kind(self.local, local).map_err(broken)?,
            kind(self.target, target).map_err(broken)?,
        ) {
            return Ok(false);
        }
        let (mut local, mut target) = (local, target);
        for _ in 0..MAX_CHAIN {
            self.step()?;
            let (l, t) = self.resolved(local, target)?;
            if !kinds_are_compat(l.kind(), t.kind()) {
                return Ok(false);
            }
            (local, target) = match l.kind() {
                Kind::Void | Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64 | Kind::Fwd => {
                    return Ok(true);
                }
                Kind::Int => return Ok(l.int().1 == 0 && t.int().1 == 0),
                Kind::Ptr => (l.target(), t.target()),
                Kind::Array => (l.array().0, t.array().0),
                Kind::FuncProto => {
                    if l.vlen() != t.vlen() {
                        return Ok(false);
                    }
                    for (lp, tp) in l.params().zip(t.params()) {
                        let level = level.checked_sub(1).ok_or(DEEP)?;
                        let (lp, tp) = self.resolved(lp.ty, tp.ty)?;
                        if !self.compat(lp.id(), tp.id(), level)? {
                            return Ok(false);
                        }
                    }
                    (l.target(), t.target())
                }
                _ => return Ok(false),
            };
        }
        Err(DEEP)
    }

    fn matches(
        &mut self,
        local: TypeId,
        target: TypeId,
        behind_pointer: bool,
        level: u32,
    ) -> Result<bool, Fail> {
        if level == 0 {
            return Err(DEEP);
        }
        let (mut local, mut target, mut behind_pointer) = (local, target, behind_pointer);
        for _ in 0..MAX_CHAIN {
            self.step()?;
            let (l, t) = self.resolved(local, target)?;
            if !names_match(l.name_bytes(), t.name_bytes()) {
                return Ok(false);
            }
            let same_kind = l.kind() == t.kind();
            (local, target) = match l.kind() {
                Kind::Void => return Ok(same_kind),
                Kind::Fwd => {
                    let of = if l.kind_flag() {
                        Kind::Union
                    } else {
                        Kind::Struct
                    };
                    return Ok(if same_kind {
                        l.kind_flag() == t.kind_flag()
                    } else {
                        behind_pointer && t.kind() == of
                    });
                }
                Kind::Enum | Kind::Enum64 => {
                    return Ok(t.kind().is_enum() && self.enums_match(&l, &t)?);
                }
                Kind::Struct | Kind::Union if behind_pointer => {
                    return Ok(same_kind
                        || t.kind() == Kind::Fwd && (l.kind() == Kind::Union) == t.kind_flag());
                }
                Kind::Struct | Kind::Union => {
                    return Ok(same_kind && self.composites_match(&l, &t, level)?);
                }
                Kind::Int => {
                    return Ok(same_kind
                        && l.size_bytes() == t.size_bytes()
                        && l.is_signed() == t.is_signed());
                }
                Kind::Ptr if same_kind => {
                    behind_pointer = true;
                    (l.target(), t.target())
                }
                Kind::Array if same_kind && l.array().2 == t.array().2 => {
                    (l.array().0, t.array().0)
                }
                Kind::FuncProto if same_kind && l.vlen() == t.vlen() => {
                    for (lp, tp) in l.params().zip(t.params()) {
                        if !self.matches(lp.ty, tp.ty, behind_pointer, level - 1)? {
                            return Ok(false);
                        }
                    }
                    (l.target(), t.target())
                }
                _ => return Ok(false),
            };
        }
        Err(DEEP)
    }

    fn names_match(&self, local: NameOffset, target: NameOffset) -> bool {
        names_match(self.local.name_bytes(local), self.target.name_bytes(target))
    }

    fn enums_match(&mut self, l: &TypeRef<'l>, t: &TypeRef<'t>) -> Result<bool, Fail> {
        // The header's mark repeats an enumerator; the target has no such.
        let marks = l
            .enumerators()
            .filter(|e| is_mark(self.local.name_bytes(e.name)));
        if l.size_bytes() != t.size_bytes() || l.vlen() - marks.count() > t.vlen() {
            return Ok(false);
        }
        for local in l.enumerators() {
            let mut found = false;
            for target in t.enumerators() {
                self.step()?;
                found |= self.names_match(local.name, target.name);
                if found {
                    break;
                }
            }
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn composites_match(
        &mut self,
        l: &TypeRef<'l>,
        t: &TypeRef<'t>,
        level: u32,
    ) -> Result<bool, Fail> {
        if l.vlen() > t.vlen() {
            return Ok(false);
        }
        for local in l.members() {
            let mut found = false;
            for target in t.members() {
                self.step()?;
                found = self.names_match(local.name, target.name)
                    && self.matches(local.ty, target.ty, false, level - 1)?;
                if found {
                    break;
                }
            }
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
