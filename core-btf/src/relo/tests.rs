//! Specs, matching and values on types made by hand, in what libbpf's own types never show: both
//! byte orders, 64-bit local enums, hostile shapes.

use crate::RelocationKind::{
    self, EnumvalValue, FieldByteOffset, FieldByteSize, FieldExists, FieldLshiftU64,
    FieldRshiftU64, FieldSigned, TypeExists, TypeMatches, TypeSize,
};
use crate::model::{CompositeKind, IntEncoding, Type, TypeId};
use crate::read::{Btf, Endian};
use crate::relo::matching::{Match, Stop, match_spec};
use crate::relo::spec::{Display, Spec};
use crate::relo::value::value;
use crate::testing::Types;

/// `struct s` with what a spec can meet; returns its id.
fn sample(t: &mut Types) -> TypeId {
    let int = t.int("int", 4);
    let wide = t.int_as("unsigned long", 8, IntEncoding::UNSIGNED);
    let byte = t.int_as("char", 1, IntEncoding(3));
    let grid = t.array(int, 3);
    let grid = t.array(grid, 2);
    let tail = t.array(byte, 0);
    let inner = t.composite(
        CompositeKind::Union,
        "",
        8,
        &[("x", int, 0, 0), ("y", wide, 0, 0)],
    );
    let outer = t.structure("", 16, &[("z", int, 0, 0), ("", inner, 64, 0)]);
    t.structure(
        "s",
        64,
        &[
            ("a", int, 0, 0),
            ("", outer, 64, 0),
            ("grid", grid, 192, 0),
            ("low", int, 384, 5),
            ("high", int, 389, 20),
            ("spread", wide, 409, 39),
            ("tail", tail, 448, 0),
        ],
    )
}

fn shown(access: &str) -> Result<String, &'static str> {
    let mut t = Types::default();
    let s = sample(&mut t);
    let blob = t.blob();
    let btf = Btf::parse(&blob).unwrap();
    let spec = Spec::parse(&btf, FieldByteOffset, s, access)?;
    let shown = Display {
        btf: &btf,
        spec: &spec,
    };
    Ok(shown.to_string())
}

/// Offsets and names along an access string, as libbpf prints them.
#[test]
fn access_strings_lead_to_members() {
    for (access, expected) in [
        ("0", "struct s (0 @ offset 0)"),
        ("0:0", "struct s.a (0:0 @ offset 0)"),
        ("2:0", "struct s[2].a (2:0 @ offset 128)"),
        ("0:1:0", "struct s.z (0:1:0 @ offset 8)"),
        ("0:1:1:1", "struct s.y (0:1:1:1 @ offset 16)"),
        ("0:2:1:2", "struct s.grid[1][2] (0:2:1:2 @ offset 44)"),
        ("0:4", "struct s.high (0:4 @ offset 48.5)"),
        ("0:6:9", "struct s.tail[9] (0:6:9 @ offset 65)"),
    ] {
        assert_eq!(shown(access).as_deref(), Ok(expected));
    }
}

/// What no compiler writes is refused as libbpf refuses it.
#[test]
fn malformed_access_strings_are_refused() {
    let number = Err("the access string is not a list of numbers");
    for access in [
        "",
        ":",
        "0:",
        ":0",
        "0::1",
        "-1",
        "0:-1",
        "+1",
        " 0",
        "0x0",
        "99999999999",
    ] {
        assert_eq!(shown(access), number, "{access:?}");
    }
    assert_eq!(shown("0:7"), Err("the access string names no member"));
    assert_eq!(
        shown("0:0:0"),
        Err("the access string goes into a type without members")
    );
    assert_eq!(
        shown("0:2:2"),
        Err("the access string goes beyond an array")
    );
    let deep = vec!["0"; 65].join(":");
    assert_eq!(
        shown(&deep),
        Err("the access string has more than 64 steps")
    );
}

/// Values of one member: offset, size, sign, shifts.
fn values(endian: Endian, access: &str) -> Vec<u64> {
    let mut t = Types::default();
    let s = sample(&mut t);
    let blob = t.encode(endian);
    let btf = Btf::parse(&blob).unwrap();
    [
        FieldByteOffset,
        FieldByteSize,
        FieldSigned,
        FieldLshiftU64,
        FieldRshiftU64,
    ]
    .into_iter()
    .filter_map(|kind| {
        let spec = Spec::parse(&btf, kind, s, access).unwrap();
        Some(value(&btf, &spec, kind, endian).ok()?.number)
    })
    .collect()
}

/// The storage unit of a bitfield grows until it holds all bits; shifts depend on the byte order.
#[test]
fn values_of_fields() {
    for (access, little, big) in [
        ("0:0", [0, 4, 1, 32, 32], [0, 4, 1, 32, 32]),
        ("0:1:1:1", [16, 8, 0, 0, 0], [16, 8, 0, 0, 0]),
        ("0:3", [48, 4, 1, 59, 59], [48, 4, 1, 32, 59]),
        ("0:4", [48, 4, 1, 39, 44], [48, 4, 1, 37, 44]),
        ("0:5", [48, 8, 0, 0, 25], [48, 8, 0, 25, 25]),
    ] {
        assert_eq!(values(Endian::Little, access), little, "{access}");
        assert_eq!(values(Endian::Big, access), big, "{access}");
    }
    // Elements have a place and a size only.
    assert_eq!(values(Endian::Little, "0:2:1"), [36, 12]);
}

