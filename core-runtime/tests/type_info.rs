//! Where types come from, and what is said of files that have none or bad ones.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use core_btf::BtfBuf;
use core_btf::model::{CompositeKind, IntEncoding, Member, Type};
use core_btf::read::Endian;
use core_runtime::{Error, TypeInfo};

/// A BTF blob that describes `struct NAME { int a; }`.
fn blob(name: &str) -> Vec<u8> {
    let mut buf = BtfBuf::new();
    let int = Type::Int {
        name: buf.intern("int").unwrap(),
        size_bytes: 4,
        encoding: IntEncoding::SIGNED,
        offset_bits: 0,
        bits: 32,
    };
    let int = buf.push(int).unwrap();
    let member = Member {
        name: buf.intern("a").unwrap(),
        ty: int,
        offset_bits: 0,
        bitfield_bits: 0,
    };
    let composite = Type::Composite {
        kind: CompositeKind::Struct,
        name: buf.intern(name).unwrap(),
        size_bytes: 4,
        members: vec![member],
    };
    buf.push(composite).unwrap();
    buf.encode(Endian::NATIVE).unwrap()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A program, with a `.BTF` section of this content if there is one.
fn program(directory: &Path, btf: Option<&[u8]>) -> PathBuf {
    compile(directory, "int main(void) { return 0; }\n", btf)
}

fn compile(directory: &Path, text: &str, btf: Option<&[u8]>) -> PathBuf {
    let source = directory.join("main.c");
    let program = directory.join("program");
    fs::write(&source, text).unwrap();
    run(Command::new("cc").arg(&source).arg("-o").arg(&program));
    if let Some(btf) = btf {
        let section = directory.join("section");
        fs::write(&section, btf).unwrap();
        let mut argument = std::ffi::OsString::from(".BTF=");
        argument.push(&section);
        run(Command::new("objcopy")
            .arg("--add-section")
            .arg(argument)
            .arg(&program));
    }
    program
}

fn names(types: &TypeInfo) -> Vec<String> {
    let mut names = Vec::new();
    for btf in types.blobs() {
        let composites = btf.iter().filter(|ty| ty.kind().is_composite());
        names.extend(composites.map(|ty| ty.name().unwrap().to_owned()));
    }
    names
}

/// Several crates' pieces stand one after the other, aligned; the reader takes them all.
#[test]
fn all_blobs_of_a_section_are_taken() {
    let mut section = blob("first");
    section.resize(section.len().next_multiple_of(8) + 8, 0);
    section.extend(blob("second"));
    section.extend(blob("third"));
    let directory = tempfile::tempdir().unwrap();
    let program = program(directory.path(), Some(&section));
    let types = TypeInfo::from_file(&program).unwrap();
    assert_eq!(names(&types), ["first", "second", "third"]);
    assert_eq!(types.origin(), program.to_str().unwrap());

    run(Command::new("strip").arg("-s").arg(&program));
    let types = TypeInfo::from_file(&program).unwrap();
    assert_eq!(names(&types).len(), 3);
}

#[test]
fn btf_files_and_bytes_are_taken_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("types.btf");
    fs::write(&file, blob("data")).unwrap();
    assert_eq!(names(&TypeInfo::from_file(&file).unwrap()), ["data"]);
    assert_eq!(
        names(&TypeInfo::from_bytes(blob("data")).unwrap()),
        ["data"]
    );
    assert_eq!(names(&TypeInfo::none()), [""; 0]);
}

