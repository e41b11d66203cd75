//! Members of structs and unions.

use super::definition::{MAX_DEPTH, Printer};
use super::layout::{self, Body, Field, Lane, Plan, Step};
use super::names::identifier;
use super::scalar::{Spelling, spelling};
use crate::error::{Error, Result};
use crate::model::{Kind, Member, TypeId};
use crate::read::{MAX_CHAIN, TypeRef};

const PACKED: &str = " __attribute__((packed))";

/// Size and alignment of a type, in bits.
#[derive(Clone, Copy, Debug)]
struct Extent {
    size: u64,
    align: u64,
    /// Whether it is no struct or union, nor an array of them.
    scalar: bool,
}

impl<'a> Printer<'_, '_, 'a> {
    /// `{ ... }` of a struct or union, with the attributes its layout takes.
    pub(super) fn body(&mut self, ty: &TypeRef<'a>, depth: usize) -> Result<()> {
        // Through a pointer to a function that takes it, a type without a name may be in itself.
        if self.open.contains(&ty.id()) {
            return Err(Error::Type {
                ty: ty.id(),
                problem: "is part of its own definition",
            });
        }
        let (members, plan) = self.plan(ty, depth)?;
        self.open.push(ty.id());
        self.out.push('{');
        self.end_line(ty.id())?;
        match &plan.body {
            Body::Sequence(lane) => self.lane(ty, &members, lane, depth + 1)?,
            Body::Alternatives(lanes) if ty.kind() == Kind::Union => {
                self.alternatives(ty, &members, lanes, depth + 1)?;
            }
            Body::Alternatives(lanes) => {
                self.indent(depth + 1);
                self.out.push_str("union {");
                self.end_line(ty.id())?;
                self.alternatives(ty, &members, lanes, depth + 2)?;
                self.indent(depth + 1);
                self.close(&plan);
                self.out.push(';');
                self.end_line(ty.id())?;
            }
        }
        self.open.pop();
        self.indent(depth);
        self.close(&plan);
        Ok(())
    }

    fn close(&mut self, plan: &Plan) {
        self.out.push('}');
        if plan.packed {
            self.out.push_str(PACKED);
        }
        if plan.over_aligned {
            let bytes = (plan.align / 8).to_string();
            self.out.extend([" __attribute__((aligned(", &bytes, ")))"]);
        }
    }

    fn alternatives(
        &mut self,
        ty: &TypeRef<'a>,
        members: &[(i32, Member)],
        lanes: &[Lane],
        depth: usize,
    ) -> Result<()> {
        for lane in lanes {
            if let [Step::Field { .. }] = lane.as_slice() {
                self.lane(ty, members, lane, depth)?;
                continue;
            }
            self.indent(depth);
            self.out.push_str("struct {");
            self.end_line(ty.id())?;
            self.lane(ty, members, lane, depth + 1)?;
            self.indent(depth);
            self.out.extend(["}", PACKED, ";"]);
            self.end_line(ty.id())?;
        }
        Ok(())
    }

