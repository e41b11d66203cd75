//! Rust programs of several crates, in which types of one path differ.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use core_btf::dwarf::{Extraction, Options, extract};
use core_btf::{Type, TypeId};

use crate::gdb::fixture;

fn rustc(dir: &Path, source: &Path, args: &[&str]) {
    let output = Command::new("rustc")
        .args(["--edition", "2024", "-A", "warnings", "-g"])
        .args(args)
        .arg(source)
        .current_dir(dir)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
}

/// A program with two versions of the crate `dep`, each of which another crate uses.
fn program(dir: &Path, flags: &[&str]) -> PathBuf {
    let (dep, user) = (fixture("crates/dep.rs"), fixture("crates/user.rs"));
    for (version, user_name) in [("1", "left"), ("2", "right")] {
        let (cfg, metadata) = (
            format!("release=\"{version}\""),
            format!("metadata={version}"),
        );
        let out = format!("libdep{version}.rlib");
        let library = ["--crate-type=rlib", "--cfg", &cfg, "-C", &metadata];
        let dep_args = [&library[..], &["--crate-name=dep", "-o", &out], flags];
        rustc(dir, &dep, &dep_args.concat());
        let (name, dep) = (format!("--crate-name={user_name}"), format!("dep={out}"));
        let out = format!("lib{user_name}.rlib");
        let user_args = [&library[..], &[&name, "--extern", &dep, "-o", &out], flags];
        rustc(dir, &user, &user_args.concat());
    }
    let libraries = [
        "--extern=left=libleft.rlib",
        "--extern=right=libright.rlib",
        "-L.",
    ];
    let main_args = [&libraries[..], &["-o", "program"], flags];
    rustc(dir, &fixture("crates/main.rs"), &main_args.concat());
    dir.join("program")
}

fn types(file: &Path, threads: usize) -> Extraction {
    let options = Options {
        threads,
        ..Options::default()
    };
    extract(&std::fs::read(file).unwrap(), &options).unwrap()
}

/// The types of this name, as the sizes of all that they consist of, in ascending order.
fn sizes(found: &Extraction, name: &str) -> Vec<String> {
    fn size(found: &Extraction, id: TypeId, levels: usize) -> String {
        match found.btf.get(id) {
            Some(Type::Int { size_bytes, .. }) => size_bytes.to_string(),
            Some(Type::Ptr(to)) if levels > 0 => format!("*{}", size(found, *to, levels - 1)),
            Some(Type::Array { element, len, .. }) => {
                format!("{len}x{}", size(found, *element, levels))
            }
            Some(Type::Composite { members, .. }) if levels > 0 => {
                let members = members.iter();
                let members: Vec<_> = members
                    .map(|member| {
                        let name = found.btf.name(member.name);
                        format!("{name}:{}", size(found, member.ty, levels - 1))
                    })
                    .collect();
                format!("({})", members.join(" "))
            }
            _ => "..".to_owned(),
        }
    }
    let named = found.btf.iter().filter(|(_, ty)| {
        matches!(ty, Type::Composite { .. }) && found.btf.name(ty.name()) == name
    });
    let mut sizes: Vec<_> = named.map(|(id, _)| size(found, id, 5)).collect();
    sizes.sort();
    sizes
}

/// The fixture's types, whose members say which version is meant.
fn assert_all_there(found: &Extraction) {
    let expected: BTreeMap<&str, &[&str]> = BTreeMap::from([
        // Of one crate in two versions, and what refers to them by one path.
        ("Conn", &["(id:4)", "(id:8 more:8)"][..]),
        (
            "Pair_Conn",
            &[
                "(first:(id:4) second:*(id:4))",
                "(first:(id:8 more:8) second:*(id:8 more:8))",
            ],
        ),
        // The same in both versions: once.
        ("Same", &["(a:2)"]),
        // In circles with each other, with the one that differs far from where they are entered.
        (
            "Ring",
            &[
                "(next:*(back:*(next:.. x:1) conn:*(id:4)) x:1)",
                "(next:*(back:*(next:.. x:1) conn:*(id:8 more:8)) x:1)",
            ],
        ),
        // Of two blocks of one function, of one unit.
        ("Local", &["(v:1)", "(v:8)"]),
        (
            "Pair_Local",
            &["(first:(v:1) second:*(v:1))", "(first:(v:8) second:*(v:8))"],
        ),
        // Of several crates with one name, told apart by their paths.
        ("left_kept_State", &["(l:4)"]),
        ("right_kept_State", &["(r:8)"]),
        ("main_State", &["(m:1)"]),
    ]);
    for (name, expected) in expected {
        assert_eq!(sizes(found, name), expected, "{name}");
    }
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
}

/// Types of one path that differ are all there, and what refers to them refers to the right one;
/// those that do not are there once, in however many units.
#[test]
fn types_of_one_path_that_differ() {
    for flags in [&[][..], &["-Ccodegen-units=16"], &["-Cdwarf-version=5"]] {
        let dir = tempfile::tempdir().unwrap();
        let file = program(dir.path(), flags);
        let found = types(&file, 1);
        assert_all_there(&found);
        let bytes = found.btf.encode(found.endian).unwrap();
        for threads in [2, 7] {
            let other = types(&file, threads);
            assert_eq!(other.btf.encode(other.endian).unwrap(), bytes, "{flags:?}");
            assert_eq!(other.warnings, found.warnings);
        }
    }
}

/// With link-time optimisation, units refer to each other.
#[test]
fn types_of_linked_units() {
    let dir = tempfile::tempdir().unwrap();
    let file = program(
        dir.path(),
        &["-Clto=fat", "-Copt-level=0", "-Cembed-bitcode=yes"],
    );
    let found = types(&file, 1);
    assert_all_there(&found);
    let bytes = found.btf.encode(found.endian).unwrap();
    let other = types(&file, 7);
    assert_eq!(other.btf.encode(other.endian).unwrap(), bytes);
}

/// Each variable of a function is in a block of its own, inside of that of the one before.
#[test]
fn functions_of_many_variables() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("deep.rs");
    let lets: Vec<String> = (0..1500)
        .map(|at| format!("let v{at} = std::hint::black_box({at}_u64);\n"))
        .collect();
    let lets = lets.concat();
    let text = format!(
        "pub struct Beside {{ pub field: u64 }}\n\
         pub fn main() {{ let it = Beside {{ field: 1 }};\n{lets}\
         println!(\"{{}}\", it.field + v1499); }}"
    );
    std::fs::write(&source, text).unwrap();
    rustc(dir.path(), &source, &["-o", "deep"]);
    let found = types(&dir.path().join("deep"), 1);
    assert_eq!(sizes(&found, "Beside"), ["(field:8)"]);
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
}
