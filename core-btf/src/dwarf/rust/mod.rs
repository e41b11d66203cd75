//! Rust's debug information to the views of [`crate::rust`].
//!
//! [`extract_probe`] reads an object that rustc made of a crate whose only code are anchors:
//! statics of type `Option<fn(&T)>`, one per root T, named in the section `.core_roots`, where each
//! root has a line
//!
//! ```text
//! <name of the anchor> TAB <C name of the root> TAB <"deep" or nothing> TAB <fields to leave out>
//! ```
//!
//! with a comma between fields; those of an enum's variants are `Variant.field`. Everything that
//! the roots hold, and what they point to in their own crate, is converted: what is in the debug
//! information but not reachable from a root is not looked at.
//!
//! | file | idea |
//! | --- | --- |
//! | `read`, `known`, `entries`, `scopes` | reads the entries that have to do with types |
//! | `alike` | which types of which units are the same |
//! | `gather` | the entries of all units, those of each type once |
//! | `dies` | the tree of entries, and the [`Type`](crate::rust::Type) that each describes |
//! | `roots` | which types were asked for |
//! | `convert` | entry to BTF type, one after the other from a queue |
//! | `values`, `members` | the types of values, and what structs and unions consist of |
//! | `enums` | enums, with and without data |
//! | `leaves`, `canonical` | where std keeps what its canonical views show |
//! | `naming` | names, once all types are known |

mod alike;
mod canonical;
mod convert;
mod dies;
mod entries;
mod enums;
mod gather;
mod known;
mod leaves;
mod members;
mod naming;
mod read;
mod roots;
mod scopes;
mod values;

use super::entries::Names;
use super::error::{Error, Problem};
use super::sections::Sections;
use super::units::{Key, Unit, Units};
use crate::model::{Type, TypeId};
use crate::write::BtfBuf;

/// What [`describe_all`] found.
#[derive(Debug)]
pub(super) struct Described {
    /// Their names are those that [`describe_all`] was given to add to.
    pub(super) types: Vec<Type>,
    /// Types that have no members because this version of rustc lays them out in an unknown way,
    /// and the keys of their entries.
    pub(super) unknown: Vec<(TypeId, Key)>,
    /// Units that are damaged.
    pub(super) damaged: Vec<(Key, Problem)>,
}

/// All types of the units in Rust, in the same views. With `paths`, each has a `DECL_TAG` of `rust:`
/// with its path. Names are `stored`. `done` is told which units were read.
///
/// # Errors
/// Damaged input.
pub(super) fn describe_all<'a>(
    units: &Units<'a>,
    paths: bool,
    stored: &Names,
    threads: usize,
    done: impl Fn(&Unit<'a>) + Sync,
) -> Result<Described, Error> {
    let (dies, damaged) = gather::gather(units, threads, done)?;
    dies.describe_definitions(threads)?;
    let found = convert::convert_all(dies, paths, stored)?;
    Ok(Described { damaged, ..found })
}

/// The types that a probe's object was made for: its roots and what they are made of, in the views
/// of [`crate::rust`]. Each root has a `DECL_TAG` of `rust:` with its path.
///
/// Shapes: roots come in the order of their names. The same object gives the same result.
///
/// # Errors
/// [`Error::Root`] for a line of `.core_roots` that cannot be followed, [`Error::RustType`] for a
/// type that this version of rustc lays out in an unknown way; damaged input as in
/// [`extract`](super::extract()).
pub fn extract_probe(object: &[u8]) -> Result<BtfBuf, Error> {
    let sections = Sections::load(object, u64::MAX)?;
    let units = Units::read(&sections, u64::MAX)?;
    let dies = dies::Dies::read(&units)?;
    let roots = roots::of_probe(object, &dies)?;
    convert::convert(&dies, &roots)
}
