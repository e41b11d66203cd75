//! Compilers, and other programs that make BTF of what they compiled.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use core_btf::dwarf::{Extraction, Options, extract};
use core_btf::{Btf, BtfBuf};

/// A directory for one test's files.
pub(crate) struct Workspace(tempfile::TempDir);

impl Workspace {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Compiles `source` to the object `name`.
    pub(crate) fn compile(&self, compiler: &[&str], source: &Path, name: &str) -> PathBuf {
        let object = self.path(name);
        let (program, args) = compiler.split_first().unwrap();
        let mut command = Command::new(program);
        command.args(args).arg("-w").arg("-c").arg(source);
        run(command.arg("-o").arg(&object));
        object
    }

    /// The BTF that gcc makes itself.
    pub(crate) fn gcc_btf(&self, flags: &[&str], source: &Path, name: &str) -> BtfBuf {
        let compiler = [&["gcc", "-gbtf"], flags].concat();
        let object = self.compile(&compiler, source, name);
        let out = object.with_extension("btf");
        let dump = format!(".BTF={}", out.display());
        run(Command::new("objcopy")
            .args(["--dump-section", &dump])
            .arg(&object));
        load(&out)
    }
}

/// The BTF that pahole makes of an object's DWARF.
pub(crate) fn pahole(object: &Path) -> BtfBuf {
    let out = object.with_extension("pahole");
    let mut command = Command::new("pahole");
    command.args(["--btf_gen_floats", "--btf_encode_detached"]);
    let output = run(command.arg(&out).arg(object));
    // It says so, and still writes what it has, when it meets something it does not know.
    assert!(output.stderr.is_empty(), "pahole: {}", text(&output.stderr));
    load(&out)
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The BTF that we make of an object's DWARF, of which nothing may be left out.
pub(crate) fn extraction(object: &Path) -> Extraction {
    let data = std::fs::read(object).unwrap();
    let found = extract(&data, &Options::default()).unwrap();
    assert_eq!(found.warnings, [], "{}", object.display());
    found
}

/// The types of [`extraction`].
pub(crate) fn ours(object: &Path) -> BtfBuf {
    extraction(object).btf
}

fn load(path: &Path) -> BtfBuf {
    let bytes = std::fs::read(path).unwrap();
    BtfBuf::from_btf(&Btf::parse(&bytes).unwrap()).unwrap()
}
