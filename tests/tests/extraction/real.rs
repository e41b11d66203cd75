//! C that is in use: sqlite, zlib and Lua, from the sources that packages on crates.io bring.

use std::path::{Path, PathBuf};
use std::process::Command;

use core_btf::BtfBuf;
use tests::sources;

use crate::layout::{Layouts, differences, layouts, typedef_layouts};
use crate::oracle::{Workspace, ours, pahole, run};

/// Compares the BTF of every object with pahole's, and at last that of an archive of them with
/// all of these together. Returns how many types of their own the files have.
fn compare_with_pahole(sources: &[PathBuf], command: &[&str]) -> usize {
    let work = Workspace::new();
    let mut together = Layouts::new();
    let mut objects = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        let object = work.compile(command, source, &format!("{at}.o"));
        let (ours, theirs) = (ours(&object), pahole(&object));
        assert_same(&ours, &theirs, source, command);
        for (name, found) in layouts(&ours) {
            together.entry(name).or_default().extend(found);
        }
        objects.push(object);
    }
    let archive = work.path("all.a");
    run(Command::new("ar").arg("rcs").arg(&archive).args(&objects));
    let found = differences(&layouts(&ours(&archive)), &together);
    assert!(found.is_empty(), "archive, {command:?}: {found:#?}");
    together.len()
}

fn assert_same(ours: &BtfBuf, theirs: &BtfBuf, source: &Path, command: &[&str]) {
    for view in [layouts, typedef_layouts] {
        let found = differences(&view(ours), &view(theirs));
        assert!(
            found.is_empty(),
            "{} {command:?}: {found:#?}",
            source.display()
        );
    }
}

/// Compares the BTF of every source with what gcc makes itself, which lacks the typedefs inside
/// functions.
fn compare_with_gcc(sources: &[PathBuf]) {
    let work = Workspace::new();
    for source in sources {
        let object = work.compile(&["gcc", "-g", "-O0"], source, "dwarf.o");
        let (ours, theirs) = (ours(&object), work.gcc_btf(&["-O0"], source, "btf.o"));
        for view in [layouts, typedef_layouts] {
            let (mut ours, theirs) = (view(&ours), view(&theirs));
            ours.retain(|name, _| !name.starts_with("typedef") || theirs.contains_key(name));
            let found = differences(&ours, &theirs);
            assert!(found.is_empty(), "{}: {found:#?}", source.display());
        }
    }
}

#[test]
fn sqlite() {
    let sources = [sources::sqlite()];
    assert!(compare_with_pahole(&sources, &["gcc", "-gdwarf-5", "-O0"]) > 200);
    assert!(compare_with_pahole(&sources, &["clang", "-gdwarf-4", "-O0"]) > 200);
    compare_with_gcc(&sources);
}

#[test]
fn zlib() {
    let sources = sources::c_files(&sources::zlib(), &[]).unwrap();
    assert!(sources.len() >= 15);
    for compiler in ["gcc", "clang"] {
        for version in ["-gdwarf-4", "-gdwarf-5"] {
            for level in ["-O0", "-O2"] {
                assert!(compare_with_pahole(&sources, &[compiler, version, level]) >= 10);
            }
        }
    }
    compare_with_gcc(&sources);
}

#[test]
fn lua() {
    let sources = sources::c_files(&sources::lua(), &["lua.c", "luac.c"]).unwrap();
    assert!(sources.len() >= 32);
    assert!(compare_with_pahole(&sources, &["gcc", "-gdwarf-4", "-O2"]) > 50);
    assert!(compare_with_pahole(&sources, &["clang", "-gdwarf-5", "-O2"]) > 50);
    compare_with_gcc(&sources);
}
