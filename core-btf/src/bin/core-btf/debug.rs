//! The files that a program's debug information is in.
//!
//! | what a program has | where it is looked for |
//! | --- | --- |
//! | build-id, no debug information | `DIR/.build-id/ab/cdef.debug` |
//! | `.gnu_debuglink` | beside the program, in `.debug` there, in `DIR` under the program's path |
//! | `.gnu_debugaltlink` | at its path, in `DIR/.build-id` |
//! | split-off units | in `PROGRAM.dwp`; at their paths; beside the program |
//!
//! `DIR` is `--debug-dir`. A file is taken only if it proves to be of the same build.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use core_btf::dwarf::{Elsewhere, Links, crc32, links};

use crate::failure::Failure;
use crate::input::Input;
use crate::output;

/// The files that were found.
#[derive(Debug, Default)]
pub(crate) struct Debug {
    /// The separate file that stands for a program without debug information.
    separate: Option<Input>,
    alternate: Option<Input>,
    split: Vec<Input>,
}

impl Debug {
    /// Finds all files with debug information of an ELF file.
    pub(crate) fn find(program: &Input, debug_dir: &Path) -> Result<Self, Failure> {
        let mut out = Self::default();
        if !program.is_elf() {
            return Ok(out);
        }
        let mut said = links(&program.bytes).map_err(|error| program.failure(error))?;
        if !said.has_debug_info {
            out.separate = separate(program, &said, debug_dir)?;
            if let Some(file) = &out.separate {
                said = links(&file.bytes).map_err(|error| file.failure(error))?;
            }
        }
        let described = out.separate.as_ref().unwrap_or(program);
        if let Some((path, id)) = &said.alternate {
            out.alternate = Some(alternate(described, path, id, debug_dir)?);
        }
        out.split = split(program, &said)?;
        Ok(out)
    }

    /// The file that the program's debug information starts from.
    pub(crate) fn main<'a>(&'a self, program: &'a Input) -> &'a Input {
        self.separate.as_ref().unwrap_or(program)
    }

    /// All others.
    pub(crate) fn elsewhere(&self) -> Elsewhere<'_> {
        let split = self.split.iter();
        Elsewhere {
            alternate: self.alternate.as_ref().map(|file| &*file.bytes),
            split: split
                .map(|file| (file.path.display().to_string(), &*file.bytes))
                .collect(),
        }
    }
}

/// Path of a file by its build-id.
fn by_build_id(debug_dir: &Path, id: &[u8]) -> Option<PathBuf> {
    let (first, rest) = id.split_first()?;
    let mut name = String::new();
    for byte in rest {
        // A string takes all that is written to it.
        write!(name, "{byte:02x}").unwrap_or_default();
    }
    let path = debug_dir.join(".build-id").join(format!("{first:02x}"));
    Some(path.join(format!("{name}.debug")))
}

/// A file, if it is there.
fn read(path: &Path) -> Result<Option<Input>, Failure> {
    if path.is_file() {
        Input::read(path).map(Some)
    } else {
        Ok(None)
    }
}

fn separate(program: &Input, said: &Links, debug_dir: &Path) -> Result<Option<Input>, Failure> {
    if let Some(id) = &said.build_id
        && let Some(path) = by_build_id(debug_dir, id)
        && let Some(file) = read(&path)?
    {
        let found = links(&file.bytes).map_err(|error| file.failure(error))?;
        if found.build_id.as_ref() == Some(id) {
            return Ok(Some(file));
        }
        output::note(&format!(
            "{}: has another build-id, passed over",
            path.display()
        ));
    }
    let Some((name, crc)) = &said.debug_link else {
        return Ok(None);
    };
    let full = program.path.canonicalize();
    let full = full.map_err(|error| Failure::io(&program.path, error))?;
    let beside = full.parent().unwrap_or(Path::new("/"));
    let under = beside.strip_prefix("/").unwrap_or(beside);
    for path in [
        beside.join(name),
        beside.join(".debug").join(name),
        debug_dir.join(under).join(name),
    ] {
        // The link may be to the file itself.
        let Some(file) = read(&path)?.filter(|_| path != full) else {
            continue;
        };
        if crc32(&file.bytes) == *crc {
            return Ok(Some(file));
        }
        output::note(&format!(
            "{}: has another checksum, passed over",
            path.display()
        ));
    }
    Ok(None)
}

/// Without the alternate file, types would be missing in the middle of others.
fn alternate(described: &Input, path: &str, id: &[u8], debug_dir: &Path) -> Result<Input, Failure> {
    let full = described.path.canonicalize();
    let full = full.map_err(|error| Failure::io(&described.path, error))?;
    let named = full.parent().unwrap_or(Path::new("/")).join(path);
    let candidates = [Some(named), by_build_id(debug_dir, id)];
    for candidate in candidates.into_iter().flatten() {
        let Some(file) = read(&candidate)? else {
            continue;
        };
        let found = links(&file.bytes).map_err(|error| file.failure(error))?;
        if found.build_id.as_deref() == Some(id) {
            return Ok(file);
        }
        output::note(&format!(
            "{}: has another build-id, passed over",
            candidate.display()
        ));
    }
    Err(described.failure(format!("its alternate debug file {path} is not there")))
}

/// The package beside the program, or all files of units that are there.
fn split(program: &Input, said: &Links) -> Result<Vec<Input>, Failure> {
    if said.split.is_empty() {
        return Ok(Vec::new());
    }
    let mut package = program.path.clone().into_os_string();
    package.push(".dwp");
    if let Some(package) = read(Path::new(&package))? {
        return Ok(vec![package]);
    }
    let beside = program.path.parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    let mut missing = 0_usize;
    for unit in &said.split {
        let named = Path::new(&unit.directory).join(&unit.path);
        let name = named.file_name().unwrap_or_default();
        let file = match read(&named)? {
            None => read(&beside.join(name))?,
            file => file,
        };
        match file {
            Some(file) => found.push(file),
            None => missing += 1,
        }
    }
    if missing > 0 && !found.is_empty() {
        let (program, all) = (program.path.display(), said.split.len());
        output::note(&format!(
            "{program}: {missing} of {all} split-off units are not there"
        ));
    }
    Ok(found)
}
