//! Programs of several units in C++, which share types, hide some of one name from each other, and
//! refer to each other's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use core_btf::dwarf::{Options, extract};
use core_btf::{BtfBuf, Type};

use crate::gdb::{fixture, ours, with_spellings};

const UNITS: usize = 6;

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The program, compiled unit by unit and linked.
fn program(dir: &Path, command: &str) -> PathBuf {
    let mut words = command.split_whitespace();
    let compiler = words.next().unwrap();
    let flags: Vec<&str> = words.chain(["-std=c++17", "-w"]).collect();
    let mut link = Command::new(compiler);
    link.args(&flags);
    for unit in 0..UNITS {
        let object = dir.join(format!("{unit}.o"));
        run(Command::new(compiler)
            .args(&flags)
            .arg(format!("-DUNIT={unit}"))
            .args(["-c", "-o"])
            .args([&object, &fixture("units/unit.cc")]));
        link.arg(object);
    }
    let program = dir.join("program");
    run(link.arg("-o").arg(&program));
    program
}

/// The sizes of all structs of this name, in ascending order.
fn sizes(btf: &BtfBuf, wanted: &str) -> Vec<u32> {
    let sizes = btf.types().iter().filter_map(|ty| match ty {
        Type::Composite {
            name, size_bytes, ..
        } if btf.name(*name) == wanted => Some(*size_bytes),
        _ => None,
    });
    let mut sizes: Vec<u32> = sizes.collect();
    sizes.sort_unstable();
    sizes
}

/// Extracts several times on 1, 2, 7 and all threads: the same bytes and the same words each time.
fn same_each_time(file: &Path, what: &str) -> BtfBuf {
    let data = std::fs::read(file).unwrap();
    let extract = |threads| {
        let options = Options {
            threads,
            ..Options::default()
        };
        let found = extract(&data, &options).unwrap();
        let bytes = found.btf.encode(found.endian).unwrap();
        (bytes, found.warnings, found.btf)
    };
    let (bytes, warnings, btf) = extract(1);
    for threads in [1, 2, 7, 0, 2, 7] {
        let again = extract(threads);
        assert!(again.0 == bytes, "{what}, {threads} threads");
        assert_eq!(again.1, warnings, "{what}, {threads} threads");
    }
    // What units share is there once, and what they have for themselves in each version.
    for (name, expected) in [("net_Conn", 1), ("net_deep_Conn", 1), ("net_Peer", 1)] {
        assert_eq!(sizes(&btf, name).len(), expected, "{what}: {name}");
    }
    let hidden = sizes(&btf, "net_anonymous_namespace_Hidden");
    assert_eq!(hidden, [16; UNITS], "{what}");
    for unit in 0..UNITS {
        assert_eq!(sizes(&btf, &format!("net_Own{unit}")).len(), 1, "{what}");
    }
    btf
}

/// Many units, enough for all threads to have some.
#[test]
fn any_number_of_threads() {
    for command in [
        "g++ -g",
        "clang++ -g -O2",
        "g++ -g -fdebug-types-section",
        "clang++ -g -stdlib=libc++",
    ] {
        let dir = tempfile::tempdir().unwrap();
        same_each_time(&program(dir.path(), command), command);
    }
}

/// With link-time optimisation, and where dwz has moved to one unit what several have, units refer to
/// each other.
#[test]
fn units_that_refer_to_each_other() {
    for (command, dwz) in [
        ("g++ -g -flto -O1", false),
        ("clang++ -g -flto -fuse-ld=lld -O1", false),
        ("g++ -gdwarf-4", true),
        ("g++ -gdwarf-5", true),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let program = program(dir.path(), command);
        let types = |file: &Path| -> BTreeMap<_, _> { ours(&with_spellings(file)) };
        let before = types(&program);
        if dwz {
            run(Command::new("dwz").arg(&program));
            assert_eq!(types(&program), before, "{command}");
        }
        let mut readelf = Command::new("readelf");
        let forms = run(readelf.arg("--debug-dump=abbrev").arg(&program));
        assert!(forms.contains("DW_FORM_ref_addr"), "{command}");
        same_each_time(&program, command);
    }
}
