//! `btf_decl_tag` and `btf_type_tag`, as clang and gcc write them into debug information.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[expect(dead_code, reason = "another test takes the rest")]
mod assembler;

use std::fs;
use std::path::Path;
use std::process::Command;

use core_btf::dwarf::{Options, extract};
use core_btf::{Btf, BtfBuf, Type, TypeId};
use gimli::{DwAt, DwTag, constants as dw};
use object::{Object as _, ObjectSection as _};

use assembler::{Attr, Unit};

const SOURCE: &str = r#"
#define T(x) __attribute__((btf_type_tag(x)))
#define D(x) __attribute__((btf_decl_tag(x)))
struct inner { int x; } D("inner") D("second");
struct outer {
    int T("user") *p;
    int T("a") T("b") *q D("field q");
    const int T("user") *constant;
    struct inner T("rcu") *in;
    void T("nothing") *v;
    int *T("between") *pp;
    int f D("field f");
    unsigned bits : 3 D("bits");
    union { int anon D("in anonymous"); };
};
typedef int td D("typedef");
typedef int T("in typedef") *tdp;
int unused(int T("of unused") *x) D("unused");
int fn(int T("arg") *a, int b D("arg b")) D("function");
int fn(int T("arg") *a, int b D("arg b")) { return *a + b; }
struct outer outer; td t; tdp tp;
"#;

/// A type in words, with what is noted on it.
fn spell(btf: &BtfBuf, id: TypeId) -> String {
    match btf.get(id) {
        None => "void".to_owned(),
        Some(Type::Ptr(to)) => format!("*{}", spell(btf, *to)),
        Some(Type::Const(to)) => format!("const {}", spell(btf, *to)),
        Some(Type::TypeTag { name, ty, .. }) => {
            format!("<{}> {}", btf.name(*name), spell(btf, *ty))
        }
        Some(ty) => format!("{:?} {}", ty.kind(), btf.name(ty.name())),
    }
}

