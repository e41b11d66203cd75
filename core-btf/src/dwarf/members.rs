//! Structs and unions.

use gimli::{DwTag, constants as dw};

use super::annotations::{self, Owner};
use super::collect::{Collected, LateBitfield, Meaning, VirtualBase};
use super::entries::{Attrs, Names, Slot};
use super::error::{Error, Problem};
use super::list::TypeList;
use super::types::{Frame, pending};
use super::units::Key;
use crate::model::{CompositeKind, IntEncoding, Member, NameOffset, Type, TypeId};
use crate::write::{MAX_BITFIELD_OFFSET, MAX_VLEN};

/// A struct or union whose members are being read.
#[derive(Debug)]
pub(super) struct CompositeFrame {
    key: Key,
    pub(super) ty: TypeId,
    /// Number of members of those around it.
    first_member: usize,
    /// Number of notes on members of other types that are not settled.
    first_tag: usize,
    /// It has base classes, some of which will be left out.
    bases: bool,
    /// Why members cannot be described, if so.
    spoiled: Option<(Key, Problem)>,
    /// A member's offset is not known yet.
    late: bool,
}

/// A pointer to a member: a number, or for a function, a pointer and a number (as the Itanium ABI,
/// which all but one of the compilers follow, has it). Which of them is known at the end.
pub(super) fn member_pointer(
    out: &mut Collected<'_>,
    key: Key,
    attrs: &Attrs<'_>,
) -> Result<Frame, Error> {
    let bits = out.pointer_bytes.saturating_mul(8);
    let name = out.names.intern("long int")?;
    let ty = out.define(
        key,
        Type::Int {
            name,
            size_bytes: out.pointer_bytes.into(),
            encoding: IntEncoding::SIGNED,
            offset_bits: 0,
            bits,
        },
    )?;
    out.member_pointers
        .push((ty, pending(attrs.key(Slot::Type))));
    Ok(Frame::Other)
}

/// What a pointer to a member function is, if `number` is the type of a pointer to other members.
pub(super) fn method_pointer(
    types: &TypeList,
    names: &Names,
    number: TypeId,
) -> Result<Type, Error> {
    let Some(Type::Int { size_bytes, .. }) = types.get(number) else {
        return Ok(Type::Ptr(TypeId::VOID));
    };
    let size_bytes = *size_bytes;
    let member = |name, ty, offset_bits| {
        Ok::<_, Error>(Member {
            name: names.intern(name)?,
            ty,
            offset_bits,
            bitfield_bits: 0,
        })
    };
    let members = vec![
        member("ptr", number, 0)?,
        member("adj", number, 8 * size_bytes)?,
    ];
    Ok(Type::Composite {
        kind: CompositeKind::Struct,
        name: NameOffset::ANONYMOUS,
        size_bytes: 2 * size_bytes,
        members,
    })
}

/// Begins a struct or union. One that is only declared is a FWD, or the definition that its type
/// unit has.
pub(super) fn composite(
    out: &mut Collected<'_>,
    kind: CompositeKind,
    key: Key,
    attrs: &Attrs<'_>,
) -> Result<Frame, Error> {
    if let Some(definition) = attrs.key(Slot::Signature) {
        out.meanings.push((key, Meaning::SameAs(definition)));
        return Ok(Frame::Other);
    }
    let name = attrs.name_offset();
    if attrs.has(Slot::Declaration) && !name.is_anonymous() {
        out.define(key, Type::Fwd { name, kind })?;
        return Ok(Frame::Other);
    }
    let mut spoiled = attrs.odd.map(|odd| (key, Problem::Attribute(odd)));
    let size_bytes = u32::try_from(attrs.get(Slot::ByteSize).unwrap_or(0)).unwrap_or_else(|_| {
        spoiled = Some((key, Problem::Limit("size of a struct or union")));
        0
    });
    let ty = out.define(
        key,
        Type::Composite {
            kind,
            name,
            size_bytes,
            members: Vec::new(),
        },
    )?;
    Ok(Frame::Composite(CompositeFrame {
        key,
        ty,
        first_member: out.members.len(),
        first_tag: out.member_tags.len(),
        bases: false,
        spoiled,
        late: false,
    }))
}

impl CompositeFrame {
    /// Number of its members so far.
    fn count(&self, out: &Collected<'_>) -> usize {
        out.members.len().saturating_sub(self.first_member)
    }

    /// Adds a member or base class; what else stands among the members of a type is no part of
    /// its layout. Says what notes on it are on.
    pub(super) fn add(
        &mut self,
        out: &mut Collected<'_>,
        key: Key,
        tag: DwTag,
        attrs: &Attrs<'_>,
    ) -> Option<Owner> {
        self.bases |= tag == dw::DW_TAG_inheritance;
        out.has_bases |= self.bases;
        let problem = match tag {
            // A static member of a C++ class is a declaration.
            dw::DW_TAG_member if attrs.has(Slot::Declaration) || attrs.has(Slot::External) => {
                return None;
            }
            // Where it is depends on the type of the whole object.
            dw::DW_TAG_inheritance if attrs.has(Slot::Virtuality) => {
                let offset = attrs.get(Slot::VtableOffset).map(u64::cast_signed);
                match offset.and_then(|it| i32::try_from(it).ok()) {
                    Some(vtable_offset) => out.virtual_bases.push(VirtualBase {
                        class: self.ty,
                        base: pending(attrs.key(Slot::Type)),
                        vtable_offset,
                    }),
                    None => {
                        out.warn(key, Problem::VirtualBase);
                    }
                }
                return None;
            }
            dw::DW_TAG_member | dw::DW_TAG_inheritance => match attrs.odd {
                None => match self.place(out, attrs) {
                    Ok((offset_bits, bitfield_bits)) => {
                        out.members.push(Member {
                            name: attrs.name_offset(),
                            ty: pending(attrs.key(Slot::Type)),
                            offset_bits,
                            bitfield_bits,
                        });
                        return Some(Owner::Part(self.ty, self.count(out) - 1));
                    }
                    Err(problem) => problem,
                },
                Some(odd) => Problem::Attribute(odd),
            },
            dw::DW_TAG_variant_part => Problem::Tag(tag),
            _ => return None,
        };
        self.spoiled.get_or_insert((key, problem));
        None
    }

