//! The files that a program's debug information is in; `core_btf::dwarf::DebugFiles` says where they
//! are looked for.

use std::io;
use std::path::Path;

use core_btf::dwarf::{DebugFiles, FileProblem, Places};

use crate::failure::Failure;
use crate::input::Input;
use crate::output;

/// Finds all files with debug information of an ELF file.
pub(crate) fn find(program: &Input, debug_dir: &Path) -> Result<DebugFiles, Failure> {
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
    let found = DebugFiles::find(&program.bytes, &places, read, &mut passed_over);
    for it in &passed_over {
        if !matches!(&it.problem, FileProblem::Io(error) if is_missing(error)) {
            let path = it.path.display();
            output::note(&format!("{path}: {}, passed over", it.problem));
        }
    }
    found.map_err(|error| program.debug_failure(error))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path.is_file() {
        std::fs::read(path)
    } else {
        Err(io::ErrorKind::NotFound.into())
    }
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}
