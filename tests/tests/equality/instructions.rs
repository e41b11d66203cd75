//! The same instructions from libbpf's full merge, ours, and the targeted one.

use core_btf::merge::{append, targeted};
use core_btf::relo::{Outcome, Row, Sources, check};
use core_btf::{BpfObject, RelocationKind};

use crate::common::{
    Instruction, Relocated, app, app_source, ask_for_matches, clang_types_of, libbpf_merge, object,
    parse, relocate, vmlinux,
};

/// All versions of the application's types.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=4;

/// Relocates an object in all three ways, compares, and gives what our own evaluation says too.
fn compare(object: &[u8], apps: &[Vec<u8>]) -> (Result<Relocated, i32>, Vec<Row>) {
    let vmlinux = vmlinux();
    let others: Vec<&[u8]> = apps.iter().map(Vec::as_slice).collect();
    let reference = relocate(object, &libbpf_merge(&vmlinux, &others));

    let kernel = parse(std::slice::from_ref(&vmlinux));
    let app = parse(apps);
    let all: Vec<_> = app.iter().collect();
    let appended = append(&kernel[0], &all).unwrap();
    assert_eq!(relocate(object, &appended), reference, "append");

    let parsed = BpfObject::parse(object).unwrap();
    let sources = Sources {
        app: &app,
        kernel: &kernel,
    };
    let minimal = targeted(&parsed, &sources).unwrap();
    assert_eq!(relocate(object, &minimal), reference, "targeted");
    (reference, check(&parsed, &sources).unwrap())
}

/// The value in a relocated instruction.
fn value(code: &[Instruction], at: usize) -> u64 {
    let instruction = code[at];
    match instruction.code & 7 {
        1..=3 => i64::from(instruction.off).cast_unsigned(),
        0 => {
            let [low, high] = [code[at].imm, code[at + 1].imm].map(i32::cast_unsigned);
            u64::from(high) << 32 | u64::from(low)
        }
        _ => i64::from(instruction.imm).cast_unsigned(),
    }
}

/// Our evaluation of every relocation says what libbpf has written. Returns how many it has
/// written and how many it has poisoned.
fn assert_rows(relocated: &Relocated, rows: &[Row]) -> (usize, usize) {
    let (mut written, mut poisoned) = (0, 0);
    for row in rows {
        // The code of subprograms is part of each program that calls them.
        let Some((_, code)) = relocated.iter().find(|(name, _)| *name == row.function) else {
            continue;
        };
        if let Some(new) = row.new {
            assert_eq!(value(code, row.instruction), new, "{row}");
            written += 1;
        } else {
            assert!(code[row.instruction].is_poison(), "{row}");
            poisoned += 1;
        }
    }
    (written, poisoned)
}

/// Compares an object against every version; `written` and `poisoned` count the instructions of
/// the versions that libbpf does not refuse.
fn assert_equal(file: &str, written: usize, poisoned: usize) {
    let object = object(file, "");
    let mut counts = (0, 0);
    for version in VERSIONS {
        let (relocated, rows) = compare(&object, &[app(version)]);
        match relocated {
            Ok(relocated) => {
                let (more, poison) = assert_rows(&relocated, &rows);
                counts = (counts.0 + more, counts.1 + poison);
            }
            Err(_) => assert!(
                rows.iter().any(|row| row.outcome.is_refused()),
                "{file}, version {version}: libbpf refuses, we do not"
            ),
        }
    }
    assert_eq!(counts, (written, poisoned), "{file}");
}

mod root {
    use super::*;

    /// All six kinds, of scalars, bitfields, arrays, anonymous members, unions and flavors, of
    /// members that are there, moved, changed and gone.
    #[test]
    fn fields() {
        assert_equal("fields.bpf.c", 489, 87);
    }

    /// Loads and stores, whose width libbpf changes.
    #[test]
    fn loads_and_stores() {
        assert_equal("loads.bpf.c", 33, 0);
    }

    /// Existence, size and local ids of types, typedefs among them; enumerators that are
    /// renumbered, renamed, negative, and of 64 bits.
    #[test]
    fn types_and_enumerators() {
        assert_equal("types.bpf.c", 166, 2);
    }

    /// Ten types in four versions, answered by hand.
    #[test]
    fn matches() {
        let mut object = object("matches.bpf.c", "");
        ask_for_matches(&mut object);
        let mut answers = Vec::new();
        for version in VERSIONS {
            let app = clang_types_of(&app_source(), &[&format!("-DVERSION={version}")]);
            let (relocated, rows) = compare(&object, &[app]);
            assert_rows(&relocated.unwrap(), &rows);
            assert!(rows.iter().all(|r| r.kind == RelocationKind::TypeMatches));
            answers.push(rows.iter().map(|r| r.new.unwrap()).collect::<Vec<_>>());
        }
        // conn, an unknown flavor's name, floats (libbpf matches none), inner, item, union, state,
        // wide (of another size), absent, a mere declaration
        let expected = [
            [1, 0, 0, 1, 1, 1, 1, 0, 0, 0],
            [0, 0, 0, 1, 1, 1, 1, 0, 0, 0],
            [0, 0, 0, 1, 1, 1, 0, 0, 0, 0],
            [0, 0, 0, 1, 1, 1, 1, 0, 0, 0],
        ];
        assert_eq!(answers, expected);
    }

    /// Two types of one essential name that differ: an error in all three merges.
    #[test]
    fn ambiguity() {
        for (defines, version, refused) in [
            ("", 1, false),
            ("", 2, false),
            ("", 4, true),
            ("#define SIZE", 1, false),
            ("#define SIZE", 2, true),
        ] {
            let object = object("ambiguous.bpf.c", defines);
            let (relocated, rows) = compare(&object, &[app(version)]);
            assert_eq!(relocated.is_err(), refused, "{defines}, version {version}");
            let ambiguous = matches!(rows[0].outcome, Outcome::Ambiguous { .. });
            assert_eq!(ambiguous, refused, "{}", rows[0]);
        }
    }

    /// The same type in several pieces of the application is one; another one of that name is not.
    #[test]
    fn several_pieces_of_an_application() {
        let object = object("ambiguous.bpf.c", "");
        assert!(compare(&object, &[app(1), app(1)]).0.is_ok());
        assert!(compare(&object, &[app(1), app(2)]).0.is_err());
    }

    /// An object that knows nothing of applications.
    #[test]
    fn kernel_types() {
        let object = object("kernel.bpf.c", "");
        let (relocated, rows) = compare(&object, &[]);
        assert_eq!(assert_rows(&relocated.unwrap(), &rows), (26, 1));
    }

    /// Kernel and application types together, also when the kernel's own type ids are asked for.
    #[test]
    fn both_worlds() {
        for defines in ["", "#define IDS"] {
            let object = object("mixed.bpf.c", defines);
            let (relocated, rows) = compare(&object, &[app(2)]);
            assert_rows(&relocated.unwrap(), &rows);
            assert!(rows.iter().all(|row| row.outcome == Outcome::Ok));
        }
    }
}
