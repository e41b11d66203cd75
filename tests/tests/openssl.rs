//! `OpenSSL` 1.1.1 and 3, whose structs differ in most places, traced by one BPF object while a TLS
//! client and a server talk. Types come from the libraries' debug information. Needs root.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

mod scratch;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use core_runtime::{Error, Loader, TypeInfo};
use scratch::{Scratch, checkout, output_of};
use tests::openssl::{Version, build};

/// A folder with the libraries of a version and a program that uses them.
fn program(version: Version) -> PathBuf {
    let folder = build(version, Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
    output_of(
        Command::new("cc")
            .args(["-Wall", "-Iinclude", "-o", "talk"])
            .arg(checkout().join("tests/fixtures/openssl/talk.c"))
            .args(["-L.", "-lssl", "-lcrypto", "-Wl,-rpath,$ORIGIN"])
            .current_dir(&folder),
    );
    folder
}

/// A tracer that was compiled against the types of version 3.
fn tracer(name: &str) -> Scratch {
    let three = program(Version::Three);
    let build = format!(
        "core_build::Builder::new()\
         .types_from(\"{0}/libssl.so\").types_from(\"{0}/libcrypto.so\")\
         .types([\"ssl_connection_st\", \"x509_st\", \"bio_st\"])\
         .bpf(\"src/bpf/trace.bpf.c\").build()",
        three.display()
    );
    let scratch = Scratch::with_build(name, &build);
    scratch.edit(
        "Cargo.toml",
        "core-runtime\" }",
        "core-runtime\", features = [\"dwarf\"] }",
    );
    let fixture = |name| {
        let path = checkout().join("tests/fixtures/openssl").join(name);
        fs::read_to_string(path).unwrap()
    };
    scratch.file("src/main.rs", &fixture("main.rs"));
    scratch.file("src/child.rs", include_str!("../fixtures/child.rs"));
    scratch.file("src/bpf/trace.bpf.c", &fixture("trace.bpf.c"));
    scratch
}

mod root {
    use super::*;

    /// What BPF reads of `SSL`, its session, certificate and BIOs is what the accessors say.
    #[test]
    fn one_object_reads_connections_of_both_versions() {
        let scratch = tracer("traces_openssl");
        for version in [Version::One, Version::Three] {
            let mut tracer = scratch.cargo("run");
            let program = program(version).join("talk");
            let output = tracer.arg("--").arg(program).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            let seen = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "{said}");
            let said: Vec<_> = said.lines().filter(|l| l.starts_with("server ")).collect();
            let seen: Vec<_> = seen.lines().collect();
            assert_eq!(seen, said, "{version:?}");
            assert_eq!(seen.len(), 6);
            // TLS 1.3 with a certificate that nobody has signed, then TLS 1.2 with one that is known.
            for (line, words) in [
                (0, "server 0 version 304 state 1 cipher 3001302 verify 18 "),
                (1, "server 1 version 304 "),
                (3, "server 0 version 303 state 1 cipher 300c02c verify 0 "),
            ] {
                assert!(seen[line].starts_with(words), "{}", seen[line]);
            }
            for words in ["host www.example.org protocol h2 ", "serial 123456 "] {
                assert!(seen[0].contains(words), "{}", seen[0]);
            }
        }
    }

    /// `timeout` was a number of seconds and is a struct with nanoseconds: a program that reads it
    /// as it was is loaded for the version that has it so, and refused for the other.
    #[test]
    fn a_member_that_has_become_something_else_is_refused() {
        let source = r#"
            struct ssl_session_st { long timeout; } __attribute__((preserve_access_index))
                __attribute__((btf_decl_tag("core:app")));
            long timeout;
            SEC("uprobe") int reader(struct pt_regs *ctx)
            {
                struct ssl_session_st *session = (void *)PT_REGS_PARM1(ctx);
                bpf_probe_read_user(&timeout, sizeof(timeout), &session->timeout);
                return 0;
            }"#;
        let object = tests::clang::bpf_object(source).unwrap();
        let load = |version| {
            let folder = build(version, Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
            let types = |name| TypeInfo::from_file(folder.join(name)).unwrap();
            let loader = Loader::new(types("libssl.so")).and(types("libcrypto.so"));
            loader.open_object(object.clone())?.load()
        };
        load(Version::One).unwrap();
        let error = load(Version::Three).unwrap_err();
        assert!(matches!(error, Error::Unsatisfied { .. }), "{error:?}");
        let text = error.to_string();
        for part in ["test.bpf.c:", "struct ssl_session_st.timeout", "libssl.so"] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
    }
}
