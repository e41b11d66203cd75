//! What stands in the place of a file, and what becomes of it while it is read.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, io, thread};

use core_runtime::{Error, Loader, TypeInfo};
use tests::{app, clang};

use crate::elf::program;

/// A FIFO without a writer, a device without an end, a directory, a socket: none is waited for, none
/// is read.
#[test]
fn only_regular_files_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    assert!(
        Command::new("mkfifo")
            .arg(path("fifo"))
            .status()
            .unwrap()
            .success()
    );
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    symlink("/dev/zero", path("zero")).unwrap();
    symlink("/dev/tty", path("tty")).unwrap();
    symlink("/proc/kcore", path("kcore")).unwrap();
    symlink(path("loop"), path("loop")).unwrap();
    let start = Instant::now();
    for name in ["fifo", "socket", "zero", "tty", "loop", "."] {
        let path = path(name);
        let error = TypeInfo::from_file(&path).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{name}: {error:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(5));
}

/// Whether a line of Rust is code.
fn is_code(line: &str) -> bool {
    !line.trim_start().starts_with("//")
}

/// All files of a crate's sources.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The one mapping of the runtime is that of the kernel's own types.
#[test]
fn no_file_of_others_is_mapped() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core-runtime/src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    let mut users = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let names = text.lines().filter(|line| is_code(line));
        let name = file.strip_prefix(&source).unwrap().display().to_string();
        users.extend(
            names
                .filter(|line| line.contains("map_copy"))
                .map(|_| name.clone()),
        );
        assert!(!text.contains("mmap("), "{name}");
    }
    assert_eq!(users, ["sys.rs"]);
    let kernel = fs::read_to_string(source.join("kernel.rs")).unwrap();
    assert_eq!(kernel.matches("map_kernel_file").count(), 1);
}

const TYPES: &str = "struct data { int a, b, c, d; } data;";

/// A file with types, of some size.
fn victim(directory: &Path) -> (PathBuf, Vec<u8>) {
    let mut declarations = TYPES.to_owned();
    for n in 0..500 {
        writeln!(
            declarations,
            "struct other_{n} {{ int field_{n}; }} other_{n};"
        )
        .unwrap();
    }
    let path = directory.join("victim");
    program(&path, &[(".BTF", 2, &app::btf(&declarations).unwrap())]);
    let bytes = fs::read(&path).unwrap();
    (path, bytes)
}

/// Reads the file's types again and again while `disturb` works on it. Gives how often that worked
/// and how often not.
fn read_meanwhile(
    path: &Path,
    whole: &[u8],
    disturb: impl Fn(&File, usize) -> io::Result<()> + Sync,
) -> (u32, u32) {
    let blob = TypeInfo::from_file(path).unwrap();
    let types = blob.blobs().next().unwrap().len();
    let file = File::options().write(true).open(path).unwrap();
    let stop = AtomicBool::new(false);
    let (mut read, mut failed) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                disturb(&file, n).unwrap();
            }
        });
        let end = Instant::now() + Duration::from_secs(60);
        while (read < 200 || failed < 200) && Instant::now() < end {
            match TypeInfo::from_file(path) {
                Ok(found) => {
                    // Well-formed, whatever they say.
                    for btf in found.blobs() {
                        assert!(btf.len() <= 2 * types);
                    }
                    read += 1;
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    failed += 1;
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    fs::write(path, whole).unwrap();
    TypeInfo::from_file(path).unwrap();
    (read, failed)
}

/// A file that is truncated under the reader's hands is an error: no signal, as nothing is mapped.
#[test]
fn a_file_that_shrinks_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let (path, whole) = victim(directory.path());
    let (read, failed) = read_meanwhile(&path, &whole, |file, n| {
        let len = whole.len() * (n % 64) / 64;
        file.set_len(len as u64)?;
        file.write_all_at(&whole, 0)
    });
    assert!(read > 0 && failed > 0, "{read} {failed}");
}

/// A file that is written to under the reader's hands is an error, or types that are well-formed.
#[test]
fn a_file_that_is_overwritten_is_an_error_or_well_formed() {
    let directory = tempfile::tempdir().unwrap();
    let (path, whole) = victim(directory.path());
    let garbage: Vec<u8> = whole
        .iter()
        .map(|byte| byte.wrapping_mul(31) ^ 0x5a)
        .collect();
    let (read, failed) = read_meanwhile(&path, &whole, |file, n| {
        let half = whole.len() / 2;
        let at = (n * 997) % half;
        file.write_all_at(&garbage[at..at + half], at as u64)?;
        file.write_all_at(&whole, 0)
    });
    assert!(read > 0 && failed > 0, "{read} {failed}");
}

/// What a binary says of itself after it was read changes nothing: its bytes were copied.
#[test]
fn types_that_were_read_do_not_change() {
    let directory = tempfile::tempdir().unwrap();
    let (path, _) = victim(directory.path());
    let types = TypeInfo::from_file(&path).unwrap();
    fs::write(&path, "gone").unwrap();
    let object = clang::bpf_object(
        "struct data { int c; } __attribute__((preserve_access_index))\n\
         __attribute__((btf_decl_tag(\"core:app\")));\nint out;\n\
         SEC(\"uprobe\") int reader(struct pt_regs *ctx)\n{\n\
         struct data *data = (void *)PT_REGS_PARM1(ctx);\n\
         bpf_probe_read_user(&out, sizeof(out), &data->c);\nreturn 0;\n}",
    );
    let open = Loader::new(types).open_object(object.unwrap()).unwrap();
    assert_eq!(open.explain().unwrap().rows()[0].new, Some(8));
    open.load().unwrap();
}
