//! Running the command, and the programs it is compared with.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// A directory for one test's files.
pub(crate) struct Workspace(tempfile::TempDir);

impl Workspace {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Compiles one of the sources beside this file.
    pub(crate) fn compile(&self, command: &str, source: &str, name: &str) -> PathBuf {
        let out = self.path(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/command")
            .join(source);
        let mut words = command.split_whitespace();
        run(Command::new(words.next().unwrap())
            .args(words)
            .arg(source)
            .arg("-o")
            .arg(&out));
        out
    }

    /// The application, linked.
    pub(crate) fn app(&self, flags: &str) -> PathBuf {
        self.compile(&format!("gcc -g {flags}"), "app.c", "app")
    }

    /// The BPF object.
    pub(crate) fn bpf(&self, flags: &str) -> PathBuf {
        let command = format!("clang -target bpf -g -O2 {flags} -c");
        self.compile(&command, "trace.bpf.c", "trace.bpf.o")
    }

    /// The types of a file, extracted.
    pub(crate) fn btf(&self, file: &Path, name: &str) -> PathBuf {
        let out = self.path(name);
        quiet(core_btf().arg("extract").arg(file).arg("-o").arg(&out));
        out
    }

    /// A directory as `/sys/kernel/btf` is: types of a kernel that knows no tasks in `vmlinux`, and
    /// of a module that does, at offset 100 of a struct of 104 bytes, in `tasks`.
    pub(crate) fn kernel(&self, name: &str) -> PathBuf {
        let directory = self.path(name);
        std::fs::create_dir(&directory).unwrap();
        let object = |name: &str, source: &str| {
            let (input, object) = (directory.join("source.c"), directory.join(name));
            std::fs::write(&input, source).unwrap();
            run(Command::new("gcc")
                .args(["-g", "-c", "-o"])
                .args([&object, &input]));
            std::fs::remove_file(&input).unwrap();
            object
        };
        let base = object("base.o", "struct only_base { int i; } v;");
        let vmlinux = directory.join("vmlinux");
        quiet(core_btf().arg("extract").arg(&base).arg("-o").arg(&vmlinux));
        let module = object(
            "module.o",
            "struct task_struct { char c[100]; int pid; } v;",
        );
        let mut detached = std::ffi::OsString::from("--btf_encode_detached=");
        detached.push(directory.join("tasks"));
        run(Command::new("pahole")
            .arg("--btf_base")
            .arg(&vmlinux)
            .arg("-J")
            .arg(detached)
            .arg(&module));
        for object in [base, module] {
            std::fs::remove_file(object).unwrap();
        }
        directory
    }
}

pub(crate) fn core_btf() -> Command {
    Command::new(env!("CARGO_BIN_EXE_core-btf"))
}

/// What a command prints, which must succeed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = text(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    text(&output.stdout)
}

/// What a command prints that has nothing to complain about.
pub(crate) fn quiet(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = text(&output.stderr);
    assert!(
        output.status.success() && error.is_empty(),
        "{command:?}: {error}"
    );
    text(&output.stdout)
}

/// What a command says on stderr that fails with this exit status.
pub(crate) fn fails(status: i32, command: &mut Command) -> String {
    let Output {
        status: found,
        stdout,
        stderr,
    } = command.output().unwrap();
    let error = text(&stderr);
    assert_eq!(found.code(), Some(status), "{command:?}: {error}");
    assert!(status == 1 || stdout.is_empty(), "{command:?} prints");
    error
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Copies a program that is to be run. This process, where other tests start commands meanwhile, never
/// has the copy open: the kernel runs nothing that is open for writing.
pub(crate) fn copy_program(from: &Path, to: &Path) {
    run(Command::new("cp").arg(from).arg(to));
}

/// What bpftool says of the types in a file.
pub(crate) fn bpftool(file: &Path) -> String {
    quiet(
        Command::new("bpftool")
            .args(["btf", "dump", "file"])
            .arg(file),
    )
}
