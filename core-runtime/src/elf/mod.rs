//! What the runtime reads of an ELF file on disk: sections, loaded segments, symbols, the build-id
//! and the names of libraries.
//!
//! The file is read piece by piece with `pread`. It is not mapped, because a mapped file that
//! another process truncates kills the reader, and it is not read whole, because an executable
//! with debug information can be larger than memory. (A BPF object, which is in memory anyway, is
//! read by `core_btf::elf`.)

mod dynamic;
mod fields;
mod file;
mod functions;
mod notes;

pub(crate) use file::Elf;
pub(crate) use functions::FunctionKind;
