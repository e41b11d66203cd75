//! What can go wrong between a binary's type information and an attached program.

use std::error::Error as _;
use std::path::PathBuf;
use std::{fmt, io};

use core_btf::relo::Row;

use crate::privilege::Missing;
use crate::same_name::SameName;
use crate::symbols::Found;
use crate::type_info::Tried;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong between a binary's type information and an attached program.
///
/// `Display` says what failed and, where the user can do something about it, what; [`source`]
/// leads to the cause. `Debug` prints the whole chain in lines, so that a `main` that returns this
/// error says all there is to say.
///
/// [`source`]: std::error::Error::source
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused a file operation.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The operation, a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that should describe its types does not.
    #[error(
        "{} has no type information:{}\n  build it with core-build and `core_runtime::embed!()`, or \
         have `core-btf extract` make a BTF file from its debug information",
        file.display(), lines(tried)
    )]
    NoTypeInfo {
        /// The file.
        file: PathBuf,
        /// All places where it was looked for, in that order.
        tried: Vec<Tried>,
    },
    /// A BTF blob that does not follow the format.
    #[error("malformed BTF in {origin}, in the blob at offset {offset:#x}")]
    MalformedBtf {
        /// The file, or what else the bytes are of.
        origin: String,
        /// Where the blob starts in the file, in bytes; places in the source count from there.
        offset: u64,
        /// What is wrong with it.
        source: core_btf::Error,
    },
    /// The types that a program carries are not those that it was compiled with.
    #[error("{} carries a description of its types that is not right", file.display())]
    Layout {
        /// The program.
        file: PathBuf,
        /// The difference.
        source: core_btf::layout::Mismatch,
    },
    /// An object reads the kernel's types, and the kernel does not publish them.
    #[error(
        "the BPF object needs the types of kernel {release}, and {} cannot be read: name a BTF \
         file made for this kernel with `Loader::kernel_btf` (BTFHub's archive has them for most \
         distributions){}",
        path.display(), lines(rows)
    )]
    NoKernelTypes {
        /// Where they should be.
        path: PathBuf,
        /// The kernel's release.
        release: String,
        /// What the programs look for among them.
        rows: Vec<Row>,
        /// Why the file cannot be read.
        source: io::Error,
    },
    /// A BPF object that does not follow the formats.
    #[error("the BPF object is malformed")]
    Object(#[source] core_btf::Error),
    /// The types that an object asks for cannot be put together.
    #[error(
        "the BPF object cannot be relocated against the types of {origin} and the kernel:{}",
        lines(rows)
    )]
    Merge {
        /// What the application's types are of.
        origin: String,
        /// The relocations whose targets are in the way.
        rows: Vec<Row>,
        /// Why not.
        source: core_btf::Error,
    },
    /// Programs would read wrong data, or libbpf would refuse them.
    #[error("the BPF programs do not fit the types of {origin}:{}", lines(rows))]
    Relocation {
        /// What the application's types are of.
        origin: String,
        /// Each offending access: program, source line, type and member, and what is wrong.
        rows: Vec<Row>,
    },
    /// Two of the loader's binaries have types of one name, and a program reads one of them.
    #[error("{0}")]
    SameName(Box<SameName>),
    /// A text that cannot stand before the names of types.
    #[error("the types of {origin} cannot have a prefix")]
    Prefix {
        /// What the types are of.
        origin: String,
        /// Why not.
        source: core_btf::Error,
    },
    /// A program needs types or members that do not exist where it is to run.
    #[error(
        "program `{program}` needs what neither {origin} nor the kernel has:{}",
        lines(rows)
    )]
    Unsatisfied {
        /// The program.
        program: String,
        /// What the application's types are of.
        origin: String,
        /// What is missing, and where the program asks for it.
        rows: Vec<Row>,
        /// The refusal.
        source: libbpf_rs::Error,
    },
    /// An ELF file that does not follow the format.
    #[error(
        "malformed ELF file {}: {what} at offset {offset:#x} is not valid or goes beyond the file",
        file.display()
    )]
    MalformedElf {
        /// The file.
        file: PathBuf,
        /// The part of the format.
        what: &'static str,
        /// Where it is in the file, in bytes.
        offset: u64,
    },
    /// There is no process of this number.
    #[error("there is no process {pid}")]
    NoProcess {
        /// The number.
        pid: u32,
    },
    /// A process has exited. Its number is free for another.
    #[error("process {pid} has exited")]
    ProcessGone {
        /// The number that it had.
        pid: u32,
    },
    /// A process has mapped no library of this name.
    #[error("process {pid} has mapped no library `{name}`{}", suggest(near))]
    NoLibrary {
        /// The process.
        pid: u32,
        /// The library.
        name: String,
        /// Files that it has mapped, whose names are near.
        near: Vec<String>,
    },
    /// A process has mapped several libraries of this name.
    #[error(
        "process {pid} has mapped {} libraries `{name}`: choose one by its path, {}",
        files.len(), files.join(" or ")
    )]
    AmbiguousLibrary {
        /// The process.
        pid: u32,
        /// The name.
        name: String,
        /// The files.
        files: Vec<String>,
    },
    /// The path of a file that a process has mapped leads to another file, or nowhere, and the
    /// mapped one cannot be opened.
    #[error(
        "process {pid} has mapped a file that {} no longer leads to, as it was replaced or \
         deleted: to open the mapped one takes CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN",
        file.display()
    )]
    ReplacedFile {
        /// The process.
        pid: u32,
        /// The path.
        file: PathBuf,
    },
    /// A probe on a function that the binary does not define.
    #[error("{} defines no function `{symbol}`{}", file.display(), suggest(near))]
    NoSymbol {
        /// The binary.
        file: PathBuf,
        /// The function.
        symbol: String,
        /// Functions whose names are near.
        near: Vec<String>,
    },
    /// A probe on a name that several functions of the binary have.
    #[error(
        "{} defines {} functions `{symbol}`:{}\n  name one in full, choose one by its offset, or \
         probe them all (`Uprobe::all_matches`)",
        file.display(), found.len(), places(found)
    )]
    AmbiguousSymbol {
        /// The binary.
        file: PathBuf,
        /// The name.
        symbol: String,
        /// The functions, by their place.
        found: Vec<Found>,
    },
    /// A probe on a function that stands for others (IFUNC), of which one is chosen when a program
    /// that calls it is linked. Nobody calls the function itself but the linker.
    #[error(
        "`{symbol}` of {} is an indirect function (IFUNC), which chooses another one when a program \
         starts: probe those that it chooses from",
        file.display()
    )]
    IndirectFunction {
        /// The binary.
        file: PathBuf,
        /// The function.
        symbol: String,
    },
    /// A probe on a function that the binary calls, and a library defines.
    #[error(
        "{} does not define `{symbol}`, it calls that of a library: probe it in one of {}",
        file.display(), libraries.join(", ")
    )]
    ImportedFunction {
        /// The binary.
        file: PathBuf,
        /// The function.
        symbol: String,
        /// The libraries that the binary is linked to.
        libraries: Vec<String>,
    },
    /// A probe on an address that is no code of a mapped file.
    #[error("cannot probe address {address:#x}: {problem}")]
    NotCode {
        /// The address.
        address: u64,
        /// Where it is instead.
        problem: String,
    },
    /// A program that can't be attached in the way that was asked for.
    #[error("program `{program}` cannot be attached to {place}: {problem}")]
    Attach {
        /// The program.
        program: String,
        /// The probe's place.
        place: String,
        /// Why, as far as is known.
        problem: &'static str,
        /// libbpf's error.
        source: libbpf_rs::Error,
    },
    /// An event of another size than its type's: the BPF program and the reader are not of the
    /// same version.
    #[error("ring buffer `{map}` has an event of {size} bytes, `{event}` takes {expected}")]
    EventSize {
        /// The ring buffer map.
        map: String,
        /// The type that events should have.
        event: &'static str,
        /// Its size, in bytes.
        expected: usize,
        /// The event's size, in bytes.
        size: usize,
    },
    /// The kernel's verifier rejected a program.
    #[error("the kernel's verifier rejects program `{program}`: {}", reason(log))]
    Rejected {
        /// The program.
        program: String,
        /// What the verifier says, all of it.
        log: String,
        /// The refusal.
        source: libbpf_rs::Error,
    },
    /// libbpf failed otherwise.
    #[error("{operation} failed{}", indented(log))]
    Libbpf {
        /// What was to be done.
        operation: String,
        /// libbpf's warnings.
        log: String,
        /// libbpf's error.
        source: libbpf_rs::Error,
    },
    /// The kernel refused what needs a privilege that this process does not have.
    #[error("{operation} is not permitted: {missing}")]
    Privilege {
        /// What was refused.
        operation: String,
        /// What it needs.
        missing: Missing,
        /// The refusal.
        source: libbpf_rs::Error,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut source = self.source();
        while let Some(error) = source {
            write!(f, "\n  because: {error}")?;
            source = error.source();
        }
        if let Self::Rejected { log, .. } = self {
            write!(f, "\n  the verifier's log:{}", indented(log))?;
        }
        Ok(())
    }
}

