//! The command line: `--help`, the manual and shell completion are made of what stands here, and of
//! `texts`.

use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::texts::{self, help};

/// Types of binaries as BTF, for BPF programs that trace user space
///
/// BTF is the type format of the Linux kernel's BPF subsystem. This command makes it from the debug
/// information (DWARF) of programs, libraries and objects, prints it, merges it with the kernel's,
/// checks BPF objects against it and puts it into programs.
#[derive(Debug, Parser)]
#[command(name = "core-btf", version, after_long_help = help(texts::COMMAND), propagate_version = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make BTF from the debug information of a file
    ///
    /// The file is an ELF program, library or object, or an archive of objects (.a, .rlib). Each
    /// type comes once, whichever and however many units describe it. The same file gives the same
    /// bytes.
    ///
    /// Debug information in other files is found as gdb finds it: separate files by build-id or
    /// debuglink, what dwz has moved to an alternate file, split-off units in .dwo files or in a
    /// package, FILE.dwp. A file of another build is never used. Of a program that has none, but a
    /// .BTF section, the types are those of that.
    #[command(after_long_help = help(texts::EXTRACT))]
    Extract(ExtractArgs),
    /// Print BTF
    #[command(after_long_help = help(texts::DUMP))]
    Dump(DumpArgs),
    /// Merge BTF files to one that libbpf loads by its `btf_custom_path`
    #[command(after_long_help = help(texts::MERGE))]
    Merge(MergeArgs),
    /// Show what loading would make of each CO-RE relocation of a BPF object
    ///
    /// Nothing is loaded and no privilege is needed, so that any target can be checked anywhere.
    /// Exits with 1 if a relocation fails.
    #[command(after_long_help = help(texts::CHECK))]
    Check(CheckArgs),
    /// Put the types of a program into its .BTF section
    #[command(after_long_help = help(texts::EMBED))]
    Embed(EmbedArgs),
    /// Print a script for completion in a shell
    #[command(after_long_help = help(texts::COMPLETIONS))]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, in roff
    #[command(after_long_help = help(texts::MAN))]
    Man {
        /// Of this subcommand
        subcommand: Option<String>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Extracting {
    /// Only types of this name, and what they refer to
    ///
    /// May be given several times. `*` stands for any characters, `?` for one. A type of
    /// C++ or Rust goes by its name in the source, too, which it then has in a `DECL_TAG`. It is an
    /// error if no type has the name, or if one named without wildcards holds something that BTF
    /// cannot describe.
    #[arg(short, long = "type", value_name = "NAME")]
    pub(crate) types: Vec<String>,
    /// Leave functions out
    #[arg(long)]
    pub(crate) no_functions: bool,
    /// Where separate debug files are, by build-id or under the path of their program
    #[arg(long, value_name = "DIR", default_value = "/usr/lib/debug")]
    pub(crate) debug_dir: PathBuf,
    /// Threads to use; 0 for as many as there are processors. The result does not depend on it
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// List what could not be described
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

impl Extracting {
    /// How many threads to use.
    pub(crate) fn threads(&self) -> usize {
        match self.threads {
            0 => available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ExtractArgs {
    /// ELF file or archive with debug information
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Where to write the BTF; stdout if not given
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) extracting: Extracting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line per type and member, as `bpftool btf dump` has them
    Raw,
    /// A header that clang compiles for BPF
    C,
    /// JSON, as `bpftool --json btf dump` has it
    Json,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DumpArgs {
    /// BTF, or ELF file with a .BTF section
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Form to print
    #[arg(short, long, value_enum, default_value = "raw")]
    pub(crate) format: Format,
    /// Only types of this name, and what they refer to
    ///
    /// May be given several times. `*` stands for any characters, `?` for one. A type goes by its
    /// name in the source of C++ or Rust, too, if it has that in a `DECL_TAG`.
    #[arg(short, long = "type", value_name = "NAME")]
    pub(crate) types: Vec<String>,
    /// BTF that FILE, a kernel module's, goes on from
    #[arg(short, long, value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,
    /// The C form: of the application's types, which are never looked for in the kernel
    ///
    /// Marks them so, for `check`, `merge --for` and this project's loader. Without it, a
    /// `struct file` of the application is taken for the kernel's. A struct that has no name but
    /// that of a typedef gets this name.
    #[arg(long, conflicts_with = "base")]
    pub(crate) app: bool,
    /// The C form: beside a header of this BTF, the kernel's, which a program includes first
    ///
    /// What both have under one name gets the suffix `___app`, which CO-RE ignores.
    #[arg(long, value_name = "FILE")]
    pub(crate) beside: Option<PathBuf>,
    /// The C form: wrapped in `#ifndef NAME`
    #[arg(long, value_name = "NAME")]
    pub(crate) guard: Option<String>,
    /// Where to write; stdout if not given
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct MergeArgs {
    /// BTF that comes first: the kernel's
    #[arg(value_name = "BASE")]
    pub(crate) base: PathBuf,
    /// BTF, or ELF files with a .BTF section: the application's
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Where to write the BTF
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Only what the relocations of this BPF object need
    #[arg(long = "for", value_name = "OBJECT")]
    pub(crate) object: Option<PathBuf>,
    /// BTF of a kernel module, split from BASE
    ///
    /// May be given several times.
    #[arg(short, long = "module", value_name = "FILE", requires = "object")]
    pub(crate) modules: Vec<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CheckArgs {
    /// BPF object, as clang compiled it
    #[arg(value_name = "OBJECT")]
    pub(crate) object: PathBuf,
    /// Types of the application: BTF, or ELF file with a .BTF section
    #[arg(short, long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// Types of the kernel: any BTF file. The running kernel's if not given, and if needed
    #[arg(short, long, value_name = "FILE")]
    pub(crate) kernel: Option<PathBuf>,
    /// BTF of a kernel module, split from the kernel's
    ///
    /// May be given several times. If not given, modules are looked for beside the kernel's types.
    #[arg(short, long = "module", value_name = "FILE")]
    pub(crate) modules: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EmbedArgs {
    /// Program or library
    #[arg(value_name = "ELF")]
    pub(crate) file: PathBuf,
    /// Where to write it; ELF itself is fine, even while it runs
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// File with the debug information, if ELF is stripped
    ///
    /// It must be of the same build: have the same build-id or, without one, the same segments.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) extracting: Extracting,
}
