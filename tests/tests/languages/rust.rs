//! A Rust program as a whole, which carries no annotation.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use core_btf::dwarf::{Options, extract};
use core_btf::{BtfBuf, Kind, Type};

use crate::gdb::{Layout, fixture, ours, theirs, with_spellings};
use crate::types::assert_compiles;

/// The program, compiled in `dir`.
fn program(dir: &Path, flags: &[&str]) -> PathBuf {
    let out = dir.join("program");
    let mut rustc = Command::new("rustc");
    rustc
        .args(["--edition", "2024", "-A", "warnings"])
        .args(flags);
    let output = rustc
        .arg(fixture("program.rs"))
        .arg("-o")
        .arg(&out)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    out
}

/// Members by name; those of a view have names that the source does not, and a tag or what gdb takes
/// all variants for has none.
fn by_name((_, fields): &Layout) -> BTreeMap<&str, (u64, u64)> {
    let named = fields.iter().filter(|(name, ..)| !name.is_empty());
    // What is a keyword in C has one more underscore.
    named
        .map(|(name, offset, _, size)| (name.trim_end_matches('_'), (*offset, *size)))
        .collect()
}

/// What std's types look like is our choice; where the members of all others are is not, nor any
/// size. How many types and members were compared.
fn compare(file: &Path, own: &str) -> (usize, usize) {
    let found = with_spellings(file);
    // Types inside of std that no program names.
    let (unknown, all) = (found.warnings.len(), found.btf.len());
    assert!(
        40 * unknown < all,
        "{unknown} of {all}: {:?}",
        found.warnings
    );
    let ours = ours(&found);
    let theirs = theirs(file, ours.keys());
    let (mut types, mut members) = (0, 0);
    for (name, ours) in &ours {
        let Some(theirs) = theirs.get(name) else {
            continue;
        };
        assert_eq!(ours.0, theirs.0, "size of {name}");
        types += 1;
        let size = ours.0;
        let (ours, theirs) = (by_name(ours), by_name(theirs));
        if name.starts_with(own) && theirs.len() > 1 {
            let names = |of: &BTreeMap<&str, _>| of.keys().map(|it| (*it).to_owned()).collect();
            let (ours, theirs): (Vec<String>, Vec<String>) = (names(&ours), names(&theirs));
            assert_eq!(ours, theirs, "members of {name}");
        }
        for (member, place) in &ours {
            // Of what `Cell` and `NonNull` hold there is but the value, as large as they are.
            if let Some(expected) = theirs.get(member) {
                // `Arc<[T]>` and the like are seen as a pointer and a length.
                let is_wide = name.starts_with("alloc::") && *member == "ptr";
                if is_wide && *expected == (place.0, 2 * place.1) {
                    continue;
                }
                // The tail of an unsized type is an array of no length.
                let is_tail = place.0 >= 8 * size && place.1 == 0;
                let place = if is_tail {
                    &(place.0, expected.1)
                } else {
                    place
                };
                assert_eq!(place, expected, "{name}.{member}");
                members += 1;
            }
        }
    }
    (types, members)
}

#[test]
fn same_layouts_as_gdb() {
    for flags in [&["-g"][..], &["-g", "-O"]] {
        let dir = tempfile::tempdir().unwrap();
        let file = program(dir.path(), flags);
        let (types, members) = compare(&file, "program::");
        let least = if flags.len() == 1 {
            (800, 1000)
        } else {
            (150, 150)
        };
        assert!(
            types >= least.0 && members >= least.1,
            "{flags:?}: {types} {members}"
        );
    }
}

/// A program that is in use, with all that it depends on: the command, which this workspace builds
/// without descriptions of its types otherwise.
#[test]
fn same_layouts_as_gdb_in_a_program_of_many_crates() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("with-debug");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--package=core-btf", "--features=cli"])
        .args(["--config=profile.dev.debug=2", "--target-dir"])
        .arg(&folder)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let (types, members) = compare(&folder.join("debug/core-btf"), "core_btf::");
    assert!(types >= 3000 && members >= 3000, "{types} {members}");
}

/// What `#[bpf_traceable]` would show, by the path in the source.
#[test]
fn types_are_seen_as_if_annotated() {
    let dir = tempfile::tempdir().unwrap();
    let file = program(dir.path(), &["-g"]);
    let extract = |root: &str| {
        let options = Options {
            roots: vec![root.to_owned()],
            functions: false,
            ..Options::default()
        };
        extract(&std::fs::read(&file).unwrap(), &options)
            .unwrap()
            .btf
    };
    let conn = extract("program::net::Conn");
    let members = |btf: &BtfBuf, tag: &str| -> Vec<String> {
        let found = btf.types().iter().find_map(|ty| match ty {
            Type::Composite { name, members, .. } if btf.name(*name) == tag => Some(members),
            _ => None,
        });
        let found = found.unwrap().iter();
        found
            .map(|member| btf.name(member.name).to_owned())
            .collect()
    };
    assert_eq!(members(&conn, "String"), ["cap", "ptr", "len"]);
    assert!(members(&conn, "SocketAddr").contains(&"V4".to_owned()));
    let tags = conn.types().iter().filter(|ty| ty.kind() == Kind::DeclTag);
    let tags: Vec<_> = tags.map(|tag| conn.name(tag.name())).collect();
    assert_eq!(tags, ["rust:program::net::Conn"]);
    assert!(extract("program::Server").len() > 20);
}

#[test]
fn clang_compiles_the_header() {
    let dir = tempfile::tempdir().unwrap();
    let file = program(dir.path(), &["-g"]);
    assert_compiles(dir.path(), &file);
}
