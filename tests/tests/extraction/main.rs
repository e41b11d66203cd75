//! Extraction of C types from DWARF, against what others make of the same code: pahole's and gcc's
//! BTF, and the compiled code's own sizes and offsets.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod fixture;
mod inputs;
mod kernel;
mod oracle;
mod others;
mod real;
mod truth;
