//! The command line, and all of its documentation: `--help`, the manual and shell completion are
//! made of what stands here.

use std::path::PathBuf;

use clap::{Args as ClapArgs, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::failure::Failure;

const EXIT_STATUS: &str = "\
Exit status:
  0  success
  1  `check` found a relocation that fails
  2  bad usage, or a file that cannot be read or written

Errors go to stderr and name the file, and the section and offset in it where there is one.";

const EXTRACT_EXAMPLES: &str = "\
Examples:
  core-btf extract server -o server.btf
  core-btf extract -t 'conn_*' -t request server | bpftool btf dump file /dev/stdin
  core-btf extract target/debug/libserver.rlib -t State";

const DUMP_EXAMPLES: &str = "\
The JSON form is that of `bpftool --json btf dump`, one type per line:
  {\"types\":[{\"id\":1,\"kind\":\"INT\",\"name\":\"int\",\"size\":4,...},...]}
Kinds are INT, PTR, ARRAY, STRUCT, UNION, ENUM, ENUM64, FWD, TYPEDEF, VOLATILE, CONST,
RESTRICT, FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG and TYPE_TAG. A type has, after id,
kind and name (`(anon)` if it has none), by kind:
  INT                      size, bits_offset, nr_bits, encoding
  PTR TYPEDEF VOLATILE CONST RESTRICT TYPE_TAG   type_id
  ARRAY                    type_id, index_type_id, nr_elems
  STRUCT UNION             size, vlen, members: name, type_id, bits_offset, bitfield_size
  ENUM ENUM64              encoding, size, vlen, values: name, val
  FWD                      fwd_kind
  FUNC VAR                 type_id, linkage
  FUNC_PROTO               ret_type_id, vlen, params: name, type_id
  DATASEC                  size, vlen, vars: type_id, offset, size
  FLOAT                    size
  DECL_TAG                 type_id, component_idx
Sizes are in bytes, offsets of members in bits. A type_id of 0 is void. bitfield_size stands at
bitfields only.

Examples:
  core-btf dump /sys/kernel/btf/vmlinux -f c -t task_struct > task.h
  core-btf dump /sys/kernel/btf/nf_tables --base /sys/kernel/btf/vmlinux
  core-btf dump server -f json | jq '.types[] | select(.kind == \"STRUCT\") | .name'";

const MERGE_EXAMPLES: &str = "\
Without --for the types of the files follow those of BASE, whose ids do not change; nothing is
compared or deduplicated. A type that has the name of one of BASE is then ambiguous to libbpf, or
wrong: --for takes each type from where it belongs.

Examples:
  core-btf merge /sys/kernel/btf/vmlinux server.btf -o both.btf
  core-btf merge /sys/kernel/btf/vmlinux server --for trace.bpf.o -o trace.btf";

const CHECK_EXAMPLES: &str = "\
Columns: the program (or subprogram) and the instruction in it; what is asked for, in libbpf's
words; the local type with its access string; what it was found to be in the target, as far as it
was found; where that is from (`app`, `vmlinux` or the file name of a module); the value in the
object and the one that loading puts in its place; and the result.

What is missing fails, unless the function asks whether something of that type exists
(bpf_core_field_exists() and the like): it may then be in code that is not reached.

The JSON form is an object:
  {\"object\":PATH,\"relocations\":[{\"program\":NAME,\"section\":NAME,\"instruction\":N,
   \"file\":PATH|null,\"line\":N|null,\"kind\":WORD,\"local\":SPEC,\"target\":SPEC|null,
   \"from\":WORD|null,\"old\":N,\"new\":N|null,\"verdict\":\"ok\"|\"guarded\"|\"fails\",
   \"message\":TEXT},...]}

Examples:
  core-btf check trace.bpf.o --against server
  core-btf check trace.bpf.o --against server-1.2.btf --kernel 5.15.0-91-generic.btf --json";

const EMBED_EXAMPLES: &str = "\
Segments, addresses, symbols and the bytes of all other sections stay as they are; the section is
not loaded when the program runs. GNU strip keeps it, llvm-strip with --keep-section=.BTF or
--strip-all-gnu; or strip first, and take the types from the unstripped file with --from. A .BTF section that is there is replaced; one that
is loaded with the program (core_runtime::embed!() makes such) stays, as .BTF.loaded.

Examples:
  core-btf embed server -o server
  strip -o server.stripped server && core-btf embed server.stripped --from server -o server";

/// Types of binaries as BTF, for BPF programs that trace user space
///
/// BTF is the type format of the Linux kernel's BPF subsystem. This command makes it from the debug
/// information (DWARF) of programs, libraries and objects, prints it, merges it with the kernel's,
/// checks BPF objects against it and puts it into programs.
#[derive(Debug, Parser)]
#[command(name = "core-btf", version, after_long_help = EXIT_STATUS, propagate_version = true)]
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
    ///
    /// Types of C++ are called by their whole path, made a C identifier: `net::Pool<int*, 4>` is
    /// `net_Pool_int_ptr_4`.
    #[command(after_long_help = EXTRACT_EXAMPLES)]
    Extract(ExtractArgs),
    /// Print BTF
    #[command(after_long_help = DUMP_EXAMPLES)]
    Dump(DumpArgs),
    /// Merge BTF files to one that libbpf loads by its `btf_custom_path`
    #[command(after_long_help = MERGE_EXAMPLES)]
    Merge(MergeArgs),
    /// Show what loading would make of each CO-RE relocation of a BPF object
    ///
    /// Nothing is loaded and no privilege is needed, so that any target can be checked anywhere.
    /// Exits with 1 if a relocation fails.
    #[command(after_long_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Put the types of a program into its .BTF section
    #[command(after_long_help = EMBED_EXAMPLES)]
    Embed(EmbedArgs),
    /// Print a script for completion in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, in roff
    Man {
        /// Of this subcommand
        subcommand: Option<String>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Extracting {
    /// Only types of this name, and what they refer to
    ///
    /// May be given several times. `*` stands for any characters, `?` for one. A type of C++ goes
    /// by its name in the source, too, which it then has in a `DECL_TAG`. It is an error if
    /// no type has the name, or if one named without wildcards holds something that BTF cannot
    /// describe.
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
    pub(crate) threads: usize,
    /// List what could not be described
    #[arg(short, long)]
    pub(crate) verbose: bool,
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
    /// May be given several times. `*` stands for any characters, `?` for one.
    #[arg(short, long = "type", value_name = "NAME")]
    pub(crate) types: Vec<String>,
    /// BTF that FILE, a kernel module's, goes on from
    #[arg(short, long, value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,
    /// Wrap the C form in `#ifndef NAME`
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
    #[arg(long = "module", value_name = "FILE", requires = "object")]
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
    #[arg(long = "module", value_name = "FILE")]
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

/// The manual page of the command, or of a subcommand.
pub(crate) fn manual(subcommand: Option<&str>) -> Result<Vec<u8>, Failure> {
    let mut command = Args::command();
    command.build();
    if let Some(name) = subcommand {
        let found = command.find_subcommand(name).cloned();
        let found = found.ok_or_else(|| Failure::Usage(format!("no subcommand {name}")))?;
        command = found;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::Io(PathBuf::from("manual"), error))?;
    Ok(page)
}
