//! The README's table of what other programs make of the same sources, cell by cell.

use std::process::Command;

use core_btf::read::Endian;
use core_btf::{Btf, BtfBuf, Type, elf};

use crate::oracle::{Workspace, ours, run};

/// The types in the `.BTF` section that a command has put into an object; the first of several blobs.
fn section(object: &std::path::Path) -> Option<BtfBuf> {
    let bytes = std::fs::read(object).unwrap();
    let section = elf::section(&bytes, ".BTF").unwrap()?;
    let (btf, _) = Btf::parse_prefix(section).unwrap();
    Some(BtfBuf::from_btf(&btf).unwrap())
}

/// What pahole makes of an object, if it makes something; it may fail without saying so.
fn pahole(object: &std::path::Path) -> Option<BtfBuf> {
    Command::new("pahole")
        .arg("-J")
        .arg(object)
        .output()
        .unwrap();
    section(object)
}

struct Sources(Workspace);

impl Sources {
    /// Compiles `source`, twice the same.
    fn object(&self, command: &[&str], name: &str, source: &str) -> std::path::PathBuf {
        let file = self.0.path(name);
        std::fs::write(&file, source).unwrap();
        self.0.compile(command, &file, &format!("{name}.o"))
    }
}

/// The type of the first member of `struct s`, in words.
fn member(btf: &BtfBuf) -> String {
    let is_s = |ty: &&Type| matches!(ty, Type::Composite { name, .. } if btf.name(*name) == "s");
    let Some(Type::Composite { members, .. }) = btf.types().iter().find(is_s) else {
        return "no struct s".to_owned();
    };
    let mut text = String::new();
    let mut at = members.first().map(|it| it.ty);
    while let Some(id) = at {
        at = None;
        match btf.get(id) {
            None => text.push_str("void"),
            Some(Type::Array { element, len, .. }) => {
                text.extend(["[", &len.to_string(), "]"]);
                at = Some(*element);
            }
            Some(ty) => text.push_str(btf.name(ty.name())),
        }
    }
    text
}

fn count(btf: &BtfBuf, wanted: &str) -> usize {
    let named = btf.types().iter();
    named.filter(|ty| btf.name(ty.name()) == wanted).count()
}

#[test]
fn arrays_and_atomics_of_c() {
    let work = Sources(Workspace::new());
    for (source, expected) in [
        (
            "struct s { int m[2][3]; } v;",
            ["[2][3]int", "[6]int", "[3][2]int"],
        ),
        ("struct s { _Atomic int m; } v;", ["int", "void", "int"]),
    ] {
        let object = work.object(&["gcc", "-g"], "x.c", source);
        let gcc = work.object(&["gcc", "-gbtf"], "y.c", source);
        let found = [
            Some(member(&ours(&object))),
            pahole(&object).as_ref().map(member),
            section(&gcc).as_ref().map(member),
        ];
        assert_eq!(found, expected.map(|it| Some(it.to_owned())), "{source}");
    }
}

#[test]
fn classes_of_cxx() {
    let source = "struct s { int x; s(); s(s &&); }; s v;";
    let work = Sources(Workspace::new());
    let object = work.object(&["g++", "-g"], "x.cc", source);
    assert_eq!(count(&ours(&object), "s"), 1);
    assert!(pahole(&object).is_none());
    let gcc = work.object(&["g++", "-gbtf"], "y.cc", source);
    assert!(section(&gcc).is_none());
}

#[test]
fn enums_of_rust() {
    let source = "pub enum E { A(u8), B { x: u64 } }\n\
                  #[unsafe(no_mangle)] pub fn f(e: &E) { let _ = e; }";
    let work = Workspace::new();
    let (file, object) = (work.path("x.rs"), work.path("x.o"));
    std::fs::write(&file, source).unwrap();
    let rustc = [
        "--edition=2024",
        "-g",
        "--crate-type=lib",
        "--emit=obj",
        "-o",
    ];
    run(Command::new("rustc").args(rustc).args([&object, &file]));
    let members = |btf: &BtfBuf| {
        btf.types().iter().find_map(|ty| match ty {
            Type::Composite { name, members, .. } if btf.name(*name) == "E" => Some(members.len()),
            _ => None,
        })
    };
    assert!(members(&ours(&object)) >= Some(2));
    assert_eq!(members(&pahole(&object).unwrap()), Some(0));
}

