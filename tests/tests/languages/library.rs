//! The standard libraries, as a program uses them, and a large program.

use tests::sources;

use crate::gdb::{compare, compile, fixture};
use crate::types::assert_compiles;

/// Strings, maps, regular expressions, futures and the rest of libstdc++ and libc++.
#[test]
fn standard_libraries_as_gdb_sees_them() {
    for (command, least) in [
        ("g++ -g -c -std=c++17", 900),
        ("clang++ -g -c -std=c++17 -stdlib=libc++", 650),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let object = compile(dir.path(), command, &fixture("library.cc"));
        let compared = compare(&object);
        assert!(compared > least, "{command}: {compared}");
        assert_compiles(dir.path(), &object);
    }
}

/// `HarfBuzz`: five thousand types, templates of templates, bitfields, flexible arrays.
#[test]
fn harfbuzz_as_gdb_sees_it() {
    let dir = tempfile::tempdir().unwrap();
    let object = compile(
        dir.path(),
        "g++ -g -c -fno-exceptions",
        &sources::harfbuzz(),
    );
    let compared = compare(&object);
    assert!(compared > 5000, "{compared}");
    assert_compiles(dir.path(), &object);
}
