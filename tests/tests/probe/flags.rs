//! One source, compiled by rustc with every flag that could matter.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use core_runtime::TypeInfo;

use crate::product::{Layouts, Product, layouts};
use crate::rustc::{Crate, SUBJECT};
use crate::scratch::{error_of, output_of};

/// Compiles the subject with `flags`, runs it, and compares what it prints with its BTF.
fn check(flags: &[&str]) -> (Layouts, Product) {
    let subject = Crate::new(SUBJECT);
    let program = subject.compile(flags);
    let printed = subject.printed("product", &[]);
    let product = Product::read(&program);
    product.assert_describes(&printed, &flags.join(" "));
    (printed, product)
}

fn check_all(cases: &[&[&str]]) {
    for flags in cases {
        check(flags);
    }
}

#[test]
fn editions() {
    check_all(&[&["--edition=2021"], &["--edition=2024"]]);
}

#[test]
fn optimisation_levels() {
    let (plain, _) = check(&[]);
    assert!(plain.contains_key("Request.checked"));
    for level in ["0", "1", "2", "3", "s", "z"] {
        let (printed, _) = check(&[&format!("-Copt-level={level}")]);
        // A field that is there only with debug assertions shows that the probe has kept them.
        let checked = printed.contains_key("Request.checked");
        assert_eq!(checked, level == "0", "opt-level={level}");
    }
    check_all(&[
        &["-O"],
        &["-gO"],
        &["-O", "-Cdebug-assertions=on"],
        &["-Cdebug-assertions=off"],
    ]);
}

#[test]
fn link_time_optimisation() {
    check_all(&[
        &["-Clto=fat", "-O", "-Ccodegen-units=1", "-Cstrip=symbols"],
        &["-Clto=thin", "-Copt-level=3", "-Ccodegen-units=16"],
        &["-Clinker-plugin-lto", "-O"],
    ]);
}

#[test]
fn panic_and_strip_and_cpu() {
    check_all(&[
        &["-Cpanic=abort", "-Cstrip=symbols"],
        &["-Cstrip=debuginfo", "-Ctarget-cpu=native"],
        &["-Crelocation-model=static", "-Cforce-frame-pointers=yes"],
        &["-Cprefer-dynamic", "-Clink-dead-code", "-Csave-temps"],
    ]);
}

#[test]
fn debug_information() {
    check_all(&[
        &["-g"],
        &["-Cdebuginfo=line-tables-only"],
        &["-Cdebuginfo=2", "-Csplit-debuginfo=unpacked"],
        &["-Cdebuginfo=2", "-Csplit-debuginfo=packed"],
        &["-Cdebuginfo=2", "-Cdwarf-version=5"],
    ]);
}

#[test]
fn instrumentation() {
    check(&["-Cinstrument-coverage"]);
}

#[test]
fn conditions_and_features() {
    let (wide, _) = check(&[]);
    let (narrow, _) = check(&["--cfg", "feature=\"narrow\""]);
    assert_ne!(wide["PrivateTuple.__0"], narrow["PrivateTuple.__0"]);
}

#[test]
fn messages_for_cargo() {
    check_all(&[
        &["--error-format=json", "--json=artifacts,future-incompat"],
        &[
            "--color=always",
            "--diagnostic-width=80",
            "--cap-lints=warn",
        ],
    ]);
}

#[test]
fn incremental_compilation() {
    let subject = Crate::new(SUBJECT);
    let mut pieces = Vec::new();
    for _ in 0..2 {
        let program = subject.compile(&["-Cincremental=state", "-Ccodegen-units=8"]);
        let product = Product::read(&program);
        product.assert_describes(&subject.printed("product", &[]), "incremental");
        pieces.push(product.btf().to_vec());
    }
    assert_eq!(pieces[0], pieces[1]);
}

/// Where a layout depends on a flag, the probe compile has the flag.
#[test]
fn layouts_that_rustc_shuffles() {
    let mut different = BTreeSet::new();
    for seed in 1..4 {
        let product = Product::read(&shuffled(SUBJECT, seed, &["--crate-type=cdylib"]).product());
        let recorded = product.recorded();
        product.assert_describes(&recorded, &format!("seed {seed}"));
        different.insert(recorded);
    }
    assert!(different.len() > 1, "no seed has changed a layout");
}

