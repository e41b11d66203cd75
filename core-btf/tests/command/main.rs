//! The `core-btf` command, from its command line to its exit status, judged by the tools whose work
//! it does: bpftool, pahole, clang, readelf, gdb, and the programs themselves.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, which may panic"
)]

mod check;
mod documented;
mod dump;
mod elsewhere;
mod embed;
mod errors;
mod extract;
mod merge;
mod progress;
mod tools;
mod usage;
