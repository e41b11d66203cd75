//! Crates outside the workspace, as a user would write them, built against this checkout.
#![allow(dead_code, reason = "every test file uses its part")]

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

/// The checkout.
pub(crate) fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A crate in a directory of its own. All of them build into one target directory, so that their
/// dependencies are compiled once.
pub(crate) struct Scratch {
    /// The crate is in a subdirectory, beside which a test can put other things.
    parent: PathBuf,
    dir: PathBuf,
}

thread_local! {
    /// How many crates this test has made.
    static MADE: Cell<u32> = const { Cell::new(0) };
}

impl Scratch {
    /// An empty directory called `name`, at the same place in each run of the test: what Cargo
    /// builds for another place would pile up.
    pub(crate) fn empty(name: &str) -> Self {
        let number = MADE.replace(MADE.get() + 1);
        let thread = std::thread::current();
        let test = thread.name().unwrap().replace("::", "-");
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("crates/{test}-{number}"));
        if parent.exists() {
            fs::remove_dir_all(&parent).unwrap();
        }
        let dir = parent.join(name);
        fs::create_dir_all(&dir).unwrap();
        // Else Cargo would look for new versions, and compile other ones than the workspace has.
        fs::copy(checkout().join("Cargo.lock"), dir.join("Cargo.lock")).unwrap();
        Self { parent, dir }
    }

    /// A crate whose build script does `build`, an expression of type `core_build::Result<()>`.
    pub(crate) fn with_build(name: &str, build: &str) -> Self {
        let scratch = Self::empty(name);
        let root = checkout().display();
        scratch.file(
            "Cargo.toml",
            &format!(
                "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
                 [dependencies]\ncore-runtime = {{ path = \"{root}/core-runtime\" }}\n\n\
                 [build-dependencies]\ncore-build = {{ path = \"{root}/core-build\" }}\n\
                 cc = \"1\"\n\n[workspace]\n"
            ),
        );
        scratch.file(
            "build.rs",
            &format!("fn main() -> Result<(), core_build::Error> {{\n    {build}\n}}\n"),
        );
        scratch.file("src/main.rs", "fn main() {}\n");
        scratch
    }

    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    /// The directory that the crate is in.
    pub(crate) fn parent(&self) -> &Path {
        &self.parent
    }

    pub(crate) fn file(&self, path: &str, text: &str) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// [`edit`], of a file of the crate.
    #[track_caller]
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        edit(&self.dir.join(path), from, to);
    }

    /// Cargo, to be run in the crate.
    pub(crate) fn cargo(&self, command: &str) -> Command {
        cargo(&self.dir, command)
    }

    /// What a failed build says on stderr, without what Cargo says on its own.
    pub(crate) fn build_error(&self) -> String {
        error_of(&mut self.cargo("build"))
    }
}

/// Changes a file as an editor would; Cargo compares times.
#[track_caller]
pub(crate) fn edit(path: &Path, from: &str, to: &str) {
    let old = fs::read_to_string(path).unwrap();
    assert!(old.contains(from), "{}: {old}", path.display());
    fs::write(path, old.replace(from, to)).unwrap();
    let file = fs::File::options().append(true).open(path).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(1))
        .unwrap();
}

/// Cargo, to be run in the crate in `dir`.
pub(crate) fn cargo(dir: &Path, command: &str) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(dir)
        .args([command, "--offline"])
        .env("CARGO_TARGET_DIR", target_dir())
        .env_remove("RUSTFLAGS")
        // This package's own, which would pass for the crate's.
        .env_remove("OUT_DIR")
        .env_remove("CLANG");
    cargo
}

/// Where all scratch crates are built.
pub(crate) fn target_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("scratch")
}

/// Runs a command that must fail, and gives its stderr.
pub(crate) fn error_of(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "the build did not fail:\n{text}");
    text
}

/// What a build script's error says; Cargo shows it once, behind `Error: `.
#[track_caller]
pub(crate) fn error_in(stderr: &str) -> String {
    let (_, error) = stderr.split_once("\n  Error: ").unwrap_or_default();
    assert!(!error.is_empty(), "no error in:\n{stderr}");
    let error = error.split("\nwarning: build failed").next().unwrap();
    error.trim_end().replace("\n  ", "\n")
}

/// Runs a command that must not fail, and gives its stdout.
pub(crate) fn output_of(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let stdout = String::from_utf8_lossy(&stdout).into_owned();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{status}\n{stdout}\n{stderr}");
    stdout
}
