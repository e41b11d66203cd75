//! Types from debug information, and the files that it is in.

use std::cell::Cell;
use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};

use core_btf::dwarf::{self, DebugFile, DebugFiles, PassedOver};

use super::sources::Tried;
use super::types::TypeInfo;
use crate::binary::Binary;
use crate::file;

/// Most bytes of all files with debug information of one binary together: who is traced decides how
/// large they are, and they are read whole.
const MAX_DEBUG_BYTES: u64 = 1 << 30;

/// Most entries of debug information that are kept in memory; a Linux kernel has about a third.
const MAX_ENTRIES: u64 = 1 << 24;

/// The types that the DWARF of a binary describes, or that of its separate debug files.
pub(super) fn types(binary: &Binary, tried: &mut Vec<Tried>) -> Option<TypeInfo> {
    const NAME: &str = "debug information";
    let left = Cell::new(MAX_DEBUG_BYTES);
    let program = match read(binary.elf().file(), &left) {
        Ok(program) => program,
        Err(error) => {
            tried.push(Tried::new(NAME, error.to_string()));
            return None;
        }
    };
    let mut passed_over = Vec::new();
    let found = find(binary, &program, &left, &mut passed_over);
    let extracted = found.and_then(|files| extract(binary, &program, &files));
    match extracted {
        Ok(types) => return Some(types),
        Err(error) => tried.push(Tried::new(NAME, chain(&error))),
    }
    tried.extend(passed_over.iter().map(|it| {
        let problem = it.problem.to_string();
        Tried::new(it.path.display().to_string(), problem)
    }));
    None
}

/// The separate debug file of a binary that has no debug information.
pub(crate) fn separate_debug_file(binary: &Binary) -> Option<DebugFile> {
    let left = Cell::new(MAX_DEBUG_BYTES);
    let program = read(binary.elf().file(), &left).ok()?;
    let found = find(binary, &program, &left, &mut Vec::new());
    found.ok()?.separate
}

fn extract(binary: &Binary, program: &[u8], files: &DebugFiles) -> Result<TypeInfo, dwarf::Error> {
    let options = dwarf::Options {
        // Programs read data; a relocation never names a function.
        functions: false,
        max_entries: MAX_ENTRIES,
        max_bytes: MAX_DEBUG_BYTES,
        ..dwarf::Options::default()
    };
    let extraction = dwarf::extract_all(files.main(program), &files.elsewhere(), &options)?;
    for warning in &extraction.warnings {
        tracing::debug!(file = %binary.name().display(), "{warning}");
    }
    let bytes = extraction.btf.encode(extraction.endian)?;
    let origin = binary.name().display().to_string();
    Ok(TypeInfo::encoded(origin, bytes)?)
}

/// The files with debug information of a binary, whose bytes are `program`. At most `left` bytes are
/// read of them.
fn find(
    binary: &Binary,
    program: &[u8],
    left: &Cell<u64>,
    passed_over: &mut Vec<PassedOver>,
) -> Result<DebugFiles, dwarf::Error> {
    let host = &binary.places().debug_dirs;
    let elsewhere = binary.process().filter(|process| !process.shares_root());
    let Some(process) = elsewhere else {
        let places = dwarf::Places {
            root: Path::new("/"),
            program: &binary.live_name(),
            directories: host,
        };
        let open = |path: &Path| file::open_at(rustix::fs::CWD, path);
        return DebugFiles::find(
            program,
            &places,
            |path, _| read(&open(path)?, left),
            passed_over,
        );
    };
    // Whatever the paths of a container say, they are about its own files.
    let root = PathBuf::from(format!("/proc/{}/root", process.pid()));
    let inside = host.iter().map(|directory| {
        let relative = directory.strip_prefix("/").unwrap_or(directory);
        root.join(relative)
    });
    let mut directories: Vec<_> = inside.collect();
    // And of the tracer's files, none is its that cannot be proved to be.
    if binary.build_id().is_some() {
        directories.extend(host.iter().cloned());
    }
    let places = dwarf::Places {
        root: &root,
        program: &process.inside(&binary.live_name()),
        directories: &directories,
    };
    let open = |path: &Path| match path.strip_prefix(&root) {
        Ok(inside) => process.open_in_root(inside),
        Err(_) => file::open_at(rustix::fs::CWD, path),
    };
    DebugFiles::find(
        program,
        &places,
        |path, _| read(&open(path)?, left),
        passed_over,
    )
}

/// All of a file, if no more than `left` bytes.
fn read(file: &std::fs::File, left: &Cell<u64>) -> io::Result<Vec<u8>> {
    let bytes = file::read(file, left.get())?;
    left.set(left.get().saturating_sub(bytes.len() as u64));
    Ok(bytes)
}

/// An error and what it is because of, in one line.
fn chain(error: &dwarf::Error) -> String {
    let mut out = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        out = format!("{out}: {error}");
        source = error.source();
    }
    out
}