    fn lane(
        &mut self,
        ty: &TypeRef<'a>,
        members: &[(i32, Member)],
        lane: &[Step],
        depth: usize,
    ) -> Result<()> {
        for step in lane {
            match *step {
                Step::Pad(from, to) => self.padding(ty.id(), from, to, depth)?,
                Step::Field { index, packed } => {
                    if let Some((number, member)) = members.get(index) {
                        self.member(ty, *number, member, packed, depth)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Unnamed bitfields from one bit up to another; none crosses a multiple of 64, so the compiler
    /// puts each right after the one before. What would take too many of them is an array.
    fn padding(&mut self, ty: TypeId, from: u64, to: u64, depth: usize) -> Result<()> {
        const MAX_BITFIELDS: u64 = 8 * 4096;
        let mut at = from;
        while at < to {
            self.indent(depth);
            let next = if at.is_multiple_of(64) && to - at > MAX_BITFIELDS {
                let (start, bytes) = ((at / 8).to_string(), ((to - at) / 8).to_string());
                self.out
                    .extend(["char padding_at_", &start, "[", &bytes, "];"]);
                to / 8 * 8
            } else {
                let next = (at + 1).next_multiple_of(64).min(to);
                self.out
                    .extend(["long long : ", &(next - at).to_string(), ";"]);
                next
            };
            self.end_line(ty)?;
            at = next;
        }
        Ok(())
    }

    fn member(
        &mut self,
        ty: &TypeRef<'a>,
        number: i32,
        member: &Member,
        packed: bool,
        depth: usize,
    ) -> Result<()> {
        self.indent(depth);
        let mut name = identifier(self.btf.name_bytes(member.name)).into_owned();
        let extent = self.extent(member.ty, depth)?;
        if member.bitfield_bits != 0 {
            name.extend([" : ", &member.bitfield_bits.to_string()]);
            self.declarator(member.ty, name, depth)?;
        } else if extent.is_none() {
            self.out.extend(["char ", &name, "[0]"]);
        } else if name.is_empty() {
            // An unnamed member has no tag in C, even if its type has one in BTF.
            let inner = self.btf.resolve(member.ty)?;
            self.out.push_str(match inner.kind() {
                Kind::Union => "union ",
                _ => "struct ",
            });
            self.body(&inner, depth)?;
        } else {
            self.declarator(member.ty, name, depth)?;
        }
        if packed {
            self.out.push_str(PACKED);
        }
        self.push_annotations(ty.id(), number);
        self.out.push(';');
        self.end_line(ty.id())
    }

    /// How to write a struct or union: its members with their numbers, those that C has no place
    /// for left out, and the plan for them.
    fn plan(&mut self, ty: &TypeRef<'a>, depth: usize) -> Result<(Vec<(i32, Member)>, Plan)> {
        if depth > MAX_DEPTH {
            return Err(Error::Type {
                ty: ty.id(),
                problem: "nests deeper than 100 levels",
            });
        }
        let outside = || Error::Type {
            ty: ty.id(),
            problem: "has a member that C can't place: outside of it, or inside a byte",
        };
        let mut members = Vec::with_capacity(ty.vlen());
        let mut fields = Vec::with_capacity(ty.vlen());
        for (number, mut member) in (0..).zip(ty.members()) {
            if member.bitfield_bits == 0 && self.is_legacy_bitfield(member.ty)? {
                let (_, offset, bits) = self.btf.resolve(member.ty)?.int();
                let start = member.offset_bits.checked_add(u32::from(offset));
                member.offset_bits = start.ok_or_else(outside)?;
                member.bitfield_bits = bits;
            }
            if self.btf.name_bytes(member.name).is_empty()
                && (member.bitfield_bits != 0
                    || !self.btf.resolve(member.ty)?.kind().is_composite())
            {
                continue;
            }
            let field = self.field(&member, depth)?;
            if field.is_outside(u64::from(ty.size_bytes()) * 8) {
                return Err(outside());
            }
            fields.push(field);
            members.push((number, member));
        }
        let size = u64::from(ty.size_bytes()) * 8;
        let plan = layout::plan(ty.kind() == Kind::Union, &fields, size);
        #[expect(clippy::cast_possible_truncation, reason = "at most 128 bits")]
        if let Some(align) = self.aligns.get_mut(ty.id().index()) {
            *align = plan.align as u32;
        }
        Ok((members, plan))
    }

    fn field(&mut self, member: &Member, depth: usize) -> Result<Field> {
        let extent = self.extent(member.ty, depth)?.unwrap_or(Extent {
            size: 0,
            align: 8,
            scalar: false,
        });
        let width = u64::from(member.bitfield_bits);
        if width > extent.size {
            return Err(Error::Type {
                ty: member.ty,
                problem: "is narrower than a bitfield of it",
            });
        }
        Ok(Field {
            offset: u64::from(member.offset_bits),
            size: if width == 0 { extent.size } else { width },
            align: extent.align,
            bitfield: width != 0,
            scalar: extent.scalar,
        })
    }

    /// Bitfields of old are ordinary members of an integer type that has fewer bits than bytes.
    pub(super) fn is_legacy_bitfield(&self, ty: TypeId) -> Result<bool> {
        let ty = self.btf.resolve(ty)?;
        let (_, offset, bits) = ty.int();
        Ok(ty.kind() == Kind::Int
            && bits != 0
            && (offset != 0 || u32::from(bits) != ty.size_bytes().saturating_mul(8)))
    }

    /// Size and alignment as the compiler sees the printed type; `None` for a type without size.
    fn extent(&mut self, id: TypeId, depth: usize) -> Result<Option<Extent>> {
        let mut count = 1_u64;
        let mut ty = self.btf.resolve(id)?;
        for _ in 0..MAX_CHAIN {
            let scalar = |bytes: u32, align: u32| Extent {
                size: 8 * u64::from(bytes),
                align: 8 * u64::from(align),
                scalar: true,
            };
            let extent = match ty.kind() {
                Kind::Array => {
                    let (element, _, len) = ty.array();
                    count = count.saturating_mul(u64::from(len));
                    ty = self.btf.resolve(element)?;
                    continue;
                }
                Kind::Ptr => scalar(self.pointer_bytes, self.pointer_bytes),
                Kind::Int | Kind::Float => match spelling(&ty, self.pointer_bytes) {
                    Spelling::Name(_) => scalar(ty.size_bytes(), ty.size_bytes()),
                    Spelling::Bytes(bytes) => scalar(bytes, 1),
                },
                Kind::Enum | Kind::Enum64 if ty.size_bytes() == 0 => return Ok(None),
                Kind::Enum | Kind::Enum64 => scalar(ty.size_bytes(), ty.size_bytes()),
                Kind::Struct | Kind::Union => Extent {
                    size: 8 * u64::from(ty.size_bytes()),
                    align: self.align(&ty, depth)?,
                    scalar: false,
                },
                _ => return Ok(None),
            };
            return Ok(Some(Extent {
                size: extent.size.saturating_mul(count),
                ..extent
            }));
        }
        Err(Error::Type {
            ty: id,
            problem: "is an array of itself, or of too many others",
        })
    }

    fn align(&mut self, ty: &TypeRef<'a>, depth: usize) -> Result<u64> {
        match self.aligns.get(ty.id().index()) {
            Some(&align) if align != 0 => Ok(u64::from(align)),
            _ => Ok(self.plan(ty, depth + 1)?.1.align),
        }
    }
}
