//! When Cargo runs the build script again, and what then changes.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

mod scratch;

use std::fs;
use std::time::{Duration, SystemTime};

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

/// Changes a file as an editor would; Cargo compares times.
fn edit(scratch: &Scratch, path: &str, from: &str, to: &str) {
    let old = fs::read_to_string(scratch.path().join(path)).unwrap();
    assert!(old.contains(from), "{path}: {old}");
    scratch.file(path, &old.replace(from, to));
    let file = fs::File::options()
        .append(true)
        .open(scratch.path().join(path))
        .unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(1))
        .unwrap();
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
    edit(&scratch, "src/bpf/number.h", "1", "2");
    let second = output_of(&mut scratch.cargo("run"));
    assert_ne!(first, second);
    // A header of the C part: new types in the generated header.
    edit(&scratch, "src/part.h", "int a", "int b");
    let stderr = error_of(&mut scratch.cargo("build"));
    assert!(
        stderr.contains("no member named 'a' in 'struct part'"),
        "{stderr}"
    );
    edit(&scratch, "src/part.h", "int b", "int a");
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
    edit(&scratch, "build.rs", ".bpf(\"src/bpf/two.bpf.c\")", "");
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
