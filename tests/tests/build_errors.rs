//! Each error of core-build and of `embed!()`, provoked in a crate outside the workspace.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

mod scratch;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use scratch::{Scratch, error_in, error_of, output_of};

const TRACE: &str = r#"
#include "core.bpf.h"
char LICENSE[] SEC("license") = "GPL";
SEC("uprobe") int BPF_UPROBE(trace, unsigned long n) { return n; }
"#;

/// A crate with one correct BPF program, and this in its build script.
fn with_trace(name: &str, calls: &str) -> Scratch {
    let build = format!("core_build::Builder::new(){calls}.build()");
    let scratch = Scratch::with_build(name, &build);
    scratch.file("src/bpf/trace.bpf.c", TRACE);
    scratch
}

#[track_caller]
fn assert_once(text: &str, part: &str) {
    assert_eq!(text.matches(part).count(), 1, "`{part}` in:\n{text}");
}

#[test]
fn a_missing_bpf_source_is_named_with_the_place_where_it_was_looked_for() {
    let scratch = with_trace("missing_bpf", r#".bpf("src/bpf/trase.bpf.c")"#);
    let dir = scratch.path().display();
    assert_eq!(
        error_in(&scratch.build_error()),
        format!("BPF source `src/bpf/trase.bpf.c` is not there (in `{dir}`)")
    );
}

#[test]
fn a_missing_c_source_is_named() {
    let scratch = with_trace("missing_c", r#".c(cc::Build::new().file("src/no.c"))"#);
    let error = error_in(&scratch.build_error());
    assert!(
        error.starts_with("C source `src/no.c` is not there (in `"),
        "{error}"
    );
}

#[test]
fn missing_prebuilt_objects_and_vmlinux_files_are_named() {
    let scratch = with_trace("missing_prebuilt", r#".prebuilt("bpf/trace.bpf.o")"#);
    let error = error_in(&scratch.build_error());
    assert!(
        error.starts_with("prebuilt BPF object `bpf/trace.bpf.o` is not there"),
        "{error}"
    );
    let scratch = with_trace("missing_vmlinux", r#".vmlinux("/nowhere/vmlinux")"#);
    assert_eq!(
        error_in(&scratch.build_error()),
        "vmlinux file `/nowhere/vmlinux` is not there"
    );
}

#[test]
fn two_programs_of_one_name_are_refused() {
    let scratch = with_trace(
        "same_name",
        r#".bpf("src/bpf/trace.bpf.c").bpf("src/other/trace.bpf.c")"#,
    );
    scratch.file("src/other/trace.bpf.c", TRACE);
    assert_eq!(
        error_in(&scratch.build_error()),
        "`src/bpf/trace.bpf.c` and `src/other/trace.bpf.c` would both become the module \
         `bpf::trace`, rename one of them"
    );
}

#[test]
fn a_program_whose_name_is_no_module_is_refused() {
    for (file, problem) in [
        ("src/bpf/trace.c", "its name has to be NAME.bpf.c"),
        (
            "src/bpf/my-trace.bpf.c",
            "`my-trace` becomes a Rust module, so it has to be letters and digits, joined by `_`",
        ),
        (
            "src/bpf/loop.bpf.c",
            "`loop` becomes a Rust module, and that is a keyword",
        ),
    ] {
        let scratch = with_trace("bad_name", &format!(r#".bpf("{file}")"#));
        assert_eq!(
            error_in(&scratch.build_error()),
            format!("BPF file `{file}`: {problem}")
        );
    }
}

/// The compiler's words, in colour or not, are what the author needs; twice they are noise.
#[test]
fn errors_in_bpf_are_shown_once_in_clangs_words() {
    let scratch = with_trace("bpf_error", r#".bpf("src/bpf/trace.bpf.c")"#);
    scratch.file(
        "src/bpf/trace.bpf.c",
        &TRACE.replace("return n", "return m"),
    );
    let stderr = scratch.build_error();
    assert_once(&stderr, "src/bpf/trace.bpf.c:4:");
    assert_once(&stderr, "error: use of undeclared identifier 'm'");
    assert_eq!(
        error_in(&stderr).lines().next(),
        Some("cannot compile `src/bpf/trace.bpf.c` (clang)")
    );
}

#[test]
fn errors_in_c_are_shown_once_in_the_compilers_words() {
    let calls = r#".c(cc::Build::new().file("src/good.c").file("src/bad.c"))"#;
    let scratch = with_trace("c_error", calls);
    scratch.file("src/good.c", "int good(void) { return 0; }\n");
    scratch.file("src/bad.c", "int bad(void) { return worse; }\n");
    let stderr = scratch.build_error();
    assert_once(&stderr, "src/bad.c:1:24: error: 'worse' undeclared");
    assert_eq!(
        error_in(&stderr).lines().next(),
        Some("cannot compile `src/bad.c`")
    );
}

/// Warnings neither fail the build nor get lost.
#[test]
fn warnings_of_both_compilers_become_warnings_of_cargo() {
    let scratch = with_trace(
        "warnings",
        r#".c(cc::Build::new().file("src/part.c")).bpf("src/bpf/trace.bpf.c")"#,
    );
    scratch.file("src/part.c", "#warning from C\nint part;\n");
    scratch.file(
        "src/bpf/trace.bpf.c",
        &format!("#warning from BPF\n{TRACE}"),
    );
    let output = scratch.cargo("build").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(
        stderr.contains("warning: warnings@0.1.0: src/part.c:1:2: warning"),
        "{stderr}"
    );
    assert!(
        stderr.contains("warning: warnings@0.1.0: src/bpf/trace.bpf.c:1:2: warning"),
        "{stderr}"
    );
}

#[test]
fn a_named_type_that_is_not_there_is_an_error_with_near_matches() {
    let part = "struct cache_entry { int a; }; struct cache_entry one;\n";
    for (name, rest) in [
        ("cache_entri", "; did you mean `cache_entry`?"),
        (
            "connection",
            "; is it used in the C code, so that the compiler describes it?",
        ),
    ] {
        let calls = format!(r#".c(cc::Build::new().file("src/part.c")).types(["{name}"])"#);
        let scratch = with_trace("types", &calls);
        scratch.file("src/part.c", part);
        assert_eq!(
            error_in(&scratch.build_error()),
            format!("no C part has a type `{name}`{rest}")
        );
    }
}

#[test]
fn c_without_debug_info_is_an_error() {
    let scratch = with_trace(
        "no_debug_info",
        r#".c(cc::Build::new().file("src/part.c"))"#,
    );
    scratch.file("src/part.c", "struct s { int a; }; struct s s;\n");
    let stderr = error_of(scratch.cargo("build").env("CFLAGS", "-g0"));
    let error = error_in(&stderr);
    assert!(
        error.starts_with("cannot read the debug info of `"),
        "{error}"
    );
    assert!(
        error.contains("\n  caused by: no debug information"),
        "{error}"
    );
}

#[test]
fn an_elf_file_without_btf_is_no_vmlinux() {
    let scratch = with_trace("no_btf", r#".vmlinux("part.o")"#);
    let object = scratch.path().join("part.o");
    scratch.file("part.c", "int part;\n");
    output_of(
        std::process::Command::new("cc")
            .args(["-c", "-o"])
            .arg(&object)
            .arg(scratch.path().join("part.c")),
    );
    let error = error_in(&scratch.build_error());
    assert!(
        error.starts_with("`part.o` has no section .BTF: "),
        "{error}"
    );
}

/// Where the search path has everything but clang.
fn path_without_clang(dir: &Path) -> PathBuf {
    let bin = dir.join("bin");
    fs::create_dir(&bin).unwrap();
    for dir in std::env::split_paths(&std::env::var_os("PATH").unwrap()) {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !name.to_string_lossy().starts_with("clang") {
                // The first directory that has a program wins.
                drop(symlink(entry.path(), bin.join(name)));
            }
        }
    }
    bin
}

/// A program that says it is clang of this version.
fn fake_clang(path: &Path, version: &str) {
    fs::write(
        path,
        format!("#!/bin/sh\necho 'Debian clang version {version}'\n"),
    )
    .unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn without_clang_the_error_says_what_to_install_or_set() {
    let scratch = with_trace("no_clang", r#".bpf("src/bpf/trace.bpf.c")"#);
    let bin = path_without_clang(scratch.parent());
    let error = error_in(&error_of(scratch.cargo("build").env("PATH", &bin)));
    assert!(
        error.starts_with(
            "no clang found to compile BPF programs with: looked for `clang` and `clang-NN` on \
             PATH; install it"
        ),
        "{error}"
    );
    for way in ["apt-get install clang", "set CLANG", "`Builder::prebuilt`"] {
        assert!(error.contains(way), "{error}");
    }

    let error = error_in(&error_of(
        scratch.cargo("build").env("CLANG", "/nowhere/clang"),
    ));
    assert!(
        error.contains("looked for CLANG=`/nowhere/clang`"),
        "{error}"
    );

    // A number is as good as none, and an old one is passed over for a newer one.
    fake_clang(&bin.join("clang"), "11.0.1");
    fake_clang(&bin.join("clang-9"), "9.0.1");
    let error = error_in(&error_of(scratch.cargo("build").env("PATH", &bin)));
    assert_eq!(
        error,
        "`clang` is clang 11, and CO-RE with type provenance (btf_decl_tag) takes clang 14; \
         install a newer one, set CLANG to its path, or give compiled objects to \
         `Builder::prebuilt`"
    );
    let real = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|dir| dir.join("clang"))
        .find(|clang| clang.is_file())
        .unwrap();
    symlink(real, bin.join("clang-99")).unwrap();
    output_of(scratch.cargo("build").env("PATH", &bin));
}

/// A prebuilt object builds where there is no clang, and gives the same module.
#[test]
fn a_prebuilt_object_needs_no_clang() {
    let scratch = with_trace("prebuilt", r#".prebuilt("bpf/trace.bpf.o")"#);
    let source = with_trace("prebuilt_source", r#".bpf("src/bpf/trace.bpf.c")"#);
    source.file(
        "src/main.rs",
        "core_runtime::embed!();\nuse core_runtime::BpfObject;\nfn main() {\n    \
         let object = bpf::trace::TraceSkelBuilder::OBJECT;\n    \
         use std::io::Write;\n    std::io::stdout().write_all(object).unwrap();\n}\n",
    );
    let object = source.cargo("run").output().unwrap();
    assert!(object.status.success(), "{object:?}");
    fs::create_dir(scratch.path().join("bpf")).unwrap();
    fs::write(scratch.path().join("bpf/trace.bpf.o"), &object.stdout).unwrap();
    fs::copy(
        source.path().join("src/main.rs"),
        scratch.path().join("src/main.rs"),
    )
    .unwrap();
    let bin = path_without_clang(scratch.parent());
    let again = scratch.cargo("run").env("PATH", &bin).output().unwrap();
    assert!(again.status.success(), "{again:?}");
    assert_eq!(again.stdout, object.stdout);
}

#[test]
fn a_prebuilt_file_that_is_no_bpf_object_is_refused() {
    let scratch = with_trace("no_object", r#".prebuilt("trace.bpf.o")"#);
    scratch.file("trace.bpf.o", "not an object");
    let error = error_in(&scratch.build_error());
    assert!(
        error.starts_with("cannot make a skeleton of `trace.bpf.o`\n  caused by: "),
        "{error}"
    );
}

/// Outside a build script there is no place for output.
#[test]
fn the_builder_refuses_to_work_elsewhere() {
    let scratch = Scratch::with_build("elsewhere", "Ok(())");
    scratch.file(
        "examples/run.rs",
        "fn main() -> Result<(), core_build::Error> {\n    core_build::Builder::new().build()\n}\n",
    );
    let manifest = fs::read_to_string(scratch.path().join("Cargo.toml")).unwrap();
    let manifest = manifest.replace("[build-dependencies]", "[dev-dependencies]");
    scratch.file("Cargo.toml", &manifest);
    fs::remove_file(scratch.path().join("build.rs")).unwrap();
    let stderr = error_of(scratch.cargo("run").args(["--example", "run"]));
    assert!(
        stderr.contains(
            "Error: OUT_DIR is not set: core_build::Builder works in a build script only (build.rs)"
        ),
        "{stderr}"
    );
}

/// The macro has nothing to embed without the build script, and says what is missing.
#[test]
fn embed_says_what_the_build_script_lacks() {
    let scratch = Scratch::with_build("no_builder", "Ok(())");
    scratch.file("src/main.rs", "core_runtime::embed!();\nfn main() {}\n");
    let stderr = scratch.build_error();
    assert!(
        stderr.contains(
            "error: this package's build script did not run core_build::Builder; embed!() embeds \
             what core-build prepared: add `core-build` to [build-dependencies]"
        ) && stderr.contains("--> src/main.rs:1:1"),
        "{stderr}"
    );

    fs::remove_file(scratch.path().join("build.rs")).unwrap();
    let stderr = scratch.build_error();
    assert!(
        stderr.contains("error: this package has no build script; embed!() embeds what"),
        "{stderr}"
    );
}

#[test]
fn misuse_of_the_macros_is_shown_where_it_is() {
    let scratch = with_trace("misuse", "");
    scratch.file(
        "src/main.rs",
        "core_runtime::embed!(fast);\n\
         #[core_runtime::bpf_traceable]\nfn main() {}\n",
    );
    let stderr = scratch.build_error();
    for (error, place) in [
        ("error: embed!() takes no arguments", "--> src/main.rs:1:22"),
        (
            "error: #[bpf_traceable] describes a type: it goes on a struct, an enum or a union",
            "--> src/main.rs:3:1",
        ),
    ] {
        assert!(stderr.contains(error) && stderr.contains(place), "{stderr}");
    }
}
