//! Which types `--type` means.

use std::collections::HashSet;

use core_btf::{Btf, Kind, TypeId, TypeRef, glob};

use crate::failure::Failure;
use crate::input::Input;

/// The types that fit one of the patterns: no forward declarations where there is a definition,
/// and no functions or variables. Roots of C++ and Rust go by their names in the source, too.
pub(crate) fn roots(
    input: &Input,
    btf: &Btf<'_>,
    patterns: &[String],
) -> Result<Vec<TypeId>, Failure> {
    let mut roots = Vec::new();
    for pattern in patterns {
        let fitting = |declared: bool| {
            btf.iter().filter_map(move |ty| match ty.kind() {
                Kind::Func | Kind::Var | Kind::Datasec | Kind::TypeTag => None,
                Kind::DeclTag => {
                    let fits = !declared && ty.component() == -1 && fits_source(pattern, &ty);
                    fits.then(|| ty.target())
                }
                kind => {
                    let name = String::from_utf8_lossy(ty.name_bytes());
                    let fits = !name.is_empty()
                        && (kind == Kind::Fwd) == declared
                        && glob::matches(pattern, &name);
                    fits.then(|| ty.id())
                }
            })
        };
        let before = roots.len();
        roots.extend(fitting(false));
        if roots.len() == before {
            roots.extend(fitting(true));
        }
        if roots.len() == before {
            return Err(input.failure(format!("no type named {pattern}")));
        }
    }
    Ok(roots)
}

/// Whether a tag says that a type has such a name in its source.
fn fits_source(pattern: &str, tag: &TypeRef<'_>) -> bool {
    let text = String::from_utf8_lossy(tag.name_bytes());
    let names = ["c++:", "rust:"].map(|language| text.strip_prefix(language));
    let mut names = names.into_iter().flatten();
    names.any(|name| glob::matches(pattern, name))
}

/// The roots, what they refer to, and the tags on all of these.
pub(crate) fn closure(btf: &Btf<'_>, roots: &[TypeId]) -> Result<HashSet<TypeId>, core_btf::Error> {
    let mut kept = HashSet::new();
    let mut todo = roots.to_vec();
    while let Some(id) = todo.pop() {
        if !id.is_void() && kept.insert(id) {
            btf.get(id)?.to_type()?.for_each_ref(|id| todo.push(id));
        }
    }
    let tags = btf.iter().filter(|ty| ty.kind() == Kind::DeclTag);
    let tags: Vec<TypeId> = tags
        .filter(|tag| kept.contains(&tag.target()))
        .map(|tag| tag.id())
        .collect();
    kept.extend(tags);
    Ok(kept)
}
