//! Versions of the application that are laid out in another way than the one that the BPF programs
//! were compiled against: every value is right, or said not to exist.

use std::io::Write as _;
use std::mem::MaybeUninit;
use std::path::Path;

use core_runtime::libbpf_rs::skel::{OpenSkel as _, Skel as _};
use core_runtime::{Binary, Error, Loader, TypeInfo, Uprobe};
use tempfile::TempDir;
use tests::rust_order;

use crate::compiler::Compiler;
use crate::{Value, Values, differences, said, truth};

/// The orders that a version shows: each has another status.
const ORDERS: [&str; 4] = ["0", "1", "2", "3"];

/// What BPF reads of an order, and what the process prints of it.
fn traced(program: &Path, order: &str) -> (Values, Values) {
    let mut storage = MaybeUninit::uninit();
    let mut open = Loader::new(TypeInfo::from_file(program).unwrap())
        .open(rust_order::RustOrderSkelBuilder::default(), &mut storage)
        .unwrap();
    for mut other in open.open_object_mut().progs_mut() {
        let chosen = other.name() == "on_order";
        other.set_autoload(chosen);
    }
    let skeleton = open.load().unwrap();
    let probe = Uprobe::symbol(&Binary::open(program).unwrap(), "order_done");
    let _attached = probe.attach(&skeleton.progs.on_order).unwrap();
    let truth = truth(program, &["order", order]);
    let said = said!(skeleton.maps.bss_data.as_ref().unwrap().said);
    (said, truth)
}

/// Traces all orders of a program of version 1.
fn assert_read_right(program: &Path, what: &str) {
    for order in ORDERS {
        let (said, truth) = traced(program, order);
        assert_eq!(differences(&said, &truth), [""; 0], "{what}, order {order}");
        assert!(said.len() >= 16, "{what}: {said:?}");
    }
}

/// How the program lays out an order, as far as the test can tell.
fn layout(program: &Path) -> Vec<(String, u32)> {
    let types = TypeInfo::from_file(program).unwrap();
    let mut members = Vec::new();
    for btf in types.blobs() {
        for ty in btf.iter().filter(|ty| ty.name() == Ok("Order")) {
            members.extend(ty.members().map(|member| {
                let name = btf.name(member.name).unwrap().to_owned();
                (name, member.offset_bits / 8)
            }));
        }
    }
    assert!(!members.is_empty());
    members
}

/// Compiles version 1 with each seed, and traces it. Gives how many different layouts there were.
fn trace_shuffled(compiler: &Compiler) -> usize {
    let plain = TempDir::new().unwrap();
    let mut layouts = vec![layout(&compiler.compile("v1", &[], plain.path()))];
    for seed in 1..=4 {
        let dir = TempDir::new().unwrap();
        let seed = format!("-Zlayout-seed={seed}");
        let program = compiler.compile("v1", &["-Zrandomize-layout", &seed], dir.path());
        assert_read_right(&program, &format!("{} {seed}", compiler.version));
        let shuffled = layout(&program);
        if !layouts.contains(&shuffled) {
            layouts.push(shuffled);
        }
    }
    layouts.len()
}

mod root {
    use super::*;

    /// What the compiler may do with one and the same source: it shuffles fields when it is asked
    /// to, differently by a seed.
    #[test]
    fn shuffled_layouts_are_read_right() {
        let layouts = trace_shuffled(&Compiler::own());
        assert!(layouts > 3, "{layouts} layouts are no shuffling");
    }

    #[test]
    fn other_compilers_are_read_right() {
        let others = Compiler::others();
        let mut report = Vec::new();
        for compiler in &others {
            for flag in ["-Copt-level=0", "-Copt-level=3"] {
                let dir = TempDir::new().unwrap();
                let program = compiler.compile("v1", &[flag], dir.path());
                assert_read_right(&program, &format!("{} {flag}", compiler.version));
            }
            let layouts = trace_shuffled(compiler);
            assert!(layouts > 3, "{layouts} layouts are no shuffling");
            report.push(compiler.version.clone());
        }
        if report.is_empty() {
            report.push("none: rustup has no other toolchain here".to_owned());
        }
        let own = Compiler::own().version;
        // Not by a macro, whose output would be captured: it is to be seen.
        let report = report.join(", ");
        writeln!(
            std::io::stderr(),
            "traced programs of {own}, and of {report}"
        )
        .unwrap();
    }

    /// What was removed, or became something else, does not exist; all else has its new value.
    #[test]
    fn version_2_is_read_right_or_said_not_to_exist() {
        let own = Compiler::own();
        for flags in [&["-Copt-level=0"][..], &["-Copt-level=3"]] {
            let [first, second] = ["v1", "v2"].map(|version| {
                let dir = TempDir::new().unwrap();
                let program = own.compile(version, flags, dir.path());
                (program, dir)
            });
            assert_ne!(layout(&first.0), layout(&second.0));
            let mut missing = Vec::new();
            for order in ORDERS {
                let (said, mut expected) = traced(&second.0, order);
                for (name, value) in &said {
                    // What version 2 does not print, it does not have.
                    if *value == Value::DoesNotExist && !expected.contains_key(name) {
                        expected.insert(name.clone(), Value::DoesNotExist);
                        missing.push(name.clone());
                    }
                }
                assert_eq!(differences(&said, &expected), [""; 0], "order {order}");
            }
            missing.sort();
            missing.dedup();
            assert_eq!(missing, ["discount", "note", "parcel"]);
        }
    }

    /// A program that does not ask is refused before it reads what has changed, and runs where
    /// nothing has.
    #[test]
    fn programs_that_do_not_ask_are_refused() {
        let own = Compiler::own();
        let dirs = [TempDir::new().unwrap(), TempDir::new().unwrap()];
        let first = own.compile("v1", &[], dirs[0].path());
        let second = own.compile("v2", &[], dirs[1].path());
        for (name, expected, words) in [
            ("removed", 15, "struct Order.discount"),
            ("optional", 7, "struct Order.note.ptr"),
            ("widened", -1250, "struct Order.total"),
            ("narrowed", 1, "struct Order.id"),
            ("grown", -2, "struct Item"),
            ("whole", 4711, "struct Order.customer"),
        ] {
            let load = |program: &Path| {
                let mut storage = MaybeUninit::uninit();
                let mut open = Loader::new(TypeInfo::from_file(program).unwrap())
                    .open(rust_order::RustOrderSkelBuilder::default(), &mut storage)
                    .unwrap();
                for mut other in open.open_object_mut().progs_mut() {
                    let chosen = other.name() == name;
                    other.set_autoload(chosen);
                }
                let skeleton = open.load()?;
                let mut programs = skeleton.object().progs_mut();
                let chosen = programs.find(|it| it.name() == name).unwrap();
                let probe = Uprobe::symbol(&Binary::open(program).unwrap(), "order_done");
                let _attached = probe.attach(&chosen)?;
                truth(program, &["order", "1"]);
                Ok::<_, Error>(skeleton.maps.bss_data.as_ref().unwrap().value)
            };
            assert_eq!(load(&first).unwrap(), expected, "{name}");
            let error = load(&second).unwrap_err();
            let text = format!("{error:?}");
            let typed = matches!(error, Error::Relocation { .. } | Error::Unsatisfied { .. });
            assert!(typed && text.contains(words), "{name}: {text}");
        }
    }
}
