//! The C names of types.

use std::borrow::Cow;
use std::collections::HashMap;

use super::ident::{MAX_TYPE_NAME, c_identifier, fit, hash};
use super::types::{Arg, Path, Type};
use super::view::View;
use crate::fingerprint::{Fingerprint, Numbers, Seed};
use crate::hash;

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
    given: HashMap<Type, Box<str>, hash::Seed>,
    seed: Seed,
    /// Fingerprints of names that are taken.
    taken: Numbers,
    /// Fingerprints of what std's views would like to be called.
    views: Numbers,
}

/// A type that is to be named.
#[derive(Clone, Copy, Debug)]
struct Unnamed<'t> {
    ty: &'t Type,
    standing: Standing,
}

/// The types of one level that would have one name.
#[derive(Debug)]
struct Group<'t> {
    name: String,
    print: Fingerprint,
    first: Unnamed<'t>,
    others: Vec<Unnamed<'t>>,
}

/// Types by how deep each is nested, each once.
#[derive(Debug, Default)]
struct Levels<'t> {
    levels: Vec<Vec<&'t Type>>,
    known: HashMap<&'t Type, usize, hash::Seed>,
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
            out.take(&ty, name);
        }
        let mut levels = Levels::default();
        for ty in types {
            levels.collect(ty);
        }
        let levels = levels.levels;
        for ty in levels.iter().flatten() {
            if standing(ty, local_crate) == Standing::Std {
                let print = out.seed.bytes(out.plain(ty).as_bytes());
                out.views.add(print);
            }
        }
        // What a type is written with is on a lower level, and so has its name first.
        for level in levels {
            let unnamed = level.into_iter().map(|ty| Unnamed {
                ty,
                standing: standing(ty, local_crate),
            });
            out.assign(unnamed);
        }
        out
    }

    /// The C name of a type: its tag, if it is a struct, union or enum, and what stands for it in
    /// the names of the types that are written with it.
    #[must_use]
    pub fn name(&self, ty: &Type) -> String {
        self.known(ty).into_owned()
    }

    /// [`Names::name`], which is kept here for all types that were given one.
    pub(crate) fn known(&self, ty: &Type) -> Cow<'_, str> {
        match self.given.get(ty) {
            Some(name) => (&**name).into(),
            None => self.plain(ty).into(),
        }
    }

    /// Gives a name to a type.
    fn take(&mut self, ty: &Type, name: String) {
        self.taken.add(self.seed.bytes(name.as_bytes()));
        self.given.insert(ty.clone(), name.into());
    }

    /// Names the types of one level.
    fn assign<'t>(&mut self, types: impl Iterator<Item = Unnamed<'t>>) {
        let mut groups: Vec<Group<'t>> = Vec::new();
        let mut by_name = Numbers::default();
        for ty in types {
            if self.given.contains_key(ty.ty) {
                continue;
            }
            let name = self.plain(ty.ty);
            let print = self.seed.bytes(name.as_bytes());
            let group = by_name.get(print);
            if let Some(group) = group.and_then(|at| groups.get_mut(at as usize)) {
                group.others.push(ty);
                continue;
            }
            #[expect(clippy::cast_possible_truncation, reason = "fewer than types")]
            by_name.insert(print, groups.len() as u32);
            groups.push(Group {
                name,
                print,
                first: ty,
                others: Vec::new(),
            });
        }
        let mut qualified = Vec::new();
        for group in groups {
            let all = || std::iter::once(&group.first).chain(&group.others);
            let best = all().map(|it| it.standing).min();
            let mut owners = all().filter(|it| Some(it.standing) == best);
            let owner = match (owners.next(), owners.next()) {
                (Some(it), None) if self.is_free(group.print, it.standing) => Some(it.ty),
                _ => None,
            };
            if owner.is_none() || !group.others.is_empty() {
                let mut others: Vec<_> = all().filter(|it| Some(it.ty) != owner).collect();
                others.sort_by_key(|it| it.ty);
                let others: Vec<_> = others.into_iter().copied().collect();
                qualified.push((group.name.clone(), others));
            }
            if let Some(owner) = owner {
                self.take(owner, group.name);
            }
        }
        // Only now are all names taken that need no qualification.
        qualified.sort_by(|(name, _), (other, _)| name.cmp(other));
        for (_, group) in qualified {
            self.qualify(&group);
        }
    }

    /// Names types that would have one name: with as many modules before it as tell a type from all
    /// others.
    fn qualify(&mut self, group: &[Unnamed<'_>]) {
        // For each count of modules, how often each name is there.
        let mut names: Vec<Numbers> = Vec::new();
        for it in group {
            let modules = match it.ty {
                Type::Path(path) => path.segments().count() - 1,
                _ => 0,
            };
            let name = (1..=modules).find_map(|count| {
                if names.len() < count {
                    let mut all = Numbers::default();
                    for other in group {
                        let name = self.with_modules(other.ty, count);
                        all.add(self.seed.bytes(name.as_bytes()));
                    }
                    names.push(all);
                }
                let name = self.with_modules(it.ty, count);
                let print = self.seed.bytes(name.as_bytes());
                let is_only = names.get(count - 1)?.get(print) == Some(0);
                (is_only && self.is_free(print, it.standing)).then_some(name)
            });
            let name = name.unwrap_or_else(|| {
                let hash = hash(&format!("{:?}", it.ty));
                fit(format!("{}_{hash:016x}", self.plain(it.ty)), MAX_TYPE_NAME)
            });
            self.take(it.ty, name);
        }
    }

    /// Whether a name, by its fingerprint, is there to be given.
    fn is_free(&self, name: Fingerprint, standing: Standing) -> bool {
        let is_view = || standing != Standing::Std && self.views.get(name).is_some();
        self.taken.get(name).is_none() && !is_view()
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
            Type::Slice(element) => format!("slice_{}", self.known(element)),
            Type::Array(element, len) => format!("array_{len}_{}", self.known(element)),
            Type::Tuple(types) if types.is_empty() => "unit".to_owned(),
            Type::Tuple(types) => types
                .iter()
                .fold("tuple".to_owned(), |name, ty| name + "_" + &self.known(ty)),
            // `&str` and `&[T]` are what one thinks of as "a str" and "a slice".
            Type::Ref(to) if is_bare_unsized(to) => self.name(to),
            Type::Ref(to) => format!("ref_{}", self.known(to)),
            Type::RawPtr(to) => format!("ptr_{}", self.known(to)),
            Type::Dyn(principal) => format!("dyn_{}", c_identifier(principal)),
            Type::Path(path) => self.path(path, modules),
        };
        fit(name, MAX_TYPE_NAME)
    }

    fn path(&self, path: &Path, modules: usize) -> String {
        // Closures and futures are all called alike: the function comes along.
        let modules = modules + usize::from(path.name().starts_with('{'));
        let before = path.segments().count() - 1;
        let skipped = before.saturating_sub(modules);
        let mut name = String::with_capacity(MAX_TYPE_NAME);
        for (at, segment) in path.segments().enumerate().skip(skipped) {
            if at > skipped {
                name.push('_');
            }
            name.push_str(&c_identifier(segment));
        }
        for arg in path.args() {
            name.push('_');
            match arg {
                Arg::Type(ty) => name.push_str(&self.known(ty)),
                Arg::Const(value) => name.push_str(&constant(value)),
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

impl<'t> Levels<'t> {
    /// Adds a type and what it is written with. Its level.
    fn collect(&mut self, ty: &'t Type) -> usize {
        if let Some(level) = self.known.get(ty) {
            return *level;
        }
        let below = ty.parts().map(|part| self.collect(part) + 1);
        let level = below.max().unwrap_or(0);
        self.known.insert(ty, level);
        if has_tag(ty) {
            if self.levels.len() <= level {
                self.levels.resize_with(level + 1, Vec::new);
            }
            if let Some(types) = self.levels.get_mut(level) {
                types.push(ty);
            }
        }
        level
    }
}

/// Whether the type is a struct, union or enum in C, which no other may be called like.
fn has_tag(ty: &Type) -> bool {
    match ty {
        Type::Path(_) if ty.as_std().is_none() => return true,
        Type::Tuple(_) | Type::Never => return true,
        Type::Primitive(_) | Type::Array(..) | Type::Fn => return false,
        _ => {}
    }
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
        Type::Path(path) if ty.as_std().is_none() => {
            if path.krate() == local_crate {
                Standing::Local
            } else {
                Standing::Foreign
            }
        }
        _ => Standing::Std,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
