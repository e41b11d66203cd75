//! A tracer for another application takes its types from that application: from its crate, its
//! program, or a file with BTF.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

mod scratch;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use scratch::{Scratch, cargo, checkout, edit, error_in, error_of, output_of, target_dir};

/// The application: handles a request for each line of its input.
const SERVER: &str = r#"
mod state;
core_runtime::embed!();

#[core_runtime::bpf_traceable]
struct Request {
    #[cfg(feature = "trace")]
    span: [u64; 3],
    urgent: bool,
    path: String,
    state: state::State,
    id: u64,
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn handle(request: &Request) {
    std::hint::black_box((request.urgent, &request.path, &request.state, request.id));
}

fn main() {
    #[cfg(not(feature = "trace"))]
    println!("{}", std::mem::offset_of!(Request, id));
    for (n, line) in std::io::stdin().lines().enumerate() {
        let path = line.unwrap();
        handle(&Request {
            #[cfg(feature = "trace")]
            span: [n as u64, 2, 3],
            urgent: true,
            state: state::State::Busy { since: 40 + n as u64 },
            id: path.len() as u64,
            path,
        });
    }
}
"#;

const STATE: &str = "#[core_runtime::bpf_traceable]
pub enum State { Idle, Busy { since: u64 } }
";

const TRACE: &str = r#"
#include "traceable.bpf.h"
char LICENSE[] SEC("license") = "GPL";

__u64 id, since, urgent, span;
char path[32];

SEC("uprobe")
int BPF_UPROBE(on_handle, struct Request *request)
{
    id = core_read(request, id);
    urgent = core_read(request, urgent);
    core_str(path, sizeof(path), request, path);
    if (core_variant_is(&request->state, State, Busy))
        since = core_read(request, state.Busy.since);
    SPAN
    return 0;
}
"#;

/// Starts the program it is told, gives it a line, and prints what BPF saw.
const TRACER: &str = r#"
core_runtime::embed!();
use core_runtime::{Binary, Loader, TypeInfo, Uprobe};
use std::io::Write;

fn main() -> core_runtime::Result<()> {
    let program = std::env::args().nth(1).unwrap();
    let mut server = std::process::Command::new(&program)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut storage = std::mem::MaybeUninit::uninit();
    let skeleton = Loader::new(TypeInfo::of_process(server.id())?)
        .load(bpf::trace::TraceSkelBuilder::default(), &mut storage)?;
    let attached = Uprobe::symbol(&Binary::open(&program).unwrap(), "handle").attach(&skeleton.progs.on_handle)?;
    server.stdin.take().unwrap().write_all(b"/index.html\n").unwrap();
    server.wait().unwrap();
    drop(attached);
    let seen = skeleton.maps.bss_data.as_ref().unwrap();
    let path: Vec<u8> = seen.path.iter().take_while(|b| **b != 0).map(|b| *b as u8).collect();
    let path = String::from_utf8(path).unwrap();
    println!("{} {} {} {path}", seen.id, seen.urgent, seen.since);
    Ok(())
}
"#;

/// A crate called `name`, with the application's crate in `server` beside it. All scratch crates
/// share a target directory, so `name` is no other test's.
fn tracer(name: &str, calls: &str) -> Scratch {
    let scratch = Scratch::with_build(
        name,
        &format!("core_build::Builder::new(){calls}.bpf(\"src/bpf/trace.bpf.c\").build()"),
    );
    scratch.file("src/main.rs", TRACER);
    scratch.file("src/bpf/trace.bpf.c", &TRACE.replace("SPAN", ""));
    let manifest = fs::read_to_string(scratch.path().join("Cargo.toml")).unwrap();
    let manifest = manifest
        .replace(&format!("\"{name}\""), &format!("\"{name}_server\""))
        .replace("[workspace]", "[features]\ntrace = []\n\n[workspace]");
    scratch.file("../server/Cargo.toml", &manifest);
    let lock = scratch.path().join("../server/Cargo.lock");
    fs::copy(checkout().join("Cargo.lock"), lock).unwrap();
    scratch.file(
        "../server/build.rs",
        "fn main() -> Result<(), core_build::Error> { core_build::Builder::new().build() }\n",
    );
    scratch.file("../server/src/main.rs", SERVER);
    scratch.file("../server/src/state.rs", STATE);
    scratch
}

/// Builds the application, and puts the program at `to`.
fn server(scratch: &Scratch, features: &[&str], to: &str) -> PathBuf {
    let dir = scratch.path().join("../server");
    output_of(cargo(&dir, "build").args(features));
    let name = scratch.path().file_name().unwrap().to_str().unwrap();
    let to = scratch.path().join(to);
    // Not by this process: other tests start commands meanwhile, and nothing runs that is open for writing.
    let built = target_dir().join(format!("debug/{name}_server"));
    output_of(Command::new("cp").arg(built).arg(&to));
    to
}

mod root {
    use super::*;

