//! From the name of a function to its places in a binary.

#[cfg(feature = "dwarf")]
mod debug_data;
mod find;
mod names;

pub use find::Found;
pub(crate) use find::find;
