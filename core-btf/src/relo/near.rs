//! Names that may have been meant.

use crate::model::{Kind, TypeId};
use crate::read::{Btf, TypeRef};
use crate::relo::name::essential_name;

/// Most suggestions for one name.
const MOST: usize = 3;
/// Most names that are looked at for one suggestion.
const MAX_NAMES: usize = 1 << 16;
/// Longer names are not compared.
const MAX_LEN: usize = 64;

/// Edits (insert, remove, replace, swap) that lead from one name to the other, if at most `limit`.
fn distance(a: &[u8], b: &[u8], limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit || a.len() > MAX_LEN || b.len() > MAX_LEN {
        return None;
    }
    let (mut before, mut last) = (vec![0; b.len() + 1], (0..=b.len()).collect::<Vec<_>>());
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], n: usize| row.get(n).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&last, j) + usize::from(x != y);
            let mut best = replaced.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|&d| d <= limit)
}

/// The names most like `wanted`, best first.
fn nearest<'n>(wanted: &[u8], names: impl Iterator<Item = &'n [u8]>) -> Vec<String> {
    let limit = (wanted.len() / 3).clamp(1, 3);
    let mut found: Vec<(usize, &[u8])> = names
        .take(MAX_NAMES)
        .filter_map(|name| Some((distance(wanted, name, limit)?, name)))
        .filter(|(d, _)| *d > 0)
        .collect();
    found.sort_unstable();
    found.dedup();
    let text = |(_, name): &(usize, &[u8])| String::from_utf8_lossy(name).into_owned();
    found.iter().take(MOST).map(text).collect()
}

/// Members or enumerators that may be meant by `wanted` in a type that does not have it: first
/// those of that very name in a struct inside, then similar ones.
pub(crate) fn members(btf: &Btf<'_>, id: TypeId, wanted: &[u8]) -> Vec<String> {
    let Ok(ty) = btf.resolve(id) else {
        return Vec::new();
    };
    let mut names = Vec::new();
    let mut moved = Vec::new();
    let mut open: Vec<TypeRef<'_>> = vec![ty];
    while let Some(ty) = open.pop().filter(|_| names.len() < MAX_NAMES) {
        names.extend(ty.enumerators().map(|e| btf.name_bytes(e.name)));
        for member in ty.members() {
            let inner = btf.resolve(member.ty);
            match (btf.name_bytes(member.name), inner) {
                // Anonymous members may nest in themselves in hostile input only.
                ([], Ok(inner)) if open.len() < MAX_LEN && names.len() < MAX_NAMES => {
                    names.push(&[]);
                    open.push(inner);
                }
                ([], _) => {}
                (name, inner) => {
                    names.push(name);
                    let has =
                        |ty: &TypeRef<'_>| ty.members().any(|m| btf.name_bytes(m.name) == wanted);
                    if inner.is_ok_and(|ty| has(&ty)) {
                        moved.push(String::from_utf8_lossy(&[name, b".", wanted].concat()).into());
                    }
                }
            }
        }
    }
    moved.extend(nearest(wanted, names.into_iter()));
    moved.truncate(MOST);
    moved
}

/// Types of the same kind that may be meant by `wanted`.
pub(crate) fn types(btf: &Btf<'_>, kind: Kind, wanted: &[u8]) -> Vec<String> {
    let mut kinds = 1 << kind as u32;
    if kind.is_enum() {
        kinds = 1 << Kind::Enum as u32 | 1 << Kind::Enum64 as u32;
    }
    // A different first letter is rare, and most of the work.
    let names = btf.names_of_kinds(kinds).filter_map(|(_, _, name)| {
        (name.first() == wanted.first()).then_some(())?;
        let len = name.iter().take(MAX_LEN + 1).position(|&b| b == 0)?;
        Some(essential_name(name.get(..len)?))
    });
    nearest(wanted, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(wanted: &str, names: &[&str]) -> Vec<String> {
        nearest(wanted.as_bytes(), names.iter().map(|n| n.as_bytes()))
    }

    /// What is suggested must help, and not be noise.
    #[test]
    fn slips_of_the_pen_are_found_and_strangers_are_not() {
        let names = ["count", "counter", "amount", "next", "prev", "name"];
        assert_eq!(of("cuont", &names), ["count"]);
        assert_eq!(of("coutn", &names), ["count"]);
        assert_eq!(of("counters", &names), ["counter"]);
        assert_eq!(of("size", &names), [""; 0]);
        assert_eq!(of("x", &names), [""; 0]);
        assert_eq!(of("", &names), [""; 0]);
    }
}
