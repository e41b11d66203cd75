//! Whether bytes of a target type mean what a program compiled against the local type takes them
//! for.

use std::collections::{HashMap, HashSet};

use crate::model::{Kind, Member, TypeId};
use crate::read::{Btf, TypeRef};
use crate::relo::matching::MAX_STEPS;
use crate::relo::name::essential_name;
use crate::relo::outcome::Outcome;
use crate::relo::spec::{Fail, size_of, type_name};

/// Deepest nesting of structs, arrays and pointers that is compared; what is deeper is taken for
/// different.
const MAX_DEPTH: u32 = 32;

/// Most comparisons for one answer.
const MAX_COMPARED: u32 = 1 << 14;

/// Two blobs whose types are compared.
pub(crate) struct Layouts<'x, 'l, 't> {
    pub(crate) local: &'x Btf<'l>,
    pub(crate) target: &'x Btf<'t>,
    steps: u32,
}

/// Members by name: type, offset in bits, width of a bitfield.
type Places<'t> = HashMap<&'t [u8], (TypeId, u32, u8)>;

/// The first difference that matters; none means that the bytes can be read.
pub(crate) type Difference = Option<Outcome>;

fn different(what: impl Into<String>) -> Outcome {
    Outcome::LayoutDiffers(what.into())
}

/// `char`, signed on some machines and unsigned on others, is text: its sign does not count among
/// the bytes of an array or behind a pointer.
fn is_text(local: &TypeRef<'_>, target: &TypeRef<'_>) -> bool {
    local.size_bytes() == 1
        && target.size_bytes() == 1
        && (local.name_bytes() == b"char" || target.name_bytes() == b"char")
}

impl<'x, 'l, 't> Layouts<'x, 'l, 't> {
    pub(crate) fn new(local: &'x Btf<'l>, target: &'x Btf<'t>) -> Self {
        Self {
            local,
            target,
            steps: MAX_COMPARED,
        }
    }

    /// Compares values of two types that are read whole.
    pub(crate) fn value(&mut self, local: TypeId, target: TypeId) -> Result<Difference, Fail> {
        self.compare(local, target, false, MAX_DEPTH)
    }

    fn compare(
        &mut self,
        local: TypeId,
        target: TypeId,
        text: bool,
        depth: u32,
    ) -> Result<Difference, Fail> {
        let step = self.steps.checked_sub(1);
        let (Some(depth), Some(steps)) = (depth.checked_sub(1), step) else {
            return Ok(Some(different("is too deeply nested to be compared")));
        };
        self.steps = steps;
        let l = self.local.resolve(local).map_err(|_| "a type is broken")?;
        let t = self
            .target
            .resolve(target)
            .map_err(|_| "a type is broken")?;
        let sizes = |l: u32, t: u32| {
            (l != t).then_some(Outcome::SizeDiffers {
                local: l,
                target: t,
            })
        };
        let sign = || {
            (l.is_signed() != t.is_signed()).then_some(Outcome::SignDiffers {
                local_signed: l.is_signed(),
            })
        };
        match (l.kind(), t.kind()) {
            (Kind::Int, Kind::Int) => {
                // Compilers take a bool for 0 or 1: other values would be misread.
                if l.int().0.is_bool() && !t.int().0.is_bool() {
                    return Ok(Some(Outcome::BoolDiffers));
                }
                let sign = if text && is_text(&l, &t) {
                    None
                } else {
                    sign()
                };
                Ok(sizes(l.size_bytes(), t.size_bytes()).or(sign))
            }
            (Kind::Enum | Kind::Enum64, Kind::Enum | Kind::Enum64) => {
                Ok(sizes(l.size_bytes(), t.size_bytes()).or_else(sign))
            }
            (Kind::Float, Kind::Float) => Ok(sizes(l.size_bytes(), t.size_bytes())),
            (Kind::Ptr, Kind::Ptr) => {
                let difference = sizes(self.local.pointer_bytes(), self.target.pointer_bytes());
                if difference.is_some() {
                    return Ok(difference);
                }
                self.pointee(l.target(), t.target(), depth)
            }
            (Kind::Array, Kind::Array) => {
                let (le, _, ln) = l.array();
                let (te, _, tn) = t.array();
                if let Some(difference) = self.element(le, te, depth)? {
                    return Ok(Some(difference));
                }
                Ok((ln != tn).then_some(Outcome::CountDiffers {
                    local: ln,
                    target: tn,
                }))
            }
            (l_kind, t_kind) if l_kind.is_composite() && t_kind.is_composite() => {
                let difference = sizes(l.size_bytes(), t.size_bytes());
                if difference.is_some() {
                    return Ok(difference);
                }
                let Some(places) = self.places(&t)? else {
                    return Ok(Some(different("has too many members to be compared")));
                };
                self.members(&l, 0, &places, None, depth)
            }
            (Kind::Fwd, Kind::Fwd)
            | (Kind::FuncProto, Kind::FuncProto)
            | (Kind::Void, Kind::Void) => Ok(None),
            _ => Ok(Some(different(format!(
                "is {}, the program reads {}",
                type_name(self.target, t.id()),
                type_name(self.local, l.id())
            )))),
        }
    }

