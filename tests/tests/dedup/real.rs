//! C that is in use: all units of a program, one after the other, as they come from pahole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use core_btf::dedup::dedup;
use core_btf::elf::Elf;
use core_btf::read::Endian;
use core_btf::{Btf, BtfBuf, Kind, TypeId};
use tests::sources;

pub(crate) fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {err}");
    output.stdout
}

/// The types of all C files of a folder, one file after the other, as pahole describes them.
fn units(folder: &Path, flags: &[&str]) -> BtfBuf {
    let dir = tempfile::tempdir().unwrap();
    let mut all = BtfBuf::new();
    for file in sources::c_files(folder, &[]).unwrap() {
        let name = file.file_name().unwrap();
        let object = dir.path().join(name).with_extension("o");
        run(Command::new("gcc")
            .args(["-g", "-w", "-c", "-o"])
            .args([&object, &file])
            .args(flags));
        run(Command::new("pahole").arg("-J").arg(&object));
        let elf = std::fs::read(object).unwrap();
        // A file may well define nothing.
        if let Some(section) = Elf::parse(&elf).unwrap().section(".BTF") {
            let btf = Btf::parse(section.data).unwrap();
            all.extend(&BtfBuf::from_btf(&btf).unwrap()).unwrap();
        }
    }
    all
}

/// What of a blob no numbering changes: how many types of each kind there are, and what those with
/// a name look like.
#[derive(Debug, PartialEq, Eq)]
struct Summary {
    counts: BTreeMap<Kind, usize>,
    named: BTreeMap<String, BTreeSet<String>>,
}

fn summary(blob: &[u8]) -> Summary {
    let btf = Btf::parse(blob).unwrap();
    let (mut counts, mut named) = (BTreeMap::new(), BTreeMap::<_, BTreeSet<_>>::new());
    for ty in btf.iter() {
        *counts.entry(ty.kind()).or_default() += 1;
        let name = ty.name().unwrap();
        if !name.is_empty() {
            let mut text = String::new();
            describe(&btf, ty.id(), true, &mut text);
            named.entry(name.to_owned()).or_default().insert(text);
        }
    }
    Summary { counts, named }
}

/// A type as text: with its parts if it has no name or is `whole`.
fn describe(btf: &Btf<'_>, id: TypeId, whole: bool, text: &mut String) {
    let ty = btf.get(id).unwrap();
    let (kind, name, size) = (ty.kind(), ty.name().unwrap(), ty.size_bytes());
    write!(text, "{kind:?} {name}").unwrap();
    if !whole && !name.is_empty() {
        return;
    }
    write!(text, " {size} {} {:?} (", ty.kind_flag(), ty.int()).unwrap();
    for m in ty.members() {
        let name = btf.name(m.name).unwrap();
        write!(text, "{name} {} {} ", m.offset_bits, m.bitfield_bits).unwrap();
        describe(btf, m.ty, false, text);
    }
    for e in ty.enumerators() {
        write!(text, "{} {} ", btf.name(e.name).unwrap(), e.value).unwrap();
    }
    for p in ty.params() {
        write!(text, "{} ", btf.name(p.name).unwrap()).unwrap();
        describe(btf, p.ty, false, text);
    }
    if kind == Kind::Array {
        let (element, _, len) = ty.array();
        write!(text, "{len} ").unwrap();
        describe(btf, element, false, text);
    } else if !ty.target().is_void() {
        describe(btf, ty.target(), false, text);
    }
    text.push(')');
}

/// Dedups units both ways and compares; a third of the types or more must be gone.
pub(crate) fn compare_with_libbpf(units: BtfBuf) {
    let before = units.len();
    let theirs = crate::libbpf::dedup(&units.encode(Endian::NATIVE).unwrap());
    let ours = dedup(units).unwrap();
    assert!(3 * ours.len() <= 2 * before, "{before} to {}", ours.len());
    let ours = ours.encode(Endian::NATIVE).unwrap();
    let (ours, theirs) = (summary(&ours), summary(&theirs));
    assert_eq!(ours.counts, theirs.counts);
    for (name, ours) in &ours.named {
        assert_eq!(Some(ours), theirs.named.get(name), "{name}");
    }
    assert_eq!(ours.named.len(), theirs.named.len());
}

static LIBBPF: LazyLock<BtfBuf> = LazyLock::new(|| {
    let folder = sources::package("libbpf-sys").join("libbpf");
    let include = |sub| format!("-I{}", folder.join(sub).display());
    let flags = [
        &include("include"),
        &include("include/uapi"),
        "-D_GNU_SOURCE",
    ];
    units(&folder.join("src"), &flags)
});

static ZLIB: LazyLock<BtfBuf> = LazyLock::new(|| units(&sources::zlib(), &[]));

static LUA: LazyLock<BtfBuf> = LazyLock::new(|| units(&sources::lua(), &["-DLUA_USE_LINUX"]));

/// Opaque structs, unions, flexible arrays and enums, in 25 units.
#[test]
fn the_units_of_libbpf_merge_as_with_libbpf() {
    compare_with_libbpf(LIBBPF.clone());
}

#[test]
fn the_units_of_zlib_merge_as_with_libbpf() {
    compare_with_libbpf(ZLIB.clone());
}

#[test]
fn the_units_of_lua_merge_as_with_libbpf() {
    compare_with_libbpf(LUA.clone());
}

/// Programs that have nothing to do with each other but the C library, one of them twice.
#[test]
fn the_units_of_several_programs_merge_as_with_libbpf() {
    let mut all = LIBBPF.clone();
    for program in [&*ZLIB, &*LUA, &*LIBBPF] {
        all.extend(program).unwrap();
    }
    compare_with_libbpf(all);
}

/// Nothing to do, on the largest BTF there is, and twice the same.
#[test]
fn the_kernel_has_no_duplicates() {
    let kernel = std::fs::read("/sys/kernel/btf/vmlinux").unwrap();
    let kernel = BtfBuf::from_btf(&Btf::parse(&kernel).unwrap()).unwrap();
    let once = dedup(kernel.clone()).unwrap();
    assert_eq!(once.types(), kernel.types());
    let variables = (kernel.types().iter())
        .filter(|ty| matches!(ty.kind(), Kind::Var | Kind::Datasec))
        .count();
    let mut twice = kernel;
    twice.extend(&once).unwrap();
    assert_eq!(dedup(twice).unwrap().len(), once.len() + variables);
}
