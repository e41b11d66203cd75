//! The fixture that has every construct of C.

use std::path::{Path, PathBuf};

use core_btf::read::Endian;
use core_btf::{BtfBuf, Type};

use crate::oracle::{Workspace, extraction, ours, pahole};
use crate::truth;
use tests::layout::{differences, layouts, typedef_layouts};

const COMPILERS: [&str; 2] = ["gcc", "clang"];
const VERSIONS: [&str; 2] = ["-gdwarf-4", "-gdwarf-5"];

/// Types that C code outside a function cannot name.
const UNNAMEABLE: [&str; 4] = [
    "inside",
    "complex_float",
    "complex_double",
    "complex_long_double",
];

pub(crate) fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/extraction/types.c")
}

/// The compiler is the judge of sizes, offsets, signs and bits.
#[test]
fn what_the_compiler_says() {
    let work = Workspace::new();
    for compiler in COMPILERS {
        for version in VERSIONS {
            for level in ["-O0", "-O3"] {
                let command = [compiler, version, level];
                let object = work.compile(&command, &source(), "types.o");
                let found = extraction(&object);
                let checks = truth::check(&work, &[compiler], &source(), &found, &UNNAMEABLE);
                assert!(checks > 300, "{command:?}: only {checks} checks");
            }
        }
    }
}

/// Both byte orders and sizes of pointers, `char` without a sign, `double` aligned to 4 bytes.
#[test]
fn what_the_compiler_says_of_other_machines() {
    let work = Workspace::new();
    for (target, endian, pointer_bytes) in [
        ("aarch64-linux-gnu", Endian::Little, 8),
        ("aarch64_be-linux-gnu", Endian::Big, 8),
        ("armv7-linux-gnueabihf", Endian::Little, 4),
        ("i386-linux-gnu", Endian::Little, 4),
        ("mips-linux-gnu", Endian::Big, 4),
        ("powerpc-linux-gnu", Endian::Big, 4),
        ("powerpc64-linux-gnu", Endian::Big, 8),
        ("riscv64-linux-gnu", Endian::Little, 8),
        ("s390x-linux-gnu", Endian::Big, 8),
        ("x86_64-linux-gnux32", Endian::Little, 4),
    ] {
        let target_flag = format!("--target={target}");
        let compiler = ["clang", &target_flag, "-ffreestanding"];
        for version in ["-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5"] {
            let command = [&compiler[..], &[version]].concat();
            let object = work.compile(&command, &source(), "types.o");
            let found = extraction(&object);
            assert_eq!(
                (found.endian, found.pointer_bytes),
                (endian, pointer_bytes),
                "{target}"
            );
            let checks = truth::check(&work, &compiler, &source(), &found, &UNNAMEABLE);
            assert!(checks > 300, "{command:?}: only {checks} checks");
        }
    }
}

/// pahole 1.24 gives up on complex numbers and `_Atomic`, which the fixture leaves out for it, and
/// makes one dimension of several, which the comparison does too.
#[test]
fn same_layouts_as_pahole() {
    let work = Workspace::new();
    for compiler in COMPILERS {
        for version in VERSIONS {
            for level in ["-O0", "-O2", "-O3"] {
                let command = [compiler, version, level, "-DFOR_PAHOLE"];
                let object = work.compile(&command, &source(), "types.o");
                let (ours, theirs) = (ours(&object), pahole(&object));
                assert!(layouts(&ours).len() > 30, "{command:?}");
                let found = differences(&layouts(&ours), &layouts(&theirs));
                assert!(found.is_empty(), "{command:?}: {found:#?}");
                let found = differences(&typedef_layouts(&ours), &typedef_layouts(&theirs));
                assert!(found.is_empty(), "{command:?}: {found:#?}");
            }
        }
    }
}

