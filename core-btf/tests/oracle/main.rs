//! Other implementations' opinion of what this crate does: clang's, pahole's, libbpf's.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, which may panic"
)]

mod c_header;
mod describe;
mod random;
mod tools;
