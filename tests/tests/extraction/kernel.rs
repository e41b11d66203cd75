//! The kernel's verifier, which takes no BTF with an odd name, size, order or reference.

use std::path::Path;

use tests::{libbpf, sources};

use crate::oracle::{Workspace, extraction};

/// Loads the types of what a command compiles.
fn assert_kernel_takes(command: &[&str], source: &Path) {
    let work = Workspace::new();
    let found = extraction(&work.compile(command, source, "object.o"));
    let file = work.path("object.btf");
    std::fs::write(&file, found.btf.encode(found.endian).unwrap()).unwrap();
    libbpf::verify(&file).unwrap_or_else(|error| panic!("{command:?}: {error}"));
}

/// Not the fixture's, which has a `double` in a packed struct: the kernel wants those aligned.
#[test]
fn the_kernel_takes_the_types_of_c() {
    let (zlib, lua) = (sources::zlib(), sources::lua());
    for compiler in ["gcc", "clang"] {
        for flags in ["-gdwarf-4", "-gdwarf-5"] {
            for file in [
                zlib.join("deflate.c"),
                zlib.join("gzread.c"),
                lua.join("lvm.c"),
            ] {
                assert_kernel_takes(&[compiler, flags], &file);
            }
        }
    }
}
