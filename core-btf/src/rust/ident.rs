//! Valid C identifiers for Rust's names.
//!
//! Three rules hold for every name that is made here: it is an ASCII identifier, it has at most
//! [`MAX_NAME`] bytes, and no three underscores stand between other characters in it, which libbpf
//! would take for the start of a flavor.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::keywords;

/// Longest name that every kernel takes (`KSYM_NAME_LEN` without its NUL).
pub const MAX_NAME: usize = 127;
/// Longest name of a type, so that there is room for a variant's behind it.
pub const MAX_TYPE_NAME: usize = 79;

/// The C identifier for one Rust identifier, without regard to its neighbours: `r#type` is `type`,
/// `default` is `default_`, `0` (of a tuple) is `__0`, other characters than C's become their
/// number (`ö` is `u00f6`), and `a___b` is `a_3_b`.
#[must_use]
pub fn identifier(name: &str) -> String {
    c_identifier(name).into_owned()
}

/// [`identifier`]; most names are one as they stand.
pub(crate) fn c_identifier(name: &str) -> Cow<'_, str> {
    let name = name.strip_prefix("r#").unwrap_or(name);
    let starts_with_digit = name.starts_with(|c: char| c.is_ascii_digit());
    let is_c = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
    let mut out = Cow::Borrowed(name);
    if starts_with_digit || !name.bytes().all(is_c) {
        out = Cow::Owned(made_of_c(name, starts_with_digit));
    }
    if keywords::is_reserved(&out) {
        out.to_mut().push('_');
    }
    if out.len() > MAX_NAME || has_flavor(&out) {
        out = Cow::Owned(fit(out.into_owned(), MAX_NAME));
    }
    out
}

/// The name in characters that C has for names.
fn made_of_c(name: &str, starts_with_digit: bool) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    if starts_with_digit {
        out.push_str("__");
    }
    for c in name.chars() {
        match c {
            '_' | '0'..='9' | 'a'..='z' | 'A'..='Z' => out.push(c),
            // rustc's own names: `{closure_env#0}`.
            '{' | '}' => {}
            _ if c.is_ascii() => out.push('_'),
            _ => {
                let number = format!("u{:04x}", u32::from(c));
                out.push_str(&number);
            }
        }
    }
    out
}

/// Whether there is a run of underscores that may stand for the start of a flavor.
fn has_flavor(name: &str) -> bool {
    name.as_bytes().windows(3).any(|run| run == b"___")
}

/// The names of the members of a struct, union or variant, given all of its Rust fields in the
/// order of their declaration. Where two would be equal, the later gets an underscore.
#[must_use]
pub fn member_names<'a>(fields: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    distinct(fields.into_iter().map(identifier), None)
}

/// The names of the variants of an enum, given all of them in the order of their declaration, as
/// they stand for a member of its union and in its enumerators.
#[must_use]
pub fn variant_names<'a>(variants: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let names = variants.into_iter().map(|name| {
        let name = identifier(name);
        // `State__first` and the like are ours.
        if name.starts_with('_') {
            format!("v{name}")
        } else {
            name
        }
    });
    // `struct State__tag` would stand beside `enum State__tag`.
    distinct(names, Some("tag"))
}

/// Whether an enum is an ENUM: no variant holds anything, and it is not of size zero. `fields` has
/// the number of fields of each variant; `repr` says whether a `repr` gives it a size.
#[must_use]
pub fn is_fieldless(fields: &[usize], repr: bool) -> bool {
    fields.iter().all(|count| *count == 0) && (fields.len() > 1 || repr && !fields.is_empty())
}

/// The names, each with as many underscores behind it as make it differ from those before and from
/// `reserved`.
fn distinct(names: impl Iterator<Item = String>, reserved: Option<&str>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    // Of a few names, looking at each is the fastest.
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for mut name in names {
        let is_taken = |name: &String| {
            reserved == Some(name.as_str())
                || match out.len() {
                    ..FEW => out.contains(name),
                    _ => taken.contains(name),
                }
        };
        while is_taken(&name) {
            name.push('_');
        }
        out.push(name);
        match out.len() {
            ..FEW => {}
            FEW => taken.extend(out.iter().cloned()),
            _ => taken.extend(out.last().cloned()),
        }
    }
    out
}

