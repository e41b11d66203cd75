//! C++ and Rust programs from DWARF, against what gdb makes of the same debug information.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod gdb;
mod library;
mod rust;
mod types;
