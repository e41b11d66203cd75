//! DWARF to BTF: the types of an object, archive or linked binary, from its debug information.
//!
//! [`extract`] takes the bytes of a file and gives a [`BtfBuf`](crate::BtfBuf). It reads DWARF 2
//! to 5 in ELF of either class and byte order, in one pass over the debugging information entries
//! (DIEs); nothing is kept per entry that is not a type.
//!
//! | DWARF | BTF |
//! | --- | --- |
//! | base type | INT, FLOAT; `_Complex T` is `struct { T real; T imag; }` |
//! | array | one ARRAY per dimension; no length: 0 elements |
//! | `_Atomic`, packed and other qualifiers without a BTF kind | the type they qualify |
//! | C++ references and base classes | PTR, unnamed members |
//! | declaration | FWD, or the definition in its type unit |
//! | what has no counterpart | a struct of the same size without members, and a [`Warning`] |
//!
//! A type of the last row spoils an extraction only when a root ([`Options::roots`]) holds it by
//! value.

mod attrs;
mod closure;
mod collect;
mod error;
mod extract;
mod input;
mod join;
mod members;
mod resolve;
pub mod rust;
mod scalars;
mod sections;
mod threads;
mod types;
mod units;

pub use error::{Error, Problem, Warning};
pub use extract::{Extraction, Options, extract};
