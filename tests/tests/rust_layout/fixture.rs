//! The fixture crate, compiled: once as the probe compile does, and as programs that say what is
//! true of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use core_btf::dwarf::rust::extract_probe;
use core_btf::read::Endian;
use tempfile::TempDir;

/// The folder of the compiled fixture, which is removed when this is dropped.
pub(crate) struct Fixture {
    dir: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fixture = Self { dir };
        rustc(
            &fixture,
            "dep.rs",
            &["--crate-name=dep", "--crate-type=rlib", "-g"],
        );
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The object with an anchor for each root, as `embed!()` has rustc make it.
    pub(crate) fn probe(&self) -> PathBuf {
        let object = self.path("probe.o");
        rustc(
            self,
            "src/main.rs",
            &[
                "--crate-name=fixture",
                "--extern=dep",
                "--cfg=core_probe",
                "--crate-type=cdylib",
                &format!("--emit=obj={}", object.display()),
                "-Cdebuginfo=2",
                "-Copt-level=0",
                "-Ccodegen-units=1",
                "--cap-lints=allow",
            ],
        );
        object
    }

    /// The BTF of the fixture.
    pub(crate) fn btf(&self) -> Vec<u8> {
        let object = std::fs::read(self.probe()).unwrap();
        let btf = extract_probe(&object).unwrap();
        btf.encode(Endian::NATIVE).unwrap()
    }

    /// What the fixture says of itself when it is compiled with this optimisation.
    pub(crate) fn facts(&self, opt_level: &str) -> String {
        let program = self.path(&format!("program-{opt_level}"));
        rustc(
            self,
            "src/main.rs",
            &[
                "--crate-name=fixture",
                "--extern=dep",
                &format!("-Copt-level={opt_level}"),
                "-o",
                program.to_str().unwrap(),
            ],
        );
        tests::program::run(&program)
    }
}

/// Compiles a source file of the fixture.
pub(crate) fn rustc(fixture: &Fixture, source: &str, args: &[&str]) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/rust-types")
        .join(source);
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(rustc)
        .args(["--edition=2024", "--check-cfg=cfg(core_probe)", "-L"])
        .arg(fixture.dir.path())
        .arg("--out-dir")
        .arg(fixture.dir.path())
        .args(args)
        .arg(source)
        .output()
        .expect("rustc runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
