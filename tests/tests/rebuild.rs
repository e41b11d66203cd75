//! When Cargo runs the build script again, and what then changes.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

mod scratch;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use scratch::{Scratch, error_of, output_of};

/// Its C compiler is one that compresses debug information unless told otherwise.
fn traced_crate() -> Scratch {
    let scratch = Scratch::with_build(
        "rebuild",
        "core_build::Builder::new()\n        \
         .c(cc::Build::new().file(\"src/part.c\").flag(\"-gz=zlib\"))\n        \
         .bpf(\"src/bpf/one.bpf.c\")\n        \
         .bpf(\"src/bpf/two.bpf.c\")\n        \
         .build()",
    );
    scratch.file("src/part.h", "struct part { int a; };\n");
    scratch.file("src/part.c", "#include \"part.h\"\nstruct part part;\n");
    scratch.file("src/bpf/number.h", "#define NUMBER 1\n");
    for name in ["one", "two"] {
        scratch.file(
            &format!("src/bpf/{name}.bpf.c"),
            "#include \"traceable.bpf.h\"\n#include \"number.h\"\n\
             char LICENSE[] SEC(\"license\") = \"GPL\";\n\
             SEC(\"uprobe\") int BPF_UPROBE(probe, struct part *part)\n\
             { return core_read(part, a) + NUMBER; }\n",
        );
    }
    scratch.file(
        "src/main.rs",
        "core_runtime::embed!();\nuse core_runtime::BpfObject;\nfn main() {\n    \
         println!(\"{:?}\", bpf::one::OneSkelBuilder::OBJECT);\n    \
         println!(\"{:?}\", bpf::two::TwoSkelBuilder::OBJECT);\n}\n",
    );
    scratch
}

/// Whether a build compiles anything.
fn compiles(scratch: &Scratch) -> bool {
    let output = scratch.cargo("build").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    stderr.contains("Compiling rebuild")
}

#[test]
fn the_build_follows_every_input_and_nothing_else() {
    let scratch = traced_crate();
    let first = output_of(&mut scratch.cargo("run"));
    assert!(!compiles(&scratch), "nothing has changed");
    scratch.file("notes.txt", "not an input");
    assert!(!compiles(&scratch), "nothing that is used has changed");

    // A header of a BPF program: new instructions.
    scratch.edit("src/bpf/number.h", "1", "2");
    let second = output_of(&mut scratch.cargo("run"));
    assert_ne!(first, second);
    // A header of the C part: new types in the generated header.
    scratch.edit("src/part.h", "int a", "int b");
    let stderr = error_of(&mut scratch.cargo("build"));
    assert!(
        stderr.contains("no member named 'a' in 'struct part'"),
        "{stderr}"
    );
    scratch.edit("src/part.h", "int b", "int a");
    assert_eq!(second, output_of(&mut scratch.cargo("run")));

    // Another compiler.
    let clang = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|dir| dir.join("clang"))
        .find(|clang| clang.is_file())
        .unwrap();
    let output = scratch.cargo("build").env("CLANG", clang).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("Compiling rebuild"), "{stderr}");

    // A program that is gone is gone from `mod bpf`.
    scratch.edit("build.rs", ".bpf(\"src/bpf/two.bpf.c\")", "");
    let stderr = error_of(&mut scratch.cargo("build"));
    assert!(stderr.contains("could not find `two` in `bpf`"), "{stderr}");
}

/// Two checkouts of one source give the same objects: no path of the machine is in them.
#[test]
fn objects_do_not_depend_on_where_the_crate_is() {
    let (one, two) = (traced_crate(), traced_crate());
    assert_ne!(one.path(), two.path());
    assert_eq!(
        output_of(&mut one.cargo("run")),
        output_of(&mut two.cargo("run"))
    );
}

/// Compilers that write down each compile, and how many those were.
struct Compilers {
    log: PathBuf,
    bin: PathBuf,
}

