//! `extract` from programs whose debug information is in other files.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::{Workspace, bpftool, core_btf, fails, quiet, run};

/// Two units that share types, compiled and linked in the workspace.
fn program(work: &Workspace, compiler: &str, flags: &str) -> PathBuf {
    let shared = "struct small { int a; struct { long b; } in; };
        struct large { struct small one, two; char *name, *value; enum place { HERE, THERE } place;
                       struct large *next, *previous; int many, more, most, all; };
        static struct large large __attribute__((used));";
    std::fs::write(work.path("shared.h"), shared).unwrap();
    let other = "struct only_other { struct large *l; int i; } only_other;";
    std::fs::write(work.path("other.c"), other).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/app.c");
    std::fs::copy(source, work.path("app.c")).unwrap();
    // Compilers name split-off files by the directory that they run in.
    let out = work.path("app");
    for unit in ["app", "other"] {
        let mut command = Command::new(compiler);
        command
            .args(flags.split_whitespace())
            .arg("-c")
            .arg(format!("{unit}.c"));
        run(command.current_dir(work.path("")));
    }
    let mut link = Command::new(compiler);
    link.args(flags.split_whitespace())
        .args(["app.o", "other.o", "-o", "app"]);
    run(link.current_dir(work.path("")));
    out
}

/// What is extracted with separate files in `debug`.
fn extract(work: &Workspace, file: &Path) -> String {
    let out = work.path("out.btf");
    let mut command = core_btf();
    command.arg("extract").arg(file).arg("-o").arg(&out);
    quiet(command.arg("--debug-dir").arg(work.path("debug")));
    bpftool(&out)
}

/// Lines without ids, so that the order of types does not count.
fn unordered(dump: &str) -> Vec<String> {
    let ids = ["type_id=", "[", "ret_type_id=", "index_type_id="];
    let words = |line: &str| -> String {
        let words = line.split_whitespace();
        let words = words.filter(|word| !ids.iter().any(|id| word.starts_with(id)));
        words.collect::<Vec<_>>().join(" ")
    };
    let mut lines: Vec<String> = dump.lines().map(words).collect();
    lines.sort();
    lines
}

fn build_id(file: &Path) -> String {
    let notes = run(Command::new("readelf").arg("-n").arg(file));
    let (_, id) = notes.split_once("Build ID: ").unwrap();
    id.split_whitespace().next().unwrap().to_owned()
}

/// A stripped program, and its debug file where the debuglink says.
#[test]
fn separate_files_by_debuglink() {
    for place in ["", ".debug", "under"] {
        let work = Workspace::new();
        let app = program(&work, "gcc", "-g");
        let expected = extract(&work, &app);
        let directory = match place {
            "under" => {
                let full = work.path("").canonicalize().unwrap();
                work.path("debug").join(full.strip_prefix("/").unwrap())
            }
            place => work.path(place),
        };
        std::fs::create_dir_all(&directory).unwrap();
        let debug = directory.join("app.debug");
        run(Command::new("objcopy")
            .arg("--only-keep-debug")
            .arg(&app)
            .arg(&debug));
        run(Command::new("strip").arg(&app));
        let link = format!("--add-gnu-debuglink={}", debug.display());
        run(Command::new("objcopy").arg(link).arg(&app));
        assert_eq!(extract(&work, &app), expected, "{place}");
        // Another file of that name is not used.
        run(Command::new("objcopy")
            .args(["--remove-section", ".comment"])
            .arg(&debug));
        let mut command = core_btf();
        command
            .arg("extract")
            .arg(&app)
            .arg("--debug-dir")
            .arg(work.path("debug"));
        let error = fails(2, &mut command);
        assert!(
            error.contains("app.debug: has another checksum, passed over"),
            "{error}"
        );
        assert!(error.contains("app: no debug information"), "{error}");
    }
}

/// The same by build-id, compressed too.
#[test]
fn separate_files_by_build_id() {
    for flags in ["-g", "-g -gz=zlib"] {
        let work = Workspace::new();
        let app = program(&work, "gcc", flags);
        let expected = extract(&work, &app);
        let id = build_id(&app);
        let directory = work.path("debug").join(".build-id").join(&id[..2]);
        std::fs::create_dir_all(&directory).unwrap();
        let debug = directory.join(format!("{}.debug", &id[2..]));
        run(Command::new("objcopy")
            .arg("--only-keep-debug")
            .arg(&app)
            .arg(&debug));
        run(Command::new("strip").arg(&app));
        assert_eq!(extract(&work, &app), expected);
        // A file under the wrong name is not used.
        let other = program(&work, "gcc", "-g -O2");
        run(Command::new("objcopy")
            .arg("--only-keep-debug")
            .arg(&other)
            .arg(&debug));
        let stripped = work.path("app");
        std::fs::write(work.path("other.c"), "int third;").unwrap();
        let third = program(&work, "gcc", "-g -O3 -s -Wl,--build-id=0x1234567890abcdef");
        assert_eq!(third, stripped);
        let wrong = work.path("debug/.build-id/12");
        std::fs::create_dir_all(&wrong).unwrap();
        std::fs::copy(&debug, wrong.join("34567890abcdef.debug")).unwrap();
        let mut command = core_btf();
        command
            .arg("extract")
            .arg(&third)
            .arg("--debug-dir")
            .arg(work.path("debug"));
        let error = fails(2, &mut command);
        assert!(
            error.contains("has another build-id, passed over"),
            "{error}"
        );
    }
}