/// A bitfield that no 64-bit unit holds, and one of a type of no size.
#[test]
fn impossible_bitfields_are_refused() {
    let mut t = Types::default();
    let wide = t.int("long", 8);
    let odd = t.int("odd", 3);
    let s = t.structure("s", 32, &[("a", wide, 60, 60), ("b", odd, 0, 3)]);
    let blob = t.blob();
    let btf = Btf::parse(&blob).unwrap();
    for (access, problem) in [
        ("0:0", "a bitfield needs more than a 64-bit read"),
        ("0:1", "a bitfield has a type of no integer size"),
    ] {
        let spec = Spec::parse(&btf, FieldByteOffset, s, access).unwrap();
        let value = value(&btf, &spec, FieldByteOffset, Endian::Little);
        assert_eq!(value, Err(problem));
    }
}

/// libbpf sign-extends 32-bit enumerators, whatever the enum says; 64-bit ones have all bits.
#[test]
fn values_of_enumerators() {
    for (size, signed, value_of, expected) in [
        (4, false, 7, 7),
        (4, true, -1, u64::MAX),
        (4, false, 0xffff_ffff, u64::MAX),
        (8, false, 0xffff_ffff, 0xffff_ffff),
        (8, true, -2, u64::MAX - 1),
        (8, false, i64::MIN, 1 << 63),
    ] {
        let mut t = Types::default();
        let e = t.enumeration("e", size, signed, &[("A", 1), ("B", value_of)]);
        let blob = t.blob();
        let btf = Btf::parse(&blob).unwrap();
        let spec = Spec::parse(&btf, EnumvalValue, e, "1").unwrap();
        let found = value(&btf, &spec, EnumvalValue, Endian::Little).unwrap();
        assert_eq!(found.number, expected, "{size} {signed} {value_of}");
    }
}

/// Asks two blobs of one root each.
fn ask(
    kind: RelocationKind,
    access: &str,
    local: impl FnOnce(&mut Types) -> TypeId,
    target: impl FnOnce(&mut Types) -> TypeId,
) -> Result<Result<u32, Stop>, &'static str> {
    let (mut l, mut t) = (Types::default(), Types::default());
    let (local, target) = (local(&mut l), target(&mut t));
    let (l, t) = (l.blob(), t.blob());
    let (l, t) = (Btf::parse(&l).unwrap(), Btf::parse(&t).unwrap());
    let spec = Spec::parse(&l, kind, local, access)?;
    Ok(match match_spec(&l, &spec, &t, target)? {
        Match::Yes(spec) => Ok(spec.offset_bits / 8),
        Match::No(_, stop) => Err(stop),
    })
}

/// Members are found by name through anonymous structs and unions, whatever encloses them.
#[test]
fn members_are_found_through_anonymous_ones() {
    let local = |t: &mut Types| {
        let int = t.int("int", 4);
        t.structure("s", 8, &[("a", int, 0, 0), ("x", int, 32, 0)])
    };
    let found = |access| ask(FieldExists, access, local, sample);
    assert_eq!(found("0:0"), Ok(Ok(0)));
    assert_eq!(found("0:1"), Ok(Ok(16)));
    let reverse = |access| ask(FieldExists, access, sample, local);
    assert_eq!(reverse("0:1:1:0"), Ok(Ok(4)));
    assert!(matches!(reverse("0:1:0"), Ok(Err(Stop::NoMember(_)))));
}

/// The first member of a name decides: what comes after it is not tried.
#[test]
fn the_first_member_of_a_name_decides() {
    let local = |t: &mut Types| {
        let int = t.int("int", 4);
        t.structure("s", 4, &[("a", int, 0, 0)])
    };
    let found = ask(FieldExists, "0:0", local, |t| {
        let int = t.int("int", 4);
        let pointer = t.push(Type::Ptr(int));
        t.structure("s", 16, &[("a", pointer, 0, 0), ("a", int, 64, 0)])
    });
    assert!(matches!(found, Ok(Err(Stop::OtherType { .. }))));
}

/// An index is checked against the target's array, unless that is flexible and last.
#[test]
fn array_bounds_are_the_targets() {
    let with = |len: u32, last: bool| {
        move |t: &mut Types| {
            let int = t.int("int", 4);
            let array = t.array(int, len);
            let mut members = vec![("a", array, 0, 0)];
            if !last {
                members.push(("b", int, 64, 0));
            }
            t.structure("s", 16, &members)
        }
    };
    let found = |target| ask(FieldExists, "0:0:3", with(4, true), target);
    assert_eq!(found(with(9, false)), Ok(Ok(12)));
    assert_eq!(found(with(0, true)), Ok(Ok(12)));
    assert!(matches!(found(with(3, true)), Ok(Err(Stop::NoElement(_)))));
    assert!(matches!(found(with(0, false)), Ok(Err(Stop::NoElement(_)))));
}

