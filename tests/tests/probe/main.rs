//! The probe compile: whatever rustc is asked to make of a crate, the BTF that it embeds describes
//! the types as they are laid out in what was made.
//!
//! | file | what it compiles |
//! | --- | --- |
//! | `flags` | one source, by rustc itself, with every flag that could matter |
//! | `packages` | a workspace, by Cargo: all kinds of targets, profiles, dependencies |
//! | `code` | the same source with and without the macros, to compare their instructions |
//! | `failures` | what must not compile, and programs that were tampered with |
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper that fails fails the test"
)]

mod code;
mod failures;
mod flags;
mod packages;
mod product;
mod rustc;
#[path = "../scratch/mod.rs"]
mod scratch;
