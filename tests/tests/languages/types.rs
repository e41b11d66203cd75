//! The fixture that has the constructs of C++, name by name.

use std::path::{Path, PathBuf};
use std::process::Command;

use core_btf::c::Header;
use core_btf::dwarf::{Extraction, Options, extract};
use core_btf::{Btf, BtfBuf, Type};

use crate::gdb::{compare, compile, fixture};

const COMPILERS: [&str; 5] = [
    "g++ -gdwarf-4",
    "g++ -gdwarf-5 -O2",
    "g++ -gdwarf-5 -fdebug-types-section",
    "clang++ -gdwarf-5",
    "clang++ -gdwarf-4 -stdlib=libc++",
];

/// Offset in bits, and type, of a member as CO-RE finds it: by name, through unnamed members.
fn find(btf: &BtfBuf, tag: &str, member: &str) -> Option<(u32, core_btf::TypeId)> {
    fn inside(btf: &BtfBuf, ty: &Type, wanted: &str) -> Option<(u32, core_btf::TypeId)> {
        let Type::Composite { members, .. } = ty else {
            return None;
        };
        members.iter().find_map(|member| {
            if !member.name.is_anonymous() {
                let found = btf.name(member.name) == wanted;
                return found.then_some((member.offset_bits, member.ty));
            }
            let (offset, ty) = inside(btf, btf.get(member.ty)?, wanted)?;
            Some((member.offset_bits + offset, ty))
        })
    }
    let mut types = btf.types().iter();
    let ty = types.find(|ty| matches!(ty, Type::Composite { .. }) && btf.name(ty.name()) == tag);
    inside(btf, ty?, member)
}

/// The fixture, compiled.
fn compiled(dir: &Path, command: &str) -> PathBuf {
    let command = format!("{command} -std=c++17");
    compile(dir, &command, &fixture("types.cc"))
}

fn all_types(object: &Path) -> Extraction {
    extract(&std::fs::read(object).unwrap(), &Options::default()).unwrap()
}

/// gdb's opinion, with each compiler.
#[test]
fn same_layouts_as_gdb() {
    for command in COMPILERS {
        let dir = tempfile::tempdir().unwrap();
        let object = compiled(dir.path(), command);
        let compared = compare(&object);
        assert!(compared > 60, "{command}: {compared}");
    }
}

/// What an author of a BPF program writes.
#[test]
fn names_and_members_are_where_they_are_looked_for() {
    for command in COMPILERS {
        let dir = tempfile::tempdir().unwrap();
        let object = compiled(dir.path(), command);
        let found = all_types(&object);
        let btf = &found.btf;
        let offset = |tag, member| find(btf, tag, member).map(|(offset, _)| offset / 8);
        // Of bases too, the second after the first.
        assert_eq!(offset("net_Conn", "b"), Some(8), "{command}");
        assert_eq!(offset("net_Conn", "_vptr_Other"), Some(24), "{command}");
        assert_eq!(offset("net_Conn", "o"), Some(32), "{command}");
        assert_eq!(offset("net_Conn", "data_member"), Some(40), "{command}");
        assert_eq!(offset("net_Conn", "name"), Some(64), "{command}");
        assert_eq!(
            offset("net_Array_net_Conn_Inner_ptr_3", "iter"),
            Some(24),
            "{command}"
        );
        assert_eq!(
            offset("net_Array_net_Conn_Inner_ptr_3", "count"),
            None,
            "{command}"
        );
        assert_eq!(
            offset("net_anonymous_namespace_Hidden", "h"),
            Some(0),
            "{command}"
        );
        // Defined outside of the class that declares it.
        assert_eq!(offset("net_Conn_Inner", "deep"), Some(0), "{command}");
        // A member hides its base's of the same name.
        assert_eq!(offset("net_Hides", "value"), Some(8), "{command}");
        assert_eq!(
            offset("net_Hides", "base_net_Hidden_by"),
            Some(0),
            "{command}"
        );
        // A virtual base has no fixed place; `virtual_bases` has what there is of it.
        assert_eq!(offset("net_Virt", "v"), Some(8), "{command}");
        assert_eq!(offset("net_Virt", "b"), None, "{command}");
        let size = |member| {
            let blob = btf.encode(found.endian).unwrap();
            let (_, ty) = find(btf, "net_Conn", member).unwrap();
            Btf::parse(&blob).unwrap().size_of(ty, 8).unwrap().unwrap()
        };
        for (member, bytes) in [
            ("data_member", 8),
            ("method", 16),
            ("null", 8),
            ("ref", 8),
            ("rref", 8),
        ] {
            assert_eq!(size(member), bytes, "{command}: {member}");
        }
        let enumerators: Vec<_> = btf
            .types()
            .iter()
            .filter_map(|ty| match ty {
                Type::Enum { values, .. } => Some(values.iter()),
                _ => None,
            })
            .flatten()
            .map(|value| (btf.name(value.name), value.value))
            .collect();
        for value in [
            ("net_State_Busy", 7),
            ("net_P_B", 300),
            ("net_Conn_Inner_E_A", 0),
        ] {
            assert!(
                enumerators.contains(&value),
                "{command}: {value:?} of {enumerators:?}"
            );
        }
    }
}