    /// Compares what arrays consist of.
    fn element(&mut self, l: TypeId, t: TypeId, depth: u32) -> Result<Difference, Fail> {
        Ok(match self.compare(l, t, true, depth)? {
            Some(Outcome::SizeDiffers { local, target }) => {
                Some(Outcome::ElementSizeDiffers { local, target })
            }
            other => other,
        })
    }

    /// All local members that `span` touches, at the same places of the target; `l` is `start`
    /// bits into the struct that is compared with `outer`.
    fn members(
        &mut self,
        l: &TypeRef<'l>,
        start: u32,
        places: &Places<'t>,
        span: Option<&Span>,
        depth: u32,
    ) -> Result<Difference, Fail> {
        let Some(depth) = depth.checked_sub(1) else {
            return Ok(Some(different("is too deeply nested to be compared")));
        };
        for member in l.members() {
            let Some(steps) = self.steps.checked_sub(1) else {
                return Ok(Some(different("has too many members to be compared")));
            };
            self.steps = steps;
            let offset = start.wrapping_add(member.offset_bits);
            let name = self.local.name_bytes(member.name);
            if name.is_empty() {
                let inner = self
                    .local
                    .resolve(member.ty)
                    .map_err(|_| "a type is broken")?;
                let difference = self.members(&inner, offset, places, span, depth)?;
                if difference.is_some() {
                    return Ok(difference);
                }
                continue;
            }
            if let Some(span) = span
                && !span.touches(offset, self.bits(&member)?)
            {
                continue;
            }
            let moved = span.map_or(0, |span| span.moved);
            let shown = String::from_utf8_lossy(name);
            let Some(&(found, place, width)) = places.get(name) else {
                return Ok(Some(different(format!(
                    "has no member `{shown}`, which is read with it"
                ))));
            };
            if i64::from(place) != i64::from(offset) + moved || width != member.bitfield_bits {
                return Ok(Some(different(format!(
                    "has member `{shown}` elsewhere, which is read with it"
                ))));
            }
            if let Some(difference) = self.compare(member.ty, found, false, depth)? {
                return Ok(Some(different(format!(
                    "has member `{shown}`, which is read with it: it {difference}"
                ))));
            }
        }
        Ok(None)
    }

    /// Size of a local member.
    fn bits(&self, member: &Member) -> Result<u64, Fail> {
        match member.bitfield_bits {
            0 => Ok(8 * u64::from(size_of(self.local, member.ty)?)),
            bits => Ok(bits.into()),
        }
    }

