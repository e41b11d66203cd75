//! What can be wrong with a BTF blob or with a request made of one.

use crate::model::TypeId;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be wrong with a BTF blob or with a request made of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first two bytes are not BTF's magic number in either byte order.
    #[error("not BTF: magic number {0:#06x} where 0xeb9f is expected")]
    Magic(u16),
    /// A version of the format that this crate does not know.
    #[error("BTF version {0} is not known, only version 1")]
    Version(u8),
    /// Data ends before what the format requires.
    #[error("{what} at offset {offset:#x} needs {need} bytes, {have} are left")]
    Truncated {
        /// The part of the format.
        what: &'static str,
        /// Where it starts, in bytes from the start of the blob.
        offset: usize,
        /// Bytes it needs.
        need: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// A field of the header or of a record has a value that the format excludes.
    #[error("{what} at offset {offset:#x} is {value}, not {expected}")]
    Invalid {
        /// The field.
        what: &'static str,
        /// Where it is, in bytes from the start of the blob.
        offset: usize,
        /// Its value.
        value: u64,
        /// What it should be.
        expected: &'static str,
    },
    /// What is wrong with a section of an ELF file; offsets are from its start.
    #[error("{section}: {error}")]
    Section {
        /// Name of the section.
        section: String,
        /// What is wrong with it.
        error: Box<Error>,
    },
    /// A reference to a type that the blob does not have.
    #[error("type {ty} is not there, the last type is [{last}]")]
    NoSuchType {
        /// The id that was looked up.
        ty: TypeId,
        /// The highest id of the blob.
        last: u32,
    },
    /// A name offset outside the string section, or one whose string is not UTF-8.
    #[error("name offset {offset:#x} is {problem}")]
    Name {
        /// The offset, in bytes from the start of the string section.
        offset: u32,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// More of something than the format can hold.
    #[error("{what}: {value} is more than the format's limit of {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// How much was asked for.
        value: u64,
        /// The most the format takes.
        limit: u64,
    },
    /// A chain of types that never reaches a concrete one, or nests too deep.
    #[error("type {ty} {problem}")]
    Type {
        /// The type.
        ty: TypeId,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The data is not an ELF file.
    #[error("not ELF: the first four bytes are not 7f 45 4c 46")]
    NotElf,
    /// An ELF file without type information.
    #[error("the ELF file has no .BTF section; compile with -g")]
    NoBtf,
    /// A relocation that libbpf would refuse whatever the target is.
    #[error("relocation of instruction {instruction} of `{function}`: {problem}")]
    Relocation {
        /// Program or subprogram.
        function: String,
        /// Instruction, counted from the start of the function.
        instruction: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// One name is asked for from the application and from the kernel.
    #[error(
        "`{name}` is asked for as a type of the application and as one of the kernel in one BPF \
         object; rename the application's (a Rust type with `name = \"...\"`, all types of a binary \
         with a prefix)"
    )]
    NameClash {
        /// The name, with its keyword.
        name: String,
    },
    /// A text that cannot stand before the names of types.
    #[error(
        "`{0}` is no prefix for the names of types: it takes a letter first, then letters, digits \
         and underscores, never three of them in a row or two at the end"
    )]
    Prefix(String),
    /// Blobs that one merged blob cannot describe.
    #[error("BTF of different {0} cannot be merged")]
    Mixed(&'static str),
}

impl Error {
    /// The same of a section of an ELF file.
    pub(crate) fn in_section(self, section: &str) -> Self {
        Self::Section {
            section: section.to_owned(),
            error: Box::new(self),
        }
    }
}