/// What the enum of a class says leads to where gdb finds the base, in objects of several classes; the
/// class itself has no member of it.
#[test]
fn virtual_bases() {
    for command in COMPILERS {
        let dir = tempfile::tempdir().unwrap();
        let program = compiled(dir.path(), command);
        let found = all_types(&program);
        let value = |enumerator: &str| {
            let enums = found.btf.types().iter().filter_map(|ty| match ty {
                Type::Enum { values, .. } => Some(values.iter()),
                _ => None,
            });
            let mut values = enums.flatten();
            values
                .find(|it| found.btf.name(it.name) == enumerator)
                .unwrap()
                .value
        };
        let mut gdb = Command::new("gdb");
        gdb.args(["-batch", "-nx", "-ex", "break main", "-ex", "run"]);
        for (object, class, base) in [
            ("virt", "Virt", "Base"),
            ("diamond", "Virt", "Base"),
            ("second", "Virt", "Base"),
            ("diamond", "Diamond", "Other"),
            ("second", "Second", "Other"),
            ("second", "Second", "Virt"),
        ] {
            let at = value(&format!("net_{class}__virtual_net_{base}"));
            let pointer = format!("(long)(net::{class} *)&{object}");
            let expected = format!("(long)(net::{base} *)(net::{class} *)&{object}");
            let ours = format!("{pointer} + *(long *)(*(long *)({pointer}) + {at})");
            gdb.arg("-ex").arg(format!("print {ours} == {expected}"));
        }
        let output = gdb.arg(&program).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let same = said.lines().filter(|line| line.ends_with(" = true"));
        assert_eq!(same.count(), 6, "{command}: {said}");
    }
}

/// Roots go by either name, and keep the one in the source.
#[test]
fn roots_are_named_as_in_the_source_or_in_btf() {
    let dir = tempfile::tempdir().unwrap();
    let object = compiled(dir.path(), "g++ -g");
    let data = std::fs::read(&object).unwrap();
    let extract = |root: &str| {
        let options = Options {
            roots: vec![root.to_owned()],
            functions: false,
            ..Options::default()
        };
        extract(&data, &options).unwrap().btf
    };
    let tags = |btf: &BtfBuf| -> Vec<String> {
        let tags = btf
            .types()
            .iter()
            .filter(|ty| matches!(ty, Type::DeclTag { .. }));
        tags.map(|tag| btf.name(tag.name()).to_owned()).collect()
    };
    for root in ["net::Conn", "net_Conn", "net::Con?"] {
        assert_eq!(tags(&extract(root)), ["c++:net::Conn"], "{root}");
    }
    let vectors = extract("std::vector<*>");
    assert!(tags(&vectors).len() >= 2);
    assert!(
        tags(&vectors)
            .iter()
            .all(|tag| tag.starts_with("c++:std::vector<"))
    );
}

/// The header is C, whatever the names were.
#[test]
fn clang_compiles_the_header() {
    for command in COMPILERS {
        let dir = tempfile::tempdir().unwrap();
        let object = compiled(dir.path(), command);
        assert_compiles(dir.path(), &object);
    }
}

/// Asserts that C can spell each name, and that CO-RE takes no part of a type's or an enumerator's for a
/// flavor. Integers and floats have names of several words.
fn assert_identifiers(btf: &BtfBuf) {
    let is_identifier = |name: &str| {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        name.chars().all(is_word) && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    let is_flavor =
        |part: &[u8]| matches!(part, [x, b'_', b'_', b'_', y] if ![x, y].contains(&&b'_'));
    let has_flavor = |name: &str| name.as_bytes().windows(5).any(is_flavor);
    for ty in btf.types() {
        let parts: Vec<_> = match ty {
            Type::Int { .. } | Type::Float { .. } | Type::DeclTag { .. } => continue,
            Type::Composite { members, .. } => members.iter().map(|it| it.name).collect(),
            Type::Enum { values, .. } => values.iter().map(|it| it.name).collect(),
            Type::FuncProto { params, .. } => params.iter().map(|it| it.name).collect(),
            _ => Vec::new(),
        };
        let own = btf.name(ty.name());
        let is_code = matches!(ty, Type::Func { .. } | Type::Var { .. });
        // What GNAT calls the parts of `string` is kept.
        let is_gnat = own.contains("___XU");
        assert!(is_code || is_gnat || !has_flavor(own), "{own}");
        assert!(is_identifier(own), "{own}");
        for name in parts {
            let name = btf.name(name);
            assert!(is_identifier(name), "{own}: {name}");
            let is_value = matches!(ty, Type::Enum { .. });
            assert!(!is_value || !has_flavor(name), "{own}: {name}");
        }
    }
}

/// Prints all types of an object as a header with assertions on their layout, for clang to judge.
pub(crate) fn assert_compiles(dir: &Path, object: &Path) {
    let found = all_types(object);
    assert_identifiers(&found.btf);
    let blob = found.btf.encode(found.endian).unwrap();
    let btf = Btf::parse(&blob).unwrap();
    let header = Header::new(&btf).asserts(true).print().unwrap();
    let source = dir.join("header.bpf.c");
    std::fs::write(&source, header).unwrap();
    let mut clang = Command::new("clang");
    clang.args([
        "-target",
        "bpf",
        "-g",
        "-Wall",
        "-Werror",
        "-Wno-visibility",
    ]);
    let output = clang.arg("-fsyntax-only").arg(&source).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    let error: String = error.chars().take(2000).collect();
    assert!(output.status.success(), "{error}");
}
