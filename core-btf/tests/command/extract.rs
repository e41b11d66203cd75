//! `extract`: BTF that others read.

use std::process::Command;

use crate::tools::{Workspace, bpftool, core_btf, fails, quiet, run};

/// All forms of one program give the same types.
#[test]
fn programs_objects_and_archives() {
    let work = Workspace::new();
    let object = work.compile("gcc -g -c", "app.c", "app.o");
    let archive = work.path("libapp.a");
    run(Command::new("ar").arg("rcs").arg(&archive).arg(&object));
    let from_object = bpftool(&work.btf(&object, "object.btf"));
    assert!(from_object.contains("STRUCT 'request'"), "{from_object}");
    assert!(from_object.contains("FUNC 'handle' type_id"));
    assert_eq!(bpftool(&work.btf(&archive, "archive.btf")), from_object);
    assert_eq!(bpftool(&work.btf(&work.app(""), "app.btf")), from_object);
}

/// The same bytes, to a file or to stdout, with any number of threads.
#[test]
fn the_result_is_the_same_each_time() {
    let work = Workspace::new();
    let app = work.app("");
    let expected = std::fs::read(work.btf(&app, "app.btf")).unwrap();
    for threads in ["1", "2", "7"] {
        let output = core_btf()
            .arg("extract")
            .arg(&app)
            .args(["--threads", threads])
            .output();
        assert!(output.unwrap().stdout == expected, "{threads} threads");
    }
}

/// Roots by name and by pattern; functions are no part of what a type refers to.
#[test]
fn roots_are_names_with_wildcards() {
    let work = Workspace::new();
    let app = work.app("");
    let out = work.path("out.btf");
    let extract = |types: &[&str]| {
        let types = types.iter().flat_map(|name| ["--type", name]);
        quiet(
            core_btf()
                .arg("extract")
                .arg(&app)
                .args(types)
                .arg("-o")
                .arg(&out),
        );
        bpftool(&out)
    };
    let point = extract(&["point"]);
    assert_eq!(point.lines().count(), 4, "{point}");
    let several = extract(&["po*", "c?lor"]);
    for (name, there) in [
        ("'point'", true),
        ("'color'", true),
        ("'request'", false),
        ("FUNC", false),
    ] {
        assert_eq!(several.contains(name), there, "{name}: {several}");
    }
    let error = fails(
        2,
        core_btf()
            .arg("extract")
            .arg(&app)
            .args(["-t", "point", "-t", "x*"]),
    );
    assert!(
        error.contains("app: no type named x* in the debug information"),
        "{error}"
    );
}

/// What ships has no debug information, but may have BTF.
#[test]
fn stripped_programs_have_the_types_of_their_section() {
    let work = Workspace::new();
    let app = work.app("");
    let expected = std::fs::read(work.btf(&app, "app.btf")).unwrap();
    let ships = work.path("ships");
    run(core_btf().arg("embed").arg(&app).arg("-o").arg(&ships));
    run(Command::new("strip").arg(&ships));
    let extract = |args: &[&str]| {
        let output = core_btf().arg("extract").arg(&ships).args(args).output();
        let output = output.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        assert!(
            said.contains("types are those of its .BTF section"),
            "{said}"
        );
        let out = work.path("out.btf");
        std::fs::write(&out, &output.stdout).unwrap();
        (bpftool(&out), output.stdout)
    };
    assert_eq!(extract(&[]).1, expected);
    let (point, _) = extract(&["-t", "poin?"]);
    assert_eq!(point.lines().count(), 4, "{point}");
    let (types, _) = extract(&["--no-functions"]);
    assert!(
        types.contains("'request'") && !types.contains("FUNC '"),
        "{types}"
    );
    let error = fails(2, core_btf().arg("extract").arg(&ships).args(["-t", "nix"]));
    assert!(error.contains("ships: no type named nix"), "{error}");
}