    /// The three kinds of source give one header, and each traces two builds of the application.
    #[test]
    fn a_process_is_traced_with_types_from_its_crate_its_program_or_its_btf() {
        let scratch = tracer("traces_crate", ".types_from(\"FROM\")");
        let program = server(&scratch, &[], "server-1");
        let changed = server(&scratch, &["--features=trace"], "server-2");
        output_of(Command::new("objcopy").args([
            "--dump-section",
            &format!(".BTF={}", scratch.path().join("server.btf").display()),
            program.to_str().unwrap(),
            "/dev/null",
        ]));
        let mut from = "FROM";
        for next in ["../server", "server-1", "server.btf"] {
            edit(&scratch.path().join("build.rs"), from, next);
            from = next;
            for program in [&program, &changed] {
                let seen = output_of(scratch.cargo("run").arg("--").arg(program));
                assert_eq!(seen, "11 1 40 /index.html\n", "{from} {program:?}");
            }
        }
    }

    /// The debug information of a C program is enough, when building and when tracing.
    #[test]
    fn a_c_program_is_traced_with_types_from_its_debug_information() {
        let scratch = tracer(
            "traces_c",
            ".types_from(\"server.elf\").types([\"Request\"])",
        );
        scratch.file(
            "server.c",
            "#include <stdio.h>\n#include <string.h>\n\
             struct Other { int a; } other;\n\
             struct Request { char padding[PADDING]; unsigned short id; const char *path; };\n\
             __attribute__((noinline)) void handle(struct Request *r)\n\
             { __asm__ volatile(\"\" : : \"r\"(r) : \"memory\"); }\n\
             int main(void)\n{\n    char line[32] = {};\n    fgets(line, sizeof(line), stdin);\n\
             line[strlen(line) - 1] = 0;\n\
             struct Request r = { .id = 0x1234, .path = line };\n    handle(&r);\n}\n",
        );
        let compile = |padding: u32, to: &str| {
            let mut cc = Command::new("cc");
            let padding = format!("-DPADDING={padding}");
            output_of(
                cc.current_dir(scratch.path())
                    .args(["-g", "-O1", &padding, "server.c", "-o", to]),
            );
            scratch.path().join(to)
        };
        let program = compile(3, "server.elf");
        let changed = compile(100, "server-2");
        scratch.file(
            "src/bpf/trace.bpf.c",
            "#include \"traceable.bpf.h\"\nchar LICENSE[] SEC(\"license\") = \"GPL\";\n\
             __u64 id, since, urgent;\nchar path[32];\nstruct Other { int mine; };\n\
             SEC(\"uprobe\") int BPF_UPROBE(on_handle, struct Request *r)\n{\n\
             id = core_read(r, id);\n    core_read_str(path, sizeof(path), r, path);\n\
             return 0;\n}\n",
        );
        edit(
            &scratch.path().join("Cargo.toml"),
            "core-runtime\" }",
            "core-runtime\", features = [\"dwarf\"] }",
        );
        for program in [program, changed] {
            let seen = output_of(scratch.cargo("run").arg("--").arg(&program));
            assert_eq!(seen, "4660 0 0 /index.html\n", "{program:?}");
        }
    }