    /// Offset in bits, and width in bits if it is a bitfield, of a member.
    fn place(&mut self, out: &mut Collected<'_>, attrs: &Attrs<'_>) -> Result<(u32, u8), Problem> {
        const LIMIT: Problem = Problem::Limit("offset of a member");
        let start = attrs
            .get(Slot::Location)
            .unwrap_or(0)
            .checked_mul(8)
            .ok_or(LIMIT)?;
        let Some(bits) = attrs.get(Slot::BitSize) else {
            // A member may be placed in bits without being a bitfield (Ada).
            let offset = start.saturating_add(attrs.get(Slot::DataBitOffset).unwrap_or(0));
            return u32::try_from(offset)
                .map(|offset| (offset, 0))
                .map_err(|_| LIMIT);
        };
        let width = u8::try_from(bits)
            .ok()
            .filter(|width| (1..=128).contains(width))
            .ok_or(Problem::Attribute(dw::DW_AT_bit_size))?;
        let bit_offset = attrs.get(Slot::BitOffset).map(u64::cast_signed);
        let offset = match (attrs.get(Slot::DataBitOffset), bit_offset) {
            (Some(offset), _) => start.saturating_add(offset),
            (None, None) => start,
            (None, Some(from_top)) => {
                if attrs.get(Slot::ByteSize).is_none() {
                    self.late = true;
                    out.late_bitfields.push(LateBitfield {
                        ty: self.ty,
                        member: self.count(out),
                        bit_offset: from_top,
                    });
                    start
                } else {
                    let storage = attrs.get(Slot::ByteSize).unwrap_or(0);
                    bitfield_offset(start, storage, from_top, bits, out.big_endian)
                        .ok_or(Problem::Attribute(dw::DW_AT_bit_offset))?
                }
            }
        };
        u32::try_from(offset)
            .map(|offset| (offset, width))
            .map_err(|_| LIMIT)
    }

    /// Stores the members, by ascending offset.
    pub(super) fn close(mut self, out: &mut Collected<'_>) {
        let mut members = out.members.split_off(self.first_member);
        let sorted = members.is_sorted_by_key(|member| member.offset_bits);
        let tagged = out.member_tags.len() > self.first_tag;
        if tagged {
            self.settle_tags(out, &members);
        }
        if !self.late && !sorted {
            members.sort_by_key(|member| member.offset_bits);
        }
        let bitfields = members.iter().any(|member| member.bitfield_bits != 0);
        let last = members.last().map_or(0, |member| member.offset_bits);
        if members.len() as u64 > MAX_VLEN {
            let problem = Problem::Limit("number of members");
            self.spoiled.get_or_insert((self.key, problem));
        } else if bitfields && u64::from(last) > MAX_BITFIELD_OFFSET {
            let problem = Problem::Limit("offset of a bitfield");
            self.spoiled.get_or_insert((self.key, problem));
        }
        if let Some((key, problem)) = self.spoiled {
            out.stand_in(self.ty, key, problem);
        } else if let Some(Type::Composite { members: place, .. }) = out.types.get_mut(self.ty) {
            *place = members;
        }
    }

    /// Gives notes on members the numbers that those have when they are sorted. Numbers that are not
    /// known yet, or of no use, leave no note.
    fn settle_tags(&self, out: &mut Collected<'_>, members: &[Member]) {
        let unknown = self.late || self.bases || self.spoiled.is_some();
        let mut order: Vec<usize> = (0..members.len()).collect();
        order.sort_by_key(|at| members.get(*at).map(|member| member.offset_bits));
        let mut places = vec![0; order.len()];
        for (place, at) in order.into_iter().enumerate() {
            if let Some(to) = places.get_mut(at) {
                *to = place;
            }
        }
        annotations::settle(out, self.first_tag, |at| {
            places.get(at).copied().filter(|_| !unknown)
        });
    }
}

/// Bits from the start of a struct to a bitfield that DWARF 2 and 3 describe by its storage unit
/// (from `start`, in bits, `storage` bytes long) and the distance `from_top` of its highest bit
/// from that of the unit. `None` when it begins before the struct.
pub(super) fn bitfield_offset(
    start: u64,
    storage: u64,
    from_top: i64,
    bits: u64,
    big_endian: bool,
) -> Option<u64> {
    let start = i64::try_from(start).ok()?;
    let offset = if big_endian {
        start.checked_add(from_top)?
    } else {
        let end = i64::try_from(storage.checked_mul(8)?).ok()?;
        start
            .checked_add(end)?
            .checked_sub(from_top)?
            .checked_sub(i64::try_from(bits).ok()?)?
    };
    u64::try_from(offset).ok()
}
