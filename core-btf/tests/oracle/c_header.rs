//! Printed headers, judged by clang.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use core_btf::c::Header;
use core_btf::read::Endian;
use core_btf::{BpfObject, Btf, Kind};

use crate::describe::{assert_same_layouts, layouts};
use crate::tools::{bpf_object, clangs, pahole_btf, section, vmlinux, write};

/// A program with a variable of each of these types, so that clang describes them in BTF.
fn using<'n>(header: &str, names: impl IntoIterator<Item = &'n String>) -> String {
    let mut source = format!("#include \"{header}\"\n");
    for (n, name) in names.into_iter().enumerate() {
        writeln!(source, "{name} variable{n};").unwrap();
    }
    source
}

/// Prints `blob` with assertions on every size and offset, compiles that with each clang together
/// with a variable of each type in `expected`, and compares the BTF that clang makes of those.
fn assert_survives_clang(blob: &[u8], expected: &BTreeMap<String, String>) {
    let btf = Btf::parse(blob).unwrap();
    let header = Header::new(&btf).guard("H").asserts(true).print().unwrap();
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "types.h", &header);
    let source = using("types.h", expected.keys());
    let source = write(dir.path(), "all.bpf.c", source);
    for clang in clangs() {
        let local = section(&bpf_object(&clang, &source), ".BTF");
        assert_same_layouts(expected, &Btf::parse(&local).unwrap());
    }
}

/// The oracle that counts: sizes and offsets of all of the kernel's structs, as clang sees them.
/// C has no way to ask for the place of a bitfield, so types with one are read back from BTF. (All
/// types can be; but clang takes a quarter of a minute to describe them.)
#[test]
fn clang_lays_the_whole_kernel_out_as_its_btf_says() {
    let blob = vmlinux();
    let all = layouts(&Btf::parse(&blob).unwrap());
    assert!(all.len() > 10_000, "{} types", all.len());
    let mut with_bitfields = all;
    with_bitfields.retain(|_, layout| layout.contains(':'));
    assert!(with_bitfields.len() > 100, "{} types", with_bitfields.len());
    assert_survives_clang(&blob, &with_bitfields);
}

/// Packed, aligned, bitfields, flexible arrays and the rest, from C to BTF to C to BTF.
#[test]
fn clang_lays_odd_types_out_as_it_did_in_their_source() {
    for clang in clangs() {
        let dir = tempfile::tempdir().unwrap();
        let source = write(dir.path(), "layouts.bpf.c", include_str!("layouts.c"));
        let blob = section(&bpf_object(&clang, &source), ".BTF");
        let all = layouts(&Btf::parse(&blob).unwrap());
        assert!(all.len() > 45, "{} types", all.len());
        assert_survives_clang(&blob, &all);
    }
}

/// What a BPF program without `vmlinux.h` has before it includes the application's header.
const PRELUDE: &str = "
typedef signed char __s8; typedef unsigned char __u8;
typedef short __s16; typedef unsigned short __u16;
typedef int __s32; typedef unsigned int __u32;
typedef long long __s64; typedef unsigned long long __u64;
typedef __u8 u8; typedef __u16 u16; typedef __u32 u32; typedef __u64 u64; typedef _Bool bool;
";
const PRELUDE_NAMES: [&str; 13] = [
    "__s8", "__u8", "__s16", "__u16", "__s32", "__u32", "__s64", "__u64", "u8", "u16", "u32",
    "u64", "bool",
];

/// The application's header stands alone after a few typedefs, and beside the kernel's, though both
/// know `struct file`, `u64` and more under the same names.
#[test]
fn an_application_header_compiles_alone_and_after_the_kernels() {
    let dir = tempfile::tempdir().unwrap();
    let source = write(dir.path(), "app.c", include_str!("app.c"));
    let app = pahole_btf(&source);
    let app = Btf::parse(&app).unwrap();
    let kernel = vmlinux();
    let kernel = Btf::parse(&kernel).unwrap();

    let header = Header::new(&app).tag("core:app").asserts(true);
    let alone = header.clone().expand(PRELUDE_NAMES).print().unwrap();
    let beside = header.beside(&kernel, "app").print().unwrap();
    assert!(alone.contains("struct file {") && beside.contains("struct file___app {"));
    write(dir.path(), "alone.h", PRELUDE.to_owned() + &alone);
    write(
        dir.path(),
        "vmlinux.h",
        Header::new(&kernel).print().unwrap(),
    );
    write(
        dir.path(),
        "beside.h",
        "#include \"vmlinux.h\"\n".to_owned() + &beside,
    );

    let all = layouts(&app);
    for clang in clangs() {
        let source = write(dir.path(), "alone.bpf.c", using("alone.h", all.keys()));
        let local = section(&bpf_object(&clang, &source), ".BTF");
        assert_same_layouts(&all, &Btf::parse(&local).unwrap());

        let both = "#include \"beside.h\"\nstruct app a; struct file f; struct file___app g;\n";
        let source = write(dir.path(), "beside.bpf.c", both);
        let local = section(&bpf_object(&clang, &source), ".BTF");
        let local = layouts(&Btf::parse(&local).unwrap());
        let size = |name: &str| local[name].lines().next().unwrap().to_owned();
        assert_eq!(
            size("struct app"),
            all["struct app"].lines().next().unwrap()
        );
        assert_eq!(size("struct file___app"), "size 16");
        assert_ne!(size("struct file"), "size 16");
    }
}

/// Accesses through the header are relocated, those to tagged types as the application's.
#[test]
fn accesses_through_the_header_are_relocated() {
    let kernel = vmlinux();
    let kernel = Btf::parse(&kernel).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let roots: Vec<_> = (kernel.iter())
        .filter(|ty| ty.name_bytes() == b"task_struct" && ty.kind() == Kind::Struct)
        .map(|ty| ty.id())
        .collect();
    let header = Header::new(&kernel).roots(roots).tag("core:app");
    write(dir.path(), "task.h", header.print().unwrap());
    let source = "#include \"task.h\"
        int read(struct task_struct *task) { return task->mm->map_count + task->pid; }";
    let source = write(dir.path(), "read.bpf.c", source);
    for clang in clangs() {
        let object = bpf_object(&clang, &source);
        let object = BpfObject::parse(&object).unwrap();
        let mut roots: Vec<_> = (object.relocations().iter())
            .map(|r| {
                (
                    object.btf().get(r.root).unwrap().name().unwrap(),
                    object.is_app(r.root),
                )
            })
            .collect();
        roots.sort_unstable();
        let task = ("task_struct", true);
        assert_eq!(roots, [("mm_struct", true), task, task]);
    }
}

/// Any placement of members, with packed, padded and nested structs and unions, as clang sees it.
#[test]
fn clang_lays_random_structs_out_as_their_btf_says() {
    for seed in [1, 2, 3] {
        let blob = crate::random::structs(700, seed)
            .encode(Endian::NATIVE)
            .unwrap();
        let all = layouts(&Btf::parse(&blob).unwrap());
        assert!(all.len() > 500, "{} types", all.len());
        assert_survives_clang(&blob, &all);
    }
}