    /// Whether a copy of `bytes` bytes from local and target offset `starts` of two structs covers
    /// the same: every local member that it touches, at the same distance.
    pub(crate) fn span(
        &mut self,
        local: TypeId,
        target: TypeId,
        starts: (u32, u32),
        bytes: u64,
    ) -> Result<Difference, Fail> {
        let broken = |_| "a type is broken";
        let l = self.local.resolve(local).map_err(broken)?;
        let t = self.target.resolve(target).map_err(broken)?;
        let span = Span {
            first: 8 * u64::from(starts.0),
            end: 8 * (u64::from(starts.0).saturating_add(bytes)),
            moved: 8 * (i64::from(starts.1) - i64::from(starts.0)),
        };
        let (room, target_room) = (u64::from(l.size_bytes()), u64::from(t.size_bytes()));
        let target_end = u64::from(starts.1).saturating_add(bytes);
        if span.end > 8 * room && (l.size_bytes() != t.size_bytes() || span.moved != 0)
            || target_end > target_room && span.end <= 8 * room
        {
            return Ok(Some(different(
                "is read together with what lies beyond its struct",
            )));
        }
        let Some(places) = self.places(&t)? else {
            return Ok(Some(different("has too many members to be compared")));
        };
        self.members(&l, 0, &places, Some(&span), MAX_DEPTH)
    }

    /// All members of a target type, those of anonymous members among them; `None` for more than
    /// any real type has.
    fn places(&mut self, outer: &TypeRef<'t>) -> Result<Option<Places<'t>>, Fail> {
        let mut places = Places::new();
        let mut left = MAX_STEPS;
        let mut open = vec![(*outer, 0_u32)];
        // No type holds another without a name for it twice: the members would be ambiguous.
        let mut seen = HashSet::from([outer.id()]);
        while let Some((ty, start)) = open.pop() {
            for member in ty.members() {
                match left.checked_sub(1) {
                    Some(rest) => left = rest,
                    None => return Ok(None),
                }
                let offset = start.wrapping_add(member.offset_bits);
                let name = self.target.name_bytes(member.name);
                if name.is_empty() {
                    let inner = self.target.resolve(member.ty);
                    let inner = inner.map_err(|_| "a type is broken")?;
                    if !seen.insert(inner.id()) {
                        return Ok(None);
                    }
                    open.push((inner, offset));
                } else {
                    places.insert(name, (member.ty, offset, member.bitfield_bits));
                }
            }
        }
        Ok(Some(places))
    }

    /// Whether what two pointers point to can be read alike. `void`, functions and types without
    /// a name say nothing; structs and unions are compared by name, as an access to them is
    /// relocated by that; numbers have no relocation of their own, so that their size counts.
    fn pointee(&mut self, l: TypeId, t: TypeId, depth: u32) -> Result<Difference, Fail> {
        let ll = self.local.resolve(l).map_err(|_| "a type is broken")?;
        let tt = self.target.resolve(t).map_err(|_| "a type is broken")?;
        let (lk, tk) = (ll.kind(), tt.kind());
        let silent = |kind| matches!(kind, Kind::Void | Kind::FuncProto);
        if silent(lk) || silent(tk) {
            return Ok(None);
        }
        let tagged = |kind: Kind| kind.is_composite() || kind == Kind::Fwd;
        let same = if tagged(lk) && tagged(tk) {
            let (ln, tn) = (names(self.local, l), names(self.target, t));
            ln.is_empty() || tn.is_empty() || ln.iter().any(|name| tn.contains(name))
        } else {
            self.compare(l, t, true, depth)?.is_none()
        };
        if same {
            return Ok(None);
        }
        Ok(Some(different(format!(
            "points to {}, the program expects {}",
            type_name(self.target, t),
            type_name(self.local, l)
        ))))
    }
}

/// The bits that a copy covers in the local struct, and how far away they are in the target.
struct Span {
    first: u64,
    end: u64,
    moved: i64,
}

impl Span {
    fn touches(&self, offset: u32, bits: u64) -> bool {
        let offset = u64::from(offset);
        offset < self.end && offset + bits > self.first
    }
}

/// Tag and typedef names of a type, essential.
fn names<'a>(btf: &Btf<'a>, id: TypeId) -> Vec<&'a [u8]> {
    let mut out = Vec::new();
    let mut id = id;
    for _ in 0..MAX_DEPTH {
        let Ok(ty) = btf.get(id) else { break };
        let name = essential_name(ty.name_bytes());
        if !name.is_empty() && ty.kind() != Kind::TypeTag {
            out.push(name);
        }
        if !ty.kind().is_modifier() && ty.kind() != Kind::Typedef {
            break;
        }
        id = ty.target();
    }
    out
}
