//! Pages for scenarios, each with a program that is built and run by a test.

#[doc = include_str!("../docs/libraries.md")]
pub mod libraries {}

#[doc = include_str!("../docs/processes.md")]
pub mod processes {}
