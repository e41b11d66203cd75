//! Shared libraries, of processes and on disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use core_runtime::{Binary, Error, Process, TypeInfo, Uprobe};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use tests::target::{self, Reader, Target};

/// A library with the traced function, and a program that is linked to it.
fn library(directory: &Path, flags: &[&str]) -> (PathBuf, PathBuf) {
    let library = directory.join("libpush.so.1.2");
    let mut all = vec!["-shared", "-fPIC", "-Wl,-soname,libpush.so.1"];
    all.extend(flags);
    target::compile("cc", "", &all, &library);
    std::os::unix::fs::symlink("libpush.so.1.2", directory.join("libpush.so.1")).unwrap();
    let program = directory.join("user");
    let source = directory.join("user.c");
    fs::write(&source, target::MAIN).unwrap();
    let status = Command::new("cc")
        .args([&source, &library])
        .arg("-o")
        .arg(&program)
        .arg(format!("-Wl,-rpath,{}", directory.display()))
        .status();
    assert!(status.unwrap().success());
    (library, program)
}

fn sees_the_values_of(library: &Binary, target: &mut Target) {
    let reader = Reader::load(TypeInfo::of(library).unwrap()).unwrap();
    let _attached = reader.attach(&Uprobe::symbol(library, "push")).unwrap();
    target.call();
    assert_eq!(reader.seen().0, 1);
    assert!(
        (1000..1010).contains(&reader.seen().1),
        "{:?}",
        reader.seen()
    );
}

/// Users know a library by one of several names.
#[test]
fn a_mapped_library_is_found_by_each_of_its_names() {
    let directory = tempfile::tempdir().unwrap();
    let (library, program) = library(directory.path(), &[]);
    let mut target = Target::start(&mut Command::new(program));
    let process = Process::new(target.pid()).unwrap();
    let path = library.to_str().unwrap();
    for name in [
        "libpush.so.1.2",
        "libpush.so.1",
        "libpush.so",
        "libpush",
        path,
    ] {
        let binary = process.shared_library(name).unwrap();
        assert_eq!(binary.name(), library, "{name}");
        sees_the_values_of(&binary, &mut target);
    }
    let error = process.shared_library("libpusch.so").unwrap_err();
    let expected = format!(
        "process {} has mapped no library `libpusch.so`; did you mean libpush.so?",
        process.pid()
    );
    assert_eq!(error.to_string(), expected);
}

/// The name for the dynamic linker is in the library, when its file is called something else.
#[test]
fn a_mapped_library_is_found_by_its_soname() {
    let directory = tempfile::tempdir().unwrap();
    let (library, program) = library(directory.path(), &[]);
    let other = directory.path().join("push-2.31.so");
    fs::rename(&library, &other).unwrap();
    let link = directory.path().join("libpush.so.1");
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("push-2.31.so", link).unwrap();
    let mut target = Target::start(&mut Command::new(program));
    let process = Process::new(target.pid()).unwrap();
    let binary = process.shared_library("libpush.so.1").unwrap();
    assert_eq!(binary.name(), other);
    sees_the_values_of(&binary, &mut target);
}

/// A library that was updated is mapped as it was until its processes are restarted.
#[test]
fn a_replaced_library_is_the_one_that_is_mapped() {
    let directory = tempfile::tempdir().unwrap();
    let (path, program) = library(directory.path(), &["-DPAD=5"]);
    let mut old = Target::start(&mut Command::new(&program));
    let update = directory.path().join("update");
    target::compile("cc", "", &["-shared", "-fPIC", "-DPAD=11"], &update);
    fs::rename(update, &path).unwrap();
    let mut new = Target::start(&mut Command::new(&program));
    for target in [&mut old, &mut new] {
        let process = Process::new(target.pid()).unwrap();
        sees_the_values_of(&process.shared_library("libpush.so.1").unwrap(), target);
    }
}