#[test]
fn annotations_split_units_and_linked_programs() {
    let work = Sources(Workspace::new());
    let tagged = "struct s { int x; } __attribute__((btf_decl_tag(\"tag\"))); struct s v;";
    let object = work.object(&["clang", "-g"], "x.c", tagged);
    assert_eq!(count(&ours(&object), "tag"), 1);
    assert_eq!(count(&pahole(&object).unwrap(), "tag"), 1);
    let gcc = work.object(&["gcc", "-gbtf"], "y.c", tagged);
    assert_eq!(count(&section(&gcc).unwrap(), "tag"), 0);

    let split = work.object(
        &["gcc", "-g", "-gsplit-dwarf"],
        "z.c",
        "struct s { int x; } v;",
    );
    assert!(pahole(&split).is_none());

    // Two units with the same struct: gcc's types stand one after the other, unmerged.
    let linked = |flag: &str| {
        let one = work.object(&["gcc", flag], "one.c", "struct s { int x; } a;");
        let two = work.object(&["gcc", flag], "two.c", "struct s { int x; } b;");
        let program = work.0.path("linked.o");
        run(Command::new("ld")
            .args(["-r", "-o"])
            .args([&program, &one, &two]));
        program
    };
    assert_eq!(count(&ours(&linked("-g")), "s"), 1);
    assert_eq!(count(&pahole(&linked("-g")).unwrap(), "s"), 1);
    let bytes = std::fs::read(linked("-gbtf")).unwrap();
    let both = elf::section(&bytes, ".BTF").unwrap().unwrap();
    let (_, first) = Btf::parse_prefix(both).unwrap();
    // The linker aligns none.
    let (second, _) = Btf::parse_prefix(&both[first..]).unwrap();
    assert_eq!(count(&BtfBuf::from_btf(&second).unwrap(), "s"), 1);
}

/// What a command prints, to either end.
fn said(command: &mut Command) -> String {
    let output = run(command);
    let bytes = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What is printed of BTF, and of the relocations of a BPF object without loading it.
#[test]
fn headers_json_and_relocations() {
    let work = Sources(Workspace::new());
    let object = work.object(&["gcc", "-g"], "x.c", "struct s { int a, x; } v;");
    let types = ours(&object).encode(Endian::NATIVE).unwrap();
    let file = work.0.path("x.btf");
    std::fs::write(&file, types).unwrap();
    let bpftool = || Command::new("bpftool");
    let c = said(
        bpftool()
            .args(["btf", "dump", "file"])
            .arg(&file)
            .args(["format", "c"]),
    );
    assert!(c.contains("struct s {"), "{c}");
    let json = said(bpftool().args(["-j", "btf", "dump", "file"]).arg(&file));
    assert!(json.starts_with("{\"types\":["), "{json}");
    let c = said(Command::new("pahole").args(["-F", "btf"]).arg(&file));
    assert!(c.contains("struct s {"), "{c}");
    assert!(!said(Command::new("pahole").arg("--help")).contains("json"));

    let program = "struct s { int x; } __attribute__((preserve_access_index));
        __attribute__((section(\"uprobe\"), used)) int f(struct s *s) { return s->x; }";
    let object = work.object(
        &["clang", "-target", "bpf", "-g", "-O2"],
        "x.bpf.c",
        program,
    );
    let kept = work.0.path("min.btf");
    let log = said(
        bpftool()
            .args(["-d", "gen", "min_core_btf"])
            .args([&file, &kept, &object]),
    );
    assert!(log.contains("struct s.x (0:1 @ offset 4)"), "{log}");
}
