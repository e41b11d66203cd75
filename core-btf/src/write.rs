//! Owned types, interned names, and their encoding.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::error::{Error, Result};
use crate::model::{CompositeKind, Kind, Member, NameOffset, Type, TypeId};
use crate::read::{Btf, Endian, HEADER_BYTES, MAGIC};
use crate::strings::Strings;

/// Most bytes the string section may have: name offsets are 24 bits in the kernel
/// (`BTF_MAX_NAME_OFFSET`).
pub const MAX_STRING_BYTES: u64 = 0x00ff_ffff;
/// Most types: ids are 20 bits in the kernel (`BTF_MAX_TYPE`); libbpf itself takes 31.
pub const MAX_TYPES: u64 = 0x7fff_ffff;
/// Most members, enumerators or parameters of one type (`vlen`).
pub const MAX_VLEN: u64 = 0xffff;
/// Last bit offset that a member of a struct with bitfields can have.
pub(crate) const MAX_BITFIELD_OFFSET: u64 = 0x00ff_ffff;

/// The number of the last of `count` types.
pub(crate) fn number(count: usize) -> Result<TypeId> {
    u32::try_from(count)
        .ok()
        .filter(|_| count as u64 <= MAX_TYPES)
        .map(TypeId)
        .ok_or(Error::Limit {
            what: "number of types",
            value: count as u64,
            limit: MAX_TYPES,
        })
}

/// Types and names in the making.
///
/// Shapes: types are numbered from 1 in the order of [`BtfBuf::push`]; a type may refer to a later
/// one. Nothing is deduplicated but names.
#[derive(Clone, Debug)]
pub struct BtfBuf {
    types: Vec<Type>,
    strings: Strings,
}