    /// Rust's enums, text and tags have the prefix in the header and in the target alike.
    #[test]
    fn a_rust_application_is_traced_with_prefixed_types() {
        let scratch = tracer(
            "traces_prefixed",
            ".prefixed_types_from(\"server_\", \"../server\")",
        );
        let program = server(&scratch, &[], "server-1");
        let changed = server(&scratch, &["--features=trace"], "server-2");
        let trace = TRACE
            .replace("SPAN", "")
            .replace("struct Request", "struct server_Request")
            .replace("State, Busy", "server_State, Busy");
        scratch.file("src/bpf/trace.bpf.c", &trace);
        let types = "TypeInfo::of_process(server.id())?";
        let prefixed = format!("{types}.with_prefix(\"server_\")?");
        edit(&scratch.path().join("src/main.rs"), types, &prefixed);
        let mut from = "../server";
        for next in ["../server", "server-1"] {
            edit(&scratch.path().join("build.rs"), from, next);
            from = next;
            for program in [&program, &changed] {
                let seen = output_of(scratch.cargo("run").arg("--").arg(program));
                assert_eq!(seen, "11 1 40 /index.html\n", "{from} {program:?}");
            }
        }
    }

    /// What some builds of the application have only is asked for, and read where it is.
    #[test]
    fn fields_of_features_are_declared_and_may_be_missing() {
        let scratch = tracer("traces_feature", ".types_from(\"../server\")");
        let program = server(&scratch, &[], "server-1");
        let changed = server(&scratch, &["--features=trace"], "server-2");
        let span = "if (bpf_core_field_exists(request->span))\n        \
                    since = core_read(request, span[1]);";
        scratch.file("src/bpf/trace.bpf.c", &TRACE.replace("SPAN", span));
        for (program, since) in [(program, 40), (changed, 2)] {
            let seen = output_of(scratch.cargo("run").arg("--").arg(&program));
            assert_eq!(seen, format!("11 1 {since} /index.html\n"), "{program:?}");
        }
    }
}

/// Types that are declared alike are one, so that `String` is no clash.
#[test]
fn own_and_other_types_combine() {
    let scratch = tracer(
        "combines",
        ".c(cc::Build::new().file(\"src/part.c\")).types_from(\"../server\")",
    );
    scratch.file("src/part.c", "struct part { int a; } part;\n");
    edit(
        &scratch.path().join("src/main.rs"),
        "use core_runtime",
        "#[core_runtime::bpf_traceable]\nstruct Own { name: String, id: u8 }\nuse core_runtime",
    );
    let trace = TRACE.replace("SPAN", "").replace(
        "return 0;",
        "struct part *part = (void *)request;\n    struct Own *own = (void *)request;\n    \
         return core_read(part, a) + core_str(path, sizeof(path), own, name);",
    );
    scratch.file("src/bpf/trace.bpf.c", &trace);
    output_of(&mut scratch.cargo("build"));
}

#[test]
fn two_types_of_one_name_are_an_error_that_names_both_origins() {
    let scratch = tracer(
        "clashes",
        ".c(cc::Build::new().file(\"src/part.c\")).types_from(\"../server\")",
    );
    scratch.file("src/part.c", "struct Request { int a; } request;\n");
    let advice = "give the types of one of them a prefix with `Builder::prefixed_types_from`, \
                  leave one out by naming the types that you need with `Builder::types`, or give \
                  a Rust type another name with `#[bpf_traceable(name = \"...\")]`";
    assert_eq!(
        error_in(&scratch.build_error()),
        format!("this crate and `../server/src/main.rs` have different types `Request`: {advice}")
    );
    // The advice helps.
    let build = scratch.path().join("build.rs");
    edit(&build, ".bpf(", ".types([\"State\"]).bpf(");
    scratch.file(
        "src/bpf/trace.bpf.c",
        "#include \"traceable.bpf.h\"\nchar LICENSE[] SEC(\"license\") = \"GPL\";\n\
         __u64 id, since, urgent;\nchar path[32];\n\
         SEC(\"uprobe\") int BPF_UPROBE(on_handle, union State *state)\n\
         { return core_variant_is(state, State, Idle); }\n",
    );
    output_of(&mut scratch.cargo("build"));

    edit(&build, ".types([\"State\"])", "");
    edit(
        &build,
        ".c(cc::Build::new().file(\"src/part.c\"))",
        ".types_from(\"more.o\")",
    );
    let object = scratch.path().join("more.o");
    output_of(
        Command::new("cc")
            .args(["-g", "-c", "-o"])
            .arg(&object)
            .arg(scratch.path().join("src/part.c")),
    );
    assert_eq!(
        error_in(&scratch.build_error()),
        format!("`more.o` and `../server/src/main.rs` have different types `Request`: {advice}")
    );
}

#[test]
fn a_name_that_is_nowhere_is_an_error_with_near_matches() {
    let scratch = tracer(
        "near_types",
        ".types_from(\"../server\").types([\"Requst\"])",
    );
    assert_eq!(
        error_in(&scratch.build_error()),
        "nothing in `types_from` has a type `Requst`; did you mean `Request`?"
    );
    edit(
        &scratch.path().join("build.rs"),
        "Builder::new()",
        "Builder::new().c(cc::Build::new().file(\"src/part.c\"))",
    );
    scratch.file("src/part.c", "struct requests { int a; } requests;\n");
    assert_eq!(
        error_in(&scratch.build_error()),
        "no C part and nothing in `types_from` has a type `Requst`; did you mean `Request` or \
         `requests`?"
    );
}

#[test]
fn what_has_no_types_is_refused() {
    let scratch = tracer("no_types", ".types_from(\"FROM\")");
    scratch.file(
        "empty/Cargo.toml",
        "[package]\nname = \"empty\"\n[workspace]\n",
    );
    scratch.file("empty/src/lib.rs", "struct S;\n");
    scratch.file("broken/Cargo.toml", "[package\n");
    scratch.file("folder/notes.txt", "");
    scratch.file("text.btf", "no BTF at all");
    scratch.file("src/part.c", "int part;\n");
    let compile = ["-c", "-o", "bare.o", "src/part.c"];
    output_of(Command::new("cc").current_dir(scratch.path()).args(compile));
    let mut from = "FROM";
    for (next, expected) in [
        (
            "nowhere",
            "crate, BTF file or ELF file `nowhere` is not there (in `",
        ),
        (
            "folder",
            "manifest of a crate to take types from, `folder/Cargo.toml` is not there",
        ),
        (
            "broken",
            "cannot read the crate of `broken/Cargo.toml`\n  caused by: ",
        ),
        (
            "empty",
            "the crate in `empty` has no type with #[bpf_traceable] to take: annotate",
        ),
        (
            "text.btf",
            "cannot process the BTF of `text.btf`\n  caused by: BTF header at offset 0x0 needs",
        ),
        (
            "bare.o",
            "cannot read the debug info of `bare.o`\n  caused by: no debug information",
        ),
    ] {
        edit(&scratch.path().join("build.rs"), from, next);
        from = next;
        let error = error_of(&mut scratch.cargo("build"));
        // Causes are a step further in.
        let error = error_in(&error).replace("\ncaused by", "\n  caused by");
        assert!(error.starts_with(expected), "{error}");
    }
}

/// Cargo looks at the other crate's files as at this crate's own.
#[test]
fn the_build_follows_the_other_application() {
    let scratch = tracer("follows", ".types_from(\"../server\")");
    output_of(&mut scratch.cargo("build"));
    let build = || {
        let output = scratch.cargo("build").output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), stderr)
    };
    let (built, stderr) = build();
    assert!(built && !stderr.contains("Compiling follows"), "{stderr}");
    scratch.file("../server/notes.txt", "not an input");
    let (built, stderr) = build();
    assert!(built && !stderr.contains("Compiling follows"), "{stderr}");
    edit(
        &scratch.path().join("../server/src/state.rs"),
        "since",
        "from",
    );
    let (built, stderr) = build();
    assert!(!built, "{stderr}");
    assert!(stderr.contains("no member named 'since'"), "{stderr}");
}
