//! Printed headers, judged by clang.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use core_btf::Btf;
use core_btf::c::Header;

use crate::describe::{assert_same_layouts, layouts};
use crate::tools::{bpf_object, clangs, section, vmlinux, write};

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
