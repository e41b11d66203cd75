//! What can go wrong in a build script, and what to do about it.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a build failed.
///
/// A build script that returns an error shows its `Debug` form, so that is the readable one: the
/// message and each cause on a line of its own.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// One of Cargo's variables is missing.
    #[error("{variable} is not set: core_build::Builder works in a build script only (build.rs)")]
    NotInBuildScript {
        /// The variable.
        variable: &'static str,
    },
    /// A file that the builder was given does not exist.
    #[error("{what} `{}` is not there{}", path.display(), relative_to(path))]
    NoSuchFile {
        /// What the file was for.
        what: &'static str,
        /// The path as it was given.
        path: PathBuf,
    },
    /// A BPF file whose name cannot become a module.
    #[error("BPF file `{}`: {problem}", path.display())]
    FileName {
        /// The path as it was given.
        path: PathBuf,
        /// What is wrong with its name.
        problem: String,
    },
    /// Two BPF files that would become the same module.
    #[error(
        "`{}` and `{}` would both become the module `bpf::{name}`, rename one of them",
        first.display(), second.display()
    )]
    SameName {
        /// The module.
        name: String,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// There is no clang to compile BPF programs with.
    #[error(
        "no clang found to compile BPF programs with: looked for {tried}; install it (Debian and \
         Ubuntu: `apt-get install clang`; Fedora: `dnf install clang`), set CLANG to its path, or \
         give compiled objects to `Builder::prebuilt`"
    )]
    NoClang {
        /// Where it was looked for.
        tried: String,
    },
    /// The only clang that was found is too old.
    #[error(
        "`{}` is clang {found}, and CO-RE with type provenance (btf_decl_tag) takes clang \
         {needed}; install a newer one, set CLANG to its path, or give compiled objects to \
         `Builder::prebuilt`",
        path.display()
    )]
    OldClang {
        /// The compiler.
        path: PathBuf,
        /// Its major version.
        found: u32,
        /// The first version that will do.
        needed: u32,
    },
    /// A C compiler or clang found errors in a source.
    #[error("cannot compile {what}\n{}", output.trim_end())]
    Compile {
        /// Which source.
        what: String,
        /// What the compiler said.
        output: String,
    },
    /// The C compiler or archiver could not be run.
    #[error("cannot build the C parts")]
    Cc(#[source] cc::Error),
    /// Debug info that cannot be read.
    #[error("cannot read the debug info of `{}`", path.display())]
    DebugInfo {
        /// The archive of the C parts.
        path: PathBuf,
        /// Why.
        source: core_btf::dwarf::Error,
    },
    /// An ELF file for `Builder::vmlinux` that carries no BTF.
    #[error(
        "`{}` has no section .BTF: vmlinux.h is made from a kernel image with BTF, or from raw BTF",
        path.display()
    )]
    NoBtf {
        /// The file.
        path: PathBuf,
    },
    /// BTF that cannot be read or made.
    #[error("cannot process the BTF of {what}")]
    Btf {
        /// Whose BTF.
        what: String,
        /// Why.
        source: core_btf::Error,
    },
    /// `Builder::types` names a type that is not there.
    #[error("{what} has a type `{name}`{}", near(similar))]
    NoSuchType {
        /// Where none was found, such as `no C part`.
        what: String,
        /// The name as it was given.
        name: String,
        /// Names that look like it.
        similar: Vec<String>,
    },
    /// Types of one name from two origins, of which the header can have one.
    #[error(
        "{first} and {second} have different types `{name}`: give the types of one of them a \
         prefix with `Builder::prefixed_types_from`, leave one out by naming the types that you \
         need with `Builder::types`, or give a Rust type another name with \
         `#[bpf_traceable(name = \"...\")]`"
    )]
    SameType {
        /// The name.
        name: String,
        /// One origin.
        first: String,
        /// The other.
        second: String,
    },
    /// A crate for `Builder::types_from` that declares no type for BPF.
    #[error(
        "the crate in `{}` has no type with #[bpf_traceable] to take: annotate its types, or name \
         its program, built with debug info, in `Builder::types_from`",
        dir.display()
    )]
    NoTraceableType {
        /// The crate's directory.
        dir: PathBuf,
    },
    /// A crate for `Builder::types_from` that Cargo cannot read.
    #[error("cannot read the crate of `{}`", path.display())]
    Manifest {
        /// Its manifest.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A compiled BPF object from which no skeleton can be made.
    #[error("cannot make a skeleton of `{}`", path.display())]
    Skeleton {
        /// The object.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file or process that the system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or program.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, "\n  caused by: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Where a relative path was looked for: Cargo runs build scripts in the package's directory.
fn relative_to(path: &std::path::Path) -> String {
    match std::env::current_dir() {
        Ok(dir) if path.is_relative() => format!(" (in `{}`)", dir.display()),
        _ => String::new(),
    }
}

fn near(similar: &[String]) -> String {
    if similar.is_empty() {
        return "; is it used in the C code, so that the compiler describes it?".to_owned();
    }
    let quoted: Vec<_> = similar.iter().map(|name| format!("`{name}`")).collect();
    format!("; did you mean {}?", quoted.join(" or "))
}
