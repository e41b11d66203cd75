//! What the process that runs this macro was started to do.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::options::{options, separated};

/// Set for the probe compile, to the object that it writes.
pub(super) const PROBE: &str = "CORE_PROBE";

/// The process that runs this macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    /// No compiler: rust-analyzer and its like, which expand one macro many times.
    Editor,
    /// A compiler that generates no code: `cargo check`, clippy, rustdoc.
    Check,
    /// The probe compile.
    Probe,
    /// A compiler that generates code for a target other than Linux.
    Elsewhere,
    /// rustc, generating code.
    Rustc(Invocation),
    /// Any of them, on an operating system that does not tell.
    ForeignHost,
    /// Any of them, and why it cannot be said which.
    Unknown(String),
}

impl Process {
    /// This process.
    pub(crate) fn this() -> &'static Self {
        static THIS: OnceLock<Process> = OnceLock::new();
        THIS.get_or_init(|| {
            if !cfg!(target_os = "linux") {
                return Self::ForeignHost;
            }
            let exe = std::env::current_exe()
                .map_err(|error| format!("cannot find the running rustc: {error}"));
            match exe.and_then(|exe| Ok((exe, read_command_line()?))) {
                Ok((exe, command)) => Self::of(&exe, command, std::env::var_os(PROBE).as_deref()),
                Err(problem) => Self::Unknown(problem),
            }
        })
    }

    fn of(exe: &Path, invocation: Invocation, probe: Option<&OsStr>) -> Self {
        let name = exe.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        let args = || options(&invocation.args);
        let has_input =
            args().any(|opt| opt.name.is_empty() && (opt.value == "-" || is_rust(opt.value)));
        if name.starts_with("rust-analyzer") || !has_input {
            return Self::Editor;
        }
        if let Some(object) = probe.and_then(OsStr::to_str)
            && args().any(|opt| opt.name == "emit" && opt.value == emit_object(object))
        {
            return Self::Probe;
        }
        if name == "rustdoc" || name == "miri" || !invocation.generates_code() {
            return Self::Check;
        }
        if !invocation.targets_linux() {
            return Self::Elsewhere;
        }
        Self::Rustc(invocation)
    }
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension() == Some(OsStr::new("rs"))
}

/// The value of `--emit` for the probe compile.
pub(super) fn emit_object(path: &str) -> String {
    format!("obj={path}")
}

/// A command line of rustc, with the contents of argument files in their place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// Without the program's name; flags that stood together are apart.
    pub(super) args: Vec<String>,
    /// Whether some stood in a file, as they do where a command line would be too long.
    pub(super) from_file: bool,
}

fn read_command_line() -> Result<Invocation, String> {
    const PATH: &str = "/proc/self/cmdline";
    let bytes = fs::read(PATH).map_err(|error| format!("cannot read {PATH}: {error}"))?;
    Invocation::parse(&bytes, |path| fs::read_to_string(path))
}

impl Invocation {
    /// Parses `/proc/self/cmdline`: arguments that each end in NUL, the program's name first.
    fn parse(
        cmdline: &[u8],
        read: impl Fn(&Path) -> std::io::Result<String>,
    ) -> Result<Self, String> {
        let mut invocation = Self::default();
        let text = std::str::from_utf8(cmdline)
            .map_err(|error| format!("rustc's command line is not UTF-8: {error}"))?;
        for arg in text.split_terminator('\0').skip(1) {
            if let Some(path) = arg.strip_prefix('@') {
                let path = PathBuf::from(path);
                let lines = read(&path)
                    .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
                invocation.args.extend(lines.lines().map(str::to_owned));
                invocation.from_file = true;
            } else {
                invocation.args.push(arg.to_owned());
            }
        }
        invocation.args = separated(invocation.args);
        Ok(invocation)
    }

    /// Whether machine code or one of its forerunners is asked for.
    fn generates_code(&self) -> bool {
        let mut asked = false;
        let mut code = false;
        for opt in options(&self.args) {
            match opt.name {
                "emit" => {
                    asked = true;
                    code |= opt.value.split(',').any(|kind| {
                        let kind = kind.split('=').next().unwrap_or_default();
                        matches!(kind, "link" | "obj" | "asm" | "llvm-ir" | "llvm-bc")
                    });
                }
                "unstable" if matches!(&*opt.key_value().0, "no-codegen" | "unpretty") => {
                    return false;
                }
                _ => {}
            }
        }
        code || !asked
    }

    fn targets_linux(&self) -> bool {
        let target = options(&self.args).find(|opt| opt.name == "target");
        match target.map(|opt| opt.value) {
            // A target of the user's own: its object will tell.
            Some(path) if Path::new(path).extension() == Some(OsStr::new("json")) => true,
            Some(triple) => {
                triple.split('-').any(|part| part == "linux") && !triple.contains("-android")
            }
            None => true,
        }
    }

