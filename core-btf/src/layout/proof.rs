//! The comparison of records with BTF.

use std::collections::HashMap;

use super::record::Record;
use crate::error::Error;
use crate::model::Kind;
use crate::read::{Btf, TypeRef};

/// What a root's `DECL_TAG` starts with; the Rust path follows.
const PATH_TAG: &str = "rust:";

/// Why embedded BTF is not proved: a root whose description is not the one that the program was
/// compiled with, or none that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// The crate has the root, but nothing that it embedded describes it.
    #[error(
        "`{root}` in `{module}` is #[bpf_traceable], but the program embeds no description of it; \
         call `core_runtime::embed!()` in the root of that crate"
    )]
    Missing {
        /// The module of the root.
        module: String,
        /// C name of the root.
        root: String,
    },
    /// The size differs.
    #[error(
        "`{root}` in `{module}` takes {real} bytes, {embedded} in the embedded description; \
         rebuild the program from scratch"
    )]
    Size {
        /// The module of the root.
        module: String,
        /// C name of the root.
        root: String,
        /// Bytes according to the embedded BTF.
        embedded: u64,
        /// Bytes in this program.
        real: u64,
    },
    /// The description lacks a member.
    #[error(
        "`{root}.{member}` in `{module}` is at byte {real}, and missing in the embedded \
         description; rebuild the program from scratch"
    )]
    NoMember {
        /// The module of the root.
        module: String,
        /// C name of the root.
        root: String,
        /// C name of the member.
        member: String,
        /// Its offset in this program, in bytes.
        real: u64,
    },
    /// A member is elsewhere.
    #[error(
        "`{root}.{member}` in `{module}` is at byte {real}, at {} in the embedded description; \
         rebuild the program from scratch",
        place(*embedded_bits)
    )]
    Offset {
        /// The module of the root.
        module: String,
        /// C name of the root.
        root: String,
        /// C name of the member.
        member: String,
        /// Its offset according to the embedded BTF, in bits.
        embedded_bits: u64,
        /// Its offset in this program, in bytes.
        real: u64,
    },
    /// The embedded BTF cannot be decoded.
    #[error(transparent)]
    Malformed(#[from] Error),
}

/// An offset in the unit of `offset_of!`, where it has one.
fn place(bits: u64) -> String {
    if bits.is_multiple_of(8) {
        format!("byte {}", bits / 8)
    } else {
        format!("bit {bits}")
    }
}

/// Compares every record with the BTF that its crate embedded.
///
/// A crate's roots carry their Rust path in a `DECL_TAG`, so two crates may have roots of one name.
/// Where one crate is linked in two versions, a record may agree with either.
///
/// # Errors
/// The first record that agrees with no description.
pub fn verify(records: &[Record<'_>], btf: &[Btf<'_>]) -> Result<(), Mismatch> {
    let roots = roots(btf)?;
    for record in records {
        let key = (crate_of(record.module), record.name);
        let mut first = None;
        let mut proved = false;
        for (btf, root) in roots.get(&key).into_iter().flatten() {
            match compare(record, btf, *root) {
                Ok(()) => proved = true,
                Err(mismatch) => first = first.or(Some(mismatch)),
            }
        }
        if !proved {
            return Err(first.unwrap_or_else(|| Mismatch::Missing {
                module: record.module.into(),
                root: record.name.into(),
            }));
        }
    }
    Ok(())
}

/// The first segment of a Rust path.
fn crate_of(path: &str) -> &str {
    path.split("::").next().unwrap_or_default()
}

/// The roots' descriptions, by crate and name.
type Roots<'b, 'a> = HashMap<(&'a str, &'a str), Vec<(&'b Btf<'a>, TypeRef<'a>)>>;

fn roots<'b, 'a>(blobs: &'b [Btf<'a>]) -> Result<Roots<'b, 'a>, Error> {
    let mut roots = Roots::new();
    for btf in blobs {
        for tag in btf.iter() {
            if tag.kind() != Kind::DeclTag || tag.component() != -1 {
                continue;
            }
            if let Some(path) = tag.name()?.strip_prefix(PATH_TAG) {
                let root = btf.get(tag.target())?;
                let key = (crate_of(path), root.name()?);
                roots.entry(key).or_default().push((btf, root));
            }
        }
    }
    Ok(roots)
}

