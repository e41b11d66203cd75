//! The application's BTF in the linked program: it is there, and stays, whatever links and strips.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that fails fails the test"
)]

mod scratch;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use core_btf::elf::section;
use core_btf::{Btf, Kind};
use scratch::{Scratch, checkout, output_of, target_dir};

const PART: &str = "struct owner { char name[16]; unsigned uid; };\n\
    struct job { unsigned long id; struct owner *owner; unsigned urgent : 1, retries : 7; };\n\
    struct job job;\n";

/// A crate with C types and no BPF program, which needs the macros and no runtime.
fn crate_with_types(name: &str) -> Scratch {
    let scratch = Scratch::with_build(
        name,
        r#"core_build::Builder::new().c(cc::Build::new().file("src/part.c")).build()"#,
    );
    let manifest = fs::read_to_string(scratch.path().join("Cargo.toml")).unwrap();
    let root = checkout().display();
    scratch.file(
        "Cargo.toml",
        &manifest.replace(
            &format!("core-runtime = {{ path = \"{root}/core-runtime\" }}"),
            &format!("core-macros = {{ path = \"{root}/core-macros\" }}"),
        ),
    );
    scratch.file("src/part.c", PART);
    scratch
}

/// Builds the program with these arguments for rustc, which go to its last crate only.
fn program(scratch: &Scratch, name: &str, flags: &[&str]) -> PathBuf {
    output_of(
        scratch
            .cargo("rustc")
            .args(["--bin", name, "--"])
            .args(flags),
    );
    let program = scratch.parent().join("program");
    // Not by this process: other tests start commands meanwhile, and nothing runs that is open for writing.
    let built = target_dir().join("debug").join(name);
    output_of(Command::new("cp").arg(built).arg(&program));
    program
}

/// The names of the structs in each piece of the program's BTF.
fn embedded_structs(program: &Path) -> Vec<Vec<String>> {
    let elf = fs::read(program).unwrap();
    let mut rest = section(&elf, ".BTF").unwrap().unwrap();
    let mut pieces = Vec::new();
    // Pieces are aligned to 8 bytes.
    while let Some(start) = rest.iter().position(|&byte| byte != 0) {
        let (btf, len) = Btf::parse_prefix(&rest[start..]).unwrap();
        let names = btf
            .iter()
            .filter(|ty| ty.kind() == Kind::Struct)
            .map(|ty| ty.name().unwrap().to_owned());
        pieces.push(names.collect());
        rest = &rest[start + len..];
    }
    pieces
}

/// Linkers leave their name.
fn linked_by_lld(program: &Path) -> bool {
    let elf = fs::read(program).unwrap();
    let comment = section(&elf, ".comment").unwrap().unwrap();
    String::from_utf8_lossy(comment).contains("LLD")
}

#[test]
fn btf_survives_linkers_optimisation_and_strippers() {
    let scratch = crate_with_types("survives");
    scratch.file("src/main.rs", "core_macros::embed!();\nfn main() {}\n");
    let small = [
        "-Copt-level=3",
        "-Clto=fat",
        "-Cembed-bitcode=yes",
        "-Cstrip=symbols",
        "-Clink-arg=-Wl,--gc-sections",
    ];
    // rust-lld is what rustc takes by itself on x86-64.
    let gnu_ld = if cfg!(target_arch = "x86_64") {
        vec!["-Clinker-features=-lld"]
    } else {
        vec![]
    };
    let mut variants = vec![vec![], small.to_vec(), gnu_ld.clone()];
    variants.push([small.as_slice(), &gnu_ld].concat());
    for flags in variants {
        let program = program(&scratch, "survives", &flags);
        if cfg!(target_arch = "x86_64") {
            let lld = !flags.contains(&"-Clinker-features=-lld");
            assert_eq!(linked_by_lld(&program), lld, "{flags:?}");
        }
        let expected = [["owner", "job"]];
        assert_eq!(embedded_structs(&program), expected, "{flags:?}");
        for strip in [["strip", "-s"], ["llvm-strip", "--strip-all"]] {
            let stripped = scratch.parent().join("stripped");
            output_of(
                Command::new(strip[0])
                    .arg(strip[1])
                    .arg("-o")
                    .arg(&stripped)
                    .arg(&program),
            );
            assert_eq!(embedded_structs(&stripped), expected, "{flags:?} {strip:?}");
        }
    }
}

/// The tools that users have read it, from the stripped program as it ships.
#[test]
fn bpftool_and_pahole_read_a_stripped_program() {
    let scratch = crate_with_types("readable");
    scratch.file("src/main.rs", "core_macros::embed!();\nfn main() {}\n");
    let program = program(&scratch, "readable", &["-Cstrip=symbols"]);
    let dump = output_of(
        Command::new("bpftool")
            .args(["btf", "dump", "file"])
            .arg(&program),
    );
    assert!(dump.contains("STRUCT 'job' size=24 vlen=4"), "{dump}");
    let dump = output_of(
        Command::new("pahole")
            .args(["-F", "btf", "-C", "job"])
            .arg(&program),
    );
    assert!(dump.contains("retries:7;"), "{dump}");
}

/// A library's types reach the programs that use it, beside their own.
#[test]
fn the_pieces_of_a_library_and_of_its_user_stand_side_by_side() {
    let scratch = crate_with_types("pieces");
    scratch.file(
        "src/lib.rs",
        "//! A library.\ncore_macros::embed!();\npub fn used() {}\n",
    );
    scratch.file(
        "src/main.rs",
        "core_macros::embed!();\nfn main() {\n    pieces::used();\n}\n",
    );
    let program = program(&scratch, "pieces", &[]);
    assert_eq!(
        embedded_structs(&program),
        [["owner", "job"], ["owner", "job"]]
    );
}

/// Strict crates can use the macro: what it expands to sets off no lint of theirs.
#[test]
fn embed_compiles_in_crates_that_forbid_and_deny() {
    let build = r#"core_build::Builder::new().bpf("src/bpf/my_trace.bpf.c").build()"#;
    for edition in ["2021", "2024"] {
        let scratch = Scratch::with_build("strict", build);
        let manifest = fs::read_to_string(scratch.path().join("Cargo.toml")).unwrap();
        scratch.file("Cargo.toml", &manifest.replace("2024", edition));
        scratch.file(
            "src/bpf/my_trace.bpf.c",
            "#include \"core.bpf.h\"\n\
             char LICENSE[] SEC(\"license\") = \"GPL\";\n\
             const volatile int limit;\nlong sum;\n\
             struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } \
             events SEC(\".maps\");\n\
             SEC(\"uprobe\") int BPF_UPROBE(trace, long n) { sum += n > limit; return 0; }\n",
        );
        let source = "#![forbid(unsafe_code, unused, nonstandard_style)]\n\
            #![deny(warnings, missing_docs, rust_2018_idioms, unreachable_pub, clippy::all, clippy::pedantic)]\n\
            //! Strict.\n\
            core_runtime::embed!();\n\
            /// Traced.\n\
            #[core_runtime::bpf_traceable]\n\
            #[derive(Debug)]\n\
            pub struct Traced {\n    /// A field.\n    pub field: u32,\n}\n";
        // What is exported has to be documented, or silent.
        let library = format!("{source}pub use bpf::my_trace::MyTraceSkelBuilder;\n");
        scratch.file("src/lib.rs", &library);
        scratch.file(
            "src/main.rs",
            &format!("{source}fn main() {{ println!(\"{{:?}}\", Traced {{ field: 1 }}); }}\n"),
        );
        output_of(scratch.cargo("clippy").arg("--all-targets"));
    }
}
