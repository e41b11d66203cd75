//! BTF that is enormous, refers to itself, or says one thing to us and another to libbpf.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use core_btf::merge::targeted;
use core_btf::relo::Sources;
use core_btf::{BpfObject, Btf};
use tests::{app, clang};

use crate::elf::program;
use crate::reader::read;

/// What asks for fields, elements, sizes, shapes and enumerators of `struct data`.
const PROGRAM: &str = r#"
#define APP __attribute__((preserve_access_index)) __attribute__((btf_decl_tag("core:app")))
enum color { RED___core_app, BLUE = 2 };
struct part { int x; } APP;
struct data { int a; struct part parts[2]; enum color color; struct data *next; } APP;
__u64 seen[8];
SEC("uprobe") int everything(struct pt_regs *ctx)
{
	struct data *data = (void *)PT_REGS_PARM1(ctx);
	bpf_probe_read_user(&seen[0], sizeof(int), &data->a);
	bpf_probe_read_user(&seen[1], sizeof(int), &data->parts[1].x);
	seen[2] = bpf_core_field_exists(data->color);
	seen[3] = bpf_core_field_size(data->parts);
	seen[4] = bpf_core_type_size(struct data);
	seen[5] = bpf_core_type_exists(struct data);
	seen[6] = bpf_core_enum_value(enum color, BLUE);
	return 0;
}"#;

/// The types as they should be.
const HONEST: &str = "enum color { RED, BLUE = 7 };
struct data { long new; int a; struct part { int x; } parts[2]; enum color color;
              struct data *next; } data;";

/// BTF by hand: nothing checks what is put in.
#[derive(Default)]
struct Assembler {
    types: Vec<u8>,
    names: Vec<u8>,
    count: u32,
}

impl Assembler {
    fn new() -> Self {
        Self {
            names: vec![0],
            ..Self::default()
        }
    }

    fn name(&mut self, name: &str) -> u32 {
        let at = u32::try_from(self.names.len()).unwrap();
        self.names.extend(name.bytes().chain([0]));
        at
    }

    /// Adds a type: its words as they stand in the blob.
    fn ty(&mut self, name: u32, kind: u32, vlen: u32, size_or_type: u32, more: &[u32]) -> u32 {
        let words = [name, kind << 24 | vlen, size_or_type];
        self.types
            .extend(words.iter().chain(more).flat_map(|word| word.to_ne_bytes()));
        self.count += 1;
        self.count
    }

    fn blob(&self) -> Vec<u8> {
        let lens = [self.types.len(), self.names.len()].map(|len| u32::try_from(len).unwrap());
        let mut out = 0xeb9f_u16.to_ne_bytes().to_vec();
        out.extend([1, 0]);
        out.extend(
            [24, 0, lens[0], lens[0], lens[1]]
                .iter()
                .flat_map(|word| word.to_ne_bytes()),
        );
        out.extend(&self.types);
        out.extend(&self.names);
        out
    }
}

const INT: u32 = 1;
const PTR: u32 = 2;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const TYPEDEF: u32 = 8;
const CONST: u32 = 10;

/// The object, in a file.
fn object(directory: &Path) -> PathBuf {
    let path = directory.join("object");
    fs::write(&path, clang::bpf_object(PROGRAM).unwrap()).unwrap();
    path
}

/// A file with this BTF.
fn file(directory: &Path, name: &str, btf: &[u8]) -> PathBuf {
    let path = directory.join(name);
    program(&path, &[(".BTF", 2, btf)]);
    path
}