/// All that has to do with notes: tags, and the types of members, parameters and typedefs.
fn describe(btf: &BtfBuf) -> Vec<String> {
    let mut out = Vec::new();
    for (id, ty) in btf.iter() {
        let owner = spell(btf, id);
        match ty {
            Type::DeclTag {
                name,
                ty,
                component,
                ..
            } => out.push(format!(
                "{} {component}: {}",
                spell(btf, *ty),
                btf.name(*name)
            )),
            Type::Composite { members, .. } => out.extend(
                members
                    .iter()
                    .map(|it| format!("{owner}.{} {}", btf.name(it.name), spell(btf, it.ty))),
            ),
            Type::FuncProto { params, .. } => {
                out.extend(params.iter().map(|it| spell(btf, it.ty)));
            }
            Type::Typedef { ty, .. } => out.push(format!("{owner} {}", spell(btf, *ty))),
            _ => {}
        }
    }
    out.sort();
    out.dedup();
    out
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

fn extracted(object: &[u8], roots: &[&str]) -> Vec<String> {
    let options = Options {
        roots: roots.iter().map(|&root| root.to_owned()).collect(),
        ..Options::default()
    };
    let found = extract(object, &options).unwrap();
    assert_eq!(found.warnings, []);
    describe(&found.btf)
}

fn of_pahole(object: &Path) -> Vec<String> {
    run(Command::new("pahole").arg("-J").arg(object));
    let bytes = fs::read(object).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let section = file.section_by_name(".BTF").unwrap();
    let btf = Btf::parse(section.data().unwrap()).unwrap();
    describe(&BtfBuf::from_btf(&btf).unwrap())
}

/// Every note of a source is where pahole has it, from both compilers and both versions of DWARF.
#[test]
fn notes_of_clang_are_those_of_pahole() {
    let dir = tempfile::tempdir().unwrap();
    let (source, object) = (dir.path().join("x.c"), dir.path().join("x.o"));
    fs::write(&source, SOURCE).unwrap();
    for (compiler, version) in [
        ("clang", "-gdwarf-4"),
        ("clang", "-gdwarf-5"),
        ("clang-19", "-gdwarf-4"),
        ("clang-19", "-gdwarf-5"),
    ] {
        run(Command::new(compiler)
            .args([version, "-c", "-o"])
            .args([&object, &source]));
        let ours = extracted(&fs::read(&object).unwrap(), &[]);
        assert!(
            ours.contains(&"Struct outer.q *<b> <a> Int int".to_owned()),
            "{ours:#?}"
        );
        for note in [
            "Struct outer 7: bits",
            "Func fn 1: arg b",
            "Typedef td -1: typedef",
        ] {
            assert!(ours.contains(&note.to_owned()), "{note}: {ours:#?}");
        }
        assert!(!ours.iter().any(|it| it.contains("unused")), "{ours:#?}");
        assert_eq!(ours, of_pahole(&object), "{compiler} {version}");
    }
}

/// A root brings its notes along, and no note is mistaken for the name of a type in its source.
#[test]
fn roots_keep_their_notes() {
    let dir = tempfile::tempdir().unwrap();
    let (source, object) = (dir.path().join("x.c"), dir.path().join("x.o"));
    fs::write(
        &source,
        "struct a { int x __attribute__((btf_decl_tag(\"c:b\"))); }\
         __attribute__((btf_decl_tag(\"app:b\")));\
         struct b { struct a a; }; struct b b;",
    )
    .unwrap();
    run(Command::new("clang")
        .args(["-g", "-c", "-o"])
        .args([&object, &source]));
    let object = fs::read(&object).unwrap();
    let notes = ["Struct a -1: app:b", "Struct a 0: c:b"];
    let members = ["Struct a.x Int int", "Struct b.a Struct a"];
    assert_eq!(extracted(&object, &["b"]), [&notes[..], &members].concat());
    assert_eq!(
        extracted(&object, &["a"]),
        [&notes[..], &members[..1]].concat()
    );
}

/// gcc 16 writes each note once, and chains of references from what they are on: on pointers, as clang
/// has them, on types themselves, on members that are not in the order of their offsets.
#[test]
fn notes_of_gcc_are_followed() {
    const REFERENCE: DwAt = DwAt(0x2139);
    let mut unit = Unit::new();
    let note = |unit: &mut Unit, label: &str, kind: &str, text: &str, next: Option<&str>| {
        let text = format!(".asciz {text:?}");
        let mut attrs = vec![
            Attr::Name(kind),
            Attr::Raw(dw::DW_AT_const_value, dw::DW_FORM_string, &text),
        ];
        attrs.extend(next.map(|next| Attr::Ref(REFERENCE, next)));
        unit.leaf(label, DwTag(0x6001), &attrs);
    };
    note(&mut unit, "a", "btf_type_tag", "a", None);
    note(&mut unit, "b", "btf_type_tag", "b", Some("a"));
    note(&mut unit, "first", "btf_decl_tag", "first", None);
    note(&mut unit, "other", "btf_decl_tag", "other", Some("first"));
    note(&mut unit, "loop", "btf_decl_tag", "loop", Some("loop"));
    note(&mut unit, "unknown", "something", "else", None);
    unit.leaf(
        "pointer",
        dw::DW_TAG_pointer_type,
        &[Attr::Type("int"), Attr::Ref(REFERENCE, "b")],
    );
    unit.leaf(
        "tagged",
        dw::DW_TAG_base_type,
        &[
            Attr::Name("long"),
            Attr::Size(8),
            Attr::Number(dw::DW_AT_encoding, 5),
            Attr::Ref(REFERENCE, "b"),
        ],
    );
    unit.leaf(
        "to_tagged",
        dw::DW_TAG_pointer_type,
        &[Attr::Type("tagged"), Attr::Ref(REFERENCE, "unknown")],
    );
    unit.open(
        "s",
        dw::DW_TAG_structure_type,
        &[
            Attr::Name("s"),
            Attr::Size(24),
            Attr::Ref(REFERENCE, "other"),
        ],
    );
    for (name, ty, at, note) in [
        ("last", "to_tagged", 16, "first"),
        ("zero", "int", 0, "loop"),
        ("middle", "pointer", 8, "other"),
    ] {
        unit.leaf(
            "",
            dw::DW_TAG_member,
            &[
                Attr::Name(name),
                Attr::Type(ty),
                Attr::At(at),
                Attr::Ref(REFERENCE, note),
            ],
        );
    }
    unit.close();
    assert_eq!(
        extracted(&unit.object(), &[]),
        [
            "Struct s -1: first",
            "Struct s -1: other",
            "Struct s 0: loop",
            "Struct s 1: first",
            "Struct s 1: other",
            "Struct s 2: first",
            "Struct s.last *<b> <a> Int long",
            "Struct s.middle *<b> <a> Int int",
            "Struct s.zero Int int",
        ]
    );
}
