//! One BTF of the types of both languages.

use std::collections::BTreeMap;

use core_btf::dedup::dedup;
use core_btf::{Btf, BtfBuf, Type};

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
    /// One of them is malformed, or both together are too much.
    #[error("{0}")]
    Btf(#[from] core_btf::Error),
    /// A name that would stand for two types.
    #[error(
        "`{0}` is the name of a C type and, in C, of a Rust type that differs from it: give the \
         Rust type another with `#[bpf_traceable(name = \"...\")]`"
    )]
    Clash(String),
}

/// The types of two blobs, in the order given; those that are equal once.
pub(crate) fn join(c_types: &[u8], rust: &[u8]) -> Result<Vec<u8>, JoinError> {
    let rust = Btf::parse(rust)?;
    let endian = rust.endian();
    let rust = BtfBuf::from_btf(&rust)?;
    let c_types = dedup(BtfBuf::from_btf(&Btf::parse(c_types)?)?)?;
    let before = definitions(&c_types);
    let mut all = c_types;
    all.extend(&rust)?;
    let all = dedup(all)?;
    let after = definitions(&all);
    for name in definitions(&rust).into_keys() {
        if before
            .get(&name)
            .is_some_and(|count| after.get(&name) > Some(count))
        {
            return Err(JoinError::Clash(name));
        }
    }
    Ok(all.encode(endian)?)
}

/// How many structs, unions and enums there are of each name.
fn definitions(btf: &BtfBuf) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    for ty in btf.types() {
        if let Type::Composite { name, .. } | Type::Enum { name, .. } = ty
            && !name.is_anonymous()
        {
            *names.entry(btf.name(*name).to_owned()).or_default() += 1;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use core_btf::model::{CompositeKind, IntEncoding, Kind, Member};
    use core_btf::read::Endian;

    use super::*;

    /// `struct NAME { int MEMBER; }` for each.
    fn blob(structs: &[(&str, &str)]) -> Vec<u8> {
        let mut btf = BtfBuf::new();
        let name = btf.intern("int").unwrap();
        let ty = btf
            .push(Type::Int {
                name,
                size_bytes: 4,
                encoding: IntEncoding::SIGNED,
                offset_bits: 0,
                bits: 32,
            })
            .unwrap();
        for (name, member) in structs {
            let member = Member {
                name: btf.intern(member).unwrap(),
                ty,
                offset_bits: 0,
                bitfield_bits: 0,
            };
            let name = btf.intern(name).unwrap();
            btf.push(Type::Composite {
                kind: CompositeKind::Struct,
                name,
                size_bytes: 4,
                members: vec![member],
            })
            .unwrap();
        }
        btf.encode(Endian::NATIVE).unwrap()
    }

    #[test]
    fn equal_types_are_there_once() {
        let c_types = blob(&[("c", "a"), ("shared", "a")]);
        let joined = join(&c_types, &blob(&[("shared", "a"), ("Rust", "b")])).unwrap();
        let joined = Btf::parse(&joined).unwrap();
        let of_kind = |kind| {
            let types = joined.iter().filter(|ty| ty.kind() == kind);
            types.map(|ty| ty.name().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(of_kind(Kind::Int), ["int"]);
        assert_eq!(of_kind(Kind::Struct), ["c", "shared", "Rust"]);
    }

    /// A BPF program would read the one through the layout of the other.
    #[test]
    fn different_types_of_one_name_are_an_error() {
        let error = join(&blob(&[("Request", "a")]), &blob(&[("Request", "b")])).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`Request` is the name of a C type"),
            "{error}"
        );
        // C may have several of one name, each private to a file.
        join(&blob(&[("x", "a"), ("x", "b")]), &blob(&[("x", "a")])).unwrap();
    }
}