/// Types that refer to themselves where a type cannot: each in the place of what is asked for.
fn circles() -> Vec<(&'static str, Assembler)> {
    let mut all = Vec::new();
    let mut with = |what, make: &dyn Fn(&mut Assembler)| {
        let mut types = Assembler::new();
        make(&mut types);
        all.push((what, types));
    };
    // Ids count from 1; `struct data` with one member, of the next type.
    let data = |types: &mut Assembler, member: &str| {
        let [data, member] = ["data", member].map(|name| types.name(name));
        types.ty(data, STRUCT, 1, 64, &[member, 2, 0]);
    };
    with(
        "a member that is the struct itself, without a name",
        &|types| {
            let name = types.name("data");
            types.ty(name, STRUCT, 1, 64, &[0, 1, 0]);
        },
    );
    with("unions of each other", &|types| {
        data(types, "");
        types.ty(0, UNION, 2, 64, &[0, 3, 0, 0, 3, 0]);
        types.ty(0, UNION, 2, 64, &[0, 2, 0, 0, 2, 0]);
    });
    with("a typedef of itself", &|types| {
        data(types, "a");
        let name = types.name("t");
        types.ty(name, TYPEDEF, 0, 2, &[]);
    });
    with("qualifiers of each other", &|types| {
        data(types, "a");
        types.ty(0, CONST, 0, 3, &[]);
        types.ty(0, CONST, 0, 2, &[]);
    });
    with("an array of itself", &|types| {
        data(types, "parts");
        types.ty(0, ARRAY, 0, 0, &[2, 2, 1000]);
    });
    with("a pointer to itself", &|types| {
        data(types, "next");
        types.ty(0, PTR, 0, 2, &[]);
    });
    with("a type that is not there", &|types| {
        let [data, member] = ["data", "a"].map(|name| types.name(name));
        types.ty(data, STRUCT, 1, 64, &[member, 0x7fff_ffff, 0]);
    });
    with("anonymous structs, each with two of the next", &|types| {
        data(types, "");
        for next in 3..60 {
            types.ty(0, STRUCT, 2, 64, &[0, next, 0, 0, next, 0]);
        }
        types.ty(0, STRUCT, 0, 64, &[]);
    });
    with("names outside of the names", &|types| {
        let name = types.name("data");
        types.ty(name, STRUCT, 2, 64, &[0x7fff_ffff, 1, 0, 0xffff_ffff, 1, 0]);
    });
    with("a hundred thousand qualifiers", &|types| {
        data(types, "a");
        for next in 3..100_000 {
            types.ty(0, CONST, 0, next, &[]);
        }
        types.ty(0, INT, 0, 4, &[32]);
    });
    all
}

/// However types refer to each other, deciding about them ends soon.
#[test]
fn types_that_refer_to_themselves_end_in_an_error_or_an_answer() {
    let directory = tempfile::tempdir().unwrap();
    let object = object(directory.path());
    for (what, types) in circles() {
        let read = read(
            &file(directory.path(), "circle", &types.blob()),
            Some(&object),
        );
        assert!(read.text.contains("PROGRAM"), "{what}: {}", read.text);
        assert!(read.peak_mib < 200, "{what}: {} MiB", read.peak_mib);
    }
}