impl Compilers {
    fn new(scratch: &Scratch) -> Self {
        let bin = scratch.parent().join("bin");
        let log = scratch.parent().join("log");
        fs::create_dir(&bin).unwrap();
        for name in ["cc", "clang"] {
            let real = std::env::split_paths(&std::env::var_os("PATH").unwrap())
                .map(|dir| dir.join(name))
                .find(|path| path.is_file())
                .unwrap();
            let script = format!(
                "#!/bin/sh\necho \"$@\" >> '{}'\nexec {} \"$@\"\n",
                log.display(),
                real.display()
            );
            let path = bin.join(name);
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { log, bin }
    }

    /// Builds, and gives the compiles of C and of BPF that this took, and what Cargo said.
    fn build(&self, scratch: &Scratch, variables: &[(&str, &str)]) -> (usize, usize, String) {
        drop(fs::remove_file(&self.log));
        let path = std::env::var_os("PATH").unwrap();
        let path = std::iter::once(self.bin.clone()).chain(std::env::split_paths(&path));
        let output = scratch
            .cargo("build")
            // Not by CC, for which Cargo would make other packages anew.
            .env("PATH", std::env::join_paths(path).unwrap())
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let compiles = log.lines().filter(|line| line.contains(" -c "));
        let (bpf, c): (Vec<_>, Vec<_>) = compiles
            .filter(|line| line.contains("src/"))
            .partition(|line| line.contains("src/bpf/") && line.contains("-target bpf"));
        (c.len(), bpf.len(), stderr)
    }
}

/// A change costs the compiles of what it changes: two sources in C, two programs, of which `one`
/// has the types in its header.
#[test]
fn only_what_has_changed_is_compiled() {
    let scratch = Scratch::with_build(
        "compiles",
        "println!(\"cargo::rerun-if-env-changed=PART\");\n    \
         let mut c = cc::Build::new();\n    \
         c.file(\"src/part.c\").file(\"src/other.c\");\n    \
         c.flag(std::env::var(\"PART\").unwrap_or(\"-DPART\".into()));\n    \
         core_build::Builder::new().c(c)\n        \
         .bpf(\"src/bpf/one.bpf.c\").bpf(\"src/bpf/two.bpf.c\")\n        \
         .include(\"src/bpf/more\").include(\"src/bpf\")\n        .build()",
    );
    scratch.file("src/part.h", "struct part { int a; };\n");
    scratch.file(
        "src/part.c",
        "#warning said once\n#include \"part.h\"\nstruct part part;\n",
    );
    scratch.file("src/other.c", "int other;\n");
    scratch.file("src/bpf/number.h", "#define NUMBER 1\n");
    scratch.file("src/bpf/more/notes.txt", "");
    for (name, header) in [("one", "traceable"), ("two", "core")] {
        scratch.file(
            &format!("src/bpf/{name}.bpf.c"),
            &format!(
                "#include \"{header}.bpf.h\"\n#include <number.h>\n\
                 char LICENSE[] SEC(\"license\") = \"GPL\";\n\
                 SEC(\"uprobe\") int BPF_UPROBE(probe, long n) {{ return n + NUMBER; }}\n"
            ),
        );
    }
    scratch.file(
        "src/main.rs",
        "core_runtime::embed!();\n#[core_runtime::bpf_traceable]\nstruct Own { id: u64 }\n\
         fn main() { println!(\"{}\", Own { id: 1 }.id); }\n",
    );
    let compilers = Compilers::new(&scratch);
    let build = |variables: &[(&str, &str)]| {
        let (c, bpf, stderr) = compilers.build(&scratch, variables);
        let warned = stderr.matches("said once").count();
        (c, bpf, stderr.contains("Compiling compiles"), warned > 0)
    };
    assert_eq!(build(&[]), (2, 2, true, true), "the first time");
    let compiles = |c, bpf| (c, bpf, true, true);
    assert_eq!(build(&[]), (0, 0, false, true), "nothing has changed");
    edit_now(&scratch, "src/main.rs", "println!(", "print!(");
    assert_eq!(build(&[]), compiles(0, 0), "a body has changed");
    edit_now(&scratch, "src/main.rs", "id: u64", "id: u32");
    assert_eq!(build(&[]), compiles(0, 1), "a field has changed");
    edit_now(&scratch, "src/part.h", "int a;", "int a; /* a */");
    assert_eq!(build(&[]), compiles(2, 0), "a header of C, but no type");
    edit_now(&scratch, "src/part.h", "int a;", "int a, b;");
    assert_eq!(build(&[]), compiles(2, 1), "a type of C");
    edit_now(&scratch, "src/bpf/number.h", "1", "2");
    assert_eq!(build(&[]), compiles(0, 2), "a header of BPF");
    edit_now(&scratch, "src/bpf/two.bpf.c", "n + NUMBER", "n - NUMBER");
    assert_eq!(build(&[]), compiles(0, 1), "a BPF program");

    // Other flags, by variable and by build script; a changed build script makes everything anew.
    let flags = [("PART", "-DFLAG")];
    assert_eq!(build(&flags), compiles(2, 0), "flags of C");
    assert_eq!(build(&flags), (0, 0, false, true), "the same flags");
    edit_now(
        &scratch,
        "build.rs",
        ".build()",
        ".clang_arg(\"-DFLAG\").build()",
    );
    assert_eq!(build(&flags), compiles(2, 2), "flags of BPF");

    // A header that is found before the one that was read.
    scratch.file("src/bpf/more/number.h", "#define NUMBER 3\n");
    edit_now(&scratch, "src/main.rs", "print!(", "println!(");
    assert_eq!(build(&flags), compiles(0, 2), "another header is found");

    // Another version of a compiler under the same name.
    let clang = compilers.bin.join("clang");
    let script = fs::read_to_string(&clang).unwrap();
    fs::write(&clang, format!("{script}# new\n")).unwrap();
    edit_now(&scratch, "src/main.rs", "println!(", "print!(");
    assert_eq!(build(&flags), compiles(0, 2), "another clang");

    // An output that is gone is made again.
    let objects = out_files("compiles", "core/obj/one.bpf.o");
    for object in objects {
        fs::remove_file(object).unwrap();
    }
    edit_now(&scratch, "src/main.rs", "print!(", "println!(");
    assert_eq!(build(&flags), compiles(0, 1), "an object is gone");
}

/// Changes a file, now.
fn edit_now(scratch: &Scratch, path: &str, from: &str, to: &str) {
    let old = fs::read_to_string(scratch.path().join(path)).unwrap();
    assert!(old.contains(from), "{path}: {old}");
    scratch.file(path, &old.replace(from, to));
}

/// Files in the output directories of a package.
fn out_files(package: &str, path: &str) -> Vec<PathBuf> {
    let build = scratch::target_dir().join("debug/build");
    let dirs = fs::read_dir(build).unwrap().map(|dir| dir.unwrap());
    dirs.filter(|dir| {
        let name = dir.file_name();
        name.to_string_lossy().starts_with(&format!("{package}-"))
    })
    .map(|dir| dir.path().join("out").join(path))
    .filter(|path| path.is_file())
    .collect()
}