/// The line of a verifier log that says what is wrong: the last before the statistics.
fn reason(log: &str) -> &str {
    log.lines()
        .rev()
        .find(|line| !line.trim().is_empty() && !is_statistics(line))
        .unwrap_or("its log is empty")
}

fn is_statistics(line: &str) -> bool {
    line.starts_with("processed ")
        || line.starts_with("verification time")
        || line.starts_with("stack depth")
}

/// Most rows that a message shows; the error has them all.
const MAX_LINES: usize = 20;

fn lines<T: ToString>(rows: &[T]) -> String {
    let mut lines: Vec<_> = rows.iter().map(ToString::to_string).collect();
    // A macro that reads in several steps has a row for each.
    lines.dedup();
    let more = lines.len().saturating_sub(MAX_LINES);
    if more > 0 {
        lines.truncate(MAX_LINES);
        lines.push(format!("and {more} more"));
    }
    indented(&lines.join("\n"))
}

fn indented(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        out.push_str("\n    ");
        out.push_str(line);
    }
    out
}

fn suggest(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(", ")),
    }
}

fn places(found: &[Found]) -> String {
    let lines_of = |found: &Found| format!("{} at {:#x}", found.name, found.offset);
    let found: Vec<_> = found.iter().map(lines_of).collect();
    lines(&found)
}
