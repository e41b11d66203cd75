//! The fixture crate, compiled: once as the probe compile does, and as programs that say what is
//! true of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use core_btf::BtfBuf;
use core_btf::dwarf::Error;
use core_btf::dwarf::rust::extract_probe;
use core_btf::read::Endian;

/// A folder of compiled sources.
pub(crate) struct Fixture {
    dir: PathBuf,
}

impl Fixture {
    /// A folder of this name, in which the crate that the fixture depends on is compiled.
    pub(crate) fn new(name: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("rust_layout")
            .join(name);
        fs::create_dir_all(&dir).unwrap();
        let fixture = Self { dir };
        fixture.rustc(
            &source("dep.rs"),
            &["--crate-name=dep", "--crate-type=rlib", "-g"],
        );
        fixture
    }

    /// The object with an anchor for each root, as `embed!()` has rustc make it.
    pub(crate) fn probe(&self, name: &str) -> PathBuf {
        let object = self.object(name);
        fs::create_dir_all(object.parent().unwrap()).unwrap();
        self.rustc(
            &source(name),
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

    /// Where [`Fixture::probe`] puts it.
    pub(crate) fn object(&self, name: &str) -> PathBuf {
        self.dir.join(name).with_extension("o")
    }

    /// The BTF of a source file of the fixture.
    pub(crate) fn btf(&self, name: &str) -> Vec<u8> {
        let object = fs::read(self.probe(name)).unwrap();
        let btf = extract_probe(&object).unwrap();
        btf.encode(Endian::NATIVE).unwrap()
    }

    /// What a source file says of itself when it is compiled with this optimisation.
    pub(crate) fn facts(&self, name: &str, opt_level: &str) -> String {
        let program = self.dir.join(format!("program-{opt_level}"));
        self.rustc(
            &source(name),
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

    /// rustc's report of the layouts in a source file of the fixture, compiled as a program.
    pub(crate) fn report(&self, name: &str) -> String {
        self.rustc(
            &source(name),
            &[
                "--crate-name=fixture",
                "--extern=dep",
                "--emit=metadata,obj",
                "-Zprint-type-sizes",
            ],
        )
    }

    /// The types of a library of this name, whose root is `Root` with the anchor `ANCHOR`.
    pub(crate) fn types_of(&self, name: &str, text: &str) -> Result<BtfBuf, Error> {
        const ANCHOR: &str = r#"
            #[used]
            static ANCHOR: Option<fn(&Root)> = None;
            #[used]
            #[unsafe(link_section = ".core_roots")]
            static LINE: [u8; 14] = *b"ANCHOR\tRoot\t\t\n";
        "#;
        let source = self.dir.join(format!("{name}.rs"));
        let object = self.dir.join(format!("{name}.o"));
        fs::write(&source, format!("{text}{ANCHOR}")).unwrap();
        self.rustc(
            &source,
            &[
                &format!("--crate-name={name}"),
                "--crate-type=lib",
                &format!("--emit=obj={}", object.display()),
                "-Cdebuginfo=2",
                "--cap-lints=allow",
            ],
        );
        extract_probe(&fs::read(object).unwrap())
    }

    /// Compiles, and gives what rustc prints.
    fn rustc(&self, source: &Path, args: &[&str]) -> String {
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
        let output = Command::new(rustc)
            // One source needs types that stable Rust cannot name.
            .env("RUSTC_BOOTSTRAP", "1")
            .args(["--edition=2024", "--check-cfg=cfg(core_probe)", "-L"])
            .arg(&self.dir)
            .arg("--out-dir")
            .arg(&self.dir)
            .args(args)
            .arg(source)
            .output()
            .expect("rustc runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The text of a source file of the fixture.
pub(crate) fn text(name: &str) -> String {
    fs::read_to_string(source(name)).unwrap()
}

/// A source file of the fixture.
fn source(name: &str) -> PathBuf {
    tests::program::fixtures().join("rust-types").join(name)
}
