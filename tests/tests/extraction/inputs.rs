//! The forms that files with debug information come in: whichever it is, the types are the same.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use core_btf::dwarf::{Error, Extraction, Options, extract};
use core_btf::{Type, elf};

use crate::fixture::source;
use crate::oracle::{Workspace, ours, run};
use tests::layout::{Layouts, differences, layouts, typedef_layouts};

/// A second unit, with types of its own and some of the fixture's.
const OTHER: &str = "
    struct scalars;
    struct other { struct scalars *scalars; int only_here; };
    struct other other;
    int main(void) { return other.only_here; }
";

/// A workspace with the fixture as `types.o` and [`OTHER`] as `other.o`.
fn objects(compiler: &[&str]) -> (Workspace, PathBuf, PathBuf) {
    let work = Workspace::new();
    let other = work.path("other.c");
    std::fs::write(&other, OTHER).unwrap();
    let types = work.compile(compiler, &source(), "types.o");
    let other = work.compile(compiler, &other, "other.o");
    (work, types, other)
}

fn assert_same(found: &Path, expected: &Path, what: &str) {
    let (found, expected) = (ours(found), ours(expected));
    for view in [layouts, typedef_layouts] {
        let found = differences(&view(&found), &view(&expected));
        assert!(found.is_empty(), "{what}: {found:#?}");
    }
}

/// The types of two objects.
fn both(types: &Path, other: &Path) -> Layouts {
    let mut both = layouts(&ours(types));
    both.extend(layouts(&ours(other)));
    both
}

/// Checks a file made of both objects.
fn assert_both(found: &Path, types: &Path, other: &Path, what: &str) {
    let found = differences(&layouts(&ours(found)), &both(types, other));
    assert!(found.is_empty(), "{what}: {found:#?}");
}

/// Optimisation, the version of DWARF and how it is stored change nothing.
#[test]
fn options_of_the_compiler() {
    for (compiler, options) in [
        ("gcc", "-g3 -O1"),
        ("gcc", "-g -Os -fPIC"),
        ("gcc", "-gdwarf-2 -gstrict-dwarf"),
        ("gcc", "-gdwarf-3"),
        ("gcc", "-g -gdwarf64"),
        ("gcc", "-gdwarf-4 -fdebug-types-section"),
        ("gcc", "-gdwarf-5 -fdebug-types-section"),
        ("gcc", "-g -gz=zlib"),
        ("clang", "-gdwarf-5 -gdwarf64"),
        ("clang", "-gdwarf-4 -fdebug-types-section"),
        ("clang", "-gdwarf-5 -fdebug-types-section"),
        ("clang", "-g -gz=zlib"),
        ("clang", "-g -O2 -fdata-sections -ffunction-sections"),
    ] {
        let work = Workspace::new();
        let plain = work.compile(&[compiler, "-g"], &source(), "plain.o");
        let command: Vec<_> = [compiler].into_iter().chain(options.split(' ')).collect();
        let object = work.compile(&command, &source(), "object.o");
        assert_same(&object, &plain, &format!("{compiler} {options}"));
    }
}

/// All kinds of compressed sections; the first is the old `.zdebug_info`.
#[test]
fn compressed_sections() {
    let (work, types, _) = objects(&["gcc", "-g"]);
    for kind in ["zlib-gnu", "zlib-gabi", "zstd"] {
        let out = work.path("compressed.o");
        run(Command::new("objcopy")
            .arg(format!("--compress-debug-sections={kind}"))
            .arg(&types)
            .arg(&out));
        assert_ne!(
            std::fs::metadata(&out).unwrap().len(),
            std::fs::metadata(&types).unwrap().len()
        );
        assert_same(&out, &types, kind);
    }
}

/// Programs, libraries and joined objects, by either linker.
#[test]
fn linked_files() {
    for compiler in ["gcc", "clang"] {
        let (work, types, other) = objects(&[compiler, "-g", "-fPIC"]);
        for linker in ["bfd", "lld"] {
            for form in [
                &["-no-pie"][..],
                &["-pie"],
                &["-static"],
                &["-static-pie"],
                &["-shared"],
                &["-r", "-nostdlib"],
                &["-Wl,--emit-relocs"],
                &["-Wl,--gc-sections"],
            ] {
                let out = work.path("linked");
                run(Command::new(compiler)
                    .arg(format!("-fuse-ld={linker}"))
                    .args(form)
                    .args([&types, &other])
                    .arg("-o")
                    .arg(&out));
                let what = format!("{compiler} {linker} {form:?}");
                assert_both(&out, &types, &other, &what);
            }
        }
    }
}