impl Default for BtfBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl BtfBuf {
    /// No types, and the empty name at offset 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            types: Vec::new(),
            strings: Strings::new(),
        }
    }

    /// The types of a decoded blob, under the same ids.
    ///
    /// # Errors
    /// Names outside the string section or not UTF-8, [`Error::Invalid`], and [`Error::Mixed`] for a
    /// split blob.
    pub fn from_btf(btf: &Btf<'_>) -> Result<Self> {
        let mut out = Self::new();
        if btf.is_split() {
            return Err(Error::Mixed("bases"));
        }
        // Each name is read once: in a hostile blob, all types have the same long one.
        let mut known = HashMap::new();
        for ty in btf.iter() {
            let mut ty = ty.to_type()?;
            let mut failed = None;
            ty.for_each_name_mut(|name| {
                let new = match known.entry(*name) {
                    Entry::Occupied(known) => Ok(*known.get()),
                    Entry::Vacant(place) => btf
                        .name(*name)
                        .and_then(|text| out.intern(text))
                        .map(|new| *place.insert(new)),
                };
                match new {
                    Ok(offset) => *name = offset,
                    Err(error) => failed = Some(error),
                }
            });
            match failed {
                Some(error) => return Err(error),
                None => out.push(ty)?,
            };
        }
        Ok(out)
    }

    /// Number of types, without `void`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there are no types.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// The types; the first has id 1.
    #[must_use]
    pub fn types(&self) -> &[Type] {
        &self.types
    }

    /// The types with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (TypeId, &Type)> {
        (1..).map(TypeId).zip(&self.types)
    }

    /// The type with this id; `None` for `void` and for ids not yet given.
    #[must_use]
    pub fn get(&self, id: TypeId) -> Option<&Type> {
        self.types.get(id.index().checked_sub(1)?)
    }

    /// The type with this id, to complete it.
    pub fn get_mut(&mut self, id: TypeId) -> Option<&mut Type> {
        self.types.get_mut(id.index().checked_sub(1)?)
    }

    /// The id that the next [`BtfBuf::push`] gives.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub fn next_id(&self) -> Result<TypeId> {
        number(self.types.len() + 1)
    }

    /// Appends a type.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub fn push(&mut self, ty: Type) -> Result<TypeId> {
        let id = self.next_id()?;
        self.types.push(ty);
        Ok(id)
    }

    /// Takes the types out, to be changed and given back by [`BtfBuf::put_types`].
    #[cfg(feature = "make")]
    pub(crate) fn take_types(&mut self) -> Vec<Type> {
        std::mem::take(&mut self.types)
    }

    /// Puts types in the place of those there were.
    #[cfg(feature = "make")]
    pub(crate) fn put_types(&mut self, types: Vec<Type>) {
        self.types = types;
    }

    /// The types and the names they have.
    #[cfg(feature = "dwarf")]
    pub(crate) fn into_types_and_names(self) -> (Vec<Type>, Strings) {
        (self.types, self.strings)
    }

    /// Types whose names are those given.
    #[cfg(feature = "dwarf")]
    pub(crate) fn from_types_and_names(types: Vec<Type>, strings: Strings) -> Self {
        Self { types, strings }
    }

    /// The offset of `name`, which is added when it is not there yet.
    ///
    /// # Errors
    /// [`Error::Limit`] when names would take more than 16 MiB, [`Error::Name`] for a name with a
    /// NUL in it.
    pub fn intern(&mut self, name: &str) -> Result<NameOffset> {
        self.strings.intern(name)
    }

    /// The names.
    #[cfg(feature = "dwarf")]
    pub(crate) fn names(&self) -> &Strings {
        &self.strings
    }

    /// The name at an offset that [`BtfBuf::intern`] gave; empty for any other.
    #[must_use]
    pub fn name(&self, offset: NameOffset) -> &str {
        self.strings.get(offset)
    }

    /// The blob: header, types, names.
    ///
    /// # Errors
    /// [`Error::Limit`] for a type with more records than `vlen` counts or a bitfield beyond
    /// 2 MiB, [`Error::NoSuchType`] for a reference to a type that is not there.
    pub fn encode(&self, endian: Endian) -> Result<Vec<u8>> {
        let mut out = Encoder {
            bytes: Vec::with_capacity(
                HEADER_BYTES + 24 * self.types.len() + self.strings.bytes().len(),
            ),
            endian,
        };
        out.bytes.resize(HEADER_BYTES, 0);
        #[expect(clippy::cast_possible_truncation, reason = "push() keeps to 31 bits")]
        let last = self.types.len() as u32;
        for ty in &self.types {
            let mut bad = None;
            ty.for_each_ref(|id| {
                if id.0 > last {
                    bad = Some(id);
                }
            });
            if let Some(ty) = bad {
                return Err(Error::NoSuchType { ty, last });
            }
            out.type_(ty)?;
        }
        let types_len = word(out.bytes.len() - HEADER_BYTES, "bytes of types")?;
        let strings_len = word(self.strings.bytes().len(), "bytes of names")?;
        out.bytes.extend_from_slice(self.strings.bytes());

        let mut header = Encoder {
            bytes: Vec::with_capacity(HEADER_BYTES),
            endian,
        };
        header.bytes.extend_from_slice(&match endian {
            Endian::Little => MAGIC.to_le_bytes(),
            Endian::Big => MAGIC.to_be_bytes(),
        });
        header.bytes.extend_from_slice(&[1, 0]);
        for field in [
            word(HEADER_BYTES, "header")?,
            0,
            types_len,
            types_len,
            strings_len,
        ] {
            header.word(field);
        }
        if let Some(place) = out.bytes.get_mut(..HEADER_BYTES) {
            place.copy_from_slice(&header.bytes);
        }
        Ok(out.bytes)
    }
}

fn word(value: usize, what: &'static str) -> Result<u32> {
    u32::try_from(value).map_err(|_| Error::Limit {
        what,
        value: value as u64,
        limit: u64::from(u32::MAX),
    })
}

struct Encoder {
    bytes: Vec<u8>,
    endian: Endian,
}

impl Encoder {
    fn word(&mut self, word: u32) {
        self.bytes.extend_from_slice(&match self.endian {
            Endian::Little => word.to_le_bytes(),
            Endian::Big => word.to_be_bytes(),
        });
    }

    /// `struct btf_type`.
    fn common(
        &mut self,
        kind: Kind,
        flag: bool,
        vlen: usize,
        name: NameOffset,
        size_or_type: u32,
    ) -> Result<()> {
        let vlen = u16::try_from(vlen).map_err(|_| Error::Limit {
            what: "members, enumerators or parameters of one type",
            value: vlen as u64,
            limit: MAX_VLEN,
        })?;
        self.word(name.0);
        self.word(u32::from(flag) << 31 | (kind as u32) << 24 | u32::from(vlen));
        self.word(size_or_type);
        Ok(())
    }

