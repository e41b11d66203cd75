//! Deduplication, compared with libbpf's on BTF of real programs.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

mod extracted;
mod libbpf;
mod real;