/// Link-time optimisation: references from unit to unit.
#[test]
fn link_time_optimisation() {
    let (work, types, _) = objects(&["gcc", "-g"]);
    let other_source = work.path("other.c");
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let out = work.path("lto");
        run(Command::new("gcc")
            .args(["-w", "-flto", "-O1", "-flto-partition=max", version])
            .args([&source(), &other_source])
            .arg("-o")
            .arg(&out));
        let (found, expected) = (layouts(&ours(&out)), layouts(&ours(&types)));
        for (name, layout) in &found {
            let expected = expected
                .get(name)
                .or((name == "struct other").then_some(layout));
            assert_eq!(Some(layout), expected, "{version} {name}");
        }
        assert!(found.contains_key("struct other"), "{version}");
        assert!(found.contains_key("struct pointers"), "{version}");
    }
}

/// The same by clang and its linker, in one unit or in several.
#[test]
fn link_time_optimisation_by_clang() {
    let (work, types, other) = objects(&["clang", "-g"]);
    for flags in [["-flto", "-gdwarf-4"], ["-flto=thin", "-gdwarf-5"]] {
        let out = work.path("lto");
        run(Command::new("clang")
            .args(["-w", "-O1", "-fuse-ld=lld"])
            .args(flags)
            .args([&source(), &work.path("other.c")])
            .arg("-o")
            .arg(&out));
        // The function that this is in is not there any more.
        let mut expected = both(&types, &other);
        expected.remove("struct inside");
        let found = differences(&layouts(&ours(&out)), &expected);
        assert!(found.is_empty(), "{flags:?}: {found:#?}");
    }
}

/// Both sizes and byte orders, linked too.
#[test]
fn linked_files_of_other_machines() {
    for target in [
        "aarch64-linux-gnu",
        "armv7-linux-gnueabihf",
        "i386-linux-gnu",
        "mips-linux-gnu",
        "powerpc64-linux-gnu",
    ] {
        let flag = format!("--target={target}");
        let (work, types, other) = objects(&["clang", "-g", "-fPIC", "-ffreestanding", &flag]);
        for form in [&["-shared"][..], &["-e", "main"], &["-r"]] {
            let out = work.path("linked");
            run(Command::new("ld.lld")
                .args(["--unresolved-symbols=ignore-all", "-o"])
                .arg(&out)
                .args(form)
                .args([&types, &other]));
            assert_both(&out, &types, &other, &format!("{target} {form:?}"));
        }
    }
}

/// A Rust library has objects and rustc's own members.
#[test]
fn rust_libraries() {
    let work = Workspace::new();
    let (source, library) = (work.path("shapes.rs"), work.path("libshapes.rlib"));
    std::fs::write(
        &source,
        "pub struct Shape { pub id: u64, pub name: String }\n\
         #[unsafe(no_mangle)] pub fn area(shape: &Shape) -> u64 { shape.id }\n",
    )
    .unwrap();
    run(Command::new("rustc")
        .args(["--edition=2024", "--crate-type=rlib", "-g", "-o"])
        .args([&library, &source]));
    let found = layouts(&ours(&library));
    assert!(found.contains_key("struct Shape"), "{found:?}");
}

/// Members that have no debug information, or are no objects, take nothing from the others.
#[test]
fn archives() {
    let (work, types, other) = objects(&["gcc", "-g"]);
    let bare = work.compile(&["gcc", "-g0"], &source(), "bare.o");
    let notes = work.path("notes.txt");
    std::fs::write(&notes, "not an object").unwrap();
    let long = work.path("a_name_that_is_longer_than_the_field_of_the_header.o");
    std::fs::copy(&other, &long).unwrap();
    let archive = work.path("all.a");
    run(Command::new("ar")
        .arg("rcs")
        .arg(&archive)
        .args([&bare, &notes, &types, &long]));
    assert_both(&archive, &types, &other, "archive");
    // One unit declares the struct that the other defines.
    let found = ours(&archive);
    let declared = |ty: &Type| match ty {
        Type::Fwd { name, .. } => Some(found.name(*name).to_owned()),
        _ => None,
    };
    let declared: Vec<_> = found.types().iter().filter_map(declared).collect();
    assert_eq!(declared, ["declared", "declared_union"]);

    let empty = work.path("empty.a");
    run(Command::new("ar").arg("rcs").arg(&empty).arg(&bare));
    assert_eq!(
        error(&empty),
        Error::Member {
            name: "bare.o".to_owned(),
            source: Box::new(Error::NoDebugInfo),
        }
    );
    let thin = work.path("thin.a");
    run(Command::new("ar").args(["rcsT"]).arg(&thin).arg(&types));
    assert!(matches!(error(&thin), Error::Object { .. }));
}

fn read(path: &Path, options: &Options) -> Result<Extraction, Error> {
    extract(&std::fs::read(path).unwrap(), options)
}

fn error(path: &Path) -> Error {
    read(path, &Options::default()).unwrap_err()
}

/// Debug information that is in another file is an error that names it; the file itself can be
/// read.
#[test]
fn split_debug_information() {
    for (compiler, version) in [
        ("gcc", "-gdwarf-4"),
        ("gcc", "-gdwarf-5"),
        ("clang", "-gdwarf-5"),
    ] {
        let (work, types, _) = objects(&[compiler, version]);
        let object = work.compile(&[compiler, version, "-gsplit-dwarf"], &source(), "split.o");
        let Error::Split { path } = error(&object) else {
            panic!("{compiler} {version}: {}", error(&object));
        };
        assert!(path.ends_with("split.dwo"), "{path}");
        assert_same(
            &work.path("split.dwo"),
            &types,
            &format!("{compiler} {version}"),
        );
    }
}

