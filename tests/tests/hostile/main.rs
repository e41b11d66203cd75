//! The sentences of `core_runtime::guide::hostile_input`, each held by the test that bears its name.
//! Needs root.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

mod debug_info;
mod elf;
mod files;
mod page;
mod reader;
mod types;
