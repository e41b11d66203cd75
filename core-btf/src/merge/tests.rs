use super::*;
use crate::RelocationKind::{self, FieldByteOffset, FieldExists, TypeSize};
use crate::error::Error;
use crate::model::{Kind, Type, TypeId};
use crate::object::BpfObject;
use crate::read::{Btf, Endian};
use crate::relo::{NotInVmlinux, Origin, Outcome, Sources, check};
use crate::testing::{Types, object};
use crate::write::BtfBuf;

/// `r1 = value`
const fn mov(value: u8) -> [u8; 8] {
    [0xb7, 1, 0, 0, value, 0, 0, 0]
}

/// One type of each kind, referring to each other in all ways.
fn every_kind() -> Types {
    use crate::model::{Param, SectionVar};
    let mut t = Types::default();
    let int = t.int("int", 4);
    let pointer = t.push(Type::Ptr(int));
    let array = t.array(pointer, 3);
    let s = t.structure("s", 32, &[("a", int, 0, 3), ("p", array, 64, 0)]);
    let union = crate::model::CompositeKind::Union;
    t.composite(union, "u", 4, &[("i", int, 0, 0)]);
    t.enumeration("e", 4, true, &[("A", -1), ("B", 5)]);
    t.enumeration("w", 8, false, &[("C", 1 << 40)]);
    t.typedef("s_t", s);
    let name = t.0.intern("fwd").unwrap();
    t.push(Type::Fwd { name, kind: union });
    for make in [Type::Volatile, Type::Const, Type::Restrict] {
        t.push(make(s));
    }
    let name = t.0.intern("arg").unwrap();
    let proto = t.push(Type::FuncProto {
        returns: int,
        params: vec![Param { name, ty: pointer }],
    });
    let name = t.0.intern("f").unwrap();
    t.push(Type::Func {
        name,
        proto,
        linkage: 1,
    });
    let name = t.0.intern("v").unwrap();
    let var = t.push(Type::Var {
        name,
        ty: s,
        linkage: 1,
    });
    let name = t.0.intern(".data").unwrap();
    t.push(Type::Datasec {
        name,
        size_bytes: 32,
        vars: vec![SectionVar {
            ty: var,
            offset_bytes: 0,
            size_bytes: 32,
        }],
    });
    let name = t.0.intern("double").unwrap();
    t.push(Type::Float {
        name,
        size_bytes: 8,
    });
    t.tag(s);
    let name = t.0.intern("user").unwrap();
    t.push(Type::TypeTag {
        name,
        ty: s,
        attribute: false,
    });
    t
}

/// The types with their names in words, ids shifted down by `by`.
fn spelled(btf: &Btf<'_>, skip: usize, by: u32) -> Vec<String> {
    let lower = |id: TypeId| TypeId(if id.is_void() { 0 } else { id.0 - by });
    btf.iter()
        .skip(skip)
        .map(|ty| {
            let mut owned = ty.to_type().unwrap();
            owned.for_each_ref_mut(|id| *id = lower(*id));
            let mut names = Vec::new();
            owned.for_each_name_mut(|name| {
                names.push(btf.name(*name).unwrap().to_owned());
                name.0 = 0;
            });
            format!("{owned:?} {names:?}")
        })
        .collect()
}

/// The base is not touched, and what is appended is what it was, for all kinds and byte orders.
#[test]
fn appended_types_are_what_they_were() {
    for endian in [Endian::Little, Endian::Big] {
        let mut base = every_kind();
        base.structure("more", 8, &[]);
        let (base, other) = (base.encode(endian), every_kind().encode(endian));
        let (b, o) = (Btf::parse(&base).unwrap(), Btf::parse(&other).unwrap());
        let merged = append(&b, &[&o, &o]).unwrap();
        let merged = Btf::parse(&merged).unwrap();
        assert_eq!(merged.len(), b.len() + 2 * o.len());
        assert!(merged.type_bytes().starts_with(b.type_bytes()));
        assert!(merged.string_bytes().starts_with(b.string_bytes()));
        let count = |n: usize| u32::try_from(n).unwrap();
        let original = spelled(&o, 0, 0);
        let first = &spelled(&merged, b.len(), count(b.len()))[..o.len()];
        assert_eq!(first, original);
        let second = spelled(&merged, b.len() + o.len(), count(b.len() + o.len()));
        assert_eq!(second, original);
        let kinds: std::collections::BTreeSet<_> = o.iter().map(|ty| ty.kind() as u8).collect();
        assert_eq!(kinds, (1..=19).collect());
    }
}

