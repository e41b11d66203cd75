//! Which types `--type` means.

use std::collections::HashSet;

use core_btf::{Btf, Kind, TypeId, glob};

use crate::failure::Failure;
use crate::input::Input;

/// The types that fit one of the patterns: no forward declarations where there is a definition,
/// and no functions or variables.
pub(crate) fn roots(
    input: &Input,
    btf: &Btf<'_>,
    patterns: &[String],
) -> Result<Vec<TypeId>, Failure> {
    let mut roots = Vec::new();
    for pattern in patterns {
        let fitting = |declared: bool| {
            btf.iter().filter(move |ty| match ty.kind() {
                Kind::Func | Kind::Var | Kind::Datasec | Kind::DeclTag | Kind::TypeTag => false,
                kind => {
                    let name = String::from_utf8_lossy(ty.name_bytes());
                    !name.is_empty()
                        && (kind == Kind::Fwd) == declared
                        && glob::matches(pattern, &name)
                }
            })
        };
        let before = roots.len();
        roots.extend(fitting(false).map(|ty| ty.id()));
        if roots.len() == before {
            roots.extend(fitting(true).map(|ty| ty.id()));
        }
        if roots.len() == before {
            return Err(input.failure(format!("no type named {pattern}")));
        }
    }
    Ok(roots)
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
