//! A BPF object that does not fit the types it reads is a compile error where the types' layouts
//! are known, and only there.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

mod scratch;

use std::fs;
use std::process::Command;

use scratch::{Scratch, output_of};

/// The types when the object was compiled.
const TYPES: &str = "
#[core_runtime::bpf_traceable]
struct Request { id: u64, size: u32, path: String, state: State, list: Vec<Item> }
#[core_runtime::bpf_traceable]
enum State { Idle, Busy { since: u64 } }
#[core_runtime::bpf_traceable]
struct Item { price: u16 }
";

/// Writes the object of this crate to standard output.
const PRINT: &str = "core_runtime::embed!();
use core_runtime::BpfObject;
use std::io::Write;
fn main() {
    std::io::stdout().write_all(bpf::trace::TraceSkelBuilder::OBJECT).unwrap();
}
";

/// The program, whose body begins at line 8.
fn program(body: &str) -> String {
    format!(
        "#include \"traceable.bpf.h\"\n\
         char LICENSE[] SEC(\"license\") = \"GPL\";\n\
         __u64 out;\n\
         char text[16];\n\
         \n\
         SEC(\"uprobe\")\n\
         int BPF_UPROBE(on_request, struct Request *request)\n\
         {{\n{body}\n    return 0;\n}}\n"
    )
}

/// A crate called `name` with an object that was compiled against [`TYPES`].
fn stale(name: &str, body: &str) -> Scratch {
    stale_with(name, "core_build::Builder::new()", "", TYPES, body)
}

/// The same, with other calls to the builder, C code and Rust types.
fn stale_with(name: &str, builder: &str, c: &str, types: &str, body: &str) -> Scratch {
    let build = format!("{builder}.bpf(\"src/bpf/trace.bpf.c\").build()");
    let scratch = Scratch::with_build(name, &build);
    scratch.file("src/part.c", c);
    scratch.file("src/bpf/trace.bpf.c", &program(body));
    scratch.file("src/main.rs", &format!("{PRINT}{types}"));
    let output = scratch.cargo("run").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    scratch.file("bpf/.keep", "");
    fs::write(scratch.path().join("bpf/trace.bpf.o"), output.stdout).unwrap();
    scratch.edit(
        "build.rs",
        ".bpf(\"src/bpf/trace.bpf.c\")",
        ".prebuilt(\"bpf/trace.bpf.o\")",
    );
    output_of(&mut scratch.cargo("build"));
    scratch
}

