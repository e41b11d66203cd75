//! Merges types that are the same.
//!
//! Types of several compilation units, pushed into one [`BtfBuf`](crate::BtfBuf) one unit after the
//! other, describe most types once per unit. [`dedup`] keeps one of each, as libbpf's `btf__dedup`
//! does:
//!
//! - Two types are the same when everything reachable from them is, names of members included.
//!   Cycles are no obstacle: all types of a shape are taken to be the same until a reference tells
//!   them apart.
//! - A forward declaration is the definition of its name, if there is just one after merging; so is
//!   an enum without enumerators.
//! - Types of one name with different layouts stay apart, and so do types that refer to them.
//! - Variables and sections are never merged; functions of one name and prototype are.
//!
//! Two departures. libbpf compares pair by pair, with limits where one unit has a type twice; here
//! classes of types are split until they are stable (partition refinement), which finds the fewest
//! types there can be, whatever the order of the input. And a forward declaration of a name with
//! several definitions stays one, where libbpf takes whichever definition it meets first.
//!
//! The survivor of each class is its first definition, and survivors keep their order: the same
//! input gives the same output.

mod canonical;
mod graph;
#[cfg(feature = "dwarf")]
mod merger;
mod partition;
mod shape;
#[cfg(test)]
mod tests;

pub use canonical::{dedup, dedup_with_map};
#[cfg(feature = "dwarf")]
pub(crate) use merger::Merger;