/// How many names are compared one by one.
const FEW: usize = 16;

/// The enumerator of a variant: `State_Idle`.
#[must_use]
pub fn enumerator(tag: &str, variant: &str) -> String {
    fit(format!("{tag}_{variant}"), MAX_NAME)
}

/// The struct of what a variant holds: `struct State__Busy`.
#[must_use]
pub fn variant_struct(tag: &str, variant: &str) -> String {
    fit(format!("{tag}__{variant}"), MAX_NAME)
}

/// The enum of the raw discriminant values of an enum with data: `enum State__tag`.
#[must_use]
pub fn tag_enum(tag: &str) -> String {
    fit(format!("{tag}__tag"), MAX_NAME)
}

/// The enumerator that says which variant has no value of its own: `State__untagged_Busy`.
#[must_use]
pub fn untagged(tag: &str, variant: &str) -> String {
    fit(format!("{tag}__untagged_{variant}"), MAX_NAME)
}

/// The enumerator of the first value that is a variant's own: `State__first`.
#[must_use]
pub fn first(tag: &str) -> String {
    fit(format!("{tag}__first"), MAX_NAME)
}

/// The enumerator of the last value that is a variant's own: `State__last`.
#[must_use]
pub fn last(tag: &str) -> String {
    fit(format!("{tag}__last"), MAX_NAME)
}

/// The name without runs of underscores, cut to `limit` bytes with a hash of all of it at the end.
pub(crate) fn fit(name: String, limit: usize) -> String {
    let name = if has_flavor(&name) {
        without_flavor(&name)
    } else {
        name
    };
    if name.len() <= limit {
        return name;
    }
    let hash = format!("{:016x}", hash(&name));
    let head = name
        .get(..limit.saturating_sub(hash.len() + 1))
        .unwrap_or_default();
    format!("{}_{hash}", head.trim_end_matches('_'))
}

/// Writes a run of three or more underscores between other characters as its length.
fn without_flavor(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('_') {
        let (head, tail) = rest.split_at(at);
        let after = tail.trim_start_matches('_');
        let run = tail.len() - after.len();
        out.push_str(head);
        if run < 3 || after.is_empty() || out.is_empty() {
            out.extend(std::iter::repeat_n('_', run));
        } else {
            out.extend(["_", &run.to_string(), "_"]);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// FNV-1a: a hash that every version of this crate computes alike.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_become_valid_c() {
        for (rust, c) in [
            ("id", "id"),
            ("r#type", "type"),
            ("r#int", "int_"),
            ("default", "default_"),
            ("_Bool", "_Bool_"),
            ("0", "__0"),
            ("11", "__11"),
            ("größe", "gru00f6u00dfe"),
            ("a___b", "a_3_b"),
            ("a_____b___c", "a_5_b_3_c"),
            ("a__b", "a__b"),
            ("___a", "___a"),
            ("a___", "a___"),
            ("{closure_env#0}", "closure_env_0"),
        ] {
            assert_eq!(identifier(rust), c, "{rust}");
        }
    }

    /// Two members of one name would make libbpf take the first for both.
    #[test]
    fn neighbours_get_different_names() {
        assert_eq!(
            member_names(["default_", "default", "default__", "x"]),
            ["default_", "default__", "default___", "x"]
        );
        assert_eq!(
            variant_names(["tag", "_first", "int", "A"]),
            ["tag_", "v_first", "int_", "A"]
        );
    }

    /// A run can arise where two names meet.
    #[test]
    fn composed_names_have_no_flavor() {
        assert_eq!(variant_struct("State_", "A"), "State_3_A");
        assert_eq!(enumerator("State__", "A"), "State_3_A");
        assert_eq!(tag_enum("State"), "State__tag");
        assert_eq!(untagged("State", "Busy"), "State__untagged_Busy");
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let (a, b) = ("a".repeat(200) + "1", "a".repeat(200) + "2");
        let (a, b) = (identifier(&a), identifier(&b));
        assert_eq!((a.len(), b.len()), (MAX_NAME, MAX_NAME));
        assert_ne!(a, b);
        // The cut leaves no run of underscores before the hash.
        let name = fit("a".repeat(100) + &"__b".repeat(30), MAX_NAME);
        assert!(!name.contains("___"), "{name}");
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
    }
}