/// gcc 12 loses enumerators above 2^31, makes FLOATs of 32 bytes of complex numbers, and `void` of
/// vectors.
#[test]
fn same_layouts_as_gcc() {
    const FAULTY: [&str; 9] = [
        "enum large_unsigned",
        "enum wide",
        "enum wide_negative",
        "struct complexes",
        "struct complex_float",
        "struct complex_double",
        "struct complex_long_double",
        "struct vectors",
        "typedef vec4",
    ];
    let work = Workspace::new();
    let object = work.compile(&["gcc", "-g"], &source(), "types.o");
    let ours = ours(&object);
    let theirs = work.gcc_btf(&[], &source(), "types-btf.o");
    for view in [layouts, typedef_layouts] {
        let (mut ours, mut theirs) = (view(&ours), view(&theirs));
        for faulty in FAULTY {
            ours.remove(faulty);
            theirs.remove(faulty);
        }
        let found = differences(&ours, &theirs);
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// The form of types that no layout tells: dimensions, qualifiers, declarations.
#[test]
fn shapes_of_types() {
    let work = Workspace::new();
    for compiler in COMPILERS {
        for version in VERSIONS {
            let object = work.compile(&[compiler, version], &source(), "types.o");
            let btf = ours(&object);
            let member = |tag, name| spell_member(&btf, tag, name);
            assert_eq!(member("arrays", "two"), "[2][3]int", "{compiler}");
            assert_eq!(member("arrays", "three"), "[2][3][4]short", "{compiler}");
            assert_eq!(member("arrays", "pointers"), "[2]*[3]int", "{compiler}");
            assert_eq!(member("arrays", "names"), "[3]*const char", "{compiler}");
            assert_eq!(member("flexible", "data"), "[0]char", "{compiler}");
            assert_eq!(member("flexible_rows", "rows"), "[0][3]int", "{compiler}");
            assert_eq!(member("pointers", "sc"), "const *char", "{compiler}");
            assert_eq!(member("pointers", "r"), "restrict *int", "{compiler}");
            assert_eq!(member("pointers", "cv"), "*const void", "{compiler}");
            assert_eq!(
                member("pointers", "declared"),
                "*fwd struct declared",
                "{compiler}"
            );
            assert_eq!(
                member("pointers", "declared_union"),
                "*fwd union declared_union",
                "{compiler}"
            );
            assert_eq!(member("pointers", "variadic"), "*fn(*const char, ...) void");
            assert_eq!(member("atomics", "count"), "int", "{compiler}");
            assert_eq!(member("atomics", "total"), "const long", "{compiler}");
            assert_eq!(
                member("typedefs", "vn"),
                "volatile typedef number",
                "{compiler}"
            );
            assert_eq!(member("int128s", "i"), "i128", "{compiler}");
            assert_eq!(
                member("complexes", "cd"),
                "struct complex_double",
                "{compiler}"
            );
            assert_eq!(spell_member(&btf, "complex_double", "imag"), "double");
        }
    }
}

/// Functions that have code, with the names of their parameters.
#[test]
fn functions() {
    let work = Workspace::new();
    for compiler in COMPILERS {
        for version in VERSIONS {
            for level in ["-O0", "-O2"] {
                let object = work.compile(&[compiler, version, level], &source(), "types.o");
                let found = spell_functions(&ours(&object));
                let mut expected = vec![
                    "global add(left: int, right: *const struct scalars, ...) int",
                    "global use(call: typedef callback) int",
                    "global variable_length(n: int) int",
                    "static hidden(point: typedef point_t, call: typedef callback) long",
                ];
                if level == "-O0" {
                    expected.push("static everywhere(inlined: int) int");
                    expected.push("static local_struct(x: int) int");
                }
                expected.sort_unstable();
                assert_eq!(found, expected, "{compiler} {version} {level}");
            }
        }
    }
}

fn spell_functions(btf: &BtfBuf) -> Vec<String> {
    let mut out = Vec::new();
    for ty in btf.types() {
        let Type::Func {
            name,
            proto,
            linkage,
        } = ty
        else {
            continue;
        };
        let Some(Type::FuncProto { returns, params }) = btf.get(*proto) else {
            panic!("a function without a prototype");
        };
        let params = params.iter().map(|param| match btf.name(param.name) {
            "" => "...".to_owned(),
            name => format!("{name}: {}", spell(btf, param.ty)),
        });
        let params: Vec<_> = params.collect();
        let linkage = if *linkage == 0 { "static" } else { "global" };
        let (name, params) = (btf.name(*name), params.join(", "));
        out.push(format!(
            "{linkage} {name}({params}) {}",
            spell(btf, *returns)
        ));
    }
    out.sort_unstable();
    out
}

fn spell_member(btf: &BtfBuf, tag: &str, member: &str) -> String {
    let ty = btf.types().iter().find_map(|ty| match ty {
        Type::Composite { name, members, .. } if btf.name(*name) == tag => {
            members.iter().find(|it| btf.name(it.name) == member)
        }
        _ => None,
    });
    spell(btf, ty.unwrap().ty)
}

/// A type, from left to right; integers by size.
fn spell(btf: &BtfBuf, id: core_btf::TypeId) -> String {
    let Some(ty) = btf.get(id) else {
        return "void".to_owned();
    };
    let name = btf.name(ty.name());
    match ty {
        Type::Int { size_bytes, .. } => match size_bytes {
            1 => "char",
            2 => "short",
            4 => "int",
            8 => "long",
            _ => "i128",
        }
        .to_owned(),
        Type::Float { .. } => name.to_owned(),
        Type::Ptr(to) => format!("*{}", spell(btf, *to)),
        Type::Const(of) => format!("const {}", spell(btf, *of)),
        Type::Volatile(of) => format!("volatile {}", spell(btf, *of)),
        Type::Restrict(of) => format!("restrict {}", spell(btf, *of)),
        Type::Array { element, len, .. } => format!("[{len}]{}", spell(btf, *element)),
        Type::Fwd { kind, .. } => format!("fwd {kind:?} {name}").to_lowercase(),
        Type::FuncProto { returns, params } => {
            let params = params.iter().map(|param| {
                if param.ty.is_void() {
                    "...".to_owned()
                } else {
                    spell(btf, param.ty)
                }
            });
            let params: Vec<_> = params.collect();
            format!("fn({}) {}", params.join(", "), spell(btf, *returns))
        }
        other => format!("{:?} {name}", other.kind()).to_lowercase(),
    }
}