/// A running program can be asked for its types when its file is gone.
#[test]
fn a_process_tells_its_types_though_its_file_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let source = "#include <unistd.h>\nint main(void) { char c; return read(0, &c, 1); }\n";
    let program = compile(directory.path(), source, Some(&blob("data")));
    let mut process = Command::new(&program)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    fs::remove_file(&program).unwrap();
    let types = TypeInfo::of_process(process.id());
    drop(process.stdin.take());
    assert!(process.wait().unwrap().success());
    let types = types.unwrap();
    assert_eq!(names(&types), ["data"]);
    assert!(
        types.origin().starts_with(program.to_str().unwrap()),
        "{}",
        types.origin()
    );
    let error = TypeInfo::of_process(process.id()).unwrap_err();
    let expected = format!("there is no process {}", process.id());
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_program_without_types_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let program = program(directory.path(), None);
    let text = TypeInfo::from_file(&program).unwrap_err().to_string();
    assert!(
        text.starts_with(&format!("{} has no", program.display())),
        "{text}"
    );
    #[cfg(not(feature = "dwarf"))]
    assert!(text.contains("build it with core-build"), "{text}");
}

/// The error has the file, the place of the blob in it and the place in the blob.
#[test]
fn a_truncated_section_is_named_with_file_and_offset() {
    let whole = blob("data");
    let directory = tempfile::tempdir().unwrap();
    let program = program(directory.path(), Some(&whole[..whole.len() - 3]));
    let error = TypeInfo::from_file(&program).unwrap_err();
    let Error::MalformedBtf { offset, .. } = error else {
        panic!("{error:?}")
    };
    let at = usize::try_from(offset).unwrap();
    assert_eq!(fs::read(&program).unwrap()[at..at + 8], whole[..8]);
    let expected = format!(
        "malformed BTF in {}, in the blob at offset {offset:#x}\n  \
         because: string section at offset {:#x} needs 12 bytes, 9 are left",
        program.display(),
        whole.len() - 12,
    );
    assert_eq!(format!("{error:?}"), expected);
}

#[test]
fn a_file_of_another_kind_is_not_btf() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("text");
    fs::write(&file, "neither BTF nor ELF, and longer than a header").unwrap();
    let error = TypeInfo::from_file(&file).unwrap_err();
    assert!(
        format!("{error:?}").contains("not BTF: magic number 0x656e"),
        "{error:?}"
    );
    fs::write(&file, "").unwrap();
    let error = TypeInfo::from_file(&file).unwrap_err();
    assert!(
        format!("{error:?}").contains("needs 24 bytes, 0 are left"),
        "{error:?}"
    );
    let error = TypeInfo::from_file(directory.path().join("nothing")).unwrap_err();
    let debug = format!("{error:?}");
    assert!(
        debug.ends_with("nothing\n  because: No such file or directory (os error 2)"),
        "{debug}"
    );
}

/// Whatever a file of another user holds, reading it ends, without a panic.
#[test]
fn damaged_programs_end_in_an_error_or_in_types() {
    let directory = tempfile::tempdir().unwrap();
    let program = program(directory.path(), Some(&blob("data")));
    let file = fs::File::options().write(true).open(&program).unwrap();
    let whole = fs::read(&program).unwrap();
    // Headers are at both ends of the file.
    for at in (0..0x200).chain(whole.len() - 0x800..whole.len()) {
        file.write_all_at(&[whole[at] ^ 0xff], at as u64).unwrap();
        if let Ok(types) = TypeInfo::from_file(&program) {
            assert_eq!(names(&types), ["data"]);
        }
        file.write_all_at(&[whole[at]], at as u64).unwrap();
    }
    for len in (0..whole.len() as u64).rev().step_by(61) {
        file.set_len(len).unwrap();
        TypeInfo::from_file(&program).unwrap_err();
    }
}

/// Who is traced may put anything in the place of a file.
#[test]
fn only_regular_files_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    run(Command::new("mkfifo").arg(&fifo));
    let link = directory.path().join("link");
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    for path in [&fifo, &link, directory.path()] {
        let error = TypeInfo::from_file(path).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot open {}", path.display()));
        let Error::Io { source, .. } = error else {
            unreachable!("{error:?}")
        };
        assert_eq!(source.to_string(), "it is not a regular file");
    }
}
