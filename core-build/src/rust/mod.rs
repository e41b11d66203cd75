//! The header's half of the Rust path: the crate's annotated types, as its source spells them, in
//! the view of `core_btf::rust`.
//!
//! | module | what it does |
//! | --- | --- |
//! | `cfg` | which items rustc will see |
//! | `source` | the modules of the crate and what they define |
//! | `resolve` | from a spelling to a type, through imports, aliases and constants |
//! | `attribute` | the arguments of `#[bpf_traceable]` and `#[bpf(..)]` |
//! | `reach` | the types that the roots lead to |
//! | `declare` | their declarations, as BTF |
//! | `tags` | what a program may ask for of an enum's tags |
//!
//! The BTF made here is what the header is printed from. Its offsets are of no account: the loader
//! takes them from the application's own. What matters is that names agree, which
//! `core_btf::rust` sees to on both sides.

mod attribute;
mod cfg;
mod declare;
mod reach;
mod resolve;
mod source;
mod tags;
#[cfg(test)]
mod tests;

use std::path::Path;

use core_btf::BtfBuf;

use crate::cargo::Cargo;
use crate::error::Result;
use cfg::Cfg;
use source::Source;
pub(crate) use tags::complete as complete_tags;

/// What the source of a crate gives to the header.
pub(crate) struct Declared {
    /// Declarations of the annotated types and of all they lead to.
    pub(crate) types: BtfBuf,
    /// Files that were read.
    pub(crate) files: Vec<std::path::PathBuf>,
    /// What could not be declared, for the user to read.
    pub(crate) warnings: Vec<String>,
}

/// Which features and options hold in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Configuration {
    /// Those that Cargo builds this crate with.
    OfThisCrate,
    /// Any features: those of another crate are its own builds' business.
    OfAnotherCrate,
}

/// Declares the annotated types of the crate called `name` with this root file.
pub(crate) fn declare(
    name: &str,
    root: &Path,
    configuration: Configuration,
    cargo: &Cargo,
) -> Result<Declared> {
    let vars = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let cfg = match configuration {
        Configuration::OfThisCrate => Cfg::from_env(vars),
        Configuration::OfAnotherCrate => Cfg::from_env(vars).with_any_features(),
    };
    let source = Source::read(name, root, &cfg)?;
    let mut reached = reach::reach(&source);
    let types = declare::declare(&source, &mut reached, cargo.pointer_bytes)?;
    Ok(Declared {
        types,
        files: source.files,
        warnings: reached.warnings,
    })
}