    fn members(&mut self, members: &[Member], bitfields: bool) -> Result<()> {
        for member in members {
            let mut offset = member.offset_bits;
            if bitfields {
                if u64::from(offset) > MAX_BITFIELD_OFFSET {
                    return Err(Error::Limit {
                        what: "bit offset in a struct with bitfields",
                        value: u64::from(offset),
                        limit: MAX_BITFIELD_OFFSET,
                    });
                }
                offset |= u32::from(member.bitfield_bits) << 24;
            }
            self.word(member.name.0);
            self.word(member.ty.0);
            self.word(offset);
        }
        Ok(())
    }

    fn type_(&mut self, ty: &Type) -> Result<()> {
        let (kind, name) = (ty.kind(), ty.name());
        match ty {
            Type::Int {
                size_bytes,
                encoding,
                offset_bits,
                bits,
                ..
            } => {
                self.common(kind, false, 0, name, *size_bytes)?;
                self.word(u32::from_be_bytes([
                    encoding.0 & 0xf,
                    *offset_bits,
                    0,
                    *bits,
                ]));
            }
            Type::Ptr(ty) | Type::Volatile(ty) | Type::Const(ty) | Type::Restrict(ty) => {
                self.common(kind, false, 0, name, ty.0)?;
            }
            Type::Array {
                element,
                index,
                len,
            } => {
                self.common(kind, false, 0, name, 0)?;
                self.word(element.0);
                self.word(index.0);
                self.word(*len);
            }
            Type::Composite {
                size_bytes,
                members,
                ..
            } => {
                let bitfields = members.iter().any(|m| m.bitfield_bits != 0);
                self.common(kind, bitfields, members.len(), name, *size_bytes)?;
                self.members(members, bitfields)?;
            }
            Type::Enum {
                size_bytes,
                signed,
                wide,
                values,
                ..
            } => {
                self.common(kind, *signed, values.len(), name, *size_bytes)?;
                for value in values {
                    self.word(value.name.0);
                    let bits = value.value.cast_unsigned();
                    #[expect(clippy::cast_possible_truncation, reason = "the low word")]
                    let (low, high) = (bits as u32, (bits >> 32) as u32);
                    self.word(low);
                    let fits = if *signed {
                        i64::from(low.cast_signed()) == value.value
                    } else {
                        high == 0
                    };
                    if *wide {
                        self.word(high);
                    } else if !fits {
                        return Err(Error::Limit {
                            what: "value of a 32-bit enum",
                            value: bits,
                            limit: u64::from(u32::MAX),
                        });
                    }
                }
            }
            Type::Fwd { kind: of, .. } => {
                self.common(kind, *of == CompositeKind::Union, 0, name, 0)?;
            }
            Type::Typedef { ty, .. } => self.common(kind, false, 0, name, ty.0)?,
            Type::Func { proto, linkage, .. } => {
                self.common(kind, false, usize::from(*linkage), name, proto.0)?;
            }
            Type::FuncProto { returns, params } => {
                self.common(kind, false, params.len(), name, returns.0)?;
                for param in params {
                    self.word(param.name.0);
                    self.word(param.ty.0);
                }
            }
            Type::Var { ty, linkage, .. } => {
                self.common(kind, false, 0, name, ty.0)?;
                self.word(*linkage);
            }
            Type::Datasec {
                size_bytes, vars, ..
            } => {
                self.common(kind, false, vars.len(), name, *size_bytes)?;
                for var in vars {
                    self.word(var.ty.0);
                    self.word(var.offset_bytes);
                    self.word(var.size_bytes);
                }
            }
            Type::Float { size_bytes, .. } => self.common(kind, false, 0, name, *size_bytes)?,
            Type::DeclTag {
                ty,
                component,
                attribute,
                ..
            } => {
                self.common(kind, *attribute, 0, name, ty.0)?;
                self.word(component.cast_unsigned());
            }
            Type::TypeTag { ty, attribute, .. } => {
                self.common(kind, *attribute, 0, name, ty.0)?;
            }
        }
        Ok(())
    }
}
