//! `dump`: the same words as bpftool's, and C that clang compiles.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::check::gdb_offset;
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

/// Types of C++ and Rust that were asked for are found by their names in the source.
#[test]
fn chosen_types_go_by_their_names_in_the_source() {
    let work = Workspace::new();
    let (source, object) = (work.path("x.cc"), work.path("x.o"));
    std::fs::write(
        &source,
        "namespace net { struct Conn { int fd; }; struct Peer { long id; }; }
         net::Conn c; net::Peer p;",
    )
    .unwrap();
    run(Command::new("g++")
        .args(["-g", "-c", "-o"])
        .args([&object, &source]));
    let blob = work.path("x.btf");
    let mut extract = core_btf();
    extract.arg("extract").arg(&object).args(["-t", "net::*"]);
    quiet(extract.arg("-o").arg(&blob));
    for name in ["net::Conn", "*::Con?", "net_Conn"] {
        let chosen = dump(&blob, &["-t", name]);
        assert!(chosen.contains("STRUCT 'net_Conn'"), "{name}: {chosen}");
        assert!(!chosen.contains("net_Peer"), "{name}: {chosen}");
    }
    let error = fails(2, core_btf().arg("dump").arg(&blob).args(["-t", "c++:*"]));
    assert!(error.contains("no type named c++:*"), "{error}");
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

/// A program that includes the header reads what the application has, though the kernel has a `struct
/// request` too, and `box_t` is the name of a typedef only.
#[test]
fn types_of_the_application_are_not_the_kernels() {
    let work = Workspace::new();
    let app = work.app("");
    let blob = work.btf(&app, "app.btf");
    let program = |header: &str, more: &str| {
        std::fs::write(work.path("app.h"), header).unwrap();
        let source = format!(
            "{more}
            #include \"app.h\"
            static long (*const bpf_probe_read_user)(void *, unsigned, const void *) = (void *) 112;
            enum color color; int value;
            __attribute__((section(\"uprobe\"), used)) int on_handle(struct request *request)
            {{
                bpf_probe_read_user(&color, sizeof(color), &request->color);
                bpf_probe_read_user(&value, sizeof(value), &request->box.value);
                return __builtin_preserve_enum_value(*(enum color *)BLUE, 1);
            }}"
        );
        let (input, object) = (work.path("x.bpf.c"), work.path("x.bpf.o"));
        std::fs::write(&input, source).unwrap();
        let mut clang = Command::new("clang");
        clang.args(["-target", "bpf", "-g", "-O2", "-Wall", "-Werror", "-c"]);
        quiet(clang.arg("-o").args([&object, &input]));
        let mut check = core_btf();
        check.arg("check").arg(&object).arg("--against").arg(&blob);
        check.arg("--json").output().unwrap()
    };
    let offsets = |output: &std::process::Output| -> Vec<(Value, Value)> {
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        let rows = json["relocations"].as_array().unwrap().iter();
        rows.map(|row| (row["from"].clone(), row["new"].clone()))
            .collect()
    };
    let plain = program(&dump(&blob, &["-f", "c"]), "");
    assert_eq!(plain.status.code(), Some(1), "the kernel's has no color");

    let from_app = |new: String| ("app".into(), serde_json::from_str(&new).unwrap());
    let [color, value] = ["color", "box.value"].map(|member| gdb_offset(&app, member));
    let expected = [color, value, "6".to_owned()].map(from_app);
    let tagged = program(&dump(&blob, &["-f", "c", "--app"]), "");
    assert_eq!(offsets(&tagged), expected);

    // Beside a header that has the same names.
    let kernel = work.path("kernel.h");
    std::fs::write(&kernel, dump(Path::new(VMLINUX), &["-f", "c"])).unwrap();
    let header = dump(&blob, &["-f", "c", "--app", "--beside", VMLINUX]);
    let include = "#include \"kernel.h\"\n#define request request___app";
    let beside = program(
        &header.replace("struct request___app", "struct request"),
        include,
    );
    assert_eq!(offsets(&beside), expected);

    let error = fails(2, core_btf().arg("dump").arg(&blob).arg("--app"));
    assert!(error.contains("are for --format c"), "{error}");
}

/// Any bytes may be a name: all forms stay what they are.
#[test]
fn names_that_are_not_utf8() {
    let work = Workspace::new();
    let blob = work.btf(&work.app(""), "app.btf");
    let mut data = std::fs::read(&blob).unwrap();
    for (name, other) in [
        (b"\0request\0", b"\0req\xffest\0"),
        (b"\0retries\0", b"\0r\xf0\"\n\x01es\0"),
    ] {
        let mut places = data.windows(name.len());
        let at = places.position(|it| it == name).unwrap();
        data[at..at + name.len()].copy_from_slice(other);
    }
    std::fs::write(&blob, data).unwrap();
    assert!(dump(&blob, &[]).contains("STRUCT 'req\u{fffd}est'"));
    let json: Value = serde_json::from_str(&dump(&blob, &["-f", "json"])).unwrap();
    let mut types = json["types"].as_array().unwrap().iter();
    let request = types.find(|ty| ty["name"] == "req\u{fffd}est").unwrap();
    assert_eq!(request["members"][2]["name"], "r\u{fffd}\"\n\u{1}es");
    let header = dump(&blob, &["-f", "c", "-t", "req?est"]);
    assert!(header.is_ascii(), "{header}");
    compile_c(&work, &header);
    let merged = work.path("merged.btf");
    let mut merge = core_btf();
    merge.arg("merge").arg(VMLINUX).arg(&blob).arg("-o");
    quiet(merge.arg(&merged));
    assert!(dump(&merged, &[]).contains("STRUCT 'req\u{fffd}est'"));
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
