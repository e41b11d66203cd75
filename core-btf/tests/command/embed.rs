//! `embed`: one more section, and nothing else is another.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::tools::{Workspace, bpftool, copy_program, core_btf, fails, quiet, run};

fn embed(file: &Path, out: &Path) -> Command {
    let mut command = core_btf();
    command.arg("embed").arg(file).arg("-o").arg(out);
    command
}

/// Name, type, flags, address and bytes of all sections but the table of their names, as readelf
/// and objcopy have them.
fn sections(file: &Path) -> BTreeMap<String, String> {
    let listed = run(Command::new("readelf").args(["-SW"]).arg(file));
    let bytes = std::fs::read(file).unwrap();
    let mut out = BTreeMap::new();
    for line in listed.lines() {
        let Some((number, rest)) = line.split_once(']') else {
            continue;
        };
        let cells: Vec<_> = rest.split_whitespace().collect();
        // Name Type Address Off Size ES Flg Lk Inf Al
        if !number.trim_start().starts_with('[')
            || cells.len() < 9
            || ["Name", "NULL", ".shstrtab"].contains(&cells[0])
        {
            continue;
        }
        let hex = |cell: &str| usize::from_str_radix(cell, 16).unwrap();
        let (at, len) = (hex(cells[3]), hex(cells[4]));
        let data = if cells[1] == "NOBITS" {
            &[][..]
        } else {
            &bytes[at..at + len]
        };
        let rest = cells[5..].join(" ");
        let shown = format!("{} {} {rest} {data:x?}", cells[1], cells[2]);
        out.insert(cells[0].to_owned(), shown);
    }
    assert!(out.len() > 8, "{listed}");
    out
}

fn segments(file: &Path) -> String {
    run(Command::new("readelf").args(["-lW"]).arg(file))
}

/// Checks that a program differs from another in nothing but the section, and runs as it did.
fn assert_only_btf_is_new(before: &Path, after: &Path) {
    let (mut expected, mut found) = (sections(before), sections(after));
    expected.remove(".BTF");
    assert!(found.remove(".BTF").is_some());
    assert_eq!(found, expected);
    assert_eq!(segments(after), segments(before));
    let notes = |file| run(Command::new("readelf").arg("-nW").arg(file)).replace('\n', " ");
    let id = |file| notes(file).split("Build ID:").nth(1).map(str::to_owned);
    assert_eq!(id(after), id(before));
    assert_eq!(
        run(&mut Command::new(after)),
        run(&mut Command::new(before))
    );
    // binutils has a lot to say about files that it finds odd.
    for file in [before, after] {
        let output = Command::new("readelf")
            .args(["-aW"])
            .arg(file)
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "",
            "{}",
            file.display()
        );
    }
}

/// By either compiler and linker, with and without PIE; the types are those of `extract`.
#[test]
fn nothing_but_the_section_changes() {
    for command in [
        "gcc -g",
        "gcc -g -no-pie -O2",
        "gcc -g -static",
        "clang -g -fuse-ld=lld",
        "gcc -g -Wl,--build-id=none",
        "gcc -g -gz=zlib",
    ] {
        let work = Workspace::new();
        let app = work.compile(command, "app.c", "app");
        let out = work.path("with");
        run(&mut embed(&app, &out));
        assert_only_btf_is_new(&app, &out);
        assert_eq!(
            bpftool(&out),
            bpftool(&work.btf(&app, "app.btf")),
            "{command}"
        );
        // gdb still finds lines and types.
        let mut gdb = Command::new("gdb");
        gdb.args([
            "-batch",
            "-nx",
            "-ex",
            "info line handle",
            "-ex",
            "ptype struct point",
        ]);
        let said = run(gdb.arg(&out));
        assert!(
            said.contains("app.c\"") && said.contains("int x;"),
            "{command}: {said}"
        );
    }
}

