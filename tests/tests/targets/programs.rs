//! Programs, however they are linked and whatever became of their files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use core_runtime::{Error, Process, TypeInfo, Uprobe};
use tests::clang;
use tests::target::{self, Reader, Target};

/// A program that waits to be told to call the traced function.
fn program(directory: &Path, compiler: &str, flags: &[&str]) -> PathBuf {
    let program = directory.join("target");
    target::compile(compiler, target::MAIN, flags, &program);
    program
}

/// Traces the program of a process: its types say where the value is, the probe fires in it.
fn sees_the_values_of(target: &mut Target) {
    let program = Process::new(target.pid()).unwrap().program().unwrap();
    let reader = Reader::load(TypeInfo::of(&program).unwrap()).unwrap();
    let attached = reader.attach(&Uprobe::symbol(&program, "push")).unwrap();
    target.call();
    target.call();
    assert_eq!(reader.seen(), (2, 1001), "{program:?}");
    drop(attached);
    target.call();
    assert_eq!(reader.seen(), (2, 1001));
}

/// How a program is linked decides where it is loaded and what of it is an offset in the file.
#[test]
fn programs_are_traced_however_they_are_linked() {
    for (compiler, flags) in [
        ("cc", &["-pie", "-fPIE"][..]),
        ("cc", &["-no-pie", "-DPAD=7"]),
        ("cc", &["-static", "-DPAD=1"]),
        ("cc", &["-static-pie", "-fPIE"]),
        ("musl-gcc", &["-DPAD=10"]),
        ("musl-gcc", &["-static"]),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let program = program(directory.path(), compiler, flags);
        sees_the_values_of(&mut Target::start(&mut Command::new(program)));
    }
}

/// The program of a container: the tracer cannot see its file, and nobody can any more.
#[test]
fn a_deleted_program_in_namespaces_of_its_own_is_traced() {
    let directory = tempfile::tempdir().unwrap();
    let program = program(directory.path(), "cc", &[]);
    let inside = "mount -t tmpfs none /mnt && cp \"$0\" /mnt/target && exec /mnt/target deleted";
    let mut target = Target::start_child_of(
        Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "sh", "-c", inside])
            .arg(&program),
    );
    let binary = Process::new(target.pid()).unwrap().program().unwrap();
    assert_eq!(binary.name(), Path::new("/mnt/target (deleted)"));
    sees_the_values_of(&mut target);
}

/// A program in a root directory of its own, whose file is not where the kernel says for the process.
#[test]
fn a_program_in_a_chroot_is_traced() {
    let directory = tempfile::tempdir().unwrap();
    program(directory.path(), "cc", &["-static"]);
    let mut chroot = Command::new("chroot");
    let mut target = Target::start(chroot.arg(directory.path()).args(["/target", "deleted"]));
    sees_the_values_of(&mut target);
}

/// A program that was never a file: loaders of plugins, and malware, start such.
#[test]
fn a_program_in_memory_is_traced() {
    let directory = tempfile::tempdir().unwrap();
    let traced = program(directory.path(), "cc", &["-DPAD=12"]);
    let launcher = directory.path().join("launcher");
    let source = "#define _GNU_SOURCE\n\
         #include <fcntl.h>\n#include <sys/mman.h>\n#include <sys/sendfile.h>\n#include <unistd.h>\n\
         int main(int argc, char **argv)\n\
         {\n\
         \tint in = open(argv[1], O_RDONLY), out = memfd_create(\"target\", MFD_CLOEXEC);\n\
         \twhile (sendfile(out, in, 0, 1 << 20) > 0) {}\n\
         \tclose(in);\n\
         \treturn fexecve(out, (char *[]){ \"target\", 0 }, (char *[]){ 0 });\n\
         }\n";
    clang::c_program(source, &[], &launcher).unwrap();
    let mut target = Target::start(Command::new(launcher).arg(traced));
    let binary = Process::new(target.pid()).unwrap().program().unwrap();
    assert_eq!(binary.name(), Path::new("/memfd:target (deleted)"));
    sees_the_values_of(&mut target);
}

/// An update puts another file in the place of the one that runs.
#[test]
fn a_replaced_program_is_traced_as_it_runs() {
    let directory = tempfile::tempdir().unwrap();
    let first = program(directory.path(), "cc", &["-DPAD=9"]);
    let mut target = Target::start(&mut Command::new(&first));
    let update = directory.path().join("update");
    target::compile("cc", target::MAIN, &["-DPAD=2"], &update);
    fs::rename(&update, &first).unwrap();
    sees_the_values_of(&mut target);
    sees_the_values_of(&mut Target::start(&mut Command::new(&first)));
}

/// What is asked of a process that has exited is answered with that, not with another process that
/// has its number.
#[test]
fn a_process_that_has_exited_is_recognised() {
    let directory = tempfile::tempdir().unwrap();
    let program = program(directory.path(), "cc", &[]);
    let mut target = Target::start(&mut Command::new(program));
    let process = Process::new(target.pid()).unwrap();
    let binary = process.program().unwrap();
    let reader = Reader::load(TypeInfo::of(&binary).unwrap()).unwrap();
    target.end();
    let expected = format!("process {} has exited", process.pid());
    assert_eq!(process.check().unwrap_err().to_string(), expected);
    assert_eq!(process.program().unwrap_err().to_string(), expected);
    assert_eq!(
        process.shared_library("libc").unwrap_err().to_string(),
        expected
    );
    assert_eq!(process.file("/bin/sh").unwrap_err().to_string(), expected);
    let error = reader.attach(&Uprobe::symbol(&binary, "push")).unwrap_err();
    assert_eq!(error.to_string(), expected);

    let error = Process::new(process.pid()).unwrap_err();
    let expected = format!("there is no process {}", process.pid());
    assert_eq!(error.to_string(), expected);
    for pid in [0, u32::MAX] {
        assert!(matches!(Process::new(pid), Err(Error::NoProcess { .. })));
    }
}

/// Somebody else gets the number of the process: that one is not read, not probed and not mistaken.
#[test]
fn a_number_that_was_given_to_another_process_is_recognised() {
    const LAST: &str = "/proc/sys/kernel/ns_last_pid";
    let directory = tempfile::tempdir().unwrap();
    let program = program(directory.path(), "cc", &[]);
    let mut target = Target::start(&mut Command::new(&program));
    let process = Process::new(target.pid()).unwrap();
    let binary = process.program().unwrap();
    let reader = Reader::load(TypeInfo::of(&binary).unwrap()).unwrap();
    target.end();
    // Others start processes too; this one gets the number before long.
    let other = (0..1000).find_map(|_| {
        fs::write(LAST, (process.pid() - 1).to_string()).expect("needs CONFIG_CHECKPOINT_RESTORE");
        let other = Target::start(&mut Command::new(&program));
        (other.pid() == process.pid()).then_some(other)
    });
    let mut other = other.expect("the number is given again");

    let expected = format!("process {} has exited", process.pid());
    assert_eq!(process.check().unwrap_err().to_string(), expected);
    assert_eq!(process.program().unwrap_err().to_string(), expected);
    assert_eq!(
        process.shared_library("libc").unwrap_err().to_string(),
        expected
    );
    let error = reader.attach(&Uprobe::symbol(&binary, "push")).unwrap_err();
    assert_eq!(error.to_string(), expected);
    other.call();
    assert_eq!(reader.seen(), (0, 0));
    Process::new(other.pid()).unwrap().check().unwrap();
}
