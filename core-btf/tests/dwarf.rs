//! C compiled by gcc and clang, and the BTF made of its debug information.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

use std::process::Command;

use core_btf::dwarf::{Options, extract};
use core_btf::{BtfBuf, Type};

const SOURCE: &str = "
struct node {
    int x;
    struct node *next;
    char name[16];
    unsigned flags : 3;
    int level : 7;
    enum { A, B = -1, C } e;
    union { long q; double d; };
    int m[2][3];
};
typedef struct node node_t;
node_t node;
";

fn compile(compiler: &str, flags: &[&str], source: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("x.c"), dir.path().join("x.o"));
    std::fs::write(&input, source).unwrap();
    let status = Command::new(compiler)
        .args(["-g", "-c", "-o"])
        .arg(&output)
        .arg(&input)
        .args(flags)
        .status()
        .unwrap();
    assert!(status.success(), "{compiler} {flags:?}");
    std::fs::read(output).unwrap()
}

/// Name, offset and width of each member of a struct.
fn members(btf: &BtfBuf, tag: &str) -> Vec<(String, u32, u8)> {
    let found = btf.types().iter().find_map(|ty| match ty {
        Type::Composite { name, members, .. } if btf.name(*name) == tag => Some(members),
        _ => None,
    });
    let member = |m: &core_btf::model::Member| {
        let name = btf.name(m.name).to_owned();
        (name, m.offset_bits, m.bitfield_bits)
    };
    found.unwrap().iter().map(member).collect()
}

#[test]
fn members_are_where_the_compiler_puts_them() {
    for compiler in ["gcc", "clang"] {
        for version in ["-gdwarf-4", "-gdwarf-5"] {
            let object = compile(compiler, &[version], SOURCE);
            let found = extract(&object, &Options::default()).unwrap();
            assert_eq!(found.warnings, []);
            let expected = [
                ("x", 0, 0),
                ("next", 64, 0),
                ("name", 128, 0),
                ("flags", 256, 3),
                ("level", 259, 7),
                ("e", 288, 0),
                ("", 320, 0),
                ("m", 384, 0),
            ];
            let expected = expected.map(|(name, at, bits)| (name.to_owned(), at, bits));
            assert_eq!(
                members(&found.btf, "node"),
                expected,
                "{compiler} {version}"
            );
        }
    }
}