/// Types of a stripped program come from the file that it was stripped from, or from the debug
/// file that objcopy makes; from those of another program they must not.
#[test]
fn stripped_programs_take_types_from_the_unstripped() {
    for (flags, strip) in [
        ("", &["strip"][..]),
        ("-Wl,--build-id=none", &["strip", "--strip-all"]),
        ("-no-pie", &["llvm-strip", "--strip-all"]),
        ("", &["strip", "--strip-section-headers"]),
    ] {
        let work = Workspace::new();
        let app = work.app(flags);
        let stripped = work.path("stripped");
        let (program, args) = strip.split_first().unwrap();
        let output = Command::new(program)
            .args(args)
            .arg(&app)
            .arg("-o")
            .arg(&stripped)
            .output();
        if args.contains(&"--strip-section-headers") && !output.as_ref().unwrap().status.success() {
            // binutils before 2.41 has no such option: do it by hand.
            copy_program(&app, &stripped);
            let mut bytes = std::fs::read(&stripped).unwrap();
            bytes[40..48].fill(0);
            bytes[58..64].fill(0);
            let end = loaded_end(&app);
            bytes.truncate(end);
            std::fs::write(&stripped, bytes).unwrap();
        } else {
            assert!(output.unwrap().status.success());
        }
        let debug = work.path("app.debug");
        run(Command::new("objcopy")
            .arg("--only-keep-debug")
            .arg(&app)
            .arg(&debug));
        let expected = bpftool(&work.btf(&app, "app.btf"));
        for from in [&app, &debug] {
            let out = work.path("with");
            run(embed(&stripped, &out).arg("--from").arg(from));
            assert_eq!(bpftool(&out), expected, "{strip:?}");
            assert_eq!(run(&mut Command::new(&out)), "handled 43\n");
        }
        let error = fails(2, &mut embed(&stripped, &work.path("with")));
        assert!(error.contains("stripped: no debug information"), "{error}");
        let other = work.compile("gcc -g -DVERSION=2 -O2", "app.c", "other");
        let error = fails(
            2,
            embed(&stripped, &work.path("with"))
                .arg("--from")
                .arg(&other),
        );
        assert!(
            error.contains("other: is not of the same build as"),
            "{error}"
        );
    }
}

/// Where the last segment or header ends in a file.
fn loaded_end(file: &Path) -> usize {
    let listed = run(Command::new("readelf").arg("-lW").arg(file));
    let hex = |cell: &str| usize::from_str_radix(cell.trim_start_matches("0x"), 16).unwrap();
    let loads = listed
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let loads = loads.filter(|cells| cells.first() == Some(&"LOAD"));
    loads
        .map(|cells| hex(cells[1]) + hex(cells[4]))
        .max()
        .unwrap()
}

/// A second embedding replaces the first, in place and while the program runs.
#[test]
fn embedding_again_replaces() {
    let work = Workspace::new();
    let (app, once) = (work.app(""), work.path("once"));
    run(&mut embed(&app, &once));
    let small = work.path("small");
    run(embed(&once, &small).args(["-t", "point"]));
    assert_eq!(bpftool(&small).lines().count(), 4);
    assert_only_btf_is_new(&once, &small);
    let again = work.path("again");
    run(&mut embed(&small, &again));
    assert!(std::fs::read(&again).unwrap() == std::fs::read(&once).unwrap());

    let busy = work.path("busy");
    copy_program(Path::new("/bin/sleep"), &busy);
    let mut running = Command::new(&busy).arg("60").spawn().unwrap();
    let mut command = embed(&app, &busy);
    run(&mut command);
    running.kill().unwrap();
    running.wait().unwrap();
    assert_eq!(run(&mut Command::new(&busy)), "handled 43\n");
}

/// llvm-strip alone drops all that is not loaded, unless it is told not to; after it, there is --from.
#[test]
fn what_strippers_keep() {
    let work = Workspace::new();
    let (app, out) = (work.app(""), work.path("with"));
    run(&mut embed(&app, &out));
    for (command, keeps) in [
        ("strip", true),
        ("strip --strip-all", true),
        ("objcopy --strip-all", true),
        ("llvm-strip", false),
        ("llvm-strip --keep-section=.BTF", true),
        ("llvm-strip --strip-all-gnu", true),
        ("llvm-strip --strip-debug", true),
        ("llvm-objcopy --strip-all", false),
        ("llvm-objcopy --strip-all --keep-section=.BTF", true),
    ] {
        let stripped = work.path("stripped");
        copy_program(&out, &stripped);
        let mut words = command.split(' ');
        let mut strip = Command::new(words.next().unwrap());
        run(strip.args(words).arg(&stripped));
        assert_eq!(run(&mut Command::new(&stripped)), "handled 43\n");
        let listed = run(Command::new("readelf").arg("-SW").arg(&stripped));
        assert!(!listed.contains(".debug_info"), "{command}");
        assert_eq!(listed.contains(".BTF"), keeps, "{command}");
        if keeps {
            assert_eq!(bpftool(&stripped), bpftool(&out), "{command}");
        }
        let again = work.path("again");
        run(embed(&stripped, &again).arg("--from").arg(&app));
        assert_only_btf_is_new(&stripped, &again);
        assert_eq!(bpftool(&again), bpftool(&out), "{command}");
    }
}

/// What stands behind the last section, an archive say, would be lost.
#[test]
fn appended_data_is_refused() {
    use std::io::Write as _;
    let work = Workspace::new();
    let app = work.app("");
    let mut file = std::fs::OpenOptions::new().append(true).open(&app).unwrap();
    file.write_all(b"PK\x03\x04").unwrap();
    let error = fails(2, &mut embed(&app, &work.path("with")));
    assert!(
        error.contains("byte behind the last section at offset 0x"),
        "{error}"
    );
    assert!(!work.path("with").exists());
    quiet(
        core_btf()
            .arg("extract")
            .arg(&app)
            .arg("-o")
            .arg("/dev/null"),
    );
}
