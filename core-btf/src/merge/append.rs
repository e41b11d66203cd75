//! The full merge: blobs one after the other, nothing compared, nothing renumbered in the first.

use crate::error::{Error, Result};
use crate::model::Kind;
use crate::read::{Btf, Endian, HEADER_BYTES, MAGIC};

/// Largest offset of a name that libbpf takes (`BTF_MAX_STR_OFFSET`).
const MAX_NAME_OFFSET: u64 = 0x7fff_ffff;

/// Appends the types of `others` to those of `base`, whose ids do not change. Nothing is
/// deduplicated.
///
/// # Errors
/// [`Error::Mixed`] when byte orders differ or a blob is split, [`Error::Limit`] when ids or name offsets no longer
/// fit.
pub fn append(base: &Btf<'_>, others: &[&Btf<'_>]) -> Result<Vec<u8>> {
    let all = || std::iter::once(base).chain(others.iter().copied());
    if all().any(|btf| btf.endian() != base.endian()) {
        return Err(Error::Mixed("byte orders"));
    }
    if all().any(Btf::is_split) {
        return Err(Error::Mixed("bases"));
    }
    let types_len: usize = all().map(|btf| btf.type_bytes().len()).sum();
    let strings_len: usize = all().map(|btf| btf.string_bytes().len()).sum();
    let count: usize = all().map(Btf::len).sum();
    let limit = |what, value: usize, limit| {
        u32::try_from(value)
            .ok()
            .filter(|&value| u64::from(value) <= limit)
            .ok_or(Error::Limit {
                what,
                value: value as u64,
                limit,
            })
    };
    limit("number of types", count, crate::write::MAX_TYPES)?;
    let types_field = limit("bytes of types", types_len, u32::MAX.into())?;
    let strings_field = limit("bytes of names", strings_len, MAX_NAME_OFFSET)?;

    let mut out = Vec::with_capacity(HEADER_BYTES + types_len + strings_len);
    header(&mut out, base.endian(), types_field, strings_field);
    out.extend_from_slice(base.type_bytes());
    let (mut ids, mut names) = (base.len(), base.string_bytes().len());
    for btf in others {
        // Both stay below the limits checked above.
        #[expect(clippy::cast_possible_truncation, reason = "checked above")]
        let moved = Moved {
            endian: base.endian(),
            ids: ids as u32,
            names: names as u32,
        };
        let start = out.len();
        out.extend_from_slice(btf.type_bytes());
        let mut rest = out.get_mut(start..).unwrap_or_default();
        for (kind, len) in btf.extents() {
            let (ty, after) = rest.split_at_mut_checked(len).unwrap_or_default();
            moved.type_(kind, ty);
            rest = after;
        }
        ids += btf.len();
        names += btf.string_bytes().len();
    }
    for btf in all() {
        out.extend_from_slice(btf.string_bytes());
    }
    Ok(out)
}

fn header(out: &mut Vec<u8>, endian: Endian, types: u32, strings: u32) {
    #[expect(clippy::cast_possible_truncation, reason = "24")]
    let words = [HEADER_BYTES as u32, 0, types, types, strings];
    out.extend_from_slice(&endian.u16_bytes(MAGIC));
    out.extend_from_slice(&[1, 0]);
    for word in words {
        out.extend_from_slice(&endian.u32_bytes(word));
    }
}

/// Where the references of an appended blob move.
struct Moved {
    endian: Endian,
    ids: u32,
    names: u32,
}

impl Moved {
    fn word(&self, ty: &mut [u8], at: usize, by: u32) {
        if let Some(place) = ty.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            let old = self.endian.u32(*place);
            // 0 is `void` and the empty name, in every blob.
            if old != 0 {
                *place = self.endian.u32_bytes(old.saturating_add(by));
            }
        }
    }

    fn name(&self, ty: &mut [u8], at: usize) {
        self.word(ty, at, self.names);
    }

    fn id(&self, ty: &mut [u8], at: usize) {
        self.word(ty, at, self.ids);
    }

    fn type_(&self, kind: Kind, ty: &mut [u8]) {
        self.name(ty, 0);
        match kind {
            Kind::Void | Kind::Int | Kind::Fwd | Kind::Float => {}
            Kind::Ptr
            | Kind::Typedef
            | Kind::Volatile
            | Kind::Const
            | Kind::Restrict
            | Kind::Func
            | Kind::Var
            | Kind::DeclTag
            | Kind::TypeTag => self.id(ty, 8),
            Kind::Array => {
                self.id(ty, 12);
                self.id(ty, 16);
            }
            Kind::Struct | Kind::Union => {
                for at in (12..ty.len()).step_by(12) {
                    self.name(ty, at);
                    self.id(ty, at + 4);
                }
            }
            Kind::Enum => {
                for at in (12..ty.len()).step_by(8) {
                    self.name(ty, at);
                }
            }
            Kind::Enum64 => {
                for at in (12..ty.len()).step_by(12) {
                    self.name(ty, at);
                }
            }
            Kind::FuncProto => {
                self.id(ty, 8);
                for at in (12..ty.len()).step_by(8) {
                    self.name(ty, at);
                    self.id(ty, at + 4);
                }
            }
            Kind::Datasec => {
                for at in (12..ty.len()).step_by(12) {
                    self.id(ty, at);
                }
            }
        }
    }
}
