//! What must not compile, and programs that were tampered with.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use core_btf::layout::Mismatch;
use core_runtime::{Error, TypeInfo};

use crate::rustc::{Crate, SUBJECT};
use crate::scratch::output_of;

/// Refuses to compile in the probe compile only.
const REFUSING: &str = "core_macros::embed!();\n\
    #[core_macros::bpf_traceable]\n\
    struct Traced(u8);\n\
    const _: () = assert!(option_env!(\"CORE_PROBE\").is_none(), \"{}\", \"not in a {probe}\");\n\
    fn main() {}\n";

#[test]
fn a_failed_probe_is_an_error_with_rustcs_words() {
    let words = Crate::new(REFUSING).refused(&[]);
    for expected in [
        "embed!() compiles the crate a second time to learn its types, and rustc refused that",
        "not in a {probe}",
        "main.rs:4",
    ] {
        assert!(words.contains(expected), "{expected}\n{words}");
    }
}

/// Where no code is generated, nothing is probed, so nothing fails.
#[test]
fn checking_a_crate_probes_nothing() {
    let refusing = Crate::new(REFUSING);
    output_of(
        refusing
            .rustc()
            .args(["main.rs", "--emit=dep-info,metadata"]),
    );
}

/// What rustc says of the crate itself is not said again as the probe's failure.
#[test]
fn an_ordinary_error_is_reported_once() {
    let source = REFUSING.replace("fn main() {}", "fn main() { let x: u32 = \"\"; }");
    let words = Crate::new(&source).refused(&[]);
    assert_eq!(words.matches("mismatched types").count(), 1, "{words}");
    assert!(!words.contains("embed!() compiles"), "{words}");
}

#[test]
fn a_root_that_the_probe_cannot_meet_is_an_error() {
    let source = "core_macros::embed!();\n\
        #[test]\n\
        fn test() {\n\
        #[core_macros::bpf_traceable]\n\
        struct Hidden(u8);\n\
        }\n";
    let words = Crate::new(source).refused(&["--test"]);
    for expected in [
        "`Hidden` is not there when embed!()",
        "move it out",
        "main.rs:5:8",
    ] {
        assert!(words.contains(expected), "{expected}\n{words}");
    }
}

/// rustdoc pipes documentation tests into rustc.
#[test]
fn source_from_a_pipe_is_an_error() {
    let empty = Crate::new("");
    let mut rustc = empty.rustc();
    rustc.args(["-", "-o", "product"]).stdin(Stdio::piped());
    let mut child = rustc.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(b"core_macros::embed!(); fn main() {}")
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        words.contains("standard input") && words.contains("no_run"),
        "{words}"
    );
}

#[test]
fn a_proc_macro_crate_is_an_error() {
    let words = Crate::new("core_macros::embed!();").refused(&["--crate-type=proc-macro"]);
    assert!(words.contains("runs inside of the compiler"), "{words}");
}

/// What a program says of its own layout is believed over what it embeds.
#[test]
fn a_stale_description_is_refused_at_run_time() {
    let subject = Crate::new(SUBJECT);
    let program = subject.compile(&[]);
    TypeInfo::from_file(&program).unwrap();

    // A record's members follow its name, and a member's offset follows the member's.
    let forged = tampered(&program, b"\x0c\0PrivateTuple", b"\x0c\0PrivateTuplf");
    let Mismatch::Missing { root, module } = mismatch(&forged) else {
        panic!("{:?}", mismatch(&forged));
    };
    assert_eq!((&*root, &*module), ("PrivateTuplf", "main::private"));

    let offset = 8_u64.to_le_bytes();
    let member = [&b"\x08\0declared"[..]].concat();
    let real = following(&program, &member);
    let forged = tampered(
        &program,
        &[&member[..], &real].concat(),
        &[&member[..], &offset].concat(),
    );
    let Mismatch::Offset {
        root,
        member,
        embedded_bits,
        real: claimed,
        ..
    } = mismatch(&forged)
    else {
        panic!("{:?}", mismatch(&forged));
    };
    assert_eq!((&*root, &*member), ("Request", "declared"));
    assert_eq!((embedded_bits, claimed), (u64::from_le_bytes(real) * 8, 8));

    let forged = tampered(&program, b"CORELAY\x01", b"CORELAY\x02");
    assert!(matches!(mismatch(&forged), Mismatch::Malformed(_)));
}

/// The 8 bytes behind the only occurrence of `text`.
fn following(program: &Path, text: &[u8]) -> [u8; 8] {
    let bytes = fs::read(program).unwrap();
    let at = position(&bytes, text) + text.len();
    *bytes[at..].first_chunk().unwrap()
}

/// A copy of the program in which the first `from` is `to`.
fn tampered(program: &Path, from: &[u8], to: &[u8]) -> PathBuf {
    let mut bytes = fs::read(program).unwrap();
    let at = position(&bytes, from);
    bytes[at..at + to.len()].copy_from_slice(to);
    let copy = program.with_extension("tampered");
    fs::write(&copy, bytes).unwrap();
    copy
}

fn position(bytes: &[u8], text: &[u8]) -> usize {
    let mut windows = bytes.windows(text.len());
    windows.position(|window| window == text).unwrap()
}

pub(crate) fn mismatch(program: &Path) -> Mismatch {
    match TypeInfo::from_file(program) {
        Err(Error::Layout { source, file }) => {
            assert_eq!(file, program);
            source
        }
        other => panic!("{other:?}"),
    }
}
