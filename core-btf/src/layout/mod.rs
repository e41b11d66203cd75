//! The layout record: rustc's own word on a root, which the embedded BTF is proved with.
//!
//! `#[bpf_traceable]` leaves one [`Record`] per root in the section [`SECTION`] of the program.
//! The records of all crates stand one after the other, in the order the linker chose. A record
//! holds no pointer, so that it is the same in the file and in memory, and all its numbers are
//! little-endian on every target:
//!
//! | bytes | content |
//! | --- | --- |
//! | 8 | [`MAGIC`] |
//! | 4 | length of the whole record |
//! | 2 + n | length and text of the module path, the crate's name first |
//! | 2 + n | length and text of the root's C name |
//! | 8 | size of the type, in bytes |
//! | 8 | its alignment, in bytes |
//! | 2 + n, 8 | up to the end: length and text of a member's C name, and its offset in bytes |
//!
//! Bytes that are 0 may stand between records. [`verify`] compares records with BTF.

mod proof;
mod record;

pub use proof::{Mismatch, verify};
pub use record::{MAGIC, Record, SECTION, records, text};
