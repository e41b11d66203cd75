//! C++ (and what else has scopes) from DWARF, against what gdb makes of the same debug information.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod gdb;
mod library;
mod types;