/// What cannot stand in one blob is refused.
#[test]
fn mixed_blobs_are_refused() {
    let (little, big) = (every_kind().blob(), every_kind().encode(Endian::Big));
    let (little, big) = (Btf::parse(&little).unwrap(), Btf::parse(&big).unwrap());
    assert_eq!(append(&little, &[&big]), Err(Error::Mixed("byte orders")));
    let blob = module();
    let base = vmlinux().blob();
    let base = Btf::parse(&base).unwrap();
    let split = Btf::parse_split(&blob, &base).unwrap();
    assert_eq!(append(&base, &[&split]), Err(Error::Mixed("bases")));
    assert_eq!(BtfBuf::from_btf(&split).unwrap_err(), Error::Mixed("bases"));
}

/// A kernel with `struct task { int pid; }`.
fn vmlinux() -> Types {
    let mut t = Types::default();
    let int = t.int("int", 4);
    t.structure("task", 16, &[("", TypeId(3), 0, 0)]);
    t.structure("", 16, &[("pid", int, 64, 0)]);
    t
}

/// A module on top of it: `struct dev { struct task t; }`, and a `struct task` of its own.
fn module() -> Vec<u8> {
    let base = vmlinux().blob();
    let base = Btf::parse(&base).unwrap();
    let mut words: Vec<u32> = Vec::new();
    // Names of its own go on after the base's.
    let start = u32::try_from(base.string_bytes().len()).unwrap();
    let (dev, t) = (start, start + 4);
    let name_of = |text: &str| {
        let all = base.string_bytes();
        let at = all.windows(text.len()).position(|w| w == text.as_bytes());
        u32::try_from(at.unwrap()).unwrap()
    };
    words.extend([dev, 4 << 24 | 1, 24, t, 2, 64]);
    words.extend([name_of("task\0"), 4 << 24 | 1, 4, name_of("pid\0"), 1, 0]);
    let types: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    let strings = b"dev\0t\0";
    let mut blob = vec![0x9f, 0xeb, 1, 0];
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
    for word in [24, 0, len(&types), len(&types), len(strings)] {
        blob.extend(word.to_le_bytes());
    }
    blob.extend(types);
    blob.extend(strings);
    blob
}

/// A split blob's ids and names go on from its base's.
#[test]
fn split_blobs_read_through_their_base() {
    let (base, blob) = (vmlinux().blob(), module());
    let base = Btf::parse(&base).unwrap();
    let split = Btf::parse_split(&blob, &base).unwrap();
    let ids: Vec<_> = split.ids().collect();
    assert_eq!(ids, [TypeId(4), TypeId(5)]);
    let names: Vec<_> = split.iter().map(|ty| ty.name().unwrap()).collect();
    assert_eq!(names, ["dev", "task"]);
    let dev = split.get(TypeId(4)).unwrap();
    let member = dev.members().next().unwrap();
    assert_eq!(split.name(member.name).unwrap(), "t");
    let task = split.get(member.ty).unwrap();
    assert_eq!((task.name().unwrap(), task.size_bytes()), ("task", 16));
    assert_eq!(
        split.get(TypeId(6)).unwrap_err().to_string(),
        "type [6] is not there, the last type is [5]"
    );
    assert!(Btf::parse(&blob).is_err());
    assert_eq!(
        Btf::parse_split(&blob, &split).unwrap_err(),
        Error::Mixed("bases")
    );
}

/// A BPF object that asks for members of untagged structs: name, member.
fn asks(asked: &[(&str, &str, RelocationKind)], tagged: bool) -> Vec<u8> {
    let mut t = Types::default();
    let int = t.int("int", 4);
    let mut relocations = Vec::new();
    for (n, &(name, member, kind)) in asked.iter().enumerate() {
        let root = t.structure(name, 4, &[(member, int, 0, 0)]);
        if tagged {
            t.tag(root);
        }
        let access = if kind.is_type() { "0" } else { "0:0" };
        relocations.push((0, n, root, access, kind));
    }
    let value = |kind: RelocationKind| match kind {
        FieldByteOffset => 0,
        TypeSize => 4,
        _ => 1,
    };
    let code: Vec<_> = asked.iter().map(|(.., kind)| mov(value(*kind))).collect();
    object(Endian::Little, t, &[("p", &code)], &relocations)
}