/// What is split off may be in the object itself. A linker that joins such objects leaves strings and
/// abbreviations of one to another, so what it makes is an error.
#[test]
fn split_debug_information_in_the_object() {
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let (work, types, other) = objects(&["clang", version]);
        let single = ["clang", version, "-gsplit-dwarf=single"];
        let object = work.compile(&single, &source(), "single.o");
        assert_same(&object, &types, version);
        let archive = work.path("single.a");
        let second = work.compile(&single, &work.path("other.c"), "second.o");
        run(Command::new("ar")
            .arg("rcs")
            .arg(&archive)
            .args([&object, &second]));
        assert_both(&archive, &types, &other, version);
        for (linker, joined) in [("ld", &second), ("ld.lld", &other)] {
            let out = work.path("joined.o");
            let mut ld = Command::new(linker);
            run(ld.args(["-r", "-o"]).arg(&out).args([&object, joined]));
            let Error::Object { problem, .. } = error(&out) else {
                panic!("{version} {linker}: {}", error(&out));
            };
            assert!(problem.contains("joined"), "{problem}");
        }
    }
}

#[test]
fn no_debug_information() {
    let (work, _, other) = objects(&["gcc", "-g0"]);
    assert_eq!(error(&other), Error::NoDebugInfo);
    assert!(matches!(error(&work.path("other.c")), Error::Object { .. }));
}

/// Roots bring all that they refer to, and nothing else.
#[test]
fn roots() {
    let (_work, types, _) = objects(&["gcc", "-g"]);
    let with = |roots: &[&str], functions| Options {
        roots: roots.iter().map(|root| (*root).to_owned()).collect(),
        functions,
        ..Options::default()
    };
    let names = |options| -> Vec<_> {
        let found = read(&types, &options).unwrap().btf;
        layouts(&found).into_keys().collect()
    };
    assert_eq!(
        names(with(&["holds_packed"], true)),
        ["struct aligned", "struct holds_packed", "struct packed"]
    );
    assert_eq!(
        names(with(&["left"], false)),
        ["struct left", "struct right"]
    );
    // By a typedef, by an enum, by a function.
    assert_eq!(
        names(with(&["tagged_t"], false)),
        ["struct scalars", "struct tagged"]
    );
    assert_eq!(names(with(&["wide"], false)), ["enum wide"]);
    assert_eq!(names(with(&["add"], true)), ["struct scalars"]);
    for (root, functions) in [("missing", true), ("add", false), ("declared", true)] {
        let error = read(&types, &with(&["left", root], functions)).unwrap_err();
        let name = root.to_owned();
        assert_eq!(error, Error::NoSuchRoot { name });
    }
}

/// Many units, read by any number of threads, give the same bytes.
#[test]
fn any_number_of_threads() {
    let work = Workspace::new();
    let mut objects = Vec::new();
    for unit in 0..12 {
        let mut program = String::new();
        for number in 0..600 {
            let name = (number + unit * 200) % 1200;
            let tag = format!("struct s{name}");
            writeln!(
                program,
                "{tag} {{ {tag} *next; int a{name}[{name}]; char c; }};"
            )
            .unwrap();
            writeln!(program, "static {tag} v{number} __attribute__((used));").unwrap();
        }
        let file = work.path("unit.c");
        std::fs::write(&file, program).unwrap();
        let compiler = ["gcc", "clang"][unit % 2];
        objects.push(work.compile(&[compiler, "-g"], &file, &format!("{unit}.o")));
    }
    let (joined, archive) = (work.path("joined.o"), work.path("joined.a"));
    run(Command::new("ld")
        .arg("-r")
        .args(&objects)
        .arg("-o")
        .arg(&joined));
    run(Command::new("ar").arg("rcs").arg(&archive).args(&objects));
    // Enough for several threads; a unit is not divided.
    let bytes = std::fs::read(&joined).unwrap();
    let info = elf::section(&bytes, ".debug_info").unwrap().unwrap();
    assert!(info.len() > 4 << 17, "{}", info.len());
    for file in [joined, archive] {
        let encoded = |threads| {
            let options = Options {
                threads,
                ..Options::default()
            };
            let found = read(&file, &options).unwrap();
            assert_eq!(layouts(&found.btf).len(), 1200);
            let structs = found.btf.types().iter();
            let structs = structs.filter(|ty| matches!(ty, Type::Composite { .. }));
            assert_eq!(structs.count(), 1200, "each once");
            found.btf.encode(found.endian).unwrap()
        };
        let one = encoded(1);
        for threads in [0, 2, 3, 16] {
            assert!(
                encoded(threads) == one,
                "{threads} threads, {}",
                file.display()
            );
        }
    }
}