fn compare(record: &Record<'_>, btf: &Btf<'_>, root: TypeRef<'_>) -> Result<(), Mismatch> {
    let (module, name) = (record.module.to_owned(), record.name.to_owned());
    let embedded = u64::from(root.size_bytes());
    if embedded != record.size_bytes {
        return Err(Mismatch::Size {
            module,
            root: name,
            embedded,
            real: record.size_bytes,
        });
    }
    for &(member, real) in &record.members {
        let mut embedded_bits = None;
        for candidate in root.members() {
            if btf.name(candidate.name)? == member {
                embedded_bits = Some(u64::from(candidate.offset_bits));
                break;
            }
        }
        let member = member.to_owned();
        match embedded_bits {
            Some(bits) if real.checked_mul(8) == Some(bits) => {}
            Some(embedded_bits) => {
                return Err(Mismatch::Offset {
                    module,
                    root: name,
                    member,
                    embedded_bits,
                    real,
                });
            }
            None => {
                return Err(Mismatch::NoMember {
                    module,
                    root: name,
                    member,
                    real,
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{encode, request};
    use super::super::records;
    use super::*;
    use crate::model::{CompositeKind, IntEncoding, Member, Type};
    use crate::read::Endian;
    use crate::write::BtfBuf;

    /// `struct Request { path: u64 @0, id: u64 @16 }`, a root of the crate of `path`.
    fn embedded(path: &str, size_bytes: u32, id_offset_bits: u32) -> Vec<u8> {
        let mut btf = BtfBuf::new();
        let name = btf.intern("u64").unwrap();
        let ty = btf
            .push(Type::Int {
                name,
                size_bytes: 8,
                encoding: IntEncoding::UNSIGNED,
                offset_bits: 0,
                bits: 64,
            })
            .unwrap();
        let members = [("path", 0), ("id", id_offset_bits)]
            .map(|(name, offset_bits)| Member {
                name: btf.intern(name).unwrap(),
                ty,
                offset_bits,
                bitfield_bits: 0,
            })
            .to_vec();
        let name = btf.intern("Request").unwrap();
        let ty = btf
            .push(Type::Composite {
                kind: CompositeKind::Struct,
                name,
                size_bytes,
                members,
            })
            .unwrap();
        let name = btf.intern(path).unwrap();
        btf.push(Type::DeclTag {
            name,
            ty,
            component: -1,
            attribute: false,
        })
        .unwrap();
        btf.encode(Endian::Little).unwrap()
    }

    fn verdict(record: &Record<'_>, blobs: &[Vec<u8>]) -> Result<(), Mismatch> {
        let bytes = encode(record);
        let btf: Vec<_> = blobs.iter().map(|blob| Btf::parse(blob).unwrap()).collect();
        verify(&records(&bytes).unwrap(), &btf)
    }

    #[test]
    fn an_equal_layout_is_proved() {
        let blobs = [embedded("rust:myapp::net::Request", 24, 128)];
        assert_eq!(verdict(&request(), &blobs), Ok(()));
    }

    #[test]
    fn every_difference_names_type_member_and_both_values() {
        let path = "rust:myapp::net::Request";
        let (module, root) = ("myapp::net".to_owned(), "Request".to_owned());
        assert_eq!(
            verdict(&request(), &[embedded(path, 32, 128)]),
            Err(Mismatch::Size {
                module: module.clone(),
                root: root.clone(),
                embedded: 32,
                real: 24
            })
        );
        assert_eq!(
            verdict(&request(), &[embedded(path, 24, 64)]),
            Err(Mismatch::Offset {
                module: module.clone(),
                root: root.clone(),
                member: "id".into(),
                embedded_bits: 64,
                real: 16
            })
        );
        let mut renamed = request();
        renamed.members.push(("peer", 8));
        assert_eq!(
            verdict(&renamed, &[embedded(path, 24, 128)]),
            Err(Mismatch::NoMember {
                module: module.clone(),
                root: root.clone(),
                member: "peer".into(),
                real: 8
            })
        );
        let missing = Err(Mismatch::Missing { module, root });
        assert_eq!(verdict(&request(), &[]), missing);
        assert_eq!(
            verdict(&request(), &[embedded("rust:other::Request", 24, 128)]),
            missing,
            "another crate's root of that name does not count"
        );
    }

    /// Two crates, or one crate in two versions, may each have a root of one name.
    #[test]
    fn a_record_is_compared_with_its_own_crate() {
        let blobs = [
            embedded("rust:other::Request", 32, 64),
            embedded("rust:myapp::net::Request", 40, 0),
            embedded("rust:myapp::net::Request", 24, 128),
        ];
        assert_eq!(verdict(&request(), &blobs), Ok(()));
    }

    /// An offset that only fits when it wraps is a difference.
    #[test]
    fn a_forged_offset_does_not_wrap() {
        let mut forged = request();
        forged.members = vec![("path", 1 << 61)];
        let blobs = [embedded("rust:myapp::net::Request", 24, 128)];
        assert!(matches!(
            verdict(&forged, &blobs),
            Err(Mismatch::Offset { .. })
        ));
    }
}
