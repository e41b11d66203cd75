//! Where the types of a binary come from, when it does not carry them: debug information in place
//! or in other files, and BTF files by build-id.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use core_runtime::{Binary, Error, Process, TypeInfo, Uprobe};
use tests::target::{self, Reader, Target};

fn run(program: &str, arguments: &[&Path]) {
    let status = Command::new(program).args(arguments).status();
    assert!(status.unwrap().success(), "{program} {arguments:?}");
}

fn objcopy(option: &str, files: &[&Path]) {
    let mut arguments = vec![Path::new(option)];
    arguments.extend(files);
    run("objcopy", &arguments);
}

fn hex(id: &[u8]) -> String {
    id.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A directory with a stripped program, and its debug information beside it.
struct Stripped {
    directory: tempfile::TempDir,
    program: PathBuf,
    debug: PathBuf,
}

impl Stripped {
    fn new(flags: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("target");
        let debug = directory.path().join("debug-of-target");
        target::compile("cc", target::MAIN, flags, &program);
        objcopy("--only-keep-debug", &[&program, &debug]);
        // The probe is on a symbol, which stays.
        run("strip", &[Path::new("-g"), &program]);
        Self {
            directory,
            program,
            debug,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn binary(&self) -> Binary {
        Binary::open(&self.program).unwrap()
    }

    /// Puts a copy of the debug file where its build-id says.
    fn put_by_build_id(&self, root: &Path) -> PathBuf {
        let id = hex(self.binary().build_id().unwrap());
        let directory = root.join(".build-id").join(&id[..2]);
        fs::create_dir_all(&directory).unwrap();
        let place = directory.join(format!("{}.debug", &id[2..]));
        fs::copy(&self.debug, &place).unwrap();
        place
    }

    fn sees_the_values_with(&self, binary: &Binary) {
        let reader = Reader::load(TypeInfo::of(binary).unwrap()).unwrap();
        let _attached = reader.attach(&Uprobe::symbol(binary, "push")).unwrap();
        Target::start(&mut Command::new(&self.program)).call();
        assert_eq!(reader.seen(), (1, 1000));
    }
}

/// A file whose name is the build-id, in a directory that somebody names.
#[test]
fn debug_files_are_found_by_build_id() {
    let stripped = Stripped::new(&["-DPAD=6"]);
    let roots = [stripped.path("empty"), stripped.path("roots")];
    stripped.put_by_build_id(&roots[1]);
    stripped.sees_the_values_with(&stripped.binary().debug_dirs(&roots));
}

/// A file that the program names, beside it or in `.debug` there; not one of another build.
#[test]
fn debug_files_are_found_by_debuglink() {
    for place in ["target.debug", ".debug/target.debug"] {
        let stripped = Stripped::new(&["-DPAD=8"]);
        let debug = stripped.path(place);
        fs::create_dir_all(debug.parent().unwrap()).unwrap();
        fs::rename(&stripped.debug, &debug).unwrap();
        let link = format!("--add-gnu-debuglink={}", debug.display());
        objcopy(&link, &[&stripped.program]);
        stripped.sees_the_values_with(&stripped.binary());

        let other = Stripped::new(&["-DPAD=9"]);
        fs::rename(&other.debug, &debug).unwrap();
        let error = TypeInfo::of(&stripped.binary()).unwrap_err().to_string();
        let expected = format!("\n    {}: has another checksum\n", debug.display());
        assert!(error.contains(&expected), "{error}");
    }
}

/// Units whose debug information was split off, in their files. (Packages of them are among the tests
/// of core-btf's command.)
#[test]
fn split_off_units_are_found() {
    let stripped = Stripped::new(&["-gsplit-dwarf", "-DPAD=5"]);
    // The program has the skeletons; the compiler put the rest beside it.
    target::compile(
        "cc",
        target::MAIN,
        &["-gsplit-dwarf", "-DPAD=5"],
        &stripped.program,
    );
    stripped.sees_the_values_with(&stripped.binary());
}

/// The `core-btf` command, built where this workspace builds it for its own tests.
fn command() -> Command {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--package=core-btf", "--features=cli"]);
    cargo
        .arg("--manifest-path")
        .arg(workspace.join("Cargo.toml"));
    cargo.arg("--");
    cargo
}

/// What `core-btf embed` puts into a program that Cargo did not build; it runs as before, and is traced
/// with neither debug information nor another file.
#[test]
fn an_embedded_section_is_found() {
    let stripped = Stripped::new(&["-DPAD=11"]);
    let mut embed = command();
    embed.arg("embed").arg(&stripped.program);
    embed.arg("--from").arg(&stripped.debug);
    let status = embed.arg("-o").arg(&stripped.program).status();
    assert!(status.unwrap().success());
    fs::remove_file(&stripped.debug).unwrap();
    stripped.sees_the_values_with(&stripped.binary());
}

/// What a build made and kept, for binaries that are shipped without any of it.
#[test]
fn a_btf_file_is_found_by_build_id() {
    let stripped = Stripped::new(&["-DPAD=13"]);
    let directory = stripped.path("btf");
    fs::create_dir(&directory).unwrap();
    let debug = fs::read(&stripped.debug).unwrap();
    let extracted = core_btf::dwarf::extract(&debug, &core_btf::dwarf::Options::default()).unwrap();
    let btf = extracted.btf.encode(extracted.endian).unwrap();
    let id = hex(stripped.binary().build_id().unwrap());
    let file = directory.join(format!("{id}.btf"));
    fs::write(&file, btf).unwrap();
    let binary = stripped.binary().btf_dirs([&directory]);
    stripped.sees_the_values_with(&binary);
    assert_eq!(
        TypeInfo::of(&binary).unwrap().origin(),
        file.to_str().unwrap()
    );
}

/// Who gets no types is told of each place where they could have been.
#[test]
fn a_binary_without_types_lists_all_that_was_tried() {
    let stripped = Stripped::new(&[]);
    fs::rename(&stripped.debug, stripped.path("target.debug")).unwrap();
    let link = format!(
        "--add-gnu-debuglink={}",
        stripped.path("target.debug").display()
    );
    objcopy(&link, &[&stripped.program]);
    fs::write(stripped.path("target.debug"), "text").unwrap();
    let roots = stripped.path("roots");
    let id = hex(stripped.binary().build_id().unwrap());
    let by_id = roots.join(".build-id").join(&id[..2]);
    fs::create_dir_all(&by_id).unwrap();
    let fifo = by_id.join(format!("{}.debug", &id[2..]));
    run("mkfifo", &[&fifo]);
    let btf = stripped.path("btf");
    fs::create_dir(&btf).unwrap();
    symlink("/dev/zero", btf.join(format!("{id}.btf"))).unwrap();
    let binary = stripped.binary().debug_dirs([&roots]).btf_dirs([&btf]);
    let error = TypeInfo::of(&binary).unwrap_err();
    let directory = stripped.directory.path().display();
    let expected = format!(
        "{directory}/target has no type information:
    section .BTF: it has none
    debug information: no debug information (.debug_info); compile with -g and do not strip
    {fifo}: it is not a regular file
    {directory}/target.debug: has another checksum
    {directory}/.debug/target.debug: No such file or directory (os error 2)
    {roots}{directory}/target.debug: No such file or directory (os error 2)
    {directory}/btf/{id}.btf: it is not a regular file
  build it with core-build and `core_runtime::embed!()`, or have `core-btf extract` make a BTF file \
         from its debug information",
        fifo = fifo.display(),
        roots = roots.display(),
    );
    assert_eq!(error.to_string(), expected);
    assert!(matches!(error, Error::NoTypeInfo { tried, .. } if tried.len() == 7));
}

/// The debug file of a container's program is the container's own, or the host's if it is proved to
/// be of the same build; no link leads elsewhere.
#[test]
fn debug_files_of_a_container_are_its_own_or_proved() {
    let stripped = Stripped::new(&["-static", "-DPAD=14"]);
    let root = stripped.path("container");
    fs::create_dir(&root).unwrap();
    fs::copy(&stripped.program, root.join("target")).unwrap();
    let mut target = Target::start(Command::new("chroot").args([&root]).arg("/target"));
    let program = Process::new(target.pid()).unwrap().program().unwrap();
    let id = hex(program.build_id().unwrap());
    let in_container = |tried: &str| format!("/proc/{}/root{tried}", target.pid());

    // Nothing is there.
    let debug_dir = stripped.path("host");
    let program = program.debug_dirs([&debug_dir]);
    let error = TypeInfo::of(&program).unwrap_err().to_string();
    let by_id = format!(
        "{}/.build-id/{}/{}.debug",
        debug_dir.display(),
        &id[..2],
        &id[2..]
    );
    for place in [in_container(&by_id), by_id.clone()] {
        let line = format!("\n    {place}: No such file");
        assert!(error.contains(&line), "{error}");
    }

    // A link in the container to a file of the host that would do.
    let inside = PathBuf::from(format!("{}{by_id}", root.display()));
    fs::create_dir_all(inside.parent().unwrap()).unwrap();
    symlink(&stripped.debug, &inside).unwrap();
    assert!(TypeInfo::of(&program).is_err());

    // The container's own.
    fs::remove_file(&inside).unwrap();
    fs::copy(&stripped.debug, &inside).unwrap();
    let mut sees = || {
        let reader = Reader::load(TypeInfo::of(&program).unwrap()).unwrap();
        let _attached = reader.attach(&Uprobe::symbol(&program, "push")).unwrap();
        target.call();
        assert_eq!(reader.seen().0, 1);
    };
    sees();

    // Of another build; then the host's.
    fs::copy(Stripped::new(&["-DPAD=2"]).debug, &inside).unwrap();
    let error = TypeInfo::of(&program).unwrap_err().to_string();
    assert!(error.contains(": has another build-id"), "{error}");
    stripped.put_by_build_id(&debug_dir);
    sees();
}
