//! Runs the probe compile.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::invocation::{Invocation, PROBE};

/// Why there is no object.
#[derive(Debug)]
pub(super) enum Failure {
    /// rustc refused the crate; its own words.
    Refused(String),
    /// rustc could not be run, or did something unexpected.
    Broken(String),
}

/// The object that `rustc` makes for the probe compile of `invocation`.
pub(super) fn run(rustc: &Path, invocation: &Invocation) -> Result<Vec<u8>, Failure> {
    let scratch = Scratch::new()?;
    let object = scratch.path("probe.o")?;
    let args = invocation.probe(&object);
    let mut command = Command::new(rustc);
    // What does not fit on a command line has come from a file, and goes into one again.
    if invocation.from_file && args.iter().all(|arg| !arg.contains('\n')) {
        let file = scratch.path("args")?;
        fs::write(&file, args.join("\n")).map_err(|error| broken("write", &file, &error))?;
        command.arg(format!("@{file}"));
    } else {
        command.args(&args);
    }
    let output = command
        .env(PROBE, &object)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| broken("start", rustc, &error))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(match words.trim() {
            "" => Failure::Broken(format!("rustc ended without a word: {}", output.status)),
            words => Failure::Refused(words.to_owned()),
        });
    }
    fs::read(&object).map_err(|error| broken("read", &object, &error))
}

fn broken(verb: &str, path: impl AsRef<Path>, error: &std::io::Error) -> Failure {
    Failure::Broken(format!(
        "cannot {verb} `{}`: {error}",
        path.as_ref().display()
    ))
}

/// A directory of our own, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    /// In the package's own output directory, where it has one; several targets of the package may
    /// be compiled at the same time.
    fn new() -> Result<Self, Failure> {
        let parent = std::env::var_os("OUT_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        for n in 0_u32.. {
            let dir = parent.join(format!("core-probe-{}-{n}", std::process::id()));
            match fs::DirBuilder::new().mode(0o700).create(&dir) {
                Ok(()) => return Ok(Self(dir)),
                // Left behind by a process that was killed.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(broken("create", &dir, &error)),
            }
        }
        Err(Failure::Broken("no directory name is left".into()))
    }

    /// The path of a file in it; rustc takes only UTF-8.
    fn path(&self, name: &str) -> Result<String, Failure> {
        let path = self.0.join(name).into_os_string();
        path.into_string().map_err(|path| {
            Failure::Broken(format!("`{}` is not UTF-8, as rustc needs", path.display()))
        })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What remains is of no consequence, and `cargo clean` removes it.
        let _gone = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rustc() -> PathBuf {
        std::env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from)
    }

    fn invocation(source: &Path, from_file: bool) -> Invocation {
        let source = source.to_str().unwrap().to_owned();
        let args = vec![source, "--crate-name=probed".into(), "-Copt-level=3".into()];
        Invocation { args, from_file }
    }

    /// Probes of a source text, in a directory whose name has a space.
    fn probe<const N: usize>(
        test: &str,
        source: &str,
        from_file: [bool; N],
    ) -> [Result<Vec<u8>, Failure>; N] {
        let dir = std::env::temp_dir().join(format!("core probe {test} {}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let file = dir.join("main.rs");
        fs::write(&file, source).unwrap();
        let outcomes = from_file.map(|from_file| run(&rustc(), &invocation(&file, from_file)));
        fs::remove_dir_all(&dir).unwrap();
        outcomes
    }

    #[test]
    fn an_object_comes_back_the_same_each_time() {
        let source = "#[used] static ROOT: Option<fn(&u32)> = None; fn main() { println!() }";
        let [direct, by_file] = probe("object", source, [false, true]).map(Result::unwrap);
        assert!(direct.starts_with(b"\x7fELF"));
        assert!(direct == by_file);
    }

    #[test]
    fn failures_carry_rustcs_words() {
        let source = "fn main() { let x: u32 = \"\"; }";
        let [error] = probe("failing", source, [false]).map(Result::unwrap_err);
        assert!(
            matches!(&error, Failure::Refused(words) if words.contains("mismatched types")),
            "{error:?}"
        );
        let error = run(
            Path::new("/no/rustc"),
            &invocation(Path::new("a.rs"), false),
        )
        .unwrap_err();
        assert!(
            matches!(&error, Failure::Broken(words) if words.contains("/no/rustc")),
            "{error:?}"
        );
    }
}