/// vmlinux is searched first, then all modules, then the application.
#[test]
fn untagged_roots_are_searched_in_order() {
    let (base, blob) = (vmlinux().blob(), module());
    let base = Btf::parse(&base).unwrap();
    let split = Btf::parse_split(&blob, &base).unwrap();
    let mut app = Types::default();
    let int = app.int("int", 4);
    for name in ["task", "dev", "mine"] {
        app.structure(name, 64, &[("pid", int, 256, 0), ("t", int, 288, 0)]);
    }
    let app = app.blob();
    let kernel = [base.clone(), split];
    let sources = Sources {
        app: &[Btf::parse(&app).unwrap()],
        kernel: &kernel,
    };
    let bytes = asks(
        &[
            ("task", "pid", FieldByteOffset),
            ("dev", "t", FieldExists),
            ("mine", "pid", FieldByteOffset),
        ],
        false,
    );
    let parsed = BpfObject::parse(&bytes).unwrap();
    let rows = check(&parsed, &sources).unwrap();
    let found: Vec<_> = rows.iter().map(|row| (row.origin, row.new)).collect();
    // The module's `dev.t` is a struct, so that the int asked for is not there.
    let expected = [
        (Some(Origin::Kernel), Some(8)),
        (Some(Origin::Module(1)), Some(0)),
        (Some(Origin::App(0)), Some(32)),
    ];
    assert_eq!(found, expected);
    let merged = targeted(&parsed, &sources).unwrap();
    let merged = Btf::parse(&merged).unwrap();
    let names = |kind| {
        let all = merged.iter().filter(move |ty| ty.kind() == kind);
        all.map(|ty| ty.name().unwrap()).collect::<Vec<_>>()
    };
    let mut structs = names(Kind::Struct);
    structs.sort_unstable();
    // Without a name: the struct inside `task`, and `task` as the type of `dev.t`, which is not
    // to be a second candidate.
    assert_eq!(structs, ["", "", "dev", "mine", "task"]);
}

/// Modules are opened for what vmlinux lacks only, and one that refers to what is not there, as one
/// of another vmlinux does, is told from one that has nothing to offer.
#[test]
fn modules_are_searched_for_what_vmlinux_lacks() {
    let (base, blob) = (vmlinux().blob(), module());
    let base = Btf::parse(&base).unwrap();
    let split = Btf::parse_split(&blob, &base).unwrap();
    let lacking = |name, tagged| asks(&[(name, "t", FieldExists)], tagged);
    for (name, tagged, empty) in [
        ("task", false, true),
        ("dev", false, false),
        ("dev", true, true),
        ("mine", false, false),
    ] {
        let bytes = lacking(name, tagged);
        let object = BpfObject::parse(&bytes).unwrap();
        let lacking = NotInVmlinux::find(&object, &base);
        assert_eq!(lacking.is_empty(), empty, "{name}");
        let found = lacking.has_candidate(&split).unwrap();
        assert_eq!(found, name == "dev" && !tagged, "{name}");
    }
    // Split from a vmlinux of fewer types and names.
    let mut other = Types::default();
    other.int("int", 4);
    let other = other.blob();
    let other = Btf::parse(&other).unwrap();
    let bytes = lacking("dev", false);
    let object = BpfObject::parse(&bytes).unwrap();
    for (at, damaged) in damaged_members(&blob) {
        let split = Btf::parse_split(&damaged, &base).unwrap();
        let lacking = NotInVmlinux::find(&object, &base);
        assert!(lacking.has_candidate(&split).is_err(), "byte {at}");
    }
    let split = Btf::parse_split(&blob, &other).unwrap();
    let lacking = NotInVmlinux::find(&object, &other);
    assert!(!matches!(lacking.has_candidate(&split), Ok(true)));
}

/// The module with a high bit set in the type and in the name of the only member of `dev`.
fn damaged_members(blob: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    const MEMBER: usize = 24 + 12;
    [MEMBER + 3, MEMBER + 7].into_iter().map(|at| {
        let mut damaged = blob.to_vec();
        damaged[at] |= 0x10;
        (at, damaged)
    })
}

/// Only what is looked at is kept; nothing is kept twice, and the same input gives the same bytes.
#[test]
fn targeted_merges_are_minimal() {
    let app = every_kind().blob();
    let sources = Sources {
        app: &[Btf::parse(&app).unwrap()],
        kernel: &[],
    };
    let bytes = asks(&[("s", "a", FieldByteOffset), ("s", "a", TypeSize)], true);
    let parsed = BpfObject::parse(&bytes).unwrap();
    let merged = targeted(&parsed, &sources).unwrap();
    assert_eq!(targeted(&parsed, &sources).unwrap(), merged);
    let merged = Btf::parse(&merged).unwrap();
    let kinds: Vec<_> = merged.iter().map(|ty| ty.kind()).collect();
    assert_eq!(kinds, [Kind::Struct, Kind::Int]);
    let s = merged.get(TypeId(1)).unwrap();
    let member = s.members().next().unwrap();
    assert_eq!((s.size_bytes(), s.vlen(), member.bitfield_bits), (32, 1, 3));
    // Nothing that is asked for is there: still a blob that libbpf takes.
    let bytes = asks(&[("absent", "a", FieldByteOffset)], true);
    let merged = targeted(&BpfObject::parse(&bytes).unwrap(), &sources).unwrap();
    assert_eq!(Btf::parse(&merged).unwrap().len(), 1);
}