/// The largest blob that is read, of all that costs most: types without end, names without end,
/// members of one struct, candidates for one root.
#[test]
fn the_largest_blobs_take_bounded_time_and_memory() {
    const MOST: usize = 64 << 20;
    let directory = tempfile::tempdir().unwrap();
    let object = object(directory.path());
    let mut all: Vec<(&str, Vec<u8>)> = Vec::new();

    let mut types = Assembler::new();
    types.types = [0, PTR << 24, 0]
        .iter()
        .flat_map(|word: &u32| word.to_ne_bytes())
        .collect();
    types.types = types.types.repeat(MOST / 12 - 10);
    all.push(("pointers", types.blob()));

    let mut types = Assembler::new();
    let [data, a] = ["data", "a"].map(|name| types.name(name));
    types.ty(0, INT, 0, 4, &[1 << 24 | 32]);
    let int = types.types.clone();
    types.types.clear();
    types.ty(data, STRUCT, 1, 64, &[a, 1, 0]);
    types.types = types.types.repeat(MOST / 24 - 10);
    types.types.splice(0..0, int);
    all.push(("candidates", types.blob()));

    let mut types = Assembler::new();
    let data = types.name("data");
    let members = [0, 2, 0].repeat(0xffff);
    types.ty(data, STRUCT, 0xffff, 64, &members);
    let inner = types.ty(0, STRUCT, 0xffff, 64, &[0, 3, 0].repeat(0xffff));
    assert_eq!(inner, 2);
    types.ty(0, STRUCT, 0xffff, 64, &[0, 3, 0].repeat(0xffff));
    all.push(("members", types.blob()));

    let mut types = Assembler::new();
    let mut names = String::new();
    for n in 0..2_000_000_u32 {
        let at = names.len() + 1;
        write!(names, "dat{n:x}\0").unwrap();
        types.ty(u32::try_from(at).unwrap(), STRUCT, 0, 4, &[]);
    }
    types.names.extend(names.bytes());
    all.push(("names that are near", types.blob()));

    // A name without an end, in front of which the names of all types and members begin.
    let mut types = Assembler::new();
    let data = types.name("data");
    let endless = types.name(&format!("data{}", "a".repeat(MOST / 2)));
    types.ty(data, STRUCT, 0xffff, 64, &[endless, 0, 0].repeat(0xffff));
    types.ty(endless, STRUCT, 0, 64, &[]);
    let other = types.types.split_off(types.types.len() - 12);
    types.types.extend(other.repeat(1_000_000));
    all.push(("names without an end", types.blob()));

    // Many blobs, one after the other.
    let mut empty = Assembler::new().blob();
    empty.resize(empty.len().next_multiple_of(4), 0);
    all.push(("blobs", empty.repeat(MOST / empty.len())));

    for (what, blob) in all {
        let path = file(directory.path(), "large", &blob);
        drop(blob);
        let read = read(&path, Some(&object));
        assert!(read.peak_mib < 200, "{what}: {} MiB", read.peak_mib);
    }
    let path = directory.path().join("too_large");
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .write_all_at(&Assembler::new().blob(), 0)
        .unwrap();
    let read = read(&path, Some(&object));
    assert!(read.peak_mib < 200, "{} MiB", read.peak_mib);
}

/// What libbpf is given for an application's types: a header, types and names of our own writing,
/// one right after the other, and nothing that the application wrote beyond what was asked for.
#[test]
fn only_newly_encoded_types_reach_libbpf() {
    let honest = app::btf(HONEST).unwrap();
    let blob = Btf::parse(&honest).unwrap();
    let (types, names) = (blob.type_bytes(), blob.string_bytes());
    // A longer header, a gap, names before types, bytes that nothing refers to.
    let marker = b"never libbpf's";
    let header = 24 + 40;
    let names_at = marker.len().next_multiple_of(4);
    let types_at = (names_at + names.len() + marker.len()).next_multiple_of(4);
    let mut hostile = 0xeb9f_u16.to_ne_bytes().to_vec();
    hostile.extend([1, 0]);
    for word in [header, types_at, types.len(), names_at, names.len()] {
        hostile.extend(u32::try_from(word).unwrap().to_ne_bytes());
    }
    hostile.extend(marker.iter().cycle().take(40));
    let at = |part: usize| header + part;
    for (start, part) in [
        (at(0), &marker[..]),
        (at(names_at), names),
        (at(types_at), types),
    ] {
        hostile.resize(hostile.len().max(start), b'!');
        hostile.splice(
            start..hostile.len().min(start + part.len()),
            part.iter().copied(),
        );
        hostile.extend(marker);
    }
    let hostile = Btf::parse(&hostile).unwrap();
    let object = clang::bpf_object(PROGRAM).unwrap();
    let object = BpfObject::parse(&object).unwrap();
    let merged = |app: Btf<'_>| {
        let sources = Sources {
            app: &[app],
            kernel: &[],
        };
        targeted(&object, &sources).unwrap()
    };
    let merged_hostile = merged(hostile);
    assert_eq!(merged_hostile, merged(blob));
    let (parsed, len) = Btf::parse_prefix(&merged_hostile).unwrap();
    assert_eq!(len, merged_hostile.len());
    assert_eq!(
        len,
        24 + parsed.type_bytes().len() + parsed.string_bytes().len()
    );
    assert!(
        !merged_hostile
            .windows(marker.len())
            .any(|window| window == marker)
    );
    assert!(
        !parsed
            .string_bytes()
            .windows(3)
            .any(|window| window == b"new")
    );
}
