//! What unit tests make types with.

use crate::model::{CompositeKind, Enumerator, IntEncoding, Member};
use crate::{BtfBuf, Type, TypeId};

/// Types in the making, with short ways to add some.
pub(crate) struct Types(pub(crate) BtfBuf);

impl Types {
    pub(crate) fn new() -> Self {
        Self(BtfBuf::new())
    }

    pub(crate) fn push(&mut self, ty: Type) -> TypeId {
        self.0.push(ty).unwrap()
    }

    pub(crate) fn int(&mut self, name: &str, size_bytes: u32) -> TypeId {
        let name = self.0.intern(name).unwrap();
        self.push(Type::Int {
            name,
            size_bytes,
            encoding: IntEncoding::SIGNED,
            offset_bits: 0,
            bits: u8::try_from(8 * size_bytes).unwrap(),
        })
    }

    /// Members are name, type, bit offset and bitfield width.
    pub(crate) fn composite(
        &mut self,
        kind: CompositeKind,
        name: &str,
        size_bytes: u32,
        members: &[(&str, TypeId, u32, u8)],
    ) -> TypeId {
        let name = self.0.intern(name).unwrap();
        let members = members
            .iter()
            .map(|&(name, ty, offset_bits, bitfield_bits)| Member {
                name: self.0.intern(name).unwrap(),
                ty,
                offset_bits,
                bitfield_bits,
            })
            .collect();
        self.push(Type::Composite {
            kind,
            name,
            size_bytes,
            members,
        })
    }

    pub(crate) fn structure(
        &mut self,
        name: &str,
        size_bytes: u32,
        members: &[(&str, TypeId, u32, u8)],
    ) -> TypeId {
        self.composite(CompositeKind::Struct, name, size_bytes, members)
    }

    pub(crate) fn typedef(&mut self, name: &str, ty: TypeId) -> TypeId {
        let name = self.0.intern(name).unwrap();
        self.push(Type::Typedef { name, ty })
    }

    pub(crate) fn enumeration(
        &mut self,
        name: &str,
        size_bytes: u32,
        signed: bool,
        values: &[(&str, i64)],
    ) -> TypeId {
        let name = self.0.intern(name).unwrap();
        let values = values
            .iter()
            .map(|&(name, value)| Enumerator {
                name: self.0.intern(name).unwrap(),
                value,
            })
            .collect();
        self.push(Type::Enum {
            name,
            size_bytes,
            signed,
            wide: size_bytes == 8,
            values,
        })
    }

    pub(crate) fn array(&mut self, element: TypeId, len: u32) -> TypeId {
        self.push(Type::Array {
            element,
            index: TypeId::VOID,
            len,
        })
    }
}
