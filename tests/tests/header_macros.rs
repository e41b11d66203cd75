//! The macros of `core.bpf.h`, compiled by every clang that is installed, against versions of a
//! type that differ in width, sign, place and length.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that fails fails the test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use core_btf::{BpfObject, Btf, Kind};
use core_runtime::libbpf_rs::{Linker, MapCore as _, MapFlags, Object};
use core_runtime::{Binary, Loader, TypeInfo, Uprobe};
use tempfile::TempDir;
use tests::program;

/// `clang-NN` by version; the header promises 14 and up.
fn clangs() -> BTreeMap<u32, PathBuf> {
    let path = std::env::var_os("PATH").unwrap();
    let found: BTreeMap<_, _> = std::env::split_paths(&path)
        .filter_map(|dir| fs::read_dir(dir).ok())
        .flatten()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let number = path.file_name()?.to_str()?.strip_prefix("clang-")?;
            Some((number.parse().ok().filter(|&n| n >= 14)?, path))
        })
        .collect();
    assert!(
        found.len() >= 2,
        "install the oldest and the newest clang of this system, such as clang-14 and clang-19; \
         only {found:?} is there"
    );
    found
}

/// Compiles a BPF program of this fixture against the header that this package's build made.
fn compile(clang: &Path, name: &str, dir: &Path) -> Vec<u8> {
    let object = dir.join("program.bpf.o");
    let output = Command::new(clang)
        .args(["-g", "-O2", "-target", "bpf", "-Wall", "-Wextra", "-Werror"])
        // libbpf's own macros have a `ctx` that not every program uses.
        .args(["-Wno-unused-parameter", "-D__TARGET_ARCH_x86", "-I"])
        .arg(concat!(env!("OUT_DIR"), "/core/include"))
        .arg("-c")
        .arg(program::fixtures().join("header").join(name))
        .arg("-o")
        .arg(&object)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {words}", clang.display());
    let mut elf = fs::read(&object).unwrap();
    core_btf::mark_signed_enums(&mut elf).unwrap();
    fs::write(&object, elf).unwrap();
    // The linker writes the offsets of variables, which clang leaves out.
    let linked = dir.join("linked.bpf.o");
    let mut linker = Linker::new(&linked).unwrap();
    linker.add_file(&object).unwrap();
    linker.link().unwrap();
    fs::read(linked).unwrap()
}

/// The traced program in this version.
fn traced(version: u32, dir: &Path) -> PathBuf {
    program::compile(
        dir,
        &format!("all{version}"),
        &["header/observe.c", "header/main.c"],
        &[&format!("-DVERSION={version}")],
    )
}

/// `name=value` lines.
fn parse(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .map(|line| {
            let (name, value) = line.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

/// The global variables of a loaded object: integers as numbers, the rest as text.
fn globals(object: &Object, elf: &[u8]) -> BTreeMap<String, String> {
    let bss = object
        .maps()
        .find(|map| map.name().to_string_lossy().ends_with(".bss"))
        .unwrap();
    let value = bss
        .lookup(&0_u32.to_ne_bytes(), MapFlags::ANY)
        .unwrap()
        .unwrap();
    let btf = core_btf::elf::section(elf, ".BTF").unwrap().unwrap();
    let btf = Btf::parse(btf).unwrap();
    let section = btf
        .iter()
        .find(|ty| ty.kind() == Kind::Datasec && ty.name() == Ok(".bss"))
        .unwrap();
    section
        .section_vars()
        .map(|var| {
            let start = var.offset_bytes as usize;
            let bytes = &value[start..start + var.size_bytes as usize];
            let text = match bytes.try_into() {
                Ok(bytes) => i64::from_ne_bytes(bytes).to_string(),
                Err(_) => String::from_utf8_lossy(bytes.split(|&b| b == 0).next().unwrap()).into(),
            };
            (btf.get(var.ty).unwrap().name().unwrap().to_owned(), text)
        })
        .collect()
}

/// The enums of the header are known as the application's, which C has no attribute for.
#[test]
fn enum_values_come_from_the_application() {
    let dir = TempDir::new().unwrap();
    for clang in clangs().values() {
        let elf = compile(clang, "all.bpf.c", dir.path());
        let needs = BpfObject::parse(&elf).unwrap().needs();
        assert!(needs.app && !needs.kernel, "{}: {needs:?}", clang.display());
    }
}

mod root {
    use super::*;

    /// Loads an object for a version of the program, runs the program with each of the object's
    /// programs attached, and compares what they read with what the program says.
    fn check(version: u32, name: &str, clang: &Path) {
        let dir = TempDir::new().unwrap();
        let traced = traced(version, dir.path());
        let elf = compile(clang, name, dir.path());
        let types = TypeInfo::from_file(&traced).unwrap();
        let object = Loader::new(types).open_object(elf.clone()).unwrap();
        let object = object.load().unwrap();
        let probe = Uprobe::symbol(&Binary::open(&traced).unwrap(), "observe_all");
        let attached: Vec<_> = object
            .progs_mut()
            .map(|program| probe.attach(&program).unwrap())
            .collect();
        let truth = parse(&program::run(&traced));
        drop(attached);
        let read = globals(&object, &elf);
        for (name, value) in &read {
            let place = format!("{name}, version {version}, {}", clang.display());
            assert_eq!(Some(value), truth.get(name), "{place}");
        }
    }

    #[test]
    fn every_macro_reads_every_version_right_compiled_by_every_clang() {
        for clang in clangs().values() {
            for version in 1..=3 {
                check(version, "all.bpf.c", clang);
            }
        }
    }

    /// libbpf tells no sign of an array's element, so the macros take the header's: a program must
    /// not be loaded where that is wrong.
    #[test]
    fn array_elements_of_another_sign_are_refused() {
        let dir = TempDir::new().unwrap();
        let (_, clang) = clangs().pop_first().unwrap();
        let elf = compile(&clang, "all.bpf.c", dir.path());
        let types = TypeInfo::from_file(traced(4, dir.path())).unwrap();
        let object = Loader::new(types).open_object(elf).unwrap();
        let error = object.load().unwrap_err().to_string();
        assert!(error.contains("struct all.numbers"), "{error}");
        assert!(
            error.contains("is unsigned, the program reads it as signed"),
            "{error}"
        );
    }

    #[test]
    fn sleepable_programs_read_pages_that_are_not_there_yet() {
        for clang in clangs().values() {
            for version in 1..=3 {
                check(version, "sleepable.bpf.c", clang);
            }
        }
    }
}
