//! Damaged units beside sound ones: they are left out and counted, and the rest is as without them.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use core_btf::dwarf::{Error, Extraction, Options, Problem, extract};
use object::{Object as _, ObjectSection as _};

const A: &str = "struct only_a { int x; struct only_a *next; } a;";
const B: &str =
    "struct only_b { long y; enum { ONE } one; } b; int f(struct only_b *b) { return b->one; }";
const RUST: &str = "pub struct OnlyRust { pub z: u64 }\n#[unsafe(no_mangle)] pub fn g(it: &OnlyRust) -> u64 { it.z }";

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

fn c(dir: &Path, name: &str, source: &str, flag: &str) -> PathBuf {
    let (input, output) = (dir.join(name).with_extension("c"), dir.join(name));
    fs::write(&input, source).unwrap();
    run(Command::new("gcc")
        .args([flag, "-c", "-o"])
        .args([&output, &input]));
    output
}

fn rust(dir: &Path, name: &str) -> PathBuf {
    let (input, output) = (dir.join(name).with_extension("rs"), dir.join(name));
    fs::write(&input, RUST).unwrap();
    run(Command::new("rustc")
        .args(["-g", "--edition=2024", "--crate-type=lib", "--emit=obj"])
        .args(["-Ccodegen-units=1", "-o"])
        .args([&output, &input]));
    output
}

/// Where `.debug_info` is in an object.
fn info(object: &[u8]) -> Range<usize> {
    let file = object::File::parse(object).unwrap();
    let (start, len) = (file.section_by_name(".debug_info").unwrap())
        .file_range()
        .unwrap();
    usize::try_from(start).unwrap()..usize::try_from(start + len).unwrap()
}

/// What can be wrong with a unit.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// A version that there is not.
    Header,
    /// The root has no abbreviation.
    Root,
    /// Nor have the last entries, after types were read.
    End,
}

const ALL: [Damage; 3] = [Damage::Header, Damage::Root, Damage::End];

fn damage(object: &Path, damage: Damage) {
    let mut bytes = fs::read(object).unwrap();
    let info = info(&bytes);
    let unit = &mut bytes[info];
    match damage {
        Damage::Header => unit[4] = 99,
        // The header of a unit of DWARF 4 and 5.
        Damage::Root => {
            let root = if unit[4] == 5 { 12 } else { 11 };
            unit[root] = 0x7f;
        }
        Damage::End => {
            let end = unit.len() - 8;
            unit[end..].fill(0x7f);
        }
    }
    fs::write(object, bytes).unwrap();
}

fn join(dir: &Path, objects: &[&PathBuf]) -> Vec<u8> {
    let output = dir.join("joined.o");
    run(Command::new("ld")
        .args(["-r", "-o"])
        .arg(&output)
        .args(objects));
    fs::read(output).unwrap()
}

fn types(data: &[u8]) -> Result<Extraction, Error> {
    extract(data, &Options::default())
}

fn has(found: &Extraction, name: &str) -> bool {
    let mut types = found.btf.types().iter();
    types.any(|ty| found.btf.name(ty.name()) == name)
}

/// One unit of two or three is left out, wherever it is and however it is damaged.
#[test]
fn one_damaged_unit_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for flag in ["-gdwarf-4", "-gdwarf-5"] {
        for how in ALL {
            let a = c(dir, "a.o", A, flag);
            let b = c(dir, "b.o", B, flag);
            let sound = types(&join(dir, &[&b])).unwrap();
            damage(&a, how);
            for objects in [[&a, &b], [&b, &a]] {
                let found = types(&join(dir, &objects)).unwrap();
                assert!(!has(&found, "only_a"), "{how:?}");
                assert!(has(&found, "f"), "{how:?}");
                assert_eq!(found.btf.len(), sound.btf.len(), "{how:?}");
                let [warning] = found.warnings.as_slice() else {
                    panic!("{how:?}: {:?}", found.warnings);
                };
                assert!(matches!(warning.problem, Problem::Unit { .. }), "{warning}");
                assert!(warning.is_of_unit());
            }
            damage(&b, how);
            let error = types(&join(dir, &[&a, &b])).unwrap_err();
            assert!(matches!(error, Error::Dwarf { .. }), "{how:?}: {error}");
        }
    }
}

/// A unit in Rust is no different, nor is a member of an archive.
#[test]
fn of_any_language_and_in_archives() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for how in ALL {
        let b = c(dir, "b.o", B, "-gdwarf-4");
        let r = rust(dir, "r.o");
        let sound = types(&join(dir, &[&b, &r])).unwrap();
        assert!(has(&sound, "OnlyRust") && has(&sound, "only_b"));
        damage(&r, how);
        let found = types(&join(dir, &[&b, &r])).unwrap();
        assert!(has(&found, "only_b") && !has(&found, "OnlyRust"), "{how:?}");
        assert_eq!(found.warnings.len(), 1, "{how:?}: {:?}", found.warnings);

        let archive = dir.join("x.a");
        fs::remove_file(&archive).unwrap_or_default();
        run(Command::new("ar").arg("rcs").arg(&archive).args([&b, &r]));
        let found = types(&fs::read(&archive).unwrap()).unwrap();
        assert!(has(&found, "only_b"), "{how:?}");
        let [warning] = found.warnings.as_slice() else {
            panic!("{how:?}: {:?}", found.warnings);
        };
        assert_eq!(warning.member.as_deref(), Some("r.o"));
        assert!(warning.is_of_unit());
    }
}
