//! C++, Rust, Fortran and Ada from DWARF, against what gdb makes of the same debug information, or the program says.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod crates;
mod gdb;
mod library;
mod others;
mod rust;
mod types;
mod units;