/// A type that contains itself, or nests without end, ends in an answer.
#[test]
fn hostile_types_end() {
    let local = |t: &mut Types| {
        let int = t.int("int", 4);
        t.structure("s", 4, &[("a", int, 0, 0)])
    };
    // An anonymous member of its own type, twice: 2^64 paths.
    let itself = |t: &mut Types| {
        let this = TypeId(1);
        t.structure("s", 4, &[("", this, 0, 0), ("", this, 0, 0)])
    };
    assert_eq!(
        ask(FieldExists, "0:0", local, itself),
        Err("the target nests deeper than 64 levels")
    );
    let typedef = |t: &mut Types| t.typedef("s", TypeId(1));
    assert_eq!(
        ask(FieldExists, "0:0", local, typedef),
        Err("a target type is broken")
    );
    let pointer = |t: &mut Types| {
        let p = t.push(Type::Ptr(TypeId(2)));
        t.typedef("p", p)
    };
    let endless = Err("types lead on to each other without end");
    assert_eq!(ask(TypeExists, "0", pointer, pointer), endless);
    // Functions that take functions that take functions: 2^32 pairs.
    let functions = |t: &mut Types| {
        let param = crate::model::Param {
            name: crate::NameOffset::ANONYMOUS,
            ty: TypeId(2),
        };
        let proto = t.push(Type::FuncProto {
            returns: TypeId::VOID,
            params: vec![param, param],
        });
        t.push(Type::Ptr(proto));
        t.typedef("f", TypeId(2))
    };
    assert_eq!(ask(TypeExists, "0", functions, functions), endless);
    assert_eq!(ask(TypeMatches, "0", functions, functions), endless);
    let array = |t: &mut Types| {
        let array = t.array(TypeId(1), 2);
        t.structure("s", 4, &[("a", array, 0, 0)])
    };
    assert!(ask(FieldExists, "0:0", array, array).is_err());
    assert!(ask(FieldExists, "0:0", local, |_| TypeId(77)).is_err());
}

/// Which natures of members are compatible; sizes and signs never count.
#[test]
fn natures_of_members() {
    /// Makes one type of a nature.
    type Make = fn(&mut Types) -> TypeId;
    let natures: [(&str, Make); 9] = [
        ("int", |t| t.int("int", 4)),
        ("long", |t| {
            t.int_as("unsigned long", 8, IntEncoding::UNSIGNED)
        }),
        ("pointer", |t| t.push(Type::Ptr(TypeId::VOID))),
        ("enum e", |t| t.enumeration("e", 4, false, &[])),
        ("enum f", |t| t.enumeration("f", 4, false, &[])),
        ("enum", |t| t.enumeration("", 8, true, &[])),
        ("struct", |t| t.structure("x", 4, &[])),
        ("union", |t| t.composite(CompositeKind::Union, "y", 8, &[])),
        ("array", |t| {
            let int = t.int("int", 4);
            t.array(int, 2)
        }),
    ];
    let compatible = |a: &str, b: &str| {
        let group = |n: &str| match n {
            "int" | "long" => 0,
            "pointer" => 1,
            "struct" | "union" => 2,
            "array" => 3,
            _ => 4,
        };
        group(a) == group(b) && !matches!((a, b), ("enum e", "enum f") | ("enum f", "enum e"))
    };
    for (a, local) in natures {
        for (b, target) in natures {
            let member = |make: Make| {
                move |t: &mut Types| {
                    let ty = make(t);
                    let ty = t.push(Type::Const(ty));
                    t.structure("s", 8, &[("a", ty, 0, 0)])
                }
            };
            let found = ask(FieldExists, "0:0", member(local), member(target)).unwrap();
            assert_eq!(found.is_ok(), compatible(a, b), "{a}, {b}");
        }
    }
}

/// A pointer is as long as `long` is.
#[test]
fn pointers_of_32_bit_programs_have_four_bytes() {
    for (long, size) in [(4, 4), (8, 8)] {
        let mut t = Types::default();
        t.int_as("long unsigned int", long, IntEncoding::UNSIGNED);
        let pointer = t.push(Type::Ptr(TypeId::VOID));
        let s = t.structure("s", 8, &[("p", pointer, 0, 0)]);
        let blob = t.blob();
        let btf = Btf::parse(&blob).unwrap();
        let spec = Spec::parse(&btf, FieldByteSize, s, "0:0").unwrap();
        let found = value(&btf, &spec, FieldByteSize, Endian::Little).unwrap();
        assert_eq!(found.number, size);
        assert_eq!(btf.pointer_bytes(), long);
    }
    let mut t = Types::default();
    let s = sample(&mut t);
    let blob = t.blob();
    let btf = Btf::parse(&blob).unwrap();
    let spec = Spec::parse(&btf, TypeSize, s, "0").unwrap();
    assert_eq!(
        value(&btf, &spec, TypeSize, Endian::Little).unwrap().number,
        64
    );
}
