//! `dump`: the same words as bpftool's, and C that clang compiles.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::tools::{VMLINUX, Workspace, bpftool, core_btf, fails, quiet, run};

fn dump(file: &Path, args: &[&str]) -> String {
    quiet(core_btf().arg("dump").arg(file).args(args))
}

fn assert_as_bpftool(file: &Path) {
    assert!(dump(file, &[]) == bpftool(file), "{}", file.display());
    let ours: Value = serde_json::from_str(&dump(file, &["--format", "json"])).unwrap();
    let mut command = Command::new("bpftool");
    let theirs = quiet(command.args(["--json", "btf", "dump", "file"]).arg(file));
    let mut theirs: Value = serde_json::from_str(&theirs).unwrap();
    correct_enums(&mut theirs);
    assert!(ours == theirs, "{}", file.display());
}

/// bpftool extends the values of unsigned 32-bit enums by their sign, in JSON only.
fn correct_enums(dump: &mut Value) {
    for ty in dump["types"].as_array_mut().unwrap() {
        if ty["kind"] != "ENUM" || ty["encoding"] != "UNSIGNED" {
            continue;
        }
        for value in ty["values"].as_array_mut().unwrap() {
            if let Some(extended) = value["val"].as_u64() {
                value["val"] = (extended & 0xffff_ffff).into();
            }
        }
    }
}

/// Scripts that read bpftool's output can read this: on the whole kernel, ...
#[test]
fn the_kernel_as_bpftool_dumps_it() {
    assert_as_bpftool(Path::new(VMLINUX));
}

/// ... an application, and a BPF object with variables and sections.
#[test]
fn files_as_bpftool_dumps_them() {
    let work = Workspace::new();
    let app = work.app("");
    assert_as_bpftool(&work.btf(&app, "app.btf"));
    assert_as_bpftool(&work.bpf("-DGONE -DKERNEL"));
}

/// A module's types go on from the kernel's.
#[test]
fn split_btf_as_bpftool_dumps_it() {
    let work = Workspace::new();
    let base = work.compile("gcc -g -c", "app.c", "base.o");
    run(Command::new("pahole").arg("-J").arg(&base));
    let blob = work.path("base.btf");
    let section = format!(".BTF={}", blob.display());
    run(Command::new("objcopy")
        .args(["--dump-section", &section])
        .arg(&base));
    let module = work.compile("gcc -g -DVERSION=2 -c", "app.c", "module.o");
    run(Command::new("pahole")
        .arg("-J")
        .arg("--btf_base")
        .arg(&blob)
        .arg(&module));
    let split = work.path("module.btf");
    let section = format!(".BTF={}", split.display());
    run(Command::new("objcopy")
        .args(["--dump-section", &section])
        .arg(&module));
    let theirs = quiet(
        Command::new("bpftool")
            .arg("-B")
            .arg(&blob)
            .args(["btf", "dump", "file"])
            .arg(&split),
    );
    assert!(theirs.contains("'point'"), "{theirs}");
    let ours = quiet(core_btf().arg("dump").arg(&split).arg("--base").arg(&blob));
    assert_eq!(ours, theirs);
    // The base's types come along where the module's refer to them.
    let c = quiet(
        core_btf()
            .arg("dump")
            .arg(&split)
            .arg("--base")
            .arg(&blob)
            .args(["-f", "c"]),
    );
    assert!(c.contains("struct point {"), "{c}");
}

/// Roots bring what they refer to, and nothing else, under the ids they have in the file.
#[test]
fn chosen_types_bring_what_they_refer_to() {
    let work = Workspace::new();
    let blob = work.btf(&work.app(""), "app.btf");
    let all = dump(&blob, &[]);
    let chosen = dump(&blob, &["--type", "poi?t"]);
    let lines: Vec<_> = chosen.lines().collect();
    assert!(
        lines.len() == 4 && lines.iter().all(|line| all.contains(line)),
        "{chosen}"
    );
    let chosen = dump(&blob, &["-t", "box_*", "-t", "color"]);
    for (name, there) in [
        ("'box_t'", true),
        ("'color'", true),
        ("'real'", true),
        ("'point'", false),
    ] {
        assert_eq!(chosen.contains(name), there, "{name}: {chosen}");
    }
    let error = fails(
        2,
        core_btf()
            .arg("dump")
            .arg(&blob)
            .args(["-t", "color", "-t", "nix*"]),
    );
    assert!(error.contains("app.btf: no type named nix*"), "{error}");
}

/// Compiles a header for BPF, with every warning an error.
fn compile_c(work: &Workspace, header: &str) {
    let source = work.path("header.bpf.c");
    std::fs::write(&source, header).unwrap();
    let mut command = Command::new("clang");
    command.args(["-target", "bpf", "-g", "-Wall", "-Werror", "-fsyntax-only"]);
    quiet(command.args(["-Wno-visibility"]).arg(&source));
}

#[test]
fn clang_compiles_the_c_form() {
    let work = Workspace::new();
    let blob = work.btf(&work.app(""), "app.btf");
    for args in [
        &[][..],
        &["-t", "request"],
        &["--guard", "APP_H", "-t", "*"],
    ] {
        let header = dump(&blob, &[&["-f", "c"], args].concat());
        assert!(header.contains("struct request {"), "{header}");
        compile_c(&work, &header);
    }
    compile_c(
        &work,
        &dump(Path::new(VMLINUX), &["-f", "c", "-t", "task_struct"]),
    );
}

/// `-o` writes what stdout would get.
#[test]
fn output_goes_to_a_file() {
    let work = Workspace::new();
    let out = work.path("out.txt");
    assert_eq!(
        dump(
            Path::new(VMLINUX),
            &["-t", "list_head", "-o", out.to_str().unwrap()]
        ),
        ""
    );
    let expected = dump(Path::new(VMLINUX), &["-t", "list_head"]);
    assert_eq!(std::fs::read_to_string(out).unwrap(), expected);
}
