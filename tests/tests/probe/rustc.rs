//! rustc without Cargo: one source, any flags.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use core_btf::BtfBuf;
use core_btf::read::Endian;
use tempfile::TempDir;

use crate::product::{Layouts, layouts};
use crate::scratch::{checkout, error_of, output_of, target_dir};

/// The source with all forms of `#[bpf_traceable]`.
pub(crate) const SUBJECT: &str = include_str!("../../fixtures/probe/subject.rs");

/// A directory with a space in its name, for one crate.
pub(crate) struct Crate {
    _parent: TempDir,
    pub(crate) dir: PathBuf,
}

impl Crate {
    /// A crate of one file, `main.rs`.
    pub(crate) fn new(source: &str) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("a crate");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("main.rs"), source).unwrap();
        // What a build script leaves that gives core-build nothing to do.
        fs::create_dir_all(dir.join("out/core/skel")).unwrap();
        fs::write(dir.join("out/core/app.btf"), empty_btf()).unwrap();
        Self {
            _parent: parent,
            dir,
        }
    }

    /// rustc, in the crate's directory, with the macros at hand. The caller says what to compile.
    pub(crate) fn rustc(&self) -> Command {
        let mut rustc = Command::new("rustc");
        rustc
            .current_dir(&self.dir)
            .env("OUT_DIR", self.dir.join("out"))
            .arg("--extern")
            .arg(format!("core_macros={}", macros().display()))
            .arg(format!(
                "-Ldependency={}",
                macros().parent().unwrap().display()
            ));
        rustc
    }

    /// Compiles `main.rs` to `product`.
    pub(crate) fn compile(&self, flags: &[&str]) -> PathBuf {
        let mut rustc = self.rustc();
        if !flags.iter().any(|flag| flag.starts_with("--edition")) {
            rustc.arg("--edition=2024");
        }
        output_of(rustc.args(["main.rs", "-o", "product"]).args(flags));
        self.assert_tidy();
        self.product()
    }

    /// What a program that was compiled prints. It may leave files where it runs.
    pub(crate) fn printed(&self, program: &str, args: &[&str]) -> Layouts {
        let mut command = Command::new(self.dir.join(program));
        layouts(&output_of(command.args(args).current_dir(&self.dir)))
    }

    pub(crate) fn product(&self) -> PathBuf {
        self.dir.join("product")
    }

    /// What must not compile: rustc's words.
    pub(crate) fn refused(&self, flags: &[&str]) -> String {
        let mut rustc = self.rustc();
        rustc.args(["main.rs", "--edition=2024", "-o", "product"]);
        let words = error_of(rustc.args(flags));
        self.assert_tidy();
        words
    }

    /// Nothing of the probe compile stays behind.
    fn assert_tidy(&self) {
        let entries = fs::read_dir(self.dir.join("out")).unwrap();
        let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["core"]);
    }
}

pub(crate) fn empty_btf() -> Vec<u8> {
    BtfBuf::new().encode(Endian::NATIVE).unwrap()
}

/// The compiled macros.
fn macros() -> &'static Path {
    static MACROS: OnceLock<PathBuf> = OnceLock::new();
    MACROS.get_or_init(|| {
        let messages = output_of(
            Command::new(env!("CARGO"))
                .current_dir(checkout())
                .args(["build", "--offline", "--package", "core-macros"])
                .args(["--message-format", "json", "--target-dir"])
                .arg(target_dir()),
        );
        let library = messages.lines().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            let ours = message["target"]["name"] == "core_macros";
            let file = message["filenames"][0].as_str().filter(|_| ours)?;
            Some(PathBuf::from(file))
        });
        library.unwrap()
    })
}
