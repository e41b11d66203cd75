//! The program `tracer`, in surroundings that a test makes for it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::clang;

/// What it prints when it has seen itself.
const SEEN: &str = "seen 1 call with 42\n";

/// A copy of the tracer, and of the object that it loads, which anybody may run and read.
#[derive(Debug)]
pub struct Tracer {
    directory: tempfile::TempDir,
}

impl Tracer {
    /// Copies the program, and compiles the object from `source`.
    ///
    /// # Panics
    /// When one of them fails.
    #[must_use]
    pub fn new(program: &str, source: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        fs::copy(program, directory.path().join("tracer")).unwrap();
        let object = clang::bpf_object(source).unwrap();
        fs::write(directory.path().join("counter.bpf.o"), object).unwrap();
        Self { directory }
    }

    /// The program.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("tracer")
    }

    /// Runs it behind `prefix`, such as a command that drops privileges.
    fn run(&self, prefix: &[&str], arguments: &[&str]) -> Output {
        let path = self.path();
        let mut words: Vec<&str> = prefix.to_vec();
        words.push(path.to_str().unwrap());
        let (program, rest) = words.split_first().unwrap();
        Command::new(program)
            .args(rest)
            .arg(self.directory.path().join("counter.bpf.o"))
            .args(arguments)
            .env_remove("RUST_BACKTRACE")
            .output()
            .unwrap()
    }

    /// Runs it, behind `prefix` as `run` does: it must see itself.
    ///
    /// # Panics
    /// When it does not, or has more to say than that.
    pub fn succeeds(&self, prefix: &[&str], arguments: &[&str]) {
        let output = self.run(prefix, arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(String::from_utf8_lossy(&output.stdout), SEEN, "{error}");
        assert_eq!(error, "");
        assert!(output.status.success());
    }

    /// Runs it likewise, and gives its error, which must be all that it says.
    ///
    /// # Panics
    /// When it does not fail.
    #[must_use]
    pub fn fails(&self, prefix: &[&str], arguments: &[&str]) -> String {
        let output = self.run(prefix, arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        String::from_utf8(output.stderr).unwrap()
    }
}
