//! Gives `typedef struct {..} foo_t;` the tag that CO-RE needs.
//!
//! libbpf can't relocate accesses to a type without a name, and a typedef's name is not the struct's.
//! So both sides, the header that BPF programs are compiled with and the application's BTF, have
//! `struct foo_t {..}; typedef struct foo_t foo_t;` instead.

use std::collections::HashSet;

use crate::model::{NameOffset, Type, TypeId};
use crate::write::BtfBuf;

/// Names each anonymous struct, union and enum after the first typedef of it.
///
/// It stays anonymous when a struct, union, enum or forward declaration has that name already:
/// which of the two would be meant, depends on who asks. Types that share a typedef's name with
/// each other (from several compilation units) all get it.
///
/// This comes before deduplication, which would merge anonymous types that are alike under
/// different typedefs.
pub fn tag_typedefs(btf: &mut BtfBuf) {
    let taken: HashSet<NameOffset> = (btf.types().iter())
        .filter(|ty| {
            matches!(
                ty,
                Type::Composite { .. } | Type::Enum { .. } | Type::Fwd { .. }
            )
        })
        .map(Type::name)
        .collect();
    let found: Vec<(TypeId, NameOffset)> = (btf.types().iter())
        .filter_map(|ty| match ty {
            Type::Typedef { name, ty } if !taken.contains(name) => Some((*ty, *name)),
            _ => None,
        })
        .collect();
    for (id, new) in found {
        match btf.get_mut(id) {
            // The name is anonymous until the first typedef; a typedef without one changes nothing.
            Some(Type::Composite { name, .. } | Type::Enum { name, .. }) if name.is_anonymous() => {
                *name = new;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CompositeKind;

    fn named(btf: &mut BtfBuf, name: &str, ty: impl Fn(NameOffset) -> Type) -> TypeId {
        let name = btf.intern(name).unwrap();
        btf.push(ty(name)).unwrap()
    }

    fn structure(name: NameOffset) -> Type {
        Type::Composite {
            kind: CompositeKind::Struct,
            name,
            size_bytes: 0,
            members: Vec::new(),
        }
    }

    fn enumeration(name: NameOffset) -> Type {
        Type::Enum {
            name,
            size_bytes: 4,
            signed: false,
            wide: false,
            values: Vec::new(),
        }
    }

    fn typedef(btf: &mut BtfBuf, name: &str, ty: TypeId) -> TypeId {
        named(btf, name, |name| Type::Typedef { name, ty })
    }

    fn name(btf: &BtfBuf, id: TypeId) -> &str {
        btf.name(btf.get(id).unwrap().name())
    }

    /// The first typedef wins, wherever it stands, and two types may get one name.
    #[test]
    fn anonymous_types_are_named_after_their_first_typedef() {
        let mut btf = BtfBuf::new();
        typedef(&mut btf, "a_t", TypeId(3));
        typedef(&mut btf, "again_t", TypeId(3));
        let a = named(&mut btf, "", structure);
        let e = named(&mut btf, "", enumeration);
        typedef(&mut btf, "e_t", e);
        let other = named(&mut btf, "", structure);
        typedef(&mut btf, "a_t", other);
        let alone = named(&mut btf, "", structure);
        let own = named(&mut btf, "own", structure);
        typedef(&mut btf, "own_t", own);
        tag_typedefs(&mut btf);
        let names = [a, e, other, alone, own].map(|id| name(&btf, id));
        assert_eq!(names, ["a_t", "e_t", "a_t", "", "own"]);
    }

    /// A tag of that name, even if only declared, keeps its meaning.
    #[test]
    fn a_tag_that_exists_is_left_alone() {
        let mut btf = BtfBuf::new();
        for (n, name) in [("s", "struct"), ("e", "enum"), ("f", "fwd")] {
            match name {
                "struct" => named(&mut btf, n, structure),
                "enum" => named(&mut btf, n, enumeration),
                _ => named(&mut btf, n, |name| Type::Fwd {
                    name,
                    kind: CompositeKind::Struct,
                }),
            };
            let anonymous = named(&mut btf, "", structure);
            typedef(&mut btf, n, anonymous);
        }
        let before = btf.types().to_vec();
        tag_typedefs(&mut btf);
        assert_eq!(btf.types(), before);
    }

    /// Typedefs of what is not there, or of themselves, do nothing.
    #[test]
    fn malformed_typedefs_are_left_alone() {
        let mut btf = BtfBuf::new();
        typedef(&mut btf, "gone", TypeId(9));
        typedef(&mut btf, "self", TypeId(2));
        typedef(&mut btf, "void", TypeId::VOID);
        let before = btf.types().to_vec();
        tag_typedefs(&mut btf);
        assert_eq!(btf.types(), before);
    }
}