    /// The root of the crate's source, unless that comes from standard input.
    pub(crate) fn source(&self) -> Option<&Path> {
        let mut arguments = options(&self.args).filter(|opt| opt.name.is_empty());
        let source = arguments.find(|opt| is_rust(opt.value))?;
        Some(Path::new(source.value))
    }

    /// Whether this crate is compiled as one of `types` (`--crate-type`).
    pub(super) fn has_crate_type(&self, types: &[&str]) -> bool {
        options(&self.args)
            .filter(|opt| opt.name == "crate-type")
            .flat_map(|opt| opt.value.split(','))
            .any(|ty| types.contains(&ty))
    }

    /// Whether this crate is compiled as a program, its tests aside.
    pub(super) fn is_program(&self) -> bool {
        let given = options(&self.args).any(|opt| opt.name == "crate-type");
        !given || self.has_crate_type(&["bin"])
    }

    /// Whether this crate's tests are compiled, with their harness.
    pub(super) fn is_test(&self) -> bool {
        options(&self.args).any(|opt| opt.name == "test")
    }

    /// Whether layouts depend on more than the source and the target.
    pub(super) fn shuffles_layouts(&self) -> bool {
        options(&self.args)
            .any(|opt| opt.name == "unstable" && opt.key_value().0 == "randomize-layout")
    }

    /// Whether the source comes from standard input, which cannot be read again.
    pub(super) fn reads_stdin(&self) -> bool {
        options(&self.args).any(|opt| opt.name.is_empty() && opt.value == "-")
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn invocation(args: &[&str]) -> Invocation {
        Invocation {
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            from_file: false,
        }
    }

    fn process(exe: &str, args: &[&str]) -> Process {
        Process::of(Path::new(exe), invocation(args), None)
    }

    #[test]
    fn argument_files_are_read_in_their_place() {
        let read = |path: &Path| match path.to_str() {
            Some("dir/a b") => Ok("--cfg\nx y\n".to_owned()),
            _ => Err(io::Error::other("no such file")),
        };
        let parsed = Invocation::parse(b"rustc\0-O\0@dir/a b\0src/main.rs\0", read).unwrap();
        assert_eq!(parsed.args, ["-O", "--cfg", "x y", "src/main.rs"]);
        assert!(parsed.from_file);
        let error = Invocation::parse(b"rustc\0@gone\0", read).unwrap_err();
        assert_eq!(error, "cannot read `gone`: no such file");
        assert!(Invocation::parse(b"rustc\0\xff\0", read).is_err());
    }

    #[test]
    fn code_is_what_link_and_obj_ask_for() {
        let source = "src/lib.rs";
        for args in [
            &[source][..],
            &[source, "--emit=dep-info,metadata,link"],
            &[source, "--emit", "obj=a.o"],
            &[source, "--emit=metadata", "--emit=asm"],
            &[source, "--target", "aarch64-unknown-linux-gnu"],
            &[source, "--target=my.json"],
            &["-"],
        ] {
            assert_eq!(
                process("/bin/rustc", args),
                Process::Rustc(invocation(args)),
                "{args:?}"
            );
        }
        for (exe, args) in [
            ("/bin/rustc", &[source, "--emit=dep-info,metadata"][..]),
            ("/bin/rustc", &[source, "-Zunpretty=expanded"]),
            ("/bin/clippy-driver", &["rustc", source, "--emit=metadata"]),
            ("/bin/rustdoc", &[source]),
        ] {
            assert_eq!(process(exe, args), Process::Check, "{exe} {args:?}");
        }
    }

    #[test]
    fn editors_and_other_targets_are_told_apart() {
        let server = "/lib/rust-analyzer-proc-macro-srv";
        assert_eq!(process(server, &[]), Process::Editor);
        assert_eq!(process("/usr/bin/editor", &["--stdio"]), Process::Editor);
        for target in [
            "aarch64-apple-darwin",
            "x86_64-pc-windows-gnu",
            "aarch64-linux-android",
        ] {
            let args = ["src/lib.rs", "--target", target];
            assert_eq!(process("/bin/rustc", &args), Process::Elsewhere, "{target}");
        }
    }

    /// A variable that is left in somebody's environment makes no probe of an ordinary compile.
    #[test]
    fn only_the_probe_compile_is_the_probe() {
        let of = |args: &[&str]| {
            Process::of(
                Path::new("rustc"),
                invocation(args),
                Some(OsStr::new("/tmp/p.o")),
            )
        };
        assert_eq!(of(&["a.rs", "--emit=obj=/tmp/p.o"]), Process::Probe);
        assert!(matches!(of(&["a.rs", "--emit=link"]), Process::Rustc(_)));
    }
}
