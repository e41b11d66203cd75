//! The files that a program's debug information is in; `core_btf::dwarf::DebugFiles` says where they
//! are looked for.

use std::io;
use std::path::Path;

use core_btf::dwarf::{DebugFiles, FileProblem, Places, Reading};

use crate::failure::Failure;
use crate::input::Input;
use crate::output;
use crate::sparse::read_for_types;

/// Finds all files with debug information of an ELF file.
pub(crate) fn find(
    program: &Input,
    debug_dir: &Path,
    threads: usize,
) -> Result<DebugFiles, Failure> {
    if !program.is_elf() {
        return Ok(DebugFiles::default());
    }
    let full = program.path.canonicalize();
    let full = full.map_err(|error| Failure::io(&program.path, error))?;
    let places = Places {
        root: Path::new("/"),
        program: &full,
        directories: &[debug_dir.to_owned()],
    };
    let mut passed_over = Vec::new();
    let read = |path: &Path, reading| read(path, reading, threads);
    let found = DebugFiles::find(&program.bytes, &places, read, &mut passed_over);
    for it in &passed_over {
        if !matches!(&it.problem, FileProblem::Io(error) if is_missing(error)) {
            let path = it.path.display();
            output::note(&format!("{path}: {}, passed over", it.problem));
        }
    }
    found.map_err(|error| program.debug_failure(error))
}

fn read(path: &Path, reading: Reading, threads: usize) -> io::Result<Vec<u8>> {
    if !path.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    match reading {
        Reading::All => std::fs::read(path),
        Reading::Types => read_for_types(path, threads),
    }
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}
