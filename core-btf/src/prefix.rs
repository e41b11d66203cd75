//! A prefix for the names of a binary's types.
//!
//! CO-RE finds types by name, and takes no notice of what follows a triple underscore: of two
//! libraries that have a `struct context` each, or of a library and the kernel, only a prefix can
//! tell the types apart. The same prefix is put before the names of the target types and before
//! those in the header.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use crate::error::{Error, Result};
use crate::model::{NameOffset, Type};
use crate::write::BtfBuf;

/// What stands before the names of a binary's types, such as `ssl_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Prefix(String);

impl Prefix {
    /// A letter first; then letters, digits and underscores, but no three underscores in a row and
    /// no two at the end: they could begin a flavor, which CO-RE cuts off.
    ///
    /// # Errors
    /// [`Error::Prefix`] for any other text.
    pub fn new(text: &str) -> Result<Self> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let valid = text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(is_word)
            && !text.contains("___")
            && !text.ends_with("__");
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::Prefix(text.to_owned()))
        }
    }

    /// The name with the prefix. Names that begin with two underscores are the compiler's and the C
    /// library's, and stay what they are, as does the empty name.
    #[must_use]
    pub fn of(&self, name: &str) -> String {
        if name.is_empty() || name.starts_with("__") {
            name.to_owned()
        } else {
            format!("{}{name}", self.0)
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl BtfBuf {
    /// Puts a prefix before the names of all structs, unions, enums, their enumerators, and
    /// typedefs. Members, numbers, functions, variables and tags keep their names. What had
    /// different names has different names afterwards.
    ///
    /// # Errors
    /// [`Error::Limit`] when the names no longer fit.
    pub fn add_prefix(&mut self, prefix: &Prefix) -> Result<()> {
        let mut renamed: HashMap<NameOffset, NameOffset> = HashMap::new();
        for index in 1..self.next_id()?.0 {
            let id = crate::TypeId(index);
            let mut old = Vec::new();
            if let Some(ty) = self.get_mut(id) {
                for_each_type_name(ty, |name| old.push(*name));
            }
            for name in old {
                if let Entry::Vacant(place) = renamed.entry(name) {
                    let new = prefix.of(self.name(name));
                    place.insert(self.intern(&new)?);
                }
            }
            if let Some(ty) = self.get_mut(id) {
                for_each_type_name(ty, |name| {
                    *name = renamed.get(name).copied().unwrap_or(*name);
                });
            }
        }
        Ok(())
    }
}

/// Visits the names that a program may declare or ask for, without those of members.
fn for_each_type_name(ty: &mut Type, mut visit: impl FnMut(&mut NameOffset)) {
    match ty {
        Type::Composite { name, .. } | Type::Fwd { name, .. } | Type::Typedef { name, .. } => {
            visit(name);
        }
        Type::Enum { name, values, .. } => {
            visit(name);
            for value in values {
                visit(&mut value.name);
            }
        }
        Type::Int { .. }
        | Type::Ptr(_)
        | Type::Array { .. }
        | Type::Volatile(_)
        | Type::Const(_)
        | Type::Restrict(_)
        | Type::Func { .. }
        | Type::FuncProto { .. }
        | Type::Var { .. }
        | Type::Datasec { .. }
        | Type::Float { .. }
        | Type::DeclTag { .. }
        | Type::TypeTag { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CompositeKind, TypeId};
    use crate::relo::essential_name;
    use crate::testing::Types;

    #[test]
    fn prefixes_that_could_make_a_flavor_are_refused() {
        for good in ["ssl_", "s", "libssl3_", "a__b_"] {
            assert!(Prefix::new(good).is_ok(), "{good}");
        }
        for bad in ["", "_ssl", "3", "ssl__", "a___b", "s-", "é", "a b"] {
            let error = Prefix::new(bad).unwrap_err();
            assert_eq!(error, Error::Prefix(bad.to_owned()));
        }
    }

    /// A prefix must not make two names one, nor give a name an essential name that is shorter.
    #[test]
    fn names_stay_different_and_whole() {
        let names = ["a", "_a", "__a", "___a", "ssl_a", "_", "__", "a_", "u__a"];
        for prefix in ["ssl_", "ssl", "s_s"] {
            let prefix = Prefix::new(prefix).unwrap();
            let mut renamed: Vec<_> = names.iter().map(|name| prefix.of(name)).collect();
            for name in &renamed {
                assert_eq!(essential_name(name.as_bytes()), name.as_bytes());
            }
            renamed.sort_unstable();
            renamed.dedup();
            assert_eq!(renamed.len(), names.len(), "{prefix}");
        }
        let flavored = Prefix::new("ssl_").unwrap().of("data___v2");
        assert_eq!(essential_name(flavored.as_bytes()), b"ssl_data");
    }

    /// How long it takes to prefix the many types of a blob that have a name of so many bytes.
    fn prefixing(name_bytes: usize) -> std::time::Duration {
        let mut t = Types::default();
        let int = t.int("int", 4);
        let name = t.0.intern(&"b".repeat(name_bytes)).unwrap();
        for _ in 0..200_000 {
            t.push(Type::Typedef { name, ty: int });
        }
        let blob = t.blob();
        let start = std::time::Instant::now();
        let btf = crate::Btf::parse(&blob).unwrap();
        let mut types = BtfBuf::from_btf(&btf).unwrap();
        types.add_prefix(&Prefix::new("ssl_").unwrap()).unwrap();
        assert_eq!(types.len(), 200_001);
        start.elapsed()
    }

    /// The types of a traced binary are untrusted: a name that all of them share is read and
    /// renamed once, not for each.
    #[test]
    fn a_long_name_of_many_types_takes_no_time() {
        let (short, long) = (prefixing(4), prefixing(4000));
        assert!(long < 4 * short, "{short:?}, {long:?}");
    }

    #[test]
    fn all_names_that_can_be_asked_for_are_renamed_and_no_others() {
        let mut t = Types::default();
        let int = t.int("int", 4);
        let s = t.structure("s", 4, &[("s", int, 0, 0)]);
        t.structure("", 4, &[("anonymous", int, 0, 0)]);
        t.enumeration("e", 4, false, &[("A", 0), ("s", 1)]);
        t.typedef("s_t", s);
        t.typedef("__u32", int);
        let name = t.0.intern("fwd").unwrap();
        let kind = CompositeKind::Struct;
        t.push(Type::Fwd { name, kind });
        t.tag(s);
        let mut types = t.0;
        types.add_prefix(&Prefix::new("ssl_").unwrap()).unwrap();
        let mut names = Vec::new();
        for ty in types.types() {
            ty.clone()
                .for_each_name_mut(|name| names.push(types.name(*name).to_owned()));
        }
        let expected = [
            "int",
            "ssl_s",
            "s",
            "",
            "anonymous",
            "ssl_e",
            "ssl_A",
            "ssl_s",
            "ssl_s_t",
            "__u32",
            "ssl_fwd",
            crate::object::APP_TAG,
        ];
        assert_eq!(names, expected);
        assert_eq!(
            types.get(TypeId(5)).map(Type::kind),
            Some(crate::Kind::Typedef)
        );
    }
}