/// A library on disk is probed in every process that has it or will have it.
#[test]
fn a_library_on_disk_is_probed_in_all_processes() {
    let directory = tempfile::tempdir().unwrap();
    let (path, program) = library(directory.path(), &["-DPAD=4"]);
    let library = Binary::open(path).unwrap();
    let reader = Reader::load(TypeInfo::of(&library).unwrap()).unwrap();
    let _attached = reader.attach(&Uprobe::symbol(&library, "push")).unwrap();
    for count in 1..=2 {
        let mut target = Target::start(&mut Command::new(&program));
        target.call();
        assert_eq!(reader.seen(), (count, 1000));
    }
}

/// Two files of one name in one process: neither is meant more than the other.
#[test]
fn two_libraries_of_one_name_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (first, program) = library(directory.path(), &[]);
    let other = directory.path().join("other");
    fs::create_dir(&other).unwrap();
    let second = other.join("libpush.so.1.2");
    target::compile("cc", "", &["-shared", "-fPIC"], &second);
    let target = Target::start(Command::new(program).env("LD_PRELOAD", &second));
    let process = Process::new(target.pid()).unwrap();
    let error = process.shared_library("libpush.so.1.2").unwrap_err();
    let Error::AmbiguousLibrary { files, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(files.len(), 2);
    assert!(
        error.to_string().contains(second.to_str().unwrap()),
        "{error}"
    );
    process.shared_library(first.to_str().unwrap()).unwrap();
}

/// A file of a container's, by the path that it has there: links do not lead out of it.
#[test]
fn a_library_in_a_chroot_is_opened_inside_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("target");
    target::compile("cc", target::MAIN, &["-static"], &program);
    let library = directory.path().join("libpush.so");
    target::compile("cc", "", &["-shared", "-fPIC"], &library);
    std::os::unix::fs::symlink("/../../libpush.so", directory.path().join("link")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", directory.path().join("outside")).unwrap();
    let mut target = Target::start(Command::new("chroot").arg(directory.path()).arg("/target"));
    let process = Process::new(target.pid()).unwrap();
    sees_the_values_of(&process.program().unwrap(), &mut target);
    for path in ["/libpush.so", "libpush.so", "/../libpush.so", "/link"] {
        let inside = process.file(path).unwrap();
        let own = Binary::open(&library).unwrap();
        assert_eq!(inside.build_id(), own.build_id());
        assert!(inside.build_id().is_some_and(|id| id.len() == 20));
    }
    let error = process.file("/outside").unwrap_err();
    let expected = format!(
        "cannot open /proc/{}/root/outside\n  because: No such file or directory (os error 2)",
        process.pid()
    );
    assert_eq!(format!("{error:?}"), expected);
}

/// Without the privilege to open what is mapped, a file is opened by its path, if it is the one that
/// is mapped.
#[test]
fn a_replaced_library_takes_privilege_to_open() {
    let directory = tempfile::tempdir().unwrap();
    let (path, program) = library(directory.path(), &["-DPAD=6"]);
    let target = Target::start(&mut Command::new(&program));
    let process = Process::new(target.pid()).unwrap();
    let build = process.shared_library("libpush").unwrap();

    // Of this thread, that is, of this test.
    let mut sets = capabilities(None).unwrap();
    sets.effective -= CapabilitySet::SYS_ADMIN | CapabilitySet::CHECKPOINT_RESTORE;
    set_capabilities(None, sets).unwrap();

    let by_path = process.shared_library("libpush").unwrap();
    assert_eq!(by_path.build_id(), build.build_id());
    let update = directory.path().join("update");
    target::compile("cc", "", &["-shared", "-fPIC"], &update);
    fs::rename(update, &path).unwrap();
    let error = process.shared_library("libpush").unwrap_err();
    let expected = format!(
        "process {} has mapped a file that {} no longer leads to, as it was replaced or deleted: to \
         open the mapped one takes CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN",
        process.pid(),
        path.display()
    );
    assert_eq!(error.to_string(), expected);
    let program = process.program().unwrap();
    assert_eq!(program.name(), directory.path().join("user"));
}
