//! Helpers shared by the end-to-end tests.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails fails the test"
)]

pub mod app;
pub mod clang;
pub mod counter;
