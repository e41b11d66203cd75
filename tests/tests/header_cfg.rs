//! Which source the header is made from, by rustc's own choice: one crate, with every condition on
//! every kind of item, built with several configurations.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

#[path = "scratch/mod.rs"]
mod scratch;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use scratch::{Scratch, output_of};

const CONDITIONS: [&str; 36] = [
    "unix",
    "windows",
    "true",
    "false",
    "all()",
    "any()",
    "not(unix)",
    "not(not(unix))",
    "all(unix, not(windows))",
    "all(unix, windows)",
    "any(unix, windows)",
    "any(windows, not(unix), all(unix, any()))",
    "target_os = \"linux\"",
    "target_os = \"macos\"",
    "target_os",
    "target_arch = \"x86_64\"",
    "target_env = \"gnu\"",
    "target_abi = \"\"",
    "target_abi",
    "target_pointer_width = \"64\"",
    "target_endian = \"big\"",
    "target_family = \"unix\"",
    "target_feature = \"sse2\"",
    "target_feature = \"avx512f\"",
    "target_has_atomic = \"64\"",
    "panic = \"unwind\"",
    "debug_assertions",
    "feature = \"slow-path\"",
    "feature = \"slow_path\"",
    "any(feature = \"Upper\", feature = \"other\")",
    "feature",
    "Loud",
    "loud",
    "pair = \"a,b\"",
    "pair = \"a\"",
    "pair",
];

/// A text for each condition, which is put in for `IF`, and its number for `N`.
fn for_all(text: &str) -> String {
    let text =
        |(n, condition): (usize, &&str)| text.replace('N', &n.to_string()).replace("IF", condition);
    CONDITIONS.iter().enumerate().map(text).collect()
}

/// A crate whose every item has one of the conditions; it prints which of them rustc takes for
/// true.
fn subject() -> Scratch {
    let scratch = Scratch::with_build(
        "conditions",
        "core_build::Builder::new().build()?;
        let header = std::env::var(\"OUT_DIR\").unwrap() + \"/core/include/traceable.bpf.h\";
        std::fs::copy(header, \"header\").unwrap();
        Ok(())",
    );
    let manifest = fs::read_to_string(scratch.path().join("Cargo.toml")).unwrap();
    let manifest = manifest.replace("core-runtime", "core-macros");
    scratch.file(
        "Cargo.toml",
        &(manifest
            + "[features]\nslow-path = []\nUpper = []\nother = []\n\
               [profile.dev.build-override]\ndebug-assertions = true\n"),
    );
    for (n, condition) in CONDITIONS.iter().enumerate() {
        let file = format!("#[crate::bpf_traceable] struct File{n}(u8);\n");
        scratch.file(&format!("src/file_{n}.rs"), &file);
        let inner = format!("#![cfg({condition})]\n#[crate::bpf_traceable] struct Inner{n}(u8);\n");
        scratch.file(&format!("src/inner_{n}.rs"), &inner);
    }
    let fields = for_all(
        "#[cfg(IF)] field_N: u8,
        #[cfg_attr(IF, cfg(any()))] without_N: u8,
        #[cfg_attr(IF, bpf(skip))] skipped_N: u8,",
    );
    let variants = for_all("#[cfg(IF)] OfN { x: u8, #[cfg(IF)] in_N: u8 },");
    let items = for_all(
        "#[cfg(IF)] #[bpf_traceable] struct ItemN { x: u8 }
        #[cfg_attr(IF, bpf_traceable)] struct MarkedN { x: u8 }
        #[cfg(IF)] mod inline_N { #[super::bpf_traceable] struct InlineN(u8); }
        #[cfg_attr(not(IF), path = \"file_none.rs\")] mod file_N;
        mod inner_N;
        #[cfg(IF)] type AliasN = u16;
        #[cfg(not(IF))] type AliasN = i64;
        #[bpf_traceable] struct AliasedN { x: AliasN }",
    );
    let shown = for_all("println!(\"{}\", cfg!(IF));");
    scratch.file("src/file_none.rs", "");
    scratch.file(
        "src/main.rs",
        &format!(
            "#![allow(warnings)]
             use core_macros::bpf_traceable;
             core_macros::embed!();
             #[bpf_traceable] struct All {{ {fields} end: u8 }}
             #[bpf_traceable] enum Any {{ {variants} End(u8) }}
             {items}
             fn main() {{ {shown} }}"
        ),
    );
    scratch
}

/// The header that a configuration leads to, against what its program says.
fn check(scratch: &Scratch, flags: &[&str], args: &[&str], assertions: bool) -> usize {
    let mut cargo = scratch.cargo("run");
    cargo
        .arg("--quiet")
        // Flags are then for the crate alone, and its build script's dependencies stay as they are.
        .args(["--target", &host()])
        .args(args)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env("CARGO_PROFILE_DEV_DEBUG_ASSERTIONS", assertions.to_string());
    let printed = output_of(&mut cargo);
    let header = fs::read_to_string(scratch.path().join("header")).unwrap();
    let words: BTreeSet<&str> = header
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .collect();
    let mut wrong = Vec::new();
    for (n, (holds, condition)) in printed.lines().zip(CONDITIONS).enumerate() {
        let holds = holds == "true";
        let mut expect = |name: String, expected: bool| {
            if words.contains(name.as_str()) != expected {
                wrong.push(format!("{name}: not {expected} with {condition}"));
            }
        };
        for name in [
            "field_", "in_", "Item", "Marked", "Inline", "File", "Inner", "Any__Of",
        ] {
            expect(format!("{name}{n}"), holds);
        }
        expect(format!("without_{n}"), !holds);
        expect(format!("skipped_{n}"), !holds);
        let alias = format!("struct Aliased{n} {{\n\tunsigned short x;");
        if header.contains(&alias) != holds {
            wrong.push(format!("Aliased{n}: not {holds} with {condition}"));
        }
    }
    assert_eq!(printed.lines().count(), CONDITIONS.len());
    assert!(
        wrong.is_empty(),
        "{flags:?} {args:?}:\n{}",
        wrong.join("\n")
    );
    printed.lines().filter(|line| *line == "true").count()
}

fn host() -> String {
    let words = output_of(Command::new("rustc").args(["--print", "host-tuple"]));
    words.trim().to_owned()
}

#[test]
fn the_header_has_what_rustc_sees() {
    let scratch = subject();
    let plain = check(&scratch, &[], &[], true);
    let other = check(
        &scratch,
        &[
            "--cfg",
            "Loud",
            "--cfg=pair=\"a,b\"",
            "-Ctarget-feature=-sse3",
        ],
        &["--features", "slow-path,other"],
        false,
    );
    check(
        &scratch,
        &[
            "--cfg",
            "pair",
            "--cfg",
            "loud",
            "-Cpanic=abort",
            "--cfg=pair=\"a\"",
        ],
        &["--all-features"],
        true,
    );
    // 3 hold only here, one only there.
    assert_eq!(other, plain + 4 - 1);
}