/// The error that rustc reports at `embed!()`: the lines between head and advice.
#[track_caller]
fn misfits(stderr: &str) -> String {
    const HEAD: &str = "error: BPF program `bpf::trace` does not fit the types that it reads:\n";
    const ADVICE: &str = "what some versions do not have is asked for first, with \
        bpf_core_field_exists() or bpf_core_type_exists(); a prebuilt object is compiled again \
        with the header of today; another application is named with `Builder::types_from`\n";
    assert_eq!(stderr.matches("error: ").count(), 2, "{stderr}");
    let (_, rest) = stderr
        .split_once(HEAD)
        .unwrap_or_else(|| panic_with(stderr));
    let (lines, rest) = rest
        .split_once(ADVICE)
        .unwrap_or_else(|| panic_with(stderr));
    assert!(
        rest.trim_start().starts_with("--> src/main.rs:1:1"),
        "{stderr}"
    );
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[track_caller]
#[expect(clippy::panic, reason = "a helper that fails fails the test")]
fn panic_with<T>(stderr: &str) -> T {
    panic!("{stderr}")
}

const READS: &str = "    out = core_read(request, id);
    bpf_probe_read_user(&out, sizeof(__u32), &request->size);
    core_str(text, sizeof(text), request, path);
    if (core_variant_is(&request->state, State, Busy))
        out = core_read(request, state.Busy.since);
    out = core_read(core_read_ptr(request, list.ptr), price);";

/// An older header says what the source no longer has: every difference is found by the compiler,
/// with the line of the BPF program and what may be meant.
#[test]
fn a_stale_object_is_an_error_that_names_line_type_and_field() {
    let scratch = stale("misfit_stale", READS);
    for (from, to, expected) in [
        (
            "size: u32",
            "sizes: u32",
            "src/bpf/trace.bpf.c:10: on_request: struct Request.size: no such member; did you \
             mean `sizes`?\n",
        ),
        (
            "size: u32",
            "size: u64",
            "src/bpf/trace.bpf.c:10: on_request: struct Request.size: has 8 bytes, the program \
             reads 4; read it with core_read()\n",
        ),
        (
            "size: u32",
            "size: i32",
            "src/bpf/trace.bpf.c:10: on_request: struct Request.size: is signed, the program \
             reads it as unsigned; read it with core_read()\n",
        ),
        (
            "id: u64",
            "id: Option<Box<u64>>",
            "src/bpf/trace.bpf.c:9: on_request: struct Request.id: is pointer, the program \
             expects unsigned long\n",
        ),
        (
            "price: u16",
            "prize: u16",
            "src/bpf/trace.bpf.c:14: on_request: struct Item.price: no such member; did you mean \
             `prize`?\n",
        ),
        (
            "list: Vec<Item>",
            "wish: Vec<Item>",
            "src/bpf/trace.bpf.c:14: on_request: struct Request.list.ptr: no such member\n",
        ),
    ] {
        scratch.edit("src/main.rs", from, to);
        assert_eq!(misfits(&scratch.build_error()), expected, "{to}");
        scratch.edit("src/main.rs", to, from);
    }
    // Whole types, and several problems at once.
    scratch.edit("src/main.rs", "Item", "Items");
    scratch.edit("src/main.rs", "id: u64", "ident: u64");
    assert_eq!(
        misfits(&scratch.build_error()),
        "src/bpf/trace.bpf.c:9: on_request: struct Request.id: no such member\n\
         src/bpf/trace.bpf.c:14: on_request: struct Request.list.ptr: points to struct Items, the \
         program expects struct Item\n\
         src/bpf/trace.bpf.c:14: on_request: struct Item: no such type; did you mean `Items`?\n"
    );
    // Where no code is generated nothing is judged, for the layouts are not known.
    output_of(&mut scratch.cargo("check"));
}

/// What a program asks for before it reads is left to the loader, as libbpf leaves it; the header's
/// own macros ask before they read a variant.
#[test]
fn what_is_asked_for_first_may_be_missing() {
    let scratch = stale(
        "misfit_guarded",
        "    if (bpf_core_field_exists(request->size))
        out = core_read(request, size);
    if (core_variant_is(&request->state, State, Busy))
        out = core_read(request, state.Busy.since);
    out += core_read(request, id);",
    );
    for (from, to) in [
        ("size: u32, ", ""),
        ("Busy { since: u64 }", "Done, Waiting { since: u64 }"),
    ] {
        scratch.edit("src/main.rs", from, to);
        output_of(&mut scratch.cargo("build"));
    }
    scratch.edit("src/main.rs", "id: u64", "ident: u64");
    assert_eq!(
        misfits(&scratch.build_error()),
        "src/bpf/trace.bpf.c:13: on_request: struct Request.id: no such member\n"
    );
}

/// C types and those of another application's file are judged in the same way.
#[test]
fn objects_are_judged_against_c_types_and_named_files() {
    let read = "    out = core_read(request, size);";
    let new = "struct Request { char size[4]; } request;\n";
    let old = "struct Request { int size; } request;\n";
    let expected = "src/bpf/trace.bpf.c:9: on_request: struct Request.size: is array, the program \
                    expects int\n";

    let part = "core_build::Builder::new().c(cc::Build::new().file(\"src/part.c\"))";
    let scratch = stale_with("misfit_c", part, old, "", read);
    scratch.file("src/part.c", new);
    scratch.edit("src/part.c", "char", "char");
    assert_eq!(misfits(&scratch.build_error()), expected);

    // The file is not this crate's: its types are not embedded, and judged all the same.
    scratch.edit(
        "build.rs",
        ".c(cc::Build::new().file(\"src/part.c\"))",
        ".types_from(\"part.o\")",
    );
    let compile = || {
        let mut cc = Command::new("cc");
        output_of(
            cc.current_dir(scratch.path())
                .args(["-g", "-c", "src/part.c"]),
        );
    };
    compile();
    assert_eq!(misfits(&scratch.build_error()), expected);
    scratch.file("src/part.c", old);
    compile();
    scratch.edit("build.rs", "part.o", "./part.o");
    output_of(&mut scratch.cargo("build"));
}

/// A prebuilt object that reads no type of this crate traces another application.
#[test]
fn objects_for_unknown_applications_are_left_to_the_loader() {
    let scratch = stale("misfit_foreign", READS);
    scratch.file("src/main.rs", PRINT);
    output_of(&mut scratch.cargo("build"));
    // One type in common, and it counts as this crate's.
    scratch.edit(
        "src/main.rs",
        "fn main",
        "#[core_runtime::bpf_traceable]\nstruct Item { price: u16 }\nfn main",
    );
    let lines = misfits(&scratch.build_error());
    assert!(lines.contains("struct Request: no such type"), "{lines}");
}

/// The header has the types of all targets, each of which knows its own only.
#[test]
fn each_target_judges_what_it_knows() {
    let scratch = stale("misfit_targets", READS);
    scratch.file("src/lib.rs", &format!("core_runtime::embed!();\n{TYPES}"));
    scratch.file(
        "src/main.rs",
        "core_runtime::embed!();\nuse misfit_targets as _;\n\
         #[core_runtime::bpf_traceable]\nstruct Own { id: u8 }\nfn main() {}\n",
    );
    scratch.file(
        "tests/it.rs",
        "core_runtime::embed!();\nuse misfit_targets as _;\n\
         #[core_runtime::bpf_traceable]\nstruct Third { id: u8 }\n#[test]\nfn it() {}\n",
    );
    output_of(scratch.cargo("test").arg("--no-run"));
    scratch.edit("src/lib.rs", "price: u16", "prize: u16");
    let stderr = scratch.build_error();
    assert!(stderr.contains("--> src/lib.rs:1:1"), "{stderr}");
    assert!(
        stderr.contains("struct Item.price: no such member; did you mean `prize`?"),
        "{stderr}"
    );
}
