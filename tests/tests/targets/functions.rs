//! Functions by the names that they have in C, C++ and Rust, wherever their symbols are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use core_runtime::{Binary, Error, Uprobe};
use tests::counter::Counter;
use tests::{clang, program};

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}");
}

fn compile(compiler: &str, directory: &Path, source: &str, flags: &[&str]) -> PathBuf {
    let program = directory.join("myapp");
    let extension = if compiler == "rustc" { "rs" } else { "cc" };
    let input = program.with_extension(extension);
    fs::write(&input, source).unwrap();
    run(Command::new(compiler)
        .args(flags)
        .arg(input)
        .arg("-o")
        .arg(&program));
    program
}

/// How often the probe fires in one run of the program, and with which argument the last time.
fn calls(program: &Path, probe: &Uprobe, way: &str) -> (u64, u64) {
    let counter = Counter::load();
    let attached = probe.attach(&counter.program(way)).unwrap();
    program::run(program);
    drop(attached);
    (counter.seen().count, counter.seen().argument)
}

fn refusal(probe: &Uprobe) -> Error {
    probe.attach(&Counter::load().program("multi")).unwrap_err()
}

const OVERLOADS: &str = r#"
#define NOINLINE __attribute__((noinline))
namespace net {
NOINLINE int handle(int a) { __asm__ volatile(""); return a + 1; }
NOINLINE long handle(long a, int b) { __asm__ volatile(""); return a + b; }
template <class T> NOINLINE T add(T a) { __asm__ volatile(""); return a + 1; }
struct Conn { long id; NOINLINE Conn(long id) : id(id) { __asm__ volatile(""); } };
}
int main() { net::Conn conn(3); return net::handle(41) + net::handle(7L, 1) + net::add(5) + net::add(6L) == conn.id; }
"#;

/// Overloads have one name; with its parameters each has its own.
#[test]
fn functions_of_cpp_go_by_their_names_in_the_source() {
    let directory = tempfile::tempdir().unwrap();
    let program = compile("c++", directory.path(), OVERLOADS, &["-O1"]);
    let binary = Binary::open(&program).unwrap();
    for (name, argument) in [
        ("net::handle(int)", 41),
        ("net::handle(long, int)", 7),
        ("net::add<int>", 5),
        ("net::add<long>(long)", 6),
        ("_ZN3net6handleEi", 41),
    ] {
        let probe = Uprobe::symbol(&binary, name);
        assert_eq!(calls(&program, &probe, "multi"), (1, argument), "{name}");
    }
    let probe = Uprobe::symbol(&binary, "net::handle");
    let error = refusal(&probe);
    let Error::AmbiguousSymbol { found, .. } = &error else {
        panic!("{error:?}")
    };
    let [first, second] = found.as_slice() else {
        panic!("{error:?}")
    };
    let expected = format!(
        "{} defines 2 functions `net::handle`:\n    net::handle(int) at {:#x}\n    \
         net::handle(long, int) at {:#x}\n  name one in full, choose one by its offset, or probe \
         them all (`Uprobe::all_matches`)",
        program.display(),
        first.offset,
        second.offset
    );
    assert_eq!(error.to_string(), expected);
    for way in ["multi", "perf_event"] {
        let all = probe.clone().all_matches();
        assert_eq!(calls(&program, &all, way).0, 2, "{way}");
    }
}

