//! What a BPF function does with a relocated offset, found in its instructions.
//!
//! A relocation says where a field is; whether the program then reads the right bytes depends on
//! how many it reads, and on what else it adds to the address. Both stand in the code: the size is
//! an argument of the helper that consumes the address, and steps through an array are constants
//! that index variables are multiplied by. This is a forward data flow over each function's
//! registers and stack slots; it follows sums, products, shifts, moves, spills, branches and loops.
//!
//! It knows nothing of types. What it finds are [`Use`]s, which the access rules judge.
//!
//! A second flow, of constants, tells which instructions the verifier can come to: [`reached`].

mod instruction;
mod number;
mod reached;
mod run;

pub(crate) use number::Number;
pub(crate) use reached::reached;
pub(crate) use run::{How, Use, uses};

#[cfg(test)]
mod tests;
