//! The types that values have, and what pointers lead to.

use gimli::constants as dw;

use super::convert::Converter;
use super::dies::{DieId, Dies};
use super::leaves::{leaves, type_params, unwrap};
use crate::dwarf::error::Error;
use crate::model::{IntEncoding, Type as BtfType, TypeId};
use crate::rust::{Metadata, Primitive, Storage, Type, View};

/// How many wrappers may be around a value.
const MAX_WRAPPERS: u32 = 64;

impl Converter<'_> {
    /// The type that a value of this entry has.
    pub(super) fn value(&mut self, die: DieId) -> Result<TypeId, Error> {
        if let Some(known) = self.values.get(&die) {
            return Ok(*known);
        }
        let ty = self.new_value(die)?;
        self.values.insert(die, ty);
        Ok(ty)
    }

    fn new_value(&mut self, die: DieId) -> Result<TypeId, Error> {
        let die = self.without_wrappers(die)?;
        let ty = self.dies.ty(die);
        match ty.unwrapped().view() {
            View::Primitive(primitive) => {
                let bytes = u64::from(primitive.size_bytes(self.dies.pointer_bytes));
                if self.dies.size(die) == Some(bytes) {
                    self.primitive(primitive)
                } else {
                    Err(self.error(die, format!("does not have {bytes} bytes")))
                }
            }
            View::Pointer(_) => self.pointer(die),
            View::Array(..) => self.array(die),
            _ => self.whole(die),
        }
    }

    /// What is inside all wrappers that show what they hold.
    fn without_wrappers(&self, die: DieId) -> Result<DieId, Error> {
        let mut die = die;
        for _ in 0..MAX_WRAPPERS {
            let ty = self.dies.ty(die);
            let View::Same(inner) = ty.view() else {
                return Ok(die);
            };
            // Primitives are made without their entry.
            if let Type::Primitive(_) = inner {
                return Ok(die);
            }
            let found = unwrap(self.dies, die, &inner).or_else(|| {
                type_params(self.dies, die)
                    .into_iter()
                    .find_map(|(param, ty)| (ty == inner).then_some(param))
            });
            let found = found.filter(|found| self.dies.size(*found) == self.dies.size(die));
            die = found.ok_or_else(|| self.error(die, "does not wrap its value as expected"))?;
        }
        Err(self.error(die, "has too many wrappers"))
    }

    pub(super) fn primitive(&mut self, primitive: Primitive) -> Result<TypeId, Error> {
        if let Some(id) = self.primitives.get(&primitive) {
            return Ok(*id);
        }
        let name = self.intern(primitive.c_name(self.dies.pointer_bytes))?;
        let size_bytes = primitive.size_bytes(self.dies.pointer_bytes);
        let int = |encoding| BtfType::Int {
            name,
            size_bytes,
            encoding,
            offset_bits: 0,
            #[expect(clippy::cast_possible_truncation, reason = "at most 128")]
            bits: size_bytes as u8 * 8,
        };
        let id = self.types.push(match primitive.storage() {
            Storage::Float => BtfType::Float { name, size_bytes },
            Storage::Signed => int(IntEncoding::SIGNED),
            Storage::Unsigned => int(IntEncoding::UNSIGNED),
            Storage::Bool => int(IntEncoding::BOOL),
        })?;
        self.primitives.insert(primitive, id);
        Ok(id)
    }

    pub(super) fn pointer_to(&mut self, to: TypeId) -> Result<TypeId, Error> {
        if let Some(id) = self.pointers.get(&to) {
            return Ok(*id);
        }
        let id = self.types.push(BtfType::Ptr(to))?;
        self.pointers.insert(to, id);
        Ok(id)
    }

    pub(super) fn array_of(&mut self, element: TypeId, len: u32) -> Result<TypeId, Error> {
        if let Some(id) = self.arrays.get(&(element, len)) {
            return Ok(*id);
        }
        let index = if let Some(index) = self.index {
            index
        } else {
            let name = self.intern("__ARRAY_SIZE_TYPE__")?;
            self.types.push(BtfType::Int {
                name,
                size_bytes: 4,
                encoding: IntEncoding::UNSIGNED,
                offset_bits: 0,
                bits: 32,
            })?
        };
        self.index = Some(index);
        let id = self.types.push(BtfType::Array {
            element,
            index,
            len,
        })?;
        self.arrays.insert((element, len), id);
        Ok(id)
    }

    fn array(&mut self, die: DieId) -> Result<TypeId, Error> {
        let (Some(element), Some(len)) = (self.dies.type_of(die), self.dies.array_len(die)) else {
            return Err(self.error(die, "is not an array"));
        };
        let len = u32::try_from(len).map_err(|_| self.error(die, "has more than 2^32 elements"))?;
        let element = self.value(element)?;
        self.array_of(element, len)
    }

    /// A pointer, in whatever it is wrapped.
    fn pointer(&mut self, die: DieId) -> Result<TypeId, Error> {
        if self.dies.size(die) != Some(self.dies.pointer_bytes.into()) {
            // To a type of the user's that turns out to be unsized.
            return self.whole(die);
        }
        let pointer =
            address(self.dies, die).ok_or_else(|| self.error(die, "does not hold one pointer"))?;
        let to = self.pointee(self.dies.type_of(pointer))?;
        self.pointer_to(to)
    }

    /// The type behind a pointer.
    pub(super) fn pointee(&mut self, die: Option<DieId>) -> Result<TypeId, Error> {
        let Some(die) = die else {
            return Ok(TypeId::VOID);
        };
        if self.dies.tag(die) == dw::DW_TAG_subroutine_type {
            return Ok(TypeId::VOID);
        }
        let die = self.without_wrappers(die)?;
        let ty = self.dies.ty(die);
        let is_opaque = match &ty {
            Type::Dyn(_) => true,
            ty => *ty == Type::UNIT || ty.as_std() == Some(("ffi", "c_void")),
        };
        if is_opaque {
            return Ok(TypeId::VOID);
        }
        if let Metadata::Length(Type::Primitive(element)) = ty.metadata()
            && ty.view() == View::Unknown
        {
            return self.primitive(element);
        }
        // An enum without data is no longer than its declaration.
        let is_enum = self.dies.tag(die) == dw::DW_TAG_enumeration_type;
        if self.is_declared(&ty) && !is_enum {
            return Ok(self.slot(die)?.ty);
        }
        self.value(die)
    }

    /// Whether a type is only declared where a pointer leads to it: those of other crates are,
    /// unless they have a view or all is wanted.
    pub(super) fn is_declared(&self, ty: &Type) -> bool {
        let foreign = match ty {
            Type::Path(path) => path.krate() != self.local,
            _ => false,
        };
        foreign && ty.view() == View::Unknown && !self.deep
    }
}

/// The pointer that a non-null pointer, or an option of one, is.
fn address(dies: &Dies<'_>, die: DieId) -> Option<DieId> {
    let mut die = die;
    for _ in 0..MAX_WRAPPERS {
        if dies.tag(die) == dw::DW_TAG_pointer_type {
            return Some(die);
        }
        let Some(variants) = dies.variant_part(die) else {
            let mut pointers = leaves(dies, die, &[])?
                .into_iter()
                .filter(|leaf| dies.tag(leaf.die) == dw::DW_TAG_pointer_type);
            return pointers
                .next()
                .filter(|_| pointers.next().is_none())
                .map(|leaf| leaf.die);
        };
        die = dies
            .children_of(variants, dw::DW_TAG_variant)
            .find_map(|(variant, _)| {
                let (variant, _) = dies.children_of(variant, dw::DW_TAG_member).next()?;
                let (value, _) = dies
                    .children_of(dies.type_of(variant)?, dw::DW_TAG_member)
                    .next()?;
                dies.type_of(value)
            })?;
    }
    None
}
