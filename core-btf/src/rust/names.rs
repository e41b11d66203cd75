//! The C names of types.

use std::collections::{BTreeMap, BTreeSet};

use super::ident::{MAX_TYPE_NAME, fit, hash, identifier};
use super::types::{Arg, Path, Type};
use super::view::View;

/// The names of the types of a program, in which no two types share a name.
///
/// - A root has the name it was given.
/// - A named type has the last segment of its path, followed by its arguments: `Vec_u8`,
///   `Option_NonZero_u32`. Of several types that would have one name, std's canonical views keep
///   it before the types of the user's crate, and those before others. Several of one standing are
///   all qualified with as many modules as it takes: `net_State`, `db_State`.
/// - Other types are spelled: `str` (`&str`), `slice_u8` (`&[u8]`), `dyn_Trait` (`&dyn Trait`),
///   `ref_u8`, `ptr_u8`, `array_4_u8`, `tuple_u8_u16`, `unit`, `fn`.
/// - A name of more than [`MAX_TYPE_NAME`] bytes is cut, and ends with a hash.
///
/// The names depend on nothing but what [`Names::new`] is given, in any order.
#[derive(Clone, Debug, Default)]
pub struct Names {
    by_type: BTreeMap<Type, String>,
    taken: BTreeSet<String>,
    /// What std's views would like to be called.
    views: BTreeSet<String>,
}

/// Who keeps a name that several types would have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Std,
    Local,
    Foreign,
}

impl Names {
    /// The names of `roots`, as given, and of `types` and all that they are written with.
    /// `local_crate` is the first segment of the paths of the user's own types.
    pub fn new<'t>(
        roots: impl IntoIterator<Item = (Type, String)>,
        types: impl IntoIterator<Item = &'t Type>,
        local_crate: &str,
    ) -> Self {
        let mut out = Self::default();
        for (ty, name) in roots {
            out.taken.insert(name.clone());
            out.by_type.insert(ty, name);
        }
        let mut levels = BTreeMap::new();
        for ty in types {
            collect(ty, &mut levels);
        }
        let all = levels.values().flatten();
        out.views = all
            .filter(|ty| standing(ty, local_crate) == Standing::Std)
            .map(|ty| out.plain(ty))
            .collect();
        // What a type is written with is on a lower level, and so has its name first.
        for level in levels.into_values() {
            out.assign(&level, local_crate);
        }
        out
    }

    /// The C name of a type: its tag, if it is a struct, union or enum, and what stands for it in
    /// the names of the types that are written with it.
    #[must_use]
    pub fn name(&self, ty: &Type) -> String {
        match self.by_type.get(ty) {
            Some(name) => name.clone(),
            None => self.plain(ty),
        }
    }

    /// Names the types of one level.
    fn assign(&mut self, types: &BTreeSet<&Type>, local_crate: &str) {
        let mut groups: BTreeMap<String, Vec<(Standing, &Type)>> = BTreeMap::new();
        for ty in types {
            if !self.by_type.contains_key(ty) {
                let standing = standing(ty, local_crate);
                groups
                    .entry(self.plain(ty))
                    .or_default()
                    .push((standing, ty));
            }
        }
        let mut qualified = Vec::new();
        for (name, group) in groups {
            let best = group.iter().map(|(standing, _)| *standing).min();
            let mut owners = group.iter().filter(|(standing, _)| Some(*standing) == best);
            let owner = match (owners.next(), owners.next()) {
                (Some((standing, ty)), None) if self.is_free(&name, *standing) => Some(*ty),
                _ => None,
            };
            if let Some(owner) = owner {
                self.taken.insert(name.clone());
                self.by_type.insert(owner.clone(), name);
            }
            let others: Vec<&Type> = group
                .iter()
                .map(|(_, ty)| *ty)
                .filter(|ty| Some(*ty) != owner)
                .collect();
            qualified.push(others);
        }
        // Only now are all names taken that need no qualification.
        for group in qualified {
            for ty in &group {
                let name = self.qualified(ty, &group, local_crate);
                self.taken.insert(name.clone());
                self.by_type.insert((*ty).clone(), name);
            }
        }
    }

    fn is_free(&self, name: &str, standing: Standing) -> bool {
        !self.taken.contains(name) && (standing == Standing::Std || !self.views.contains(name))
    }

    /// The name with as many modules before it as tell the type from all others.
    fn qualified(&self, ty: &Type, group: &[&Type], local_crate: &str) -> String {
        let modules = match ty {
            Type::Path(path) => path.segments().len().saturating_sub(1),
            _ => 0,
        };
        (1..=modules)
            .map(|count| (count, self.with_modules(ty, count)))
            .find(|(count, name)| {
                self.is_free(name, standing(ty, local_crate))
                    && !group
                        .iter()
                        .any(|other| *other != ty && self.with_modules(other, *count) == *name)
            })
            .map_or_else(
                || {
                    let hash = hash(&format!("{ty:?}"));
                    fit(&format!("{}_{hash:016x}", self.plain(ty)), MAX_TYPE_NAME)
                },
                |(_, name)| name,
            )
    }

    /// The name without regard to others.
    fn plain(&self, ty: &Type) -> String {
        self.with_modules(ty, 0)
    }

    fn with_modules(&self, ty: &Type, modules: usize) -> String {
        let name = match ty {
            Type::Primitive(primitive) => primitive.name().to_owned(),
            Type::Never => "never".to_owned(),
            Type::Str => "str".to_owned(),
            Type::Fn => "fn".to_owned(),
            Type::Slice(element) => format!("slice_{}", self.name(element)),
            Type::Array(element, len) => format!("array_{len}_{}", self.name(element)),
            Type::Tuple(types) if types.is_empty() => "unit".to_owned(),
            Type::Tuple(types) => types
                .iter()
                .fold("tuple".to_owned(), |name, ty| name + "_" + &self.name(ty)),
            // `&str` and `&[T]` are what one thinks of as "a str" and "a slice".
            Type::Ref(to) if is_bare_unsized(to) => self.name(to),
            Type::Ref(to) => format!("ref_{}", self.name(to)),
            Type::RawPtr(to) => format!("ptr_{}", self.name(to)),
            Type::Dyn(principal) => format!("dyn_{}", identifier(principal)),
            Type::Path(path) => self.path(path, modules),
        };
        fit(&name, MAX_TYPE_NAME)
    }

    fn path(&self, path: &Path, modules: usize) -> String {
        let (last, before) = match path.segments().split_last() {
            Some((last, before)) => (last.as_str(), before),
            None => ("", path.segments()),
        };
        // Closures and futures are all called alike: the function comes along.
        let modules = modules + usize::from(last.starts_with('{'));
        let mut name = before
            .iter()
            .skip(before.len().saturating_sub(modules))
            .fold(String::new(), |name, module| {
                name + &identifier(module) + "_"
            });
        name += &identifier(last);
        for arg in path.args() {
            name.push('_');
            match arg {
                Arg::Type(ty) => name += &self.name(ty),
                Arg::Const(value) => name += &constant(value),
            }
        }
        name
    }
}

