//! A tracer of an application and of the libraries that it uses, each with types of its own, some of
//! them with names that another has too.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

mod scratch;

use std::path::PathBuf;
use std::process::Command;

use scratch::{Scratch, output_of};

/// Each library has a `struct context`, and calls its function with it.
const LIBRARY: &str = r#"
#include <stdio.h>
#if LIBRARY == 1
enum state { IDLE, BUSY };
struct context { VERSION unsigned id; enum state state; };
#define CALL one
#else
enum state { CLOSED = 3, OPEN };
struct peer { VERSION long port; };
struct context { char name[12]; VERSION struct peer *peer; enum state state; unsigned short id; };
#define CALL two
#endif
__attribute__((noinline)) void CALL(struct context *context)
{
    __asm__ volatile("" : : "r"(context) : "memory");
}
#if LIBRARY == 1
void call_one(void)
{
    struct context context = { .id = 70001, .state = BUSY };
    one(&context);
    printf("%u %d ", context.id, context.state == BUSY);
}
#else
void call_two(void)
{
    struct peer peer = { .port = 443 };
    struct context context = { .name = "two", .peer = &peer, .id = 5, .state = OPEN };
    two(&context);
    printf("%u %d %ld %s ", context.id, context.state == OPEN, peer.port, context.name);
}
#endif
"#;

const APPLICATION: &str = r#"
#include <stdio.h>
struct request { VERSION unsigned char id; };
void call_one(void);
void call_two(void);
__attribute__((noinline)) void handle(struct request *request)
{
    __asm__ volatile("" : : "r"(request) : "memory");
}
int main(void)
{
    struct request request = { .id = 9 };
    puts("ready");
    fflush(stdout);
    getchar();
    call_one();
    call_two();
    handle(&request);
    printf("%u\n", request.id);
}
"#;

const TRACE: &str = r#"
#include "traceable.bpf.h"
char LICENSE[] SEC("license") = "GPL";

__u64 one_id, one_busy, two_id, two_open, port, request_id;
char name[12];

SEC("uprobe")
int BPF_UPROBE(on_one, struct one_context *context)
{
    one_id = core_read(context, id);
    one_busy = core_read(context, state) == bpf_core_enum_value(enum one_state, one_BUSY);
    return 0;
}

SEC("uprobe")
int BPF_UPROBE(on_two, struct two_context *context)
{
    two_id = core_read(context, id);
    two_open = core_read(context, state) == bpf_core_enum_value(enum two_state, two_OPEN);
    port = core_read(core_read_ptr(context, peer), port);
    core_read_str(name, sizeof(name), context, name);
    return 0;
}

SEC("uprobe")
int BPF_UPROBE(on_request, struct request *request)
{
    request_id = core_read(request, id);
    return 0;
}
"#;

/// What starts the application.
const CHILD: &str = include_str!("../fixtures/child.rs");

/// Starts the application that it is told, and prints what BPF saw.
const TRACER: &str = r#"
mod child;

use child::{Traced, text};
use core_runtime::{Loader, Process, TypeInfo, Uprobe};

core_runtime::embed!();

fn main() -> core_runtime::Result<()> {
    let traced = Traced::start();

    let process = Process::new(traced.id())?;
    let [application, one, two] =
        [process.program()?, process.shared_library("libone.so")?, process.shared_library("libtwo.so")?];
    let mut storage = std::mem::MaybeUninit::uninit();
    let skeleton = Loader::new(TypeInfo::of(&application)?)
        .and(TypeInfo::of(&one)?.with_prefix("one_")?)
        .and(TypeInfo::of(&two)?.with_prefix("two_")?)
        .load(bpf::trace::TraceSkelBuilder::default(), &mut storage)?;
    let _attached = [
        Uprobe::symbol(&one, "one").attach(&skeleton.progs.on_one)?,
        Uprobe::symbol(&two, "two").attach(&skeleton.progs.on_two)?,
        Uprobe::symbol(&application, "handle").attach(&skeleton.progs.on_request)?,
    ];
    let said = traced.finish();

    let bss = skeleton.maps.bss_data.as_ref().unwrap();
    let name = text(&bss.name);
    let seen = format!(
        "{} {} {} {} {} {name} {}\n",
        bss.one_id, bss.one_busy, bss.two_id, bss.two_open, bss.port, bss.request_id
    );
    assert_eq!(seen, said);
    print!("{seen}");
    Ok(())
}
"#;