const GENERIC: &str = r#"
mod net {
    use std::hint::black_box;
    #[inline(never)] pub fn handle<T: Copy + Into<u64>>(it: T) -> u64 { black_box(it).into() }
    pub struct Conn<T>(pub T);
    impl<T: Copy> Conn<T> { #[inline(never)] pub extern "C" fn read(n: u64) -> u64 { black_box(n + 1) } }
    pub trait Job { extern "C" fn run(n: u64) -> u64; }
    impl Job for Conn<u8> { #[inline(never)] extern "C" fn run(n: u64) -> u64 { black_box(n + 2) } }
}
fn main() {
    use {net::Job as _, std::hint::black_box};
    let own = net::Conn::<u16>::read(black_box(11)) + net::Conn::<u8>::run(black_box(12));
    let generic = net::handle(black_box(5u32)) + net::handle(black_box(6u64));
    assert_eq!(own + generic, 37);
}
"#;

/// Generic functions have one name for all types; with its types each has its own, where the symbol
/// tells them.
#[test]
fn functions_of_rust_go_by_their_paths() {
    for scheme in [&[][..], &["-Csymbol-mangling-version=v0"]] {
        let directory = tempfile::tempdir().unwrap();
        let mut flags = vec!["-O", "--edition=2024"];
        flags.extend(scheme);
        let program = compile("rustc", directory.path(), GENERIC, &flags);
        let binary = Binary::open(&program).unwrap();
        for (name, argument) in [
            ("myapp::net::Conn::read", 11),
            ("myapp::net::Conn::run", 12),
        ] {
            let probe = Uprobe::symbol(&binary, name);
            assert_eq!(calls(&program, &probe, "multi"), (1, argument), "{name}");
        }
        let probe = Uprobe::symbol(&binary, "myapp::net::handle");
        let error = refusal(&probe).to_string();
        let lines = error.matches("\n    myapp::net::handle").count();
        assert_eq!(lines, 2, "{error}");
        assert!(
            error.contains(" defines 2 functions `myapp::net::handle`:"),
            "{error}"
        );
        assert_eq!(calls(&program, &probe.all_matches(), "multi").0, 2);
        if !scheme.is_empty() {
            let probe = Uprobe::symbol(&binary, "myapp::net::handle::<u32>");
            assert_eq!(calls(&program, &probe, "multi"), (1, 5));
        }
    }
}

const HIDDEN: &str = "__attribute__((noinline)) static int hidden(int a) { __asm__ volatile(\"\"); return a + 1; }\n\
                      int main(int argc, char **argv) { return hidden(argc) == 0; }\n";

/// Removes the symbols of a program as Fedora does: those of functions are kept, compressed.
fn with_mini_debug_info(directory: &Path, program: &Path) {
    let (mini, keep) = (directory.join("mini"), directory.join("keep"));
    fs::write(&keep, "hidden\n").unwrap();
    let objcopy = || Command::new("objcopy");
    run(objcopy().arg("--only-keep-debug").args([program, &mini]));
    let keep = format!("--keep-symbols={}", keep.display());
    run(objcopy()
        .args(["-S", "--remove-section=.comment", &keep])
        .arg(&mini));
    run(Command::new("xz").arg(&mini));
    run(Command::new("strip").arg("-s").arg(program));
    add_debug_data(program, &directory.join("mini.xz"));
}

fn add_debug_data(program: &Path, data: &Path) {
    let add = format!("--add-section=.gnu_debugdata={}", data.display());
    run(Command::new("objcopy").arg(add).arg(program));
}

/// What a stripped program has left.
#[test]
fn functions_are_found_in_the_compressed_symbols_of_a_stripped_program() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("program");
    clang::c_program(HIDDEN, &["-O1"], &program).unwrap();
    with_mini_debug_info(directory.path(), &program);
    let binary = Binary::open(&program).unwrap();
    let probe = Uprobe::symbol(&binary, "hidden");
    assert_eq!(calls(&program, &probe, "multi"), (1, 1));
}

/// What its debug file still has.
#[test]
fn functions_are_found_in_the_separate_debug_file() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("program");
    let debug = directory.path().join("program.debug");
    clang::c_program(HIDDEN, &["-O1", "-g"], &program).unwrap();
    let objcopy = || Command::new("objcopy");
    run(objcopy().arg("--only-keep-debug").args([&program, &debug]));
    run(Command::new("strip").arg("-s").arg(&program));
    let link = format!("--add-gnu-debuglink={}", debug.display());
    run(objcopy().arg(link).arg(&program));
    let binary = Binary::open(&program).unwrap();
    let probe = Uprobe::symbol(&binary, "hidden");
    assert_eq!(calls(&program, &probe, "multi"), (1, 1));
    fs::remove_file(debug).unwrap();
    let text = refusal(&probe).to_string();
    assert!(text.contains("defines no function `hidden`"), "{text}");
}

/// Some kilobytes can stand for gigabytes, or ask for a dictionary as large.
#[test]
fn compressed_symbols_beyond_the_limit_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let bomb = directory.path().join("bomb");
    let zeros = fs::File::create(&bomb).unwrap();
    zeros.set_len(300 << 20).unwrap();
    run(Command::new("xz").arg("-1").arg(&bomb));
    let large = directory.path().join("large");
    fs::write(&large, "text").unwrap();
    run(Command::new("xz").arg("--lzma2=dict=1GiB").arg(&large));
    let text = directory.path().join("text");
    fs::write(&text, "neither xz nor ELF").unwrap();
    for data in ["bomb.xz", "large.xz", "text"] {
        let program = directory.path().join("program");
        clang::c_program(HIDDEN, &["-O1", "-s"], &program).unwrap();
        add_debug_data(&program, &directory.path().join(data));
        let error = refusal(&Uprobe::symbol(&Binary::open(&program).unwrap(), "hidden"));
        assert!(
            matches!(
                error,
                Error::MalformedElf {
                    what: ".gnu_debugdata",
                    ..
                }
            ),
            "{data}: {error:?}"
        );
    }
}

/// Neither is a function that somebody calls: a probe on it would see nothing, or something else.
#[test]
fn imported_and_indirect_functions_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("program");
    let source = "#include <stdio.h>\n\
         static int one(void) { return 1; }\n\
         static void *choose(void) { return one; }\n\
         int chosen(void) __attribute__((ifunc(\"choose\")));\n\
         int main(void) { return puts(\"\") + chosen() == 0; }\n";
    clang::c_program(source, &["-O1"], &program).unwrap();
    let binary = Binary::open(&program).unwrap();
    let error = refusal(&Uprobe::symbol(&binary, "puts"));
    let expected = format!(
        "{} does not define `puts`, it calls that of a library: probe it in one of libc.so.6",
        program.display()
    );
    assert_eq!(error.to_string(), expected);
    let error = refusal(&Uprobe::symbol(&binary, "chosen"));
    let expected = format!(
        "`chosen` of {} is an indirect function (IFUNC), which chooses another one when a program \
         starts: probe those that it chooses from",
        program.display()
    );
    assert_eq!(error.to_string(), expected);
}