/// A const argument as part of a name: `-5` is `n5`.
fn constant(value: &str) -> String {
    value
        .chars()
        .map(|c| match c {
            '-' => 'n',
            _ if c.is_ascii_alphanumeric() => c,
            _ => '_',
        })
        .collect::<String>()
        .trim_matches('_')
        .to_owned()
}

/// Sorts a type and what it is written with by how deep each is nested.
fn collect<'t>(ty: &'t Type, levels: &mut BTreeMap<usize, BTreeSet<&'t Type>>) -> usize {
    let level = ty
        .parts()
        .into_iter()
        .map(|part| collect(part, levels) + 1)
        .max()
        .unwrap_or(0);
    if has_tag(ty) {
        levels.entry(level).or_default().insert(ty);
    }
    level
}

/// Whether the type is a struct, union or enum in C, which no other may be called like.
fn has_tag(ty: &Type) -> bool {
    !is_bare_unsized(ty)
        && matches!(
            ty.view(),
            View::Struct(_) | View::Enum(_) | View::Fieldless(_) | View::Unknown
        )
}

/// Whether this is unsized, and a pointer to it points to its elements.
fn is_bare_unsized(ty: &Type) -> bool {
    match ty {
        Type::Str | Type::Slice(_) | Type::Dyn(_) => true,
        _ => matches!(
            ty.as_std(),
            Some(("path", "Path") | ("ffi", "OsStr" | "CStr"))
        ),
    }
}

