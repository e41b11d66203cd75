use super::*;
use crate::model::{CompositeKind, IntEncoding, NameOffset, Param};
use crate::object::{APP_MARK, APP_TAG};
use crate::read::{Btf, Endian};
use crate::testing::Types;
use crate::{Error, Type, TypeId};

impl Types {
    fn print_with(
        &self,
        options: impl for<'a> Fn(Header<'a, 'a>) -> Header<'a, 'a>,
    ) -> crate::Result<String> {
        let blob = self.0.encode(Endian::Little).unwrap();
        let btf = Btf::parse(&blob).unwrap();
        options(Header::new(&btf).preserve_access_index(false)).print()
    }

    /// The header without its first line and without the empty ones.
    fn print(&self) -> String {
        lines(&self.print_with(|header| header).unwrap())
    }
}

fn lines(header: &str) -> String {
    header
        .lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// A type is printed after those it needs whole, and behind pointers a declaration is enough.
#[test]
fn definitions_stand_in_the_order_c_needs() {
    let mut t = Types::default();
    // struct outer { struct inner i; struct other *o; }; before both of the others.
    let (inner, other, pointer) = (TypeId(2), TypeId(3), TypeId(4));
    t.structure("outer", 16, &[("i", inner, 0, 0), ("o", pointer, 64, 0)]);
    t.structure("inner", 8, &[("next", TypeId(5), 0, 0)]);
    t.structure("other", 0, &[]);
    t.push(Type::Ptr(other));
    t.push(Type::Ptr(inner));
    assert_eq!(
        t.print(),
        "struct inner;\n\
         struct inner {\n\
         \tstruct inner *next;\n\
         };\n\
         struct other;\n\
         struct outer {\n\
         \tstruct inner i;\n\
         \tstruct other *o;\n\
         };\n\
         struct other {\n\
         };\n"
    );
}

/// Roots bring along what they refer to, and nothing else.
#[test]
fn roots_are_printed_with_what_they_need() {
    let mut t = Types::default();
    let int = t.int("int", 4);
    let far = t.structure("far", 4, &[("x", int, 0, 0)]);
    let pointer = t.push(Type::Ptr(far));
    let root = t.structure("root", 8, &[("far", pointer, 0, 0)]);
    t.structure("stranger", 4, &[("x", int, 0, 0)]);
    let header = t.print_with(|h| h.roots([root])).unwrap();
    assert_eq!(
        lines(&header),
        "struct far;\n\
         struct root {\n\
         \tstruct far *far;\n\
         };\n\
         struct far {\n\
         \tint x;\n\
         };\n"
    );
}

/// Every kind of declarator, as C writes it inside out.
#[test]
fn declarators_bind_as_in_c() {
    let mut t = Types::default();
    let int = t.int("int", 4);
    let matrix = t.array(int, 3);
    let matrix = t.array(matrix, 2);
    let to_matrix = t.push(Type::Ptr(matrix));
    let name = t.0.intern("ignored").unwrap();
    let ellipsis = Param {
        name: NameOffset::ANONYMOUS,
        ty: TypeId::VOID,
    };
    let function = t.push(Type::FuncProto {
        returns: to_matrix,
        params: vec![Param { name, ty: int }, ellipsis],
    });
    let to_function = t.push(Type::Ptr(function));
    let table = t.array(to_function, 4);
    let constant = t.push(Type::Const(int));
    let constants = t.array(constant, 2);
    let constants = t.push(Type::Const(constants));
    let volatile = t.push(Type::Volatile(constant));
    let pointer = t.push(Type::Ptr(volatile));
    let pointer = t.push(Type::Const(pointer));
    let nothing = t.push(Type::FuncProto {
        returns: TypeId::VOID,
        params: vec![],
    });
    for (name, ty) in [
        ("a", matrix),
        ("b", to_matrix),
        ("c", table),
        ("d", constants),
        ("e", pointer),
        ("f", nothing),
    ] {
        t.typedef(name, ty);
    }
    assert_eq!(
        t.print(),
        "typedef int a[2][3];\n\
         typedef int (*b)[2][3];\n\
         typedef int (*(*c[4])(int, ...))[2][3];\n\
         typedef const int d[2];\n\
         typedef const volatile int *const e;\n\
         typedef void f(void);\n"
    );
}

/// Packed, over-aligned and padded structs say so.
#[test]
fn layouts_that_c_would_not_choose_are_forced() {
    let mut t = Types::default();
    let (char, int, long) = (t.int("char", 1), t.int("int", 4), t.int("long", 8));
    t.structure("packed", 5, &[("c", char, 0, 0), ("i", int, 8, 0)]);
    t.structure("aligned", 16, &[("i", int, 0, 0)]);
    t.structure("gap", 24, &[("c", char, 0, 0), ("l", long, 128, 0)]);
    t.structure("natural", 16, &[("c", char, 0, 0), ("l", long, 64, 0)]);
    let pair = t.structure("pair", 8, &[("a", int, 0, 0), ("b", int, 32, 0)]);
    t.structure(
        "off",
        12,
        &[("c", char, 0, 0), ("p", pair, 8, 0), ("s", char, 80, 0)],
    );
    t.composite(CompositeKind::Union, "wide", 12, &[("c", int, 0, 0)]);
    t.composite(CompositeKind::Union, "line", 64, &[("c", int, 0, 0)]);
    t.structure("far", 8196, &[("c", char, 0, 0), ("i", int, 65536, 0)]);
    assert_eq!(
        t.print(),
        "struct packed {\n\
         \tchar c;\n\
         \tint i;\n\
         } __attribute__((packed));\n\
         struct aligned {\n\
         \tint i;\n\
         \tlong long : 32;\n\
         \tlong long : 64;\n\
         };\n\
         struct gap {\n\
         \tchar c;\n\
         \tlong long : 56;\n\
         \tlong long : 64;\n\
         \tlong l;\n\
         };\n\
         struct natural {\n\
         \tchar c;\n\
         \tlong l;\n\
         };\n\
         struct pair {\n\
         \tint a;\n\
         \tint b;\n\
         };\n\
         struct off {\n\
         \tchar c;\n\
         \tstruct pair p __attribute__((packed));\n\
         \tlong long : 8;\n\
         \tchar s;\n\
         \tlong long : 8;\n\
         };\n\
         union wide {\n\
         \tint c;\n\
         \tstruct {\n\
         \t\tlong long : 64;\n\
         \t\tlong long : 32;\n\
         \t} __attribute__((packed));\n\
         };\n\
         union line {\n\
         \tint c;\n\
         } __attribute__((aligned(64)));\n\
         struct far {\n\
         \tchar c;\n\
         \tlong long : 56;\n\
         \tchar padding_at_8[8184];\n\
         \tint i;\n\
         };\n"
    );
}

/// Bitfields keep their bits: across units only when packed, with the gaps filled.
#[test]
fn bitfields_are_placed_bit_by_bit() {
    let mut t = Types::default();
    let int = t.int("int", 4);
    t.structure(
        "plain",
        8,
        &[("a", int, 0, 3), ("b", int, 3, 29), ("c", int, 36, 2)],
    );
    t.structure("straddling", 8, &[("a", int, 0, 30), ("b", int, 30, 5)]);
    let old = t.0.intern("unsigned int").unwrap();
    let old = t.push(Type::Int {
        name: old,
        size_bytes: 4,
        encoding: IntEncoding::UNSIGNED,
        offset_bits: 4,
        bits: 2,
    });
    t.structure("old", 4, &[("a", int, 0, 0), ("b", old, 0, 0)]);
    t.structure("older", 4, &[("b", old, 0, 0)]);
    assert_eq!(
        t.print(),
        "struct plain {\n\
         \tint a : 3;\n\
         \tint b : 29;\n\
         \tlong long : 4;\n\
         \tint c : 2;\n\
         };\n\
         struct straddling {\n\
         \tint a : 30;\n\
         \tint b : 5;\n\
         \tlong long : 29;\n\
         } __attribute__((packed));\n\
         struct old {\n\
         \tunion {\n\
         \t\tint a;\n\
         \t\tstruct {\n\
         \t\t\tlong long : 4;\n\
         \t\t\tunsigned int b : 2;\n\
         \t\t} __attribute__((packed));\n\
         \t};\n\
         };\n\
         struct older {\n\
         \tlong long : 4;\n\
         \tunsigned int b : 2;\n\
         };\n"
    );
}

/// An enum gets an explicit type only when clang would choose another one.
#[test]
fn enums_have_their_size_and_sign() {
    let mut t = Types::default();
    t.enumeration("plain", 4, false, &[("A", 0), ("B", 0xffff_ffff)]);
    t.enumeration("negative", 4, true, &[("C", -1)]);
    t.enumeration("small", 1, false, &[("D", 255)]);
    t.enumeration("wide", 8, false, &[("E", -1)]);
    t.enumeration("lowest", 8, true, &[("F", i64::MIN)]);
    t.enumeration("narrow64", 8, true, &[("G", 1)]);
    t.enumeration("forward", 4, false, &[]);
    t.enumeration("", 4, false, &[("H", 7)]);
    assert_eq!(
        t.print(),
        "enum plain {\n\tA = 0,\n\tB = 4294967295,\n};\n\
         enum negative {\n\tC = -1,\n};\n\
         enum small : unsigned char {\n\tD = 255,\n};\n\
         enum wide {\n\tE = 18446744073709551615ULL,\n};\n\
         enum lowest {\n\tF = (-9223372036854775807 - 1),\n};\n\
         enum narrow64 : long long {\n\tG = 1,\n};\n\
         enum forward : unsigned int;\n\
         enum {\n\tH = 7,\n};\n"
    );
}

/// Tags, ordinary names and keywords each live in their own space; what clashes gets a flavor.
#[test]
fn clashing_names_get_flavors() {
    let mut t = Types::default();
    let int = t.int("int", 4);
    let name = t.0.intern("x").unwrap();
    let fwd = t.push(Type::Fwd {
        name,
        kind: CompositeKind::Struct,
    });
    let pointer = t.push(Type::Ptr(fwd));
    t.structure("user", 8, &[("register", pointer, 0, 0)]);
    t.structure("x", 4, &[("a", int, 0, 0)]);
    t.structure("x", 4, &[("b", int, 0, 0)]);
    t.enumeration("x", 4, false, &[("y", 0)]);
    t.typedef("x", int);
    t.typedef("y", int);
    t.structure("Vec<u8>", 4, &[("0", int, 0, 0)]);
    assert_eq!(
        t.print(),
        "struct x;\n\
         struct user {\n\tstruct x *register_;\n};\n\
         struct x {\n\tint a;\n};\n\
         struct x___2 {\n\tint b;\n};\n\
         enum x___3 {\n\ty = 0,\n};\n\
         typedef int x;\n\
         typedef int y___2;\n\
         struct Vec_u8_ {\n\tint _0;\n};\n"
    );
}

/// A header that is included after another one shares no name with it.
#[test]
fn beside_another_header_names_are_kept_apart() {
    let mut kernel = Types::default();
    let int = kernel.int("int", 4);
    kernel.structure("file", 4, &[("f", int, 0, 0)]);
    kernel.typedef("u32", int);
    kernel.enumeration("state", 4, false, &[("IDLE", 0)]);
    let kernel = kernel.0.encode(Endian::Little).unwrap();
    let kernel = Btf::parse(&kernel).unwrap();

    let mut t = Types::default();
    let long = t.int("long", 8);
    let u32 = t.typedef("u32", long);
    t.structure("file", 8, &[("pos", u32, 0, 0)]);
    t.enumeration("mode", 4, false, &[("IDLE", 3)]);
    let blob = t.0.encode(Endian::Little).unwrap();
    let btf = Btf::parse(&blob).unwrap();
    let header = Header::new(&btf)
        .preserve_access_index(false)
        .beside(&kernel, "app")
        .print()
        .unwrap();
    assert_eq!(
        lines(&header),
        "struct file___app {\n\tlong pos;\n};\n\
         enum mode {\n\tIDLE___app = 3,\n};\n"
    );
}

/// A split blob's types come with what they need of its base, behind pointers only its name.
#[test]
fn a_split_blob_is_printed_with_what_it_needs_of_its_base() {
    let mut base = Types::default();
    let int = base.int("int", 4);
    let needed = base.structure("needed", 4, &[("x", int, 0, 0)]);
    let far = base.structure("far", 4, &[("x", int, 0, 0)]);
    base.structure("stranger", 4, &[("x", int, 0, 0)]);
    let base_blob = base.0.encode(Endian::Little).unwrap();
    let base_btf = Btf::parse(&base_blob).unwrap();

    // The same types again with two more, cut off behind the names and types of the base.
    let mut whole = Types::default();
    whole.0.extend(&base.0).unwrap();
    let pointer = whole.push(Type::Ptr(far));
    whole.structure("module", 16, &[("n", needed, 0, 0), ("f", pointer, 64, 0)]);
    let blob = whole.0.encode(Endian::Little).unwrap();
    let whole = Btf::parse(&blob).unwrap();
    let types = &whole.type_bytes()[base_btf.type_bytes().len()..];
    let strings = &whole.string_bytes()[base_btf.string_bytes().len()..];
    let mut split = blob[..24].to_vec();
    for (at, value) in [(12, types.len()), (16, types.len()), (20, strings.len())] {
        split[at..at + 4].copy_from_slice(&u32::try_from(value).unwrap().to_le_bytes());
    }
    split.extend(types);
    split.extend(strings);
    let split = Btf::parse_split(&split, &base_btf).unwrap();
    let header = Header::new(&split)
        .preserve_access_index(false)
        .print()
        .unwrap();
    assert_eq!(
        lines(&header),
        "struct needed {\n\tint x;\n};\n\
         struct far;\n\
         struct module {\n\tstruct needed n;\n\tstruct far *f;\n};\n"
    );
}

/// The provenance mark: a tag on structs and unions, an enumerator in enums.
#[test]
fn composites_are_tagged_and_enums_marked() {
    let mut t = Types::default();
    let int = t.int("int", 4);
    t.structure("s", 4, &[("x", int, 0, 0)]);
    t.enumeration("e", 4, false, &[("A", 5)]);
    let header = t.print_with(|h| h.tag(APP_TAG).guard("X_H")).unwrap();
    assert_eq!(
        lines(&header),
        "#ifndef X_H\n#define X_H\n\
         struct s {\n\tint x;\n} __attribute__((btf_decl_tag(\"core:app\")));\n\
         enum e {\n\tA = 5,\n\tA___core_app = 5,\n};\n\
         #endif\n"
    );
    assert_eq!(enum_mark(APP_TAG), APP_MARK);

    // What is marked keeps the name that matches, whatever its flavor.
    t.enumeration("e", 4, false, &[("A", 6)]);
    let header = t.print_with(|h| h.tag(APP_TAG)).unwrap();
    assert!(
        header.contains("enum e___2 {\n\tA___2 = 6,\n\tA___core_app_2 = 6,\n};"),
        "{header}"
    );
}

/// Annotations of the BTF itself reach the header, with their text made harmless.
#[test]
fn annotations_are_printed() {
    let mut t = Types::default();
    let int = t.int("int", 4);
    let user = t.0.intern("user").unwrap();
    let tagged = t.push(Type::TypeTag {
        name: user,
        ty: int,
        attribute: false,
    });
    let pointer = t.push(Type::Ptr(tagged));
    let s = t.structure("s", 8, &[("p", pointer, 0, 0)]);
    for (text, component, attribute) in [
        ("\"\\\n", -1, false),
        ("member", 0, false),
        ("deprecated(\"x\"))) int evil", 0, true),
        ("aligned(8)", 0, true),
    ] {
        let name = t.0.intern(text).unwrap();
        t.push(Type::DeclTag {
            name,
            ty: s,
            component,
            attribute,
        });
    }
    assert_eq!(
        t.print(),
        "struct s {\n\
         \tint __attribute__((btf_type_tag(\"user\"))) *p \
         __attribute__((btf_decl_tag(\"member\"))) __attribute__((aligned(8)));\n\
         } __attribute__((btf_decl_tag(\"\\\"\\\\\\012\")));\n"
    );
}

/// What C has no type or no place for keeps its size and leaves the rest where it is.
#[test]
fn what_c_lacks_is_stood_in_for() {
    let mut t = Types::default();
    let char = t.int("char", 1);
    let name = t.0.intern("long double").unwrap();
    let float = t.push(Type::Float {
        name,
        size_bytes: 16,
    });
    let name = t.0.intern("gone").unwrap();
    let fwd = t.push(Type::Fwd {
        name,
        kind: CompositeKind::Struct,
    });
    let next = TypeId(t.0.next_id().unwrap().0 + 3);
    t.structure(
        "odd",
        32,
        &[
            ("f", float, 0, 0),
            ("gone", fwd, 128, 0),
            ("", char, 128, 0),
            ("p", TypeId(next.0 - 1), 192, 0),
        ],
    );
    t.array(TypeId(next.0 - 3), 2);
    t.push(Type::Ptr(TypeId(next.0 - 2)));
    assert_eq!(
        t.print(),
        "struct gone;\n\
         struct odd {\n\
         \tunsigned char f[16];\n\
         \tchar gone[0];\n\
         \tvoid *p;\n\
         };\n"
            .replace("\tvoid", "\tlong long : 64;\n\tvoid")
    );
}

/// A name may be empty without being the one at offset 0: an INT member of such a name was printed
/// as if it were a struct, with as many members as a number of something else says. Found by fuzzing.
#[test]
fn an_empty_name_is_none_wherever_it_is_in_the_strings() {
    let mut t = Types::default();
    let int = t.int("int", 4);
    t.structure("s", 8, &[("a", int, 0, 0), ("unnamed", int, 32, 0)]);
    t.structure("unnamed", 4, &[("b", int, 0, 0)]);
    let mut blob = t.0.encode(Endian::Little).unwrap();
    let name = blob.windows(8).position(|bytes| bytes == b"unnamed\0");
    blob[name.unwrap()] = 0;
    let btf = Btf::parse(&blob).unwrap();
    let header = Header::new(&btf).preserve_access_index(false).asserts(true);
    assert_eq!(
        lines(&header.print().unwrap()),
        "struct s {\n\
         \tint a;\n\
         \tlong long : 32;\n\
         };\n\
         _Static_assert(sizeof(struct s) == 8, \"\");\n\
         _Static_assert(__builtin_offsetof(struct s, a) == 0, \"\");\n"
    );
}

/// Each type of a long chain is looked at once, not once from each that comes before it, which would
/// take minutes.
#[test]
fn long_chains_of_typedefs_take_linear_time() {
    const LEN: u32 = 40_000;
    let mut t = Types::default();
    for n in 0..LEN {
        t.push(Type::Ptr(TypeId(2 * n)));
        t.typedef(&format!("t{n}"), TypeId(2 * n + 1));
    }
    let header = t.print_with(|h| h).unwrap();
    let typedefs = header.lines().filter(|line| line.starts_with("typedef "));
    assert_eq!(typedefs.count(), LEN as usize);
    assert!(header.contains("typedef t0 *t1;"));
}

/// Types that no C compiler would take are refused by name.
#[test]
fn impossible_types_are_errors() {
    let problem = |t: &Types| match t.print_with(|h| h) {
        Err(Error::Type { ty, problem }) => (ty.0, problem),
        other => panic!("{other:?}"),
    };

    let mut t = Types::default();
    t.structure("ouroboros", 4, &[("me", TypeId(1), 0, 0)]);
    assert_eq!(problem(&t), (1, "is part of its own definition"));

    let mut t = Types::default();
    t.structure("user", 4, &[("x", TypeId(2), 0, 0)]);
    t.structure("", 4, &[("", TypeId(2), 0, 0)]);
    assert_eq!(problem(&t), (2, "nests deeper than 100 levels"));

    let mut t = Types::default();
    t.structure("user", 8, &[("x", TypeId(2), 0, 0)]);
    t.push(Type::Ptr(TypeId(2)));
    assert_eq!(problem(&t), (2, "nests deeper than 100 levels"));

    // struct { struct *x; }, which has no name to say it with.
    let mut t = Types::default();
    t.structure("user", 8, &[("x", TypeId(2), 0, 0)]);
    t.structure("", 8, &[("x", TypeId(3), 0, 0)]);
    t.push(Type::Ptr(TypeId(2)));
    assert_eq!(problem(&t), (2, "is part of its own definition"));

    let mut t = Types::default();
    t.typedef("t", TypeId(1));
    assert_eq!(problem(&t), (1, "is part of its own definition"));

    let mut t = Types::default();
    t.structure("user", 8, &[("x", TypeId(2), 0, 0)]);
    t.array(TypeId(2), 2);
    assert_eq!(
        problem(&t),
        (2, "is an array of itself, or of too many others")
    );

    let mut t = Types::default();
    let char = t.int("char", 1);
    t.structure("outside", 1, &[("x", char, 8, 0)]);
    t.structure("narrow", 4, &[("x", char, 0, 9)]);
    assert_eq!(problem(&t).0, 2);

    let mut t = Types::default();
    let name = t.0.intern("old").unwrap();
    let old = t.push(Type::Int {
        name,
        size_bytes: 1,
        encoding: IntEncoding::UNSIGNED,
        offset_bits: 1,
        bits: 4,
    });
    t.structure("far", u32::MAX, &[("x", old, u32::MAX, 0)]);
    let outside = "has a member that C can't place: outside of it, or inside a byte";
    assert_eq!(problem(&t), (2, outside));

    // 2^60 members in a hundred types.
    let mut t = Types::default();
    for id in 2..102 {
        let two = [("a", TypeId(id), 0, 0), ("b", TypeId(id), 0, 0)];
        t.composite(
            CompositeKind::Union,
            if id == 2 { "bomb" } else { "" },
            0,
            &two,
        );
    }
    t.structure("", 0, &[]);
    assert_eq!(problem(&t).0, 101);

    // 2^60 parameters in a hundred types, of one function.
    let mut t = Types::default();
    let int = t.int("int", 4);
    for _ in 0..45 {
        let param = Param {
            name: NameOffset::ANONYMOUS,
            ty: TypeId(t.0.next_id().unwrap().0 + 1),
        };
        t.push(Type::FuncProto {
            returns: int,
            params: vec![param; 3],
        });
        t.push(Type::Ptr(TypeId(t.0.next_id().unwrap().0 + 1)));
    }
    t.push(Type::FuncProto {
        returns: int,
        params: Vec::new(),
    });
    t.typedef("bomb", TypeId(2));
    assert_eq!(
        problem(&t).1,
        "makes the header larger than 64 KiB and 24 times the BTF"
    );
}
