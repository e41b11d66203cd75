//! The Rust compilers of this machine, and the application compiled by them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use core_btf::BtfBuf;
use core_btf::read::Endian;
use tests::program::fixtures;

use crate::scratch::{checkout, output_of, target_dir};

/// A compiler that is not this build's own; `None` is that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compiler {
    /// rustup's name of it.
    toolchain: Option<String>,
    /// What `rustc --version` says.
    pub(crate) version: String,
}

impl Compiler {
    /// The one that compiled this test.
    pub(crate) fn own() -> Self {
        let version = output_of(Command::new("rustc").arg("--version"));
        Self {
            toolchain: None,
            version: version.trim().to_owned(),
        }
    }

    /// Those that rustup knows and that are of another version, one of each.
    pub(crate) fn others() -> Vec<Self> {
        let Ok(listed) = Command::new("rustup").args(["toolchain", "list"]).output() else {
            return Vec::new();
        };
        let mut known = vec![Self::own()];
        for line in String::from_utf8_lossy(&listed.stdout).lines() {
            let toolchain = line.split(' ').next().unwrap().to_owned();
            let mut rustc = Command::new("rustup");
            rustc.args(["run", &toolchain, "rustc", "--version"]);
            let Ok(version) = rustc.output() else {
                continue;
            };
            let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
            if !version.is_empty() && known.iter().all(|other| other.version != version) {
                let toolchain = Some(toolchain);
                known.push(Self { toolchain, version });
            }
        }
        known.split_off(1)
    }

    /// A tool of the toolchain.
    fn tool(&self, name: &str) -> Command {
        match &self.toolchain {
            None => Command::new(name),
            Some(toolchain) => {
                let mut command = Command::new("rustup");
                command.args(["run", toolchain, name]);
                command
            }
        }
    }

    /// The macros, compiled by it: a compiler loads only its own.
    fn macros(&self) -> PathBuf {
        // Cargo would wait for itself, but every caller wants to have them only once.
        static BUILT: Mutex<Vec<(String, PathBuf)>> = Mutex::new(Vec::new());
        let mut built = BUILT.lock().unwrap();
        if let Some((_, macros)) = built.iter().find(|(version, _)| *version == self.version) {
            return macros.clone();
        }
        let target = match &self.toolchain {
            None => target_dir(),
            Some(toolchain) => target_dir().with_file_name(toolchain),
        };
        let messages = output_of(
            self.tool("cargo")
                .current_dir(checkout())
                .args(["build", "--offline", "--package", "core-macros"])
                .args(["--message-format", "json", "--target-dir"])
                .arg(target)
                // Cargo's own have the toolchain of this test in them.
                .env_remove("CARGO")
                .env_remove("RUSTC")
                .env_remove("RUSTFLAGS"),
        );
        let library = messages.lines().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            let ours = message["target"]["name"] == "core_macros";
            let file = message["filenames"][0].as_str().filter(|_| ours)?;
            Some(PathBuf::from(file))
        });
        let library = library.unwrap();
        built.push((self.version.clone(), library.clone()));
        library
    }

    /// Compiles a version of the application. Its types are in a library, so that flags which
    /// shuffle layouts do the same to them in the library and in the macro's own compile.
    pub(crate) fn compile(&self, version: &str, flags: &[&str], dir: &Path) -> PathBuf {
        let macros = self.macros();
        // What a build script leaves that gives core-build nothing to do.
        let no_types = BtfBuf::new().encode(Endian::NATIVE).unwrap();
        fs::create_dir_all(dir.join("out/core/skel")).unwrap();
        fs::write(dir.join("out/core/app.btf"), no_types).unwrap();
        let source = fixtures().join("rust-app").join(version).join("src/lib.rs");
        fs::write(dir.join("main.rs"), "fn main() { app::run() }\n").unwrap();
        let dependencies = format!("-Ldependency={}", macros.parent().unwrap().display());
        let rustc = || {
            let mut rustc = self.tool("rustc");
            rustc
                .current_dir(dir)
                .env("OUT_DIR", dir.join("out"))
                .env("RUSTC_BOOTSTRAP", "1")
                .arg("--edition=2024")
                .arg(&dependencies)
                .args(flags);
            rustc
        };
        output_of(
            rustc()
                .arg(&source)
                .args(["--crate-type=rlib", "--crate-name=app", "--extern"])
                .arg(format!("core_macros={}", macros.display())),
        );
        output_of(rustc().args(["main.rs", "-o", "program", "--extern=app=libapp.rlib"]));
        dir.join("program")
    }
}
