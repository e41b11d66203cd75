//! Arrays: of one dimension each, the outermost being what an entry stands for.

use gimli::{DwTag, constants as dw};

use super::collect::{Collected, local};
use super::entries::{Attrs, Slot};
use super::error::{Error, Problem};
use super::types::{Frame, opaque, pending};
use super::units::Key;
use crate::model::{CompositeKind, IntEncoding, NameOffset, Type, TypeId};

/// An array whose dimensions are being read.
#[derive(Debug)]
pub(super) struct ArrayFrame {
    key: Key,
    ty: TypeId,
    element: TypeId,
    /// In the order of the entries.
    dimensions: Vec<u32>,
    /// The last dimension is the outermost, and not the first (Fortran).
    column_major: bool,
    /// Why the array cannot be described, if so.
    spoiled: Option<(Key, Problem)>,
}

/// Begins an array.
pub(super) fn array(out: &mut Collected<'_>, key: Key, attrs: &Attrs<'_>) -> Result<Frame, Error> {
    if let Some(odd) = attrs.odd {
        return opaque(out, key, attrs, Problem::Attribute(odd));
    }
    let element = pending(attrs.key(Slot::Type));
    let index = index_type(out, key)?;
    let ty = out.define(
        key,
        Type::Array {
            element,
            index,
            len: 0,
        },
    )?;
    Ok(Frame::Array(ArrayFrame {
        key,
        ty,
        element,
        dimensions: Vec::new(),
        column_major: attrs.has(Slot::ColumnMajor),
        spoiled: None,
    }))
}

impl ArrayFrame {
    /// Adds a dimension.
    pub(super) fn add(&mut self, out: &mut Collected<'_>, key: Key, tag: DwTag, attrs: &Attrs<'_>) {
        let len = match tag {
            dw::DW_TAG_subrange_type => length(out, key, attrs),
            _ => Ok(0),
        };
        match len {
            Ok(len) => self.dimensions.push(len),
            Err(problem) => {
                self.spoiled.get_or_insert((key, problem));
            }
        }
    }

    /// Stores the dimensions.
    pub(super) fn close(mut self, out: &mut Collected<'_>) -> Result<(), Error> {
        if let Some((key, problem)) = self.spoiled {
            if let Some(place) = out.types.get_mut(self.ty) {
                *place = Type::Composite {
                    kind: CompositeKind::Struct,
                    name: NameOffset::ANONYMOUS,
                    size_bytes: 0,
                    members: Vec::new(),
                };
            }
            out.stand_in(self.ty, key, problem);
            return Ok(());
        }
        if self.column_major {
            self.dimensions.reverse();
        }
        let index = index_type(out, self.key)?;
        let mut element = self.element;
        let (outer, inner) = self.dimensions.split_first().unwrap_or((&0, &[]));
        for &len in inner.iter().rev() {
            let ty = out.push(
                self.key,
                Type::Array {
                    element,
                    index,
                    len,
                },
            )?;
            element = local(ty);
        }
        if let Some(place) = out.types.get_mut(self.ty) {
            *place = Type::Array {
                element,
                index,
                len: *outer,
            };
        }
        Ok(())
    }
}

/// BTF wants an integer type as the index of an array. It carries no information: `int` is there
/// already nearly always.
fn index_type(out: &mut Collected<'_>, key: Key) -> Result<TypeId, Error> {
    if let Some(ty) = out.index_type {
        return Ok(local(ty));
    }
    let name = out.names.intern("int")?;
    let ty = out.push(
        key,
        Type::Int {
            name,
            size_bytes: 4,
            encoding: IntEncoding::SIGNED,
            offset_bits: 0,
            bits: 32,
        },
    )?;
    out.index_type = Some(ty);
    Ok(local(ty))
}

/// Number of elements: 0 for flexible, variable-length and GNU zero-length arrays.
fn length(out: &mut Collected<'_>, key: Key, attrs: &Attrs<'_>) -> Result<u32, Problem> {
    if let Some(odd) = attrs.odd {
        return Err(Problem::Attribute(odd));
    }
    let len = match (attrs.number(Slot::Count), attrs.number(Slot::UpperBound)) {
        (Some(count), _) if !count.is_negative() => count.bits,
        (None, Some(upper)) => {
            // -1 is how a length of 0 is written, also by compilers that use an unsigned form.
            if upper.bits == u64::from(u32::MAX) && !upper.signed {
                return Ok(0);
            }
            let lower = match (attrs.number(Slot::LowerBound), out.lower_bound) {
                (Some(lower), _) => lower.bits,
                (None, Some(lower)) => lower,
                (None, None) => return Err(Problem::Missing(dw::DW_AT_lower_bound)),
            };
            upper.bits.wrapping_sub(lower).wrapping_add(1)
        }
        _ => 0,
    };
    Ok(u32::try_from(len).unwrap_or_else(|_| {
        out.warn(key, Problem::Limit("number of elements"));
        0
    }))
}