fn standing(ty: &Type, local_crate: &str) -> Standing {
    match ty {
        Type::Path(path) if ty.as_std().is_none() => match path.segments().first() {
            Some(first) if first == local_crate => Standing::Local,
            _ => Standing::Foreign,
        },
        _ => Standing::Std,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(text: &str) -> Type {
        Type::parse(text).unwrap()
    }

    fn names(roots: &[(&str, &str)], types: &[&str]) -> Vec<String> {
        let types: Vec<Type> = types.iter().map(|text| ty(text)).collect();
        let roots = roots
            .iter()
            .map(|(text, name)| (ty(text), (*name).to_owned()));
        let names = Names::new(roots, &types, "app");
        types.iter().map(|ty| names.name(ty)).collect()
    }

    #[test]
    fn types_are_spelled() {
        for (text, name) in [
            ("Vec<u8>", "Vec_u8"),
            ("Option<std::num::NonZeroU32>", "Option_NonZero_u32"),
            (
                "std::sync::Arc<std::sync::Mutex<app::net::State>>",
                "Arc_Mutex_State",
            ),
            ("std::collections::HashMap<u8, String>", "HashMap_u8_String"),
            ("&str", "str"),
            ("Box<str>", "Box_str"),
            ("&mut [u16]", "slice_u16"),
            ("*const [u16]", "ptr_slice_u16"),
            ("&dyn app::Tr", "dyn_Tr"),
            ("Option<&app::Foo>", "Option_ref_Foo"),
            ("&std::path::Path", "Path"),
            ("[[u8; 3]; 2]", "array_2_array_3_u8"),
            ("(u8, Vec<u8>)", "tuple_u8_Vec_u8"),
            ("()", "unit"),
            ("Option<fn()>", "Option_fn"),
            ("app::Buf<-5, true, 16>", "Buf_n5_true_16"),
            ("app::run::{closure_env#0}", "run_closure_env_0"),
            ("app::r#default", "default_"),
            ("app::Foo___Bar<u8>", "Foo_3_Bar_u8"),
            ("app::Foo_<app::__X>", "Foo_4_X"),
        ] {
            assert_eq!(names(&[], &[text]), [name], "{text}");
        }
    }

    /// The names must not depend on what else there is, unless it is called alike.
    #[test]
    fn clashes_are_resolved_by_standing_and_modules() {
        let types = [
            "app::net::State",
            "app::db::State",
            "app::Duration",
            "std::time::Duration",
            "tokio::sync::mutex::Mutex<u8>",
            "std::sync::Mutex<u8>",
            "app::Only",
            "dep::Only",
            "Vec<app::net::State>",
            "Vec<app::db::State>",
            "a::x::y::T",
            "b::x::y::T",
        ];
        let expected = [
            "net_State",
            "db_State",
            "app_Duration",
            "Duration",
            "mutex_Mutex_u8",
            "Mutex_u8",
            "Only",
            "dep_Only",
            "Vec_net_State",
            "Vec_db_State",
            "a_x_y_T",
            "b_x_y_T",
        ];
        assert_eq!(names(&[], &types), expected);
        let mut reversed = types;
        reversed.reverse();
        let mut found = names(&[], &reversed);
        found.reverse();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_root_has_the_name_it_was_given() {
        let roots = [
            ("app::db::State", "State"),
            ("app::Time", "Duration"),
            ("app::P<u8>", "P8"),
        ];
        let types = [
            "app::net::State",
            "app::db::State",
            "std::time::Duration",
            "Vec<app::P<u8>>",
            "app::P<u8>",
            "app::P<u16>",
        ];
        assert_eq!(
            names(&roots, &types),
            [
                "net_State",
                "State",
                "time_Duration",
                "Vec_P8",
                "P8",
                "P_u16"
            ]
        );
    }

    /// Names that come from different types by spelling alone.
    #[test]
    fn no_two_types_share_a_name() {
        let types = [
            "app::Vec_u8",
            "Vec<u8>",
            "app::Pair<app::A_u8, app::B>",
            "app::Pair<app::A<u8>, app::B>",
            "app::str",
            "&str",
            "app::unit",
            "()",
            "app::net::a_State",
            "app::net_a::State",
            "x::State",
        ];
        let found = names(&[], &types);
        assert_eq!(found[1], "Vec_u8", "std's view keeps its name");
        let distinct: BTreeSet<&String> = found.iter().collect();
        assert_eq!(distinct.len(), types.len(), "{found:?}");
    }

    #[test]
    fn long_names_fit() {
        let deep = (0..40).fold("u8".to_owned(), |ty, _| format!("Option<{ty}>"));
        let found = names(&[], &[&deep, &format!("Option<{deep}>")]);
        assert!(
            found.iter().all(|name| name.len() <= MAX_TYPE_NAME),
            "{found:?}"
        );
        assert_ne!(found[0], found[1]);
    }
}