/// A root that proves nothing of what it holds.
const WRAPPER: &str = "core_macros::embed!();
    use std::{hint::black_box, mem::offset_of};
    #[core_macros::bpf_traceable]
    struct Outer { inner: Inner }
    struct Inner { a: u8, b: u64, c: u16, d: u32, e: u64, f: u16 }
    fn main() {
        black_box(offset_of!(Outer, inner));
        println!(\"a {}\", offset_of!(Inner, a));
        println!(\"b {}\", offset_of!(Inner, b));
        println!(\"c {}\", offset_of!(Inner, c));
        println!(\"d {}\", offset_of!(Inner, d));
        println!(\"e {}\", offset_of!(Inner, e));
        println!(\"f {}\", offset_of!(Inner, f));
    }
";

/// rustc shuffles by whether the crate is a program, too: then the probe is one.
#[test]
fn layouts_of_programs_that_rustc_shuffles() {
    for seed in 1..4 {
        let product = Product::read(&shuffled(SUBJECT, seed, &[]).product());
        product.assert_describes(&product.recorded(), &format!("seed {seed}"));

        let wrapper = shuffled(WRAPPER, seed, &[]);
        let printed = wrapper.printed("product", &[]);
        let types = TypeInfo::from_file(wrapper.product()).unwrap();
        let mut described = Layouts::new();
        for btf in types.blobs() {
            for ty in btf.iter().filter(|ty| ty.name() == Ok("Inner")) {
                described.extend(ty.members().map(|member| {
                    let name = btf.name(member.name).unwrap().to_owned();
                    (name, u64::from(member.offset_bits / 8))
                }));
            }
        }
        assert_eq!(described, printed, "seed {seed}");
    }
    let tests = Crate::new(WRAPPER);
    let mut rustc = tests.rustc();
    rustc
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["main.rs", "--test"]);
    let words = error_of(rustc.args(["--edition=2024", "-Zrandomize-layout"]));
    assert!(
        words.contains("leave it out when you compile tests"),
        "{words}"
    );
}

/// A crate with layouts that depend on a number.
fn shuffled(source: &str, seed: u32, flags: &[&str]) -> Crate {
    let subject = Crate::new(source);
    let mut rustc = subject.rustc();
    // The flags are for nightly compilers; this variable makes a stable one take them.
    rustc
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["main.rs", "--edition=2024", "-o", "product"])
        .args(["-Zrandomize-layout", &format!("-Zlayout-seed={seed}")]);
    output_of(rustc.args(flags));
    subject
}

/// Cargo passes arguments in a file where the command line would be too long.
#[test]
fn arguments_in_a_file() {
    let subject = Crate::new(SUBJECT);
    let args = "main.rs\n--edition=2024\n-Copt-level=2\n--cfg\nfeature=\"narrow\"\n-o\nproduct\n";
    fs::write(subject.dir.join("the args"), args).unwrap();
    output_of(subject.rustc().arg("@the args"));
    let program = subject.product();
    let printed = subject.printed("product", &[]);
    Product::read(&program).assert_describes(&printed, "@args");
}

/// All files of a crate but its source and what a build script made, with their contents.
fn files(subject: &Crate) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![subject.dir.clone()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&subject.dir).unwrap().to_str().unwrap();
            if matches!(name, "out" | "main.rs") {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(name.to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Wherever the real compile puts its outputs, the probe puts none: what is written, and what is
/// left alone when the real compile fails, is the same as without the macros.
#[test]
fn outputs_are_those_of_the_real_compile() {
    const MACROS: &str = "core_macros::embed!();\n#[core_macros::bpf_traceable]\n";
    const TYPE: &str = "pub struct Small { pub a: u8 }\nfn main() {}\n";
    // Only the real compile fails.
    const FAILS: &str = "const _: () = assert!(option_env!(\"CORE_PROBE\").is_some());\n";
    for flags in [
        &["-o", "product"][..],
        &["-oproduct"],
        &["-o=product"],
        &["-gOo", "product"],
        &["-Oogiven"],
        &["--out-dir", "made", "-Cextra-filename=-77"],
        &[
            "--out-dir=made",
            "--crate-type=rlib,staticlib",
            "-C",
            "extra_filename=-77",
        ],
        &["--emit=obj", "-o", "product.o"],
        &["--emit=link=a b,dep-info=made/b.d,obj=made/c.o,metadata=made/d.rmeta"],
        &[
            "--emit",
            "asm=a.s,llvm-ir=b.ll",
            "--emit=llvm-bc,mir=d.mir",
            "-o",
            "e",
        ],
        &[
            "--print=link-args=made/args",
            "-Cremark=all",
            "--emit=obj=x.o",
        ],
        &[
            "-Zdump-mir=main",
            "-Zdump-mir-dir=made",
            "-Zdump-mono-stats=made",
            "-oa",
        ],
        &[
            "-Ztemps-dir=made",
            "-Zllvm-time-trace",
            "--emit=link",
            "-Cincremental=made/state",
        ],
    ] {
        let mut seen = Vec::new();
        for (macros, fails) in [("", ""), (MACROS, ""), ("", FAILS), (MACROS, FAILS)] {
            let subject = Crate::new(&format!("{macros}{TYPE}{fails}"));
            fs::create_dir(subject.dir.join("made")).unwrap();
            let run = || {
                let mut rustc = subject.rustc();
                rustc.env("RUSTC_BOOTSTRAP", "1");
                rustc.args(["main.rs", "--edition=2024"]).args(flags);
                rustc
            };
            if fails.is_empty() {
                output_of(&mut run());
                seen.push(files(&subject).into_keys().collect::<BTreeSet<_>>());
            } else {
                // Everything that a compile makes is there already, and is to stay.
                for name in &seen[0] {
                    let path = subject.dir.join(name);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, "old").unwrap();
                }
                error_of(&mut run());
                let files = files(&subject).into_iter();
                let kept = files.filter(|(_, contents)| contents == b"old");
                seen.push(kept.map(|(name, _)| name).collect());
            }
        }
        // Some names have a hash of the contents.
        let stable = |names: &BTreeSet<String>| -> BTreeSet<String> {
            let names = names.iter().filter(|name| !name.contains("rcgu"));
            names
                .filter(|name| !name.contains("state/"))
                .cloned()
                .collect()
        };
        let seen: Vec<_> = seen.iter().map(stable).collect();
        assert!(!seen[0].is_empty(), "{flags:?}");
        assert_eq!(seen[0], seen[1], "{flags:?}");
        assert_eq!(seen[2], seen[3], "{flags:?}, failing");
    }
}

#[test]
fn test_harness() {
    let subject = Crate::new(SUBJECT);
    let program = subject.compile(&["--test"]);
    let printed = subject.printed("product", &["--nocapture"]);
    Product::read(&program).assert_describes(&printed, "--test");
}

#[test]
fn crate_types() {
    let (printed, _) = check(&[]);
    let subject = Crate::new(SUBJECT);
    for ty in ["cdylib", "dylib"] {
        let library = subject.compile(&["--crate-type", ty]);
        Product::read(&library).assert_describes(&printed, ty);
    }
    // Several at once, with names of rustc's choosing.
    fs::create_dir(subject.dir.join("libraries")).unwrap();
    output_of(subject.rustc().args([
        "main.rs",
        "--edition=2024",
        "--crate-name=several",
        "--crate-type=rlib,cdylib",
        "--crate-type=staticlib",
        "--emit=dep-info,metadata,link",
        "--out-dir=libraries",
    ]));
    let library = subject.dir.join("libraries/libseveral.so");
    Product::read(&library).assert_describes(&printed, "several");
    // The library that a program is linked with brings its types along.
    fs::write(
        subject.dir.join("user.rs"),
        "fn main() { several::show() }\n",
    )
    .unwrap();
    output_of(subject.rustc().args([
        "user.rs",
        "-Llibraries",
        "--extern=several=libraries/libseveral.rlib",
        "-Clink-arg=-Wl,--gc-sections",
        "-Clto=fat",
        "-O",
    ]));
    let program = subject.dir.join("user");
    assert_eq!(subject.printed("user", &[]), printed);
    Product::read(&program).assert_describes(&printed, "rlib");
}

/// A library without std has no panic handler, which most crate types ask for.
#[test]
fn libraries_without_std() {
    let source = "#![no_std]\n\
        core_macros::embed!();\n\
        #[core_macros::bpf_traceable]\n\
        pub struct Small { pub a: u8, pub b: u32 }\n";
    let library = Crate::new(source);
    output_of(library.rustc().args([
        "main.rs",
        "--edition=2024",
        "--crate-name=small",
        "--crate-type=lib",
    ]));
    fs::write(
        library.dir.join("user.rs"),
        "extern crate small; fn main() {}\n",
    )
    .unwrap();
    output_of(library.rustc().args(["user.rs", "-L."]));
    let product = Product::read(&library.dir.join("user"));
    let printed = layouts("Small 8\nSmall.a 4\nSmall.b 0\n");
    product.assert_describes(&printed, "no_std");
}

/// The same source gives the same bytes: in another directory, another day, with other settings
/// for its code.
#[test]
fn the_same_bytes_every_time() {
    let (_, first) = check(&[]);
    for flags in [
        &[][..],
        &["-Ccodegen-units=1", "-Cdebuginfo=2"],
        &["-Copt-level=3", "-Cdebug-assertions=on", "-Clto=thin"],
        &["--remap-path-prefix=/=/elsewhere"],
        &["--edition=2021"],
    ] {
        let (_, again) = check(flags);
        assert!(first.btf() == again.btf(), "{flags:?}");
    }
    let text = String::from_utf8_lossy(first.btf()).into_owned();
    assert!(!text.contains("a crate"), "no path of the machine: {text}");
}