/// dwz moves what units share to a partial unit, and what programs share to another file.
#[test]
fn partial_units_and_the_alternate_file() {
    // dwz does not read clang's DWARF 5.
    for (compiler, flags) in [
        ("gcc", "-gdwarf-4"),
        ("gcc", "-gdwarf-5"),
        ("clang", "-gdwarf-4"),
    ] {
        let work = Workspace::new();
        let app = program(&work, compiler, flags);
        let expected = extract(&work, &app);
        let (one, two) = (work.path("one"), work.path("two"));
        std::fs::copy(&app, &one).unwrap();
        std::fs::copy(&app, &two).unwrap();
        run(Command::new("dwz").arg(&app));
        assert_eq!(
            unordered(&extract(&work, &app)),
            unordered(&expected),
            "{compiler} {flags}"
        );
        let shared = work.path("shared.debug");
        let mut dwz = Command::new("dwz");
        run(dwz.arg("-m").arg(&shared).args([&one, &two]));
        let listed = run(Command::new("readelf").arg("-SW").arg(&one));
        assert!(listed.contains(".gnu_debugaltlink"), "{listed}");
        assert_eq!(
            unordered(&extract(&work, &one)),
            unordered(&expected),
            "{compiler} {flags}"
        );
        let entries = run(Command::new("readelf")
            .arg("--debug-dump=info")
            .arg(&shared));
        assert!(entries.contains("DW_TAG_partial_unit"), "{entries}");
        // Without it, types would be missing inside of others.
        std::fs::rename(&shared, work.path("away")).unwrap();
        let error = fails(2, core_btf().arg("extract").arg(&one));
        assert!(error.contains("its alternate debug file"), "{error}");
        // By build-id.
        let id = build_id(&work.path("away"));
        let directory = work.path("debug").join(".build-id").join(&id[..2]);
        std::fs::create_dir_all(&directory).unwrap();
        let place = directory.join(format!("{}.debug", &id[2..]));
        std::fs::copy(work.path("away"), place).unwrap();
        assert_eq!(
            unordered(&extract(&work, &one)),
            unordered(&expected),
            "{compiler} {flags}"
        );
        // One of other programs is refused.
        std::fs::copy(&app, &shared).unwrap();
        let error = fails(2, core_btf().arg("extract").arg(&one));
        assert!(
            error.contains("has another build-id, passed over"),
            "{error}"
        );
    }
}

/// Split-off units that stay in the objects.
#[test]
fn split_off_units_in_objects() {
    for flags in ["-gdwarf-4", "-gdwarf-5"] {
        let work = Workspace::new();
        let whole = extract(&work, &program(&work, "clang", flags));
        let app = program(&work, "clang", &format!("{flags} -gsplit-dwarf=single"));
        let found = extract(&work, &app);
        assert_eq!(unordered(&found), unordered(&whole), "{flags}");
    }
}

/// Split-off units, in files of their own and in a package.
#[test]
fn split_off_units() {
    for (compiler, flags) in [
        ("gcc", "-gdwarf-4"),
        ("gcc", "-gdwarf-5"),
        ("clang", "-gdwarf-4"),
        ("clang", "-gdwarf-5"),
        ("gcc", "-gdwarf-5 -fdebug-types-section"),
        ("clang", "-gdwarf-4 -fdebug-types-section"),
        ("clang", "-gdwarf-5 -fdebug-types-section"),
    ] {
        let work = Workspace::new();
        let whole = extract(&work, &program(&work, compiler, flags));
        let what = format!("{compiler} {flags}");
        let app = program(&work, compiler, &format!("{flags} -gsplit-dwarf"));
        assert_eq!(
            unordered(&extract(&work, &app)),
            unordered(&whole),
            "{what}"
        );

        let package = work.path("app.dwp");
        // That of binutils knows DWARF 4 and no units of types only.
        let makers = ["llvm-dwp", "dwp"];
        for maker in &makers[..if flags == "-gdwarf-4" { 2 } else { 1 }] {
            let mut dwp = Command::new(maker);
            run(dwp
                .args(["-e", "app", "-o", "app.dwp"])
                .current_dir(work.path("")));
            let found = extract(&work, &app);
            assert_eq!(unordered(&found), unordered(&whole), "{what}, {maker}");
        }
        for unit in ["app", "other"] {
            for name in [format!("{unit}.dwo"), format!("app-{unit}.dwo")] {
                std::fs::remove_file(work.path(&name)).unwrap_or_default();
            }
        }
        assert_eq!(
            unordered(&extract(&work, &app)),
            unordered(&whole),
            "{what}, package"
        );
        // Without any of them, there is nothing; with those of another build, neither.
        std::fs::rename(&package, work.path("away")).unwrap();
        let error = fails(2, core_btf().arg("extract").arg(&app));
        assert!(
            error.contains("debug information is split off into"),
            "{error}"
        );
        let other = program(&work, compiler, &format!("{flags} -O2 -gsplit-dwarf"));
        std::fs::copy(work.path("away"), &package).unwrap();
        let error = fails(2, core_btf().arg("extract").arg(&other));
        assert!(
            error.contains("app.dwp: split-off unit: is of another build"),
            "{error}"
        );
    }
}
