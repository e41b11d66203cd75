//! Types of one name in two of a loader's binaries.

use std::fmt;

/// A name that means different types in two binaries, and a program that reads one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SameName {
    /// The name, with its keyword.
    pub name: String,
    /// Source file and line, and the program.
    pub place: String,
    /// What the program asks for.
    pub local: String,
    /// One binary, and what it has for that, if it has it.
    pub first: (String, Option<String>),
    /// The other.
    pub second: (String, Option<String>),
}

impl fmt::Display for SameName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            place,
            local,
            first: (first, first_has),
            second: (second, second_has),
        } = self;
        let has = |target: &Option<String>| target.clone().unwrap_or_else(|| "missing".to_owned());
        write!(
            f,
            "{place}: `{name}` is one type in {first} and another in {second}, and {local} is {} in \
             the first and {} in the second: give the types of one of them a prefix, in build.rs \
             with `Builder::prefixed_types_from` and here with `TypeInfo::with_prefix`",
            has(first_has),
            has(second_has)
        )
    }
}
