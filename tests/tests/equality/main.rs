//! Relocation against libbpf's own: the same instructions from its full merge, from ours and from
//! the targeted one; what is checked before a load; and which world a type is looked up in.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

mod access;
mod common;
mod instructions;
mod provenance;