/// An array without length stays flexible only if it stays last.
#[test]
fn a_zero_length_array_in_the_middle_does_not_become_flexible() {
    let mut local = Types::default();
    let int = local.int("int", 4);
    let array = local.array(int, 9);
    let root = local.structure("s", 36, &[("a", array, 0, 0)]);
    local.tag(root);
    let asked = [(0, 0, root, "0:0:3", FieldExists)];
    let bytes = object(Endian::Little, local, &[("p", &[mov(1)])], &asked);
    let parsed = BpfObject::parse(&bytes).unwrap();
    for (last, exists) in [(true, 1), (false, 0)] {
        let mut app = Types::default();
        let int = app.int("int", 4);
        let array = app.array(int, 0);
        let mut members = vec![("x", int, 0, 0), ("a", array, 32, 0)];
        if !last {
            members.push(("y", int, 32, 0));
        }
        app.structure("s", 8, &members);
        let app = app.blob();
        let sources = Sources {
            app: &[Btf::parse(&app).unwrap()],
            kernel: &[],
        };
        assert_eq!(check(&parsed, &sources).unwrap()[0].new, Some(exists));
        let merged = targeted(&parsed, &sources).unwrap();
        let again = Sources {
            app: &[Btf::parse(&merged).unwrap()],
            kernel: &[],
        };
        assert_eq!(check(&parsed, &again).unwrap()[0].new, Some(exists));
    }
}

/// A 32-bit application's pointers keep their size, and cannot share a blob with a 64-bit kernel's.
#[test]
fn pointer_sizes_are_kept_apart() {
    let with_long = |size: u32, name: &str| {
        let mut t = Types::default();
        t.int("long", size);
        let int = t.int("int", 4);
        t.structure(name, 8, &[("a", int, 0, 0)]);
        t.blob()
    };
    let (app, kernel) = (with_long(4, "mine"), with_long(8, "task"));
    let sources = Sources {
        app: &[Btf::parse(&app).unwrap()],
        kernel: &[Btf::parse(&kernel).unwrap()],
    };
    let bytes = asks(&[("mine", "a", FieldByteOffset)], true);
    let merged = targeted(&BpfObject::parse(&bytes).unwrap(), &sources).unwrap();
    assert_eq!(Btf::parse(&merged).unwrap().pointer_bytes(), 4);
    let both = asks(
        &[
            ("mine", "a", FieldByteOffset),
            ("task", "a", FieldByteOffset),
        ],
        false,
    );
    let both = BpfObject::parse(&both).unwrap();
    assert_eq!(
        targeted(&both, &sources),
        Err(Error::Mixed("pointer sizes"))
    );
}

/// An application's BTF is untrusted: it may lie in any byte.
#[test]
fn damaged_targets_do_not_panic() {
    let app = every_kind().blob();
    let mut local = every_kind();
    let root = TypeId(4);
    let asked = [
        (0, 0, root, "0:0", FieldByteOffset),
        (0, 0, root, "0:1:2", FieldByteOffset),
        (0, 0, root, "0", TypeSize),
        (0, 0, root, "0", RelocationKind::TypeMatches),
        (0, 0, TypeId(8), "0", RelocationKind::TypeExists),
        (0, 0, TypeId(6), "1", RelocationKind::EnumvalValue),
    ];
    local.tag(TypeId(8));
    let bytes = object(Endian::Little, local, &[("p", &[mov(0)])], &asked);
    let parsed = BpfObject::parse(&bytes).unwrap();
    let mut refused = 0;
    for at in 0..app.len() {
        for bit in 0..8 {
            let mut damaged = app.clone();
            damaged[at] ^= 1 << bit;
            let Ok(btf) = Btf::parse(&damaged) else {
                continue;
            };
            let sources = Sources {
                app: &[btf],
                kernel: &[],
            };
            let rows = check(&parsed, &sources).unwrap();
            refused += usize::from(rows.iter().any(|row| row.outcome != Outcome::Ok));
            if let Ok(merged) = targeted(&parsed, &sources) {
                assert!(Btf::parse(&merged).is_ok());
            }
        }
    }
    assert!(refused > 100, "{refused}");
}
