//! Languages that C knows nothing of: what is described is where the program says that it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use core_btf::dwarf::{Options, Problem, extract};
use core_btf::{Btf, BtfBuf, Type, TypeId};

use crate::gdb::fixture;
use crate::types::assert_compiles;

/// Compiles a program that prints places in its types, and runs it.
fn program(dir: &Path, command: &[&str], source: &str) -> (PathBuf, String) {
    let out = dir.join("layouts");
    let (compiler, flags) = command.split_first().unwrap();
    let mut compiler = Command::new(compiler);
    compiler
        .args(flags)
        .arg(fixture(source))
        .arg("-o")
        .arg(&out);
    let output = compiler.current_dir(dir).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{compiler:?}: {error}");
    let output = Command::new(&out).output().unwrap();
    assert!(output.status.success());
    (out, String::from_utf8(output.stdout).unwrap())
}

/// Offset and size in bits of `type.member[index]...`.
fn place(btf: &BtfBuf, pointer_bytes: u8, path: &str) -> (u32, u32) {
    let blob = btf.encode(core_btf::read::Endian::Little).unwrap();
    let parsed = Btf::parse(&blob).unwrap();
    let size = |ty| {
        let size = parsed.size_of(ty, pointer_bytes.into()).unwrap();
        8 * size.unwrap_or_default()
    };
    let (tag, rest) = path.split_once('.').unwrap();
    let mut parts = rest.split(['[', ']']).filter(|part| !part.is_empty());
    let wanted = parts.next().unwrap();
    let member = btf.types().iter().find_map(|ty| match ty {
        Type::Composite { name, members, .. } if btf.name(*name) == tag => {
            members.iter().find(|it| btf.name(it.name) == wanted)
        }
        _ => None,
    });
    let member = member.unwrap();
    if member.bitfield_bits != 0 {
        return (member.offset_bits, member.bitfield_bits.into());
    }
    let (mut offset, mut ty) = (member.offset_bits, member.ty);
    for index in parts {
        let (element, len) = array(btf, ty).unwrap();
        let index: u32 = index.parse().unwrap();
        assert!(index < len, "{path}");
        offset += index * size(element);
        ty = element;
    }
    (offset, size(ty))
}

/// Element and length of an array, behind typedefs.
fn array(btf: &BtfBuf, ty: TypeId) -> Option<(TypeId, u32)> {
    match btf.get(ty)? {
        Type::Typedef { ty, .. } => array(btf, *ty),
        Type::Array { element, len, .. } => Some((*element, *len)),
        _ => None,
    }
}

/// Checks all places that a program prints, and gives what could not be described.
fn compare(command: &[&str], source: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let (file, said) = program(dir.path(), command, source);
    let found = extract(&std::fs::read(&file).unwrap(), &Options::default()).unwrap();
    let mut compared = 0;
    for line in said.lines().filter(|line| !line.starts_with("--")) {
        let mut words = line.split_whitespace();
        let path = words.next().unwrap();
        let numbers: Vec<u32> = words.map(|word| word.parse().unwrap()).collect();
        let (offset, size) = place(&found.btf, found.pointer_bytes, path);
        assert_eq!([offset, size], *numbers, "{command:?} {path}");
        compared += 1;
    }
    assert!(compared >= 10, "{said}");
    assert_compiles(dir.path(), &file);
    assert!(found.warnings.iter().all(|it| !it.is_of_unit()));
    let problems = found.warnings.iter().map(|it| it.problem.to_string());
    let mut problems: Vec<_> = problems.collect();
    problems.sort();
    problems.dedup();
    problems
}

/// Bounds from one, from below zero, columns first; what is not in the object has no members.
#[test]
fn fortran() {
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let left_out = compare(&["gfortran", version], "layouts.f90");
        assert_eq!(
            left_out,
            [
                "DW_AT_data_location is not understood",
                "DW_TAG_string_type has no counterpart in BTF",
            ],
            "{version}"
        );
    }
}

/// Ranges that are smaller than the type they restrict, packed records, and records of several shapes,
/// which keep their size.
#[test]
fn ada() {
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let left_out = compare(&["gnatmake", "-q", "-gnatws", version], "layouts.adb");
        let variant = "DW_TAG_variant_part has no counterpart in BTF".to_owned();
        assert!(left_out.contains(&variant), "{version}: {left_out:?}");
    }
}

/// A unit without types is nothing to complain about.
#[test]
fn assembler() {
    let dir = tempfile::tempdir().unwrap();
    let (source, object) = (dir.path().join("x.S"), dir.path().join("x.o"));
    std::fs::write(&source, ".globl f\nf: ret\n").unwrap();
    let mut gcc = Command::new("gcc");
    gcc.args(["-g", "-c", "-o"]).args([&object, &source]);
    assert!(gcc.status().unwrap().success());
    let found = extract(&std::fs::read(&object).unwrap(), &Options::default()).unwrap();
    assert_eq!((found.btf.len(), found.warnings.as_slice()), (0, &[][..]));
}

/// What dwz moves to units of no language has no lower bound, where languages have several: such an array
/// is none, not one of another length.
#[test]
fn units_of_no_language() {
    let dir = tempfile::tempdir().unwrap();
    let run = |program: &str, args: &str| {
        let mut command = Command::new(program);
        command.args(args.split(' ')).current_dir(dir.path());
        assert!(command.status().unwrap().success(), "{program} {args}");
    };
    for unit in ["one", "two"] {
        let c = format!(
            "struct c {{ int a[4]; long b[3][5]; char c[7]; }} {unit};\n\
             long *of_{unit}(void) {{ return {unit}.b[1]; }}\n"
        );
        let fortran = format!(
            "subroutine in_{unit}\n  real(kind=8) :: w(3)\n  integer(kind=8) :: v(9)\n  \
             w = 1; v = 2\n  print *, w, v\nend subroutine\n"
        );
        std::fs::write(dir.path().join(format!("{unit}.c")), c).unwrap();
        std::fs::write(dir.path().join(format!("f{unit}.f90")), fortran).unwrap();
        run("gcc", &format!("-g -fPIC -c {unit}.c"));
        run("gfortran", &format!("-g -fPIC -c f{unit}.f90"));
    }
    let link = |units: &str| run("gfortran", &format!("-shared -o lib {units}"));
    let extracted = || {
        let bytes = std::fs::read(dir.path().join("lib")).unwrap();
        extract(&bytes, &Options::default()).unwrap()
    };
    let len = |btf: &BtfBuf| {
        let members = btf.types().iter().find_map(|ty| match ty {
            Type::Composite { name, members, .. } if btf.name(*name) == "c" => Some(members),
            _ => None,
        });
        array(btf, members.unwrap().first().unwrap().ty).map(|(_, len)| len)
    };
    link("one.o two.o");
    run("dwz", "lib");
    assert_eq!(len(&extracted().btf), Some(4));
    link("one.o two.o fone.o ftwo.o");
    assert_eq!(len(&extracted().btf), Some(4));
    run("dwz", "lib");
    let found = extracted();
    assert_eq!(len(&found.btf), None);
    let missing = Problem::Missing(gimli::constants::DW_AT_lower_bound);
    assert!(found.warnings.iter().any(|it| it.problem == missing));
}
