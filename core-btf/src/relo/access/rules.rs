//! The rules of the [module](super), one function each.

use super::Verdict;
use super::site::{Part, Site, innermost};
use crate::model::{Kind, TypeId};
use crate::read::Btf;
use crate::relo::flow::Number;
use crate::relo::outcome::Outcome;
use crate::relo::value::Field;

impl Site<'_, '_, '_> {
    /// Rule 6: what else the address contains. `others` are the other offsets in it.
    pub(super) fn steps(&self, address: &Number, others: &[Self]) -> Verdict {
        let mut strides = self.strides()?;
        for &(local, target) in &strides {
            let step = |stride: &u64| stride.is_multiple_of(local.into());
            if local != target && local > 0 && (address.lost || address.strides.iter().any(step)) {
                return Ok(Some(Outcome::ElementSizeDiffers { local, target }));
            }
        }
        for other in others {
            strides.extend(other.strides()?);
        }
        let explained = |stride: &u64| {
            let mut known = strides.iter();
            known.any(|&(local, _)| local > 0 && stride.is_multiple_of(local.into()))
        };
        if !address.strides.iter().all(explained) && self.root_difference()?.is_some() {
            return Ok(Some(Outcome::LayoutDiffers(
                "is reached by counting bytes, in a struct that has changed".into(),
            )));
        }
        Ok(None)
    }

    /// Rule 3, for elements that are reached by an index: the target must not have fewer, unless
    /// the program knows how many it has.
    pub(super) fn indexed(&self, address: &Number) -> Option<Outcome> {
        let (local, target) = self.counts?;
        let moves = address.lost || address.unknown > 1 || !address.strides.is_empty();
        let moves = moves || self.local.is_element && !address.sizes.is_empty();
        let knows = self.takes.size && !self.local.is_element || self.takes.array_size;
        (moves && target < local && target != 0 && !knows)
            .then_some(Outcome::CountDiffers { local, target })
    }

    /// A copy by a helper, of a known or unknown number of bytes.
    pub(super) fn copied(&self, address: &Number, size: Option<i64>, string: bool) -> Verdict {
        if self.local.is_bitfield || self.target.is_bitfield {
            let beside = size.is_none_or(|bytes| bytes > i64::from(self.local.size_bytes));
            return match (self.bitfield(false), size) {
                (None, Some(bytes)) if beside => self.span_difference(bytes.cast_unsigned()),
                (outcome, _) => Ok(outcome),
            };
        }
        let Some(bytes) = size.and_then(|size| u64::try_from(size).ok()) else {
            return self.unknown_copy(address);
        };
        if let Some(outcome) = self.indexed(address) {
            return Ok(Some(outcome));
        }
        let (local_kind, target_kind) = self.kinds()?;
        if (local_kind, target_kind) == (Kind::Array, Kind::Array) {
            return self.copied_array(bytes, string);
        }
        let local_bytes = u64::from(self.local.size_bytes);
        if bytes > local_bytes && !string {
            return match self.field_difference()? {
                None => self.span_difference(bytes),
                other => Ok(other),
            };
        }
        if local_kind.is_composite() && bytes < local_bytes {
            let mut layouts = self.layouts();
            return layouts.span(self.local.ty, self.target.ty, (0, 0), bytes);
        }
        self.field_difference()
    }

    /// Rule 3, for a copy of a known size.
    fn copied_array(&self, bytes: u64, string: bool) -> Verdict {
        let (local, target) = (
            u64::from(self.local.size_bytes),
            u64::from(self.target.size_bytes),
        );
        let difference = self.field_difference()?;
        let part = bytes < local && bytes <= target;
        let whole_string = string && bytes > local && bytes >= target;
        match difference {
            Some(Outcome::CountDiffers { .. }) if part || whole_string => Ok(None),
            None if bytes > local && local > 0 && !string => self.span_difference(bytes),
            other => Ok(other),
        }
    }

    /// A copy of a size that is not known.
    pub(super) fn unknown_copy(&self, address: &Number) -> Verdict {
        if self.local.is_bitfield || self.target.is_bitfield {
            return Ok(self.bitfield(false));
        }
        if let Some(outcome) = self.indexed(address) {
            return Ok(Some(outcome));
        }
        match self.field_difference()? {
            Some(Outcome::CountDiffers { .. }) if self.takes.size => Ok(None),
            other => Ok(other),
        }
    }

    /// A copy whose size is the target's.
    pub(super) fn sized(&self, part: Part) -> Verdict {
        if self.local.is_bitfield || self.target.is_bitfield {
            return Ok(self.bitfield(self.takes.shifts));
        }
        let (local_kind, target_kind) = self.kinds()?;
        if local_kind.is_composite() {
            // Its members are then loaded from the copy, by offsets of their own.
            return match part {
                Part::Same | Part::Type => Ok(None),
                Part::Inner => self.unknown_copy(&Number::unknown()),
            };
        }
        if (local_kind, target_kind) != (Kind::Array, Kind::Array) {
            return self.number(self.local.ty, self.target.ty, self.local.is_element);
        }
        if part != Part::Same {
            let broken = |_| "an array is broken";
            let local = self.local_btf.get(self.local.ty).map_err(broken)?;
            let target = self.target_btf.get(self.target.ty).map_err(broken)?;
            return self.number(local.array().0, target.array().0, true);
        }
        let counts_aside = |d: &Outcome| !matches!(d, Outcome::CountDiffers { .. });
        Ok(self.field_difference()?.filter(counts_aside))
    }

    /// Rule 1, for a number or pointer that is copied with the target's size. libbpf gives sign
    /// and shifts of members, but not of elements: there the local sign must be right.
    fn number(&self, local: TypeId, target: TypeId, element: bool) -> Verdict {
        let Some(difference) = self.layouts().value(local, target)? else {
            return Ok(None);
        };
        let broken = |_| "a type is broken";
        let local = self.local_btf.resolve(local).map_err(broken)?;
        let target = self.target_btf.resolve(target).map_err(broken)?;
        let shifts = self.takes.shifts && !element;
        let same_sign = local.is_signed() == target.is_signed();
        let unsigned = !local.is_signed() && !target.is_signed();
        let right = match difference {
            // There is room for 64 bits.
            _ if local.kind() == Kind::Float || target.size_bytes() > 8 => false,
            Outcome::SizeDiffers { .. } if element => same_sign,
            Outcome::SizeDiffers { .. } if !shifts => unsigned,
            Outcome::SizeDiffers { .. } => same_sign || self.takes.sign,
            Outcome::SignDiffers { .. } => shifts && self.takes.sign,
            Outcome::BoolDiffers => shifts && (same_sign || self.takes.sign),
            _ => false,
        };
        Ok(match difference {
            _ if right => None,
            Outcome::SizeDiffers { .. } if !same_sign => Some(Outcome::SignDiffers {
                local_signed: local.is_signed(),
            }),
            other => Some(other),
        })
    }

    /// Rule 2. `shifted` says that the program shifts by what the target's bitfield needs.
    fn bitfield(&self, shifted: bool) -> Option<Outcome> {
        let signed = |btf: &Btf<'_>, id| btf.get(id).is_ok_and(|ty| ty.is_signed());
        let local_signed = signed(self.local_btf, self.local.ty);
        let same_sign = local_signed == signed(self.target_btf, self.target.ty);
        // Wherever the unit is, its bits are shifted and masked alike.
        let in_unit = |field: &Field| {
            let shift = field.offset_bits.wrapping_sub(8 * field.offset_bytes);
            (field.is_bitfield, field.size_bytes, field.bits, shift)
        };
        if in_unit(&self.local) != in_unit(&self.target) && (!shifted || self.target.size_bytes > 8)
        {
            return Some(Outcome::BitfieldDiffers);
        }
        let signed = shifted && self.takes.sign;
        (!same_sign && !signed).then_some(Outcome::SignDiffers { local_signed })
    }

    /// An address whose reads are not seen: judged by what the function asks of the field.
    pub(super) fn unseen(&self) -> Verdict {
        if self.takes.size {
            return self.sized(Part::Same);
        }
        if self.local.is_bitfield || self.target.is_bitfield {
            return Ok(self.bitfield(false));
        }
        if self.kinds()?.0.is_composite() {
            return Ok(None);
        }
        self.field_difference()
    }

    /// Rule 7: the relocated instruction loads or stores itself, as yet at `offset`.
    pub(super) fn loaded(&self, offset: i16) -> Verdict {
        if self.local.is_bitfield || self.target.is_bitfield {
            // The compiler may load a part of the unit, libbpf puts in where the unit starts.
            if u32::try_from(offset) != Ok(self.local.offset_bytes) {
                return Ok(Some(Outcome::BitfieldDiffers));
            }
            let moved = self.local.offset_bytes != self.target.offset_bytes;
            return match self.bitfield(false) {
                None if moved => self.beyond(self.target.size_bytes),
                outcome => Ok(outcome),
            };
        }
        let local = innermost(self.local_btf, self.local.ty);
        let target = innermost(self.target_btf, self.target.ty);
        let (Some(local), Some(target)) = (local, target) else {
            return self.field_difference();
        };
        let (local_bytes, target_bytes) = self.sizes(local, target)?;
        let unsigned = self.local_btf.get(local).is_ok_and(|ty| !ty.is_signed());
        match self.layouts().value(local, target)? {
            None => {}
            // libbpf narrows loads of pointers and unsigned numbers, and poisons others.
            Some(Outcome::SizeDiffers { .. }) if target_bytes < local_bytes && unsigned => {}
            other => return Ok(other),
        }
        self.beyond(target_bytes)
    }

    /// Rule 7: an instruction loads or stores at the address.
    pub(super) fn loaded_by(&self, address: &Number, bytes: u32) -> Verdict {
        let verdict = if self.takes.size {
            self.sized(Part::Same)?
        } else {
            self.copied(address, Some(bytes.into()), false)?
        };
        match verdict {
            None => self.beyond(self.target.size_bytes),
            refused => Ok(refused),
        }
    }

    /// Rule 7: whether the field ends beyond a copy of the local struct.
    fn beyond(&self, target_bytes: u32) -> Verdict {
        let (root_bytes, _) = self.root_sizes()?;
        let room = (u64::from(self.first) + 1) * u64::from(root_bytes);
        let end = u64::from(self.target.offset_bytes) + u64::from(target_bytes);
        Ok((end > room && !self.takes.root_size).then(|| {
            Outcome::LayoutDiffers(format!(
                "ends at byte {end}, the program's copy of the struct has {room}"
            ))
        }))
    }
}