/// Whoever prefers bpftool's header gets one that compiles.
#[test]
fn clang_compiles_what_bpftool_makes_of_it() {
    let work = Workspace::new();
    let blob = work.btf(&work.app(""), "app.btf");
    let mut command = Command::new("bpftool");
    command.args(["btf", "dump", "file"]).arg(&blob);
    let source = work.path("header.bpf.c");
    std::fs::write(&source, quiet(command.args(["format", "c"]))).unwrap();
    let mut clang = Command::new("clang");
    clang.args(["-target", "bpf", "-g", "-fsyntax-only"]);
    quiet(clang.arg(&source));
}

#[test]
fn functions_can_be_left_out() {
    let work = Workspace::new();
    let out = work.path("out.btf");
    let app = work.app("");
    quiet(
        core_btf()
            .arg("extract")
            .arg(&app)
            .arg("--no-functions")
            .arg("-o")
            .arg(&out),
    );
    let found = bpftool(&out);
    assert!(
        found.contains("'request'") && !found.contains("FUNC '"),
        "{found}"
    );
}

/// What cannot be described is counted, and listed on request with its place.
#[test]
fn what_is_left_out_is_told() {
    let work = Workspace::new();
    let source = work.path("odd.cc");
    std::fs::write(
        &source,
        "struct S { decltype(nullptr) n; int S::*p; } s; int main() {}",
    )
    .unwrap();
    let object = work.path("odd.o");
    run(Command::new("g++")
        .args(["-g", "-c"])
        .arg(&source)
        .arg("-o")
        .arg(&object));
    // Whatever can be described later is no longer told: then this has nothing to count.
    let extract = |flag: &[&str]| {
        let output = core_btf()
            .arg("extract")
            .arg(&object)
            .args(flag)
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let (brief, long) = (extract(&[]), extract(&["--verbose"]));
    assert_eq!(brief.is_empty(), long.is_empty());
    assert!(
        long.lines()
            .all(|line| line.contains("odd.o: .debug_info at offset 0x")),
        "{long}"
    );
}

/// What could not be read is said with a number, and in full if asked for; the rest is there.
#[test]
fn damaged_units_are_counted() {
    let work = Workspace::new();
    let app = work.compile("gcc -gdwarf-4 -c", "app.c", "app.o");
    let other = work.path("other.c");
    std::fs::write(&other, "struct other { int x; } other;").unwrap();
    let broken = work.path("broken.o");
    run(Command::new("gcc")
        .args(["-gdwarf-4", "-c", "-o"])
        .args([&broken, &other]));
    let mut bytes = std::fs::read(&broken).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let info = object::Object::section_by_name(&file, ".debug_info").unwrap();
    let (info, _) = object::ObjectSection::file_range(&info).unwrap();
    bytes[usize::try_from(info).unwrap() + 4] = 99;
    std::fs::write(&broken, bytes).unwrap();
    let both = work.path("both.o");
    run(Command::new("ld")
        .arg("-r")
        .args([&broken, &app])
        .arg("-o")
        .arg(&both));

    let extract = |flags: &[&str]| {
        let output = core_btf()
            .arg("extract")
            .arg(&both)
            .args(flags)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stdout.windows(7).any(|it| it == b"request"));
        String::from_utf8(output.stderr).unwrap()
    };
    let path = both.display();
    assert_eq!(
        extract(&[]),
        format!("core-btf: {path}: units left out: 1; --verbose lists them\n")
    );
    assert_eq!(
        extract(&["--verbose"]),
        format!(
            "core-btf: {path}: .debug_info at offset 0x0: the unit is left out: \
             .debug_info at offset 0x0: unknown DWARF version: 99\n"
        )
    );
}

/// A file may claim to be larger than any memory: that is an error, or, as holes take none, it is not.
#[test]
fn a_file_of_holes_is_read_or_refused() {
    let work = Workspace::new();
    let app = work.app("");
    let expected = std::fs::read(work.btf(&app, "app.btf")).unwrap();
    let file = std::fs::OpenOptions::new().append(true).open(&app).unwrap();
    file.set_len(1 << 43).unwrap();
    let output = core_btf().arg("extract").arg(&app).output().unwrap();
    match output.status.code() {
        Some(0) => assert!(output.stdout == expected),
        code => {
            assert_eq!(code, Some(2));
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(words.contains("no memory for its"), "{words}");
        }
    }
}
