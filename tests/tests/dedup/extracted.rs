//! What `extract` makes of single units, put together: libbpf finds as many types in it as we do.

use std::path::Path;
use std::process::Command;

use core_btf::BtfBuf;
use core_btf::dwarf::{Options, extract};
use tests::sources;

use crate::real::{compare_with_libbpf, run};

/// The types of each source, one unit after the other.
fn units(command: &[&str], sources: &[&Path]) -> BtfBuf {
    let dir = tempfile::tempdir().unwrap();
    let object = dir.path().join("x.o");
    let mut all = BtfBuf::new();
    for source in sources {
        let (compiler, flags) = command.split_first().unwrap();
        run(Command::new(compiler)
            .args(flags)
            .args(["-g", "-w", "-c", "-o"])
            .args([&object, *source]));
        let object = std::fs::read(&object).unwrap();
        let found = extract(&object, &Options::default()).unwrap();
        all.extend(&found.btf).unwrap();
    }
    all
}

#[test]
fn units_of_c_merge_as_with_libbpf() {
    let files = sources::c_files(&sources::lua(), &[]).unwrap();
    let files: Vec<_> = files.iter().map(AsRef::as_ref).collect();
    for compiler in ["gcc", "clang"] {
        compare_with_libbpf(units(&[compiler, "-DLUA_USE_LINUX"], &files));
    }
}

/// Classes, templates and namespaces of both standard libraries, in three units that share some.
#[test]
fn units_of_cxx_merge_as_with_libbpf() {
    let dir = tempfile::tempdir().unwrap();
    let sources: Vec<_> = [
        "#include <string>\n#include <vector>\n#include <memory>\n\
         namespace net { struct Conn { std::string name; std::vector<int> ids; }; struct Later; }\n\
         std::shared_ptr<net::Conn> a; net::Later *later;",
        "#include <map>\n#include <string>\n#include <functional>\n\
         namespace net { struct Later { std::map<std::string, int> all; std::function<void()> f; }; }\n\
         net::Later b;",
        "#include <string>\n#include <iostream>\n#include <unordered_map>\n\
         namespace net { struct Conn; struct Third { Conn *c; std::unordered_map<int, std::string> m; }; }\n\
         net::Third c; void f() { std::cout << c.m.size(); }",
    ]
    .iter()
    .enumerate()
    .map(|(n, source)| {
        let path = dir.path().join(format!("{n}.cc"));
        std::fs::write(&path, source).unwrap();
        path
    })
    .collect();
    // The first two once more, as a program has many units that share much.
    let sources = sources.iter().chain(&sources[..2]);
    let sources: Vec<&Path> = sources.map(AsRef::as_ref).collect();
    for command in [
        &["g++", "-std=c++17"][..],
        &["clang++", "-std=c++17", "-stdlib=libc++"],
    ] {
        let all = units(command, &sources);
        assert!(all.len() > 800, "{command:?}: {}", all.len());
        compare_with_libbpf(all);
    }
}