/// Compiles the application and its libraries, with `members` before those that are read.
fn application(scratch: &Scratch, version: &str, members: &str) -> PathBuf {
    let directory = scratch.path().join(version);
    scratch.file(&format!("{version}/library.c"), LIBRARY);
    scratch.file(&format!("{version}/application.c"), APPLICATION);
    let cc = |arguments: &[&str]| {
        let mut command = Command::new("cc");
        command.current_dir(&directory);
        let version = format!("-DVERSION={members}");
        output_of(command.args(["-g", "-O1", &version]).args(arguments));
    };
    for (number, name) in [("1", "libone.so"), ("2", "libtwo.so")] {
        let library = format!("-DLIBRARY={number}");
        let shared = ["-shared", "-fPIC"];
        cc(&[&shared[..], &[&library, "library.c", "-o", name]].concat());
    }
    cc(&[
        "application.c",
        "-o",
        "application",
        "-L.",
        "-lone",
        "-ltwo",
        "-Wl,-rpath,$ORIGIN",
    ]);
    directory
}

fn tracer(name: &str) -> Scratch {
    let scratch = Scratch::with_build(
        name,
        "core_build::Builder::new()\
         .types_from(\"v1/application\")\
         .prefixed_types_from(\"one_\", \"v1/libone.so\")\
         .prefixed_types_from(\"two_\", \"v1/libtwo.so\")\
         .bpf(\"src/bpf/trace.bpf.c\").build()",
    );
    scratch.edit(
        "Cargo.toml",
        "core-runtime\" }",
        "core-runtime\", features = [\"dwarf\"] }",
    );
    scratch.file("src/main.rs", TRACER);
    scratch.file("src/child.rs", CHILD);
    scratch.file("src/bpf/trace.bpf.c", TRACE);
    scratch
}

mod root {
    use super::*;

    /// One tracer, compiled once, against two versions of an application and its libraries: what it
    /// sees is what they print.
    #[test]
    fn an_application_and_its_libraries_are_traced_with_the_types_of_each() {
        let scratch = tracer("traces_libraries");
        let first = application(&scratch, "v1", "");
        let second = application(&scratch, "v2", "int before[5];");
        for directory in [first, second] {
            let application = directory.join("application");
            let seen = output_of(scratch.cargo("run").arg("--").arg(application));
            assert_eq!(seen, "70001 1 5 1 443 two 9\n");
        }
    }
}

/// What a library does not have is a compile error, although another has it under that name.
#[test]
fn a_member_that_only_the_other_library_has_is_a_compile_error() {
    let scratch = tracer("misfits_library");
    application(&scratch, "v1", "");
    scratch.edit(
        "src/bpf/trace.bpf.c",
        "core_read_str(name, sizeof(name), context, name)",
        "core_read_str(name, sizeof(name), (struct one_context *)context, name)",
    );
    let error = scratch.build_error();
    let expected = "no member named 'name' in 'struct one_context'";
    assert!(error.contains(expected), "{error}");

    // Nor does a declaration of the program's own make it right.
    scratch.edit(
        "src/bpf/trace.bpf.c",
        "(struct one_context *)context",
        "(struct one_context___mine *)context",
    );
    scratch.edit(
        "src/bpf/trace.bpf.c",
        "SEC(\"uprobe\")\nint BPF_UPROBE(on_two",
        "struct one_context___mine { char name[12]; } __attribute__((preserve_access_index))\n\
         __attribute__((btf_decl_tag(\"core:app\")));\n\
         SEC(\"uprobe\")\nint BPF_UPROBE(on_two",
    );
    let error = scratch.build_error();
    let expected = "struct one_context___mine.name: no such member";
    assert!(error.contains(expected), "{error}");
}

/// Without prefixes there is no telling whose `struct context` is meant.
#[test]
fn libraries_that_declare_a_name_differently_need_a_prefix() {
    let scratch = tracer("needs_prefix");
    application(&scratch, "v1", "");
    scratch.edit("build.rs", "prefixed_types_from(\"one_\", ", "types_from(");
    scratch.edit("build.rs", "prefixed_types_from(\"two_\", ", "types_from(");
    let error = scratch.build_error();
    for part in [
        "`v1/libone.so` and `v1/libtwo.so` have different types `",
        "Builder::prefixed_types_from",
    ] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    scratch.edit(
        "build.rs",
        "types_from(\"v1/libone.so\")",
        "prefixed_types_from(\"ssl__\", \"v1/libone.so\")",
    );
    let error = scratch.build_error();
    for part in ["`v1/libone.so`", "`ssl__` is no prefix"] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
}
