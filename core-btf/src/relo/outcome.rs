//! What the check says about one relocation.

use std::fmt;

use crate::ext::RelocationKind;
use crate::relo::candidates::Origin;

/// One relocation: what it asks for, what it gets, from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Program or subprogram.
    pub function: String,
    /// Its section, such as `uprobe`.
    pub section: String,
    /// Instruction, counted from the start of the function.
    pub instruction: usize,
    /// Source file and line, if the object has line information.
    pub source: Option<(String, u32)>,
    /// What is asked for.
    pub kind: RelocationKind,
    /// The local side, such as `struct data.c (0:1 @ offset 4)`.
    pub local: String,
    /// The target side; how far it was found, where it was not found whole.
    pub target: Option<String>,
    /// Where the target is from.
    pub origin: Option<Origin>,
    /// Value in the local BTF.
    pub old: u64,
    /// Value that libbpf will write; `None` where it will poison the instruction or refuse.
    pub new: Option<u64>,
    /// Whether it may do no harm if what is asked for is missing: the function asks if just that
    /// exists, answers to other questions lead past the instruction, or the answer is then 0.
    pub guarded: bool,
    /// The verdict.
    pub outcome: Outcome,
}

/// Verdict on one relocation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// As the program expects, or a question that is answered.
    Ok,
    /// No type of that name and kind.
    MissingType {
        /// Similar names.
        near: Vec<String>,
    },
    /// The type has no such member, element or enumerator.
    MissingField {
        /// Similar names.
        near: Vec<String>,
    },
    /// The member is there but of another nature (an integer and a pointer, say): libbpf takes it
    /// for missing.
    NatureDiffers {
        /// Type of the local member.
        local: String,
        /// Type of the target member.
        target: String,
    },
    /// Several target types answer differently.
    Ambiguous {
        /// The second answer.
        other: String,
    },
    /// The name is asked for from the application and from the kernel.
    NameClash,
    /// A scalar, pointer or struct of another size.
    SizeDiffers {
        /// Bytes in the local type.
        local: u32,
        /// Bytes in the target type.
        target: u32,
    },
    /// A signed and an unsigned integer.
    SignDiffers {
        /// Whether the local one is signed.
        local_signed: bool,
    },
    /// A number that the program takes for a `bool`.
    BoolDiffers,
    /// Array elements of another size.
    ElementSizeDiffers {
        /// Bytes in the local type.
        local: u32,
        /// Bytes in the target type.
        target: u32,
    },
    /// An array of another length.
    CountDiffers {
        /// Elements in the local type.
        local: u32,
        /// Elements in the target type.
        target: u32,
    },
    /// A bitfield on one side, or at another place in its unit.
    BitfieldDiffers,
    /// An enum whose values are numbered otherwise: what is read is right, but must not be compared
    /// with the program's own constants. Not refused.
    EnumeratorsDiffer {
        /// The first enumerator that has another value, or whose value means another.
        name: String,
    },
    /// Other differences of what would be read: which, in words.
    LayoutDiffers(String),
    /// The value does not fit the instruction.
    OutOfRange {
        /// The value.
        value: u64,
        /// Bits of the signed field that must hold it.
        bits: u8,
    },
    /// The instruction does not hold the local value: object and BTF do not belong together.
    StaleInstruction {
        /// What it holds.
        found: u64,
    },
    /// libbpf refuses the relocation whatever the target is.
    Invalid(&'static str),
    /// The target type cannot be put together with the others: why, in words.
    NoMerge(String),
}

/// Whether a relocation is in the way of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not.
    Ok,
    /// What it asks for is missing where that may do no harm ([`Row::guarded`]).
    Guarded,
    /// It is, unless the verifier finds that its instruction is not reached.
    Fails,
}

impl Row {
    /// Whether this relocation is in the way of a load.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        if self.outcome.is_refused() {
            Verdict::Fails
        } else if !self.outcome.is_missing() {
            Verdict::Ok
        } else if self.guarded {
            Verdict::Guarded
        } else {
            Verdict::Fails
        }
    }
}

impl Outcome {
    /// Whether the program must not be loaded: libbpf would refuse it, or it would read wrong data.
    /// What is only missing is not refused: it may stand in code that is not reached, and libbpf
    /// makes the verifier reject it where it is.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        !matches!(
            self,
            Self::Ok
                | Self::MissingType { .. }
                | Self::MissingField { .. }
                | Self::NatureDiffers { .. }
                | Self::EnumeratorsDiffer { .. }
        )
    }

    /// Whether what is asked for is not there.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::MissingType { .. } | Self::MissingField { .. } | Self::NatureDiffers { .. }
        )
    }
}

struct Near<'n>(&'n [String]);

impl fmt::Display for Near<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((last, rest)) = self.0.split_last() {
            f.write_str("; did you mean ")?;
            for name in rest {
                write!(f, "`{name}` or ")?;
            }
            write!(f, "`{last}`?")?;
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::MissingType { near } => write!(f, "no such type{}", Near(near)),
            Self::MissingField { near } => write!(f, "no such member{}", Near(near)),
            Self::NatureDiffers { local, target } => {
                write!(f, "is {target}, the program expects {local}")
            }
            Self::Ambiguous { other } => write!(f, "ambiguous: also {other}"),
            Self::NameClash => f.write_str(
                "is asked for from the application and from the kernel; rename the application's, \
                 or give its binary's types a prefix",
            ),
            Self::SizeDiffers { local, target } => write!(
                f,
                "has {target} bytes, the program reads {local}; read it with core_read()"
            ),
            Self::SignDiffers { local_signed } => {
                let (target, local) = if *local_signed {
                    ("unsigned", "signed")
                } else {
                    ("signed", "unsigned")
                };
                write!(
                    f,
                    "is {target}, the program reads it as {local}; read it with core_read()"
                )
            }
            Self::BoolDiffers => {
                f.write_str("is a number, the program reads a bool; read it with core_read()")
            }
            Self::ElementSizeDiffers { local, target } => write!(
                f,
                "has elements of {target} bytes, the program steps by {local}; use core_at()"
            ),
            Self::CountDiffers { local, target } => {
                write!(f, "has {target} elements, the program reads {local}")
            }
            Self::BitfieldDiffers => {
                f.write_str("is another bitfield, or only one side is; read it with core_read()")
            }
            Self::EnumeratorsDiffer { name } => write!(
                f,
                "is an enum with another `{name}`; compare it with bpf_core_enum_value()"
            ),
            Self::LayoutDiffers(what) => f.write_str(what),
            Self::OutOfRange { value, bits } => {
                write!(
                    f,
                    "value {value} does not fit the {bits} bits of the instruction"
                )
            }
            Self::StaleInstruction { found } => write!(
                f,
                "the instruction holds {found}: it does not belong to the object's BTF"
            ),
            Self::Invalid(problem) => f.write_str(problem),
            Self::NoMerge(why) => write!(f, "cannot be given to libbpf: {why}"),
        }
    }
}

impl fmt::Display for Row {
    /// `trace.bpf.c:12: on_request: byte_off struct data.c (0:1 @ offset 4): no such member`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((file, line)) = &self.source {
            write!(f, "{file}:{line}: ")?;
        }
        let Self {
            function,
            kind,
            local,
            outcome,
            ..
        } = self;
        write!(f, "{function}: {} {local}: {outcome}", kind.name())
    }
}
