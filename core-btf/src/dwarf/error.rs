//! What can go wrong while reading debug information, and what had to be left out.

use std::fmt;

/// Why no BTF could be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not an ELF file or `ar` archive, or one whose headers or sections are damaged.
    #[error("{what}: {problem}")]
    Object {
        /// The part of the file.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A member of an archive has the error in `source`.
    #[error("archive member {name}")]
    Member {
        /// Name of the member.
        name: String,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// A file with split-off units has the error in `source`.
    #[error("split-off file {path}")]
    SplitFile {
        /// Path of the file.
        path: String,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// The file has no `.debug_info` section; it was compiled without `-g`, or stripped.
    #[error("no debug information (.debug_info); compile with -g and do not strip")]
    NoDebugInfo,
    /// The debug information is in other files.
    #[error("debug information is split off into {path}; compile without -gsplit-dwarf")]
    Split {
        /// The `.dwo` file that the first such unit names.
        path: String,
    },
    /// The debug information refers to that of another file, which is not there.
    #[error("its alternate debug file {path} is not there")]
    Alternate {
        /// The path that it has for it.
        path: String,
    },
    /// The debug information does not follow the DWARF standard, or goes beyond what is read.
    #[error("{section} at offset {offset:#x}: {source}")]
    Dwarf {
        /// ELF section.
        section: &'static str,
        /// Offset in that section, in bytes.
        offset: u64,
        /// What is wrong there; the message has it.
        r#source: gimli::Error,
    },
    /// Entries within entries, thousands deep.
    #[error("{section} at offset {offset:#x}: entries are nested too deep")]
    TooDeep {
        /// ELF section.
        section: &'static str,
        /// Offset in that section, in bytes.
        offset: u64,
    },
    /// A type that contains itself, not through a pointer.
    #[error("{section} at offset {offset:#x}: the type contains itself")]
    Recursive {
        /// ELF section.
        section: &'static str,
        /// Offset in that section, in bytes.
        offset: u64,
    },
    /// More entries, or longer names, than are read ([`Options::max_entries`](super::Options)).
    #[error("{section} at offset {offset:#x}: the debug information has more than {limit} entries")]
    TooMany {
        /// ELF section.
        section: &'static str,
        /// Offset in that section, in bytes.
        offset: u64,
        /// The most that are read.
        limit: u64,
    },
    /// More debug information than is read.
    #[error("{what} has {bytes} bytes, at most {limit} are read")]
    TooLarge {
        /// What is too large.
        what: String,
        /// Its size.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// No type, or function, of this name is defined.
    #[error("no type named {name} in the debug information")]
    NoSuchRoot {
        /// The name that was asked for.
        name: String,
    },
    /// A type that was asked for holds something that BTF cannot describe.
    #[error("type {root} cannot be described: {warning}")]
    Unsupported {
        /// The name that was asked for.
        root: String,
        /// What is in the way.
        warning: Box<Warning>,
    },
    /// A root of a probe's object that cannot be followed.
    #[error("root {line:?} {problem}")]
    Root {
        /// Its line in `.core_roots`.
        line: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A type that rustc, or the standard library, lays out in a way that is not known.
    #[error("{section} at offset {offset:#x}: Rust type {ty} {problem}")]
    RustType {
        /// Path of the type.
        ty: String,
        /// ELF section.
        section: &'static str,
        /// Offset of its entry (DIE) in that section, in bytes.
        offset: u64,
        /// What is unexpected about it.
        problem: String,
    },
    /// The types go beyond the limits of BTF.
    #[error(transparent)]
    Btf(#[from] crate::Error),
}

/// Something that was left out or replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Archive member, when the file is an archive.
    pub member: Option<String>,
    /// ELF section of the entry.
    pub section: &'static str,
    /// Offset of the entry (DIE) in that section, in bytes.
    pub offset: u64,
    /// What was wrong with it.
    pub problem: Problem,
}

impl Warning {
    /// Whether a whole unit was left out, and not an entry.
    #[must_use]
    pub fn is_of_unit(&self) -> bool {
        matches!(
            self.problem,
            Problem::Unit { .. } | Problem::TooDeep { .. } | Problem::Split
        )
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(member) = &self.member {
            write!(f, "{member}: ")?;
        }
        write!(
            f,
            "{} at offset {:#x}: {}",
            self.section, self.offset, self.problem
        )
    }
}

/// Why an entry was left out or replaced by a struct without members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// An entry that has no counterpart in BTF.
    #[error("{0} has no counterpart in BTF")]
    Tag(gimli::DwTag),
    /// A base type that has no counterpart in BTF.
    #[error("{encoding} of {size_bytes} bytes has no counterpart in BTF")]
    BaseType {
        /// Its encoding.
        encoding: gimli::DwAte,
        /// Its size.
        size_bytes: u64,
    },
    /// An attribute in a form, or with a value, that is not understood.
    #[error("{0} is not understood")]
    Attribute(gimli::DwAt),
    /// An attribute that has to be there.
    #[error("{0} is missing")]
    Missing(gimli::DwAt),
    /// A reference to something that is no type, or is in another file.
    #[error("refers to {0:#x}, where there is no type")]
    Reference(u64),
    /// A size, offset or count that BTF's fields cannot hold.
    #[error("{0} is beyond the limits of BTF")]
    Limit(&'static str),
    /// A Rust type that this version of rustc, or the standard library, lays out in a way that is
    /// not known.
    #[error("the layout of this Rust type is not known")]
    RustLayout,
    /// A virtual base class, which is left out of the classes that have it: where it is depends on
    /// the class of the whole object.
    #[error("the place of a virtual base class is not fixed")]
    VirtualBase,
    /// The unit is damaged, and left out.
    #[error("the unit is left out: {section} at offset {offset:#x}: {source}")]
    Unit {
        /// ELF section.
        section: &'static str,
        /// Offset in that section, in bytes.
        offset: u64,
        /// What is wrong there; the message has it.
        r#source: gimli::Error,
    },
    /// The unit has entries within entries, thousands deep, and is left out.
    #[error("the unit is left out: {section} at offset {offset:#x}: entries are nested too deep")]
    TooDeep {
        /// ELF section.
        section: &'static str,
        /// Offset in that section, in bytes.
        offset: u64,
    },
    /// The debug information of this unit is in another file.
    #[error("the unit's debug information is split off into another file")]
    Split,
}
