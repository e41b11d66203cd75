//! The bar of what takes long.

use std::fmt::Write as _;
use std::process::Command;

use crate::tools::{Workspace, core_btf, quiet, run};

/// A terminal shows how far a long extraction is, and nothing of it at the end; a file shows nothing,
/// and what comes out is the same.
#[test]
fn a_terminal_has_a_bar_of_what_takes_long() {
    let work = Workspace::new();
    let mut source = String::new();
    for n in 0..3000 {
        writeln!(
            source,
            "struct s{n} {{ int a; struct s{n} *b; char c[{n}]; }} v{n};"
        )
        .unwrap();
    }
    let (input, object) = (work.path("x.c"), work.path("x.o"));
    std::fs::write(&input, source).unwrap();
    run(Command::new("gcc")
        .args(["-g", "-c", "-o"])
        .args([&object, &input]));
    let copies: Vec<_> = (0..100).map(|n| work.path(&format!("{n}.o"))).collect();
    for copy in &copies {
        std::fs::copy(&object, copy).unwrap();
    }
    let archive = work.path("long.a");
    run(Command::new("ar").arg("rc").arg(&archive).args(&copies));

    let (silent, shown) = (work.path("silent.btf"), work.path("shown.btf"));
    quiet(
        core_btf()
            .arg("extract")
            .arg(&archive)
            .arg("-o")
            .arg(&silent),
    );
    let on_terminal = |file: &std::path::Path| {
        let command = format!(
            "{} extract --threads 1 {} -o {}",
            env!("CARGO_BIN_EXE_core-btf"),
            file.display(),
            shown.display()
        );
        run(Command::new("script").args(["-qec", &command, "/dev/null"]))
    };
    let terminal = on_terminal(&archive);
    assert!(terminal.contains("long.a: ["), "{terminal:?}");
    assert!(terminal.contains(" %"), "{terminal:?}");
    assert!(terminal.ends_with("\r\x1b[K"), "{terminal:?}");
    assert_eq!(
        std::fs::read(&shown).unwrap(),
        std::fs::read(&silent).unwrap()
    );

    assert_eq!(on_terminal(&object), "");
}
