//! The scenario this project started from: two versions of one program, one BPF object.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

use core_runtime::{Binary, Loader, TypeInfo, Uprobe};
use tempfile::TempDir;
use tests::{program, seed, seed_fixed};

const SOURCES: [&str; 2] = ["seed/add_test.c", "seed/main.c"];

/// The first version: `struct data { a, c, d }`.
fn base(dir: &Path) -> PathBuf {
    program::compile(dir, "base", &SOURCES, &["-DLAYOUT=\"base.h\""])
}

/// The second version: `struct data { a, b, c, d }`.
fn base_new(dir: &Path) -> PathBuf {
    let flags = ["-DLAYOUT=\"base_new.h\"", "-DHAS_B"];
    program::compile(dir, "base_new", &SOURCES, &flags)
}

mod root {
    use super::*;

    /// What the relocated object reads as `a` and `c` from a run of `program`.
    fn relocated(program: &Path) -> (i64, i64) {
        let types = TypeInfo::from_file(program).unwrap();
        let mut storage = MaybeUninit::uninit();
        let skeleton = Loader::new(types)
            .load(seed::SeedSkelBuilder::default(), &mut storage)
            .unwrap();
        let probe = Uprobe::symbol(&Binary::open(program).unwrap(), "add_test");
        let _attached = probe.attach(&skeleton.progs.on_add_test).unwrap();
        assert_eq!(program::run(program), "add_test(&d) = 4\n");
        let read = skeleton.maps.bss_data.as_ref().unwrap();
        (read.a, read.c)
    }

    /// One object, compiled against the first version, reads both versions right.
    #[test]
    fn one_object_reads_both_versions() {
        let dir = TempDir::new().unwrap();
        assert_eq!(relocated(&base(dir.path())), (1, 3));
        assert_eq!(relocated(&base_new(dir.path())), (1, 3));
    }

    /// The control: without relocation the second version is read wrong, so the test above shows
    /// something.
    #[test]
    fn without_preserve_access_index_the_second_version_is_read_wrong() {
        let dir = TempDir::new().unwrap();
        for (program, expected) in [(base(dir.path()), (1, 3)), (base_new(dir.path()), (1, 2))] {
            let types = TypeInfo::from_file(&program).unwrap();
            let mut storage = MaybeUninit::uninit();
            let skeleton = Loader::new(types)
                .load(seed_fixed::SeedFixedSkelBuilder::default(), &mut storage)
                .unwrap();
            let probe = Uprobe::symbol(&Binary::open(&program).unwrap(), "add_test");
            let _attached = probe.attach(&skeleton.progs.on_add_test).unwrap();
            program::run(&program);
            let read = skeleton.maps.bss_data.as_ref().unwrap();
            assert_eq!((read.a, read.c), expected, "{}", program.display());
        }
    }
}
