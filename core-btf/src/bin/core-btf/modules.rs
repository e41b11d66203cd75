//! The types of the kernel's modules.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use core_btf::relo::NotInVmlinux;
use core_btf::{BpfObject, Btf};

use crate::input::Input;
use crate::output;

/// The files of the modules that an object needs. As vmlinux comes first, they are those that have a
/// type which it lacks.
///
/// `beside` is the file of `vmlinux`. A file that cannot be used is passed over with a note: nothing
/// says that the object needs it.
pub(crate) fn needed(object: &BpfObject<'_>, vmlinux: &Btf<'_>, beside: &Path) -> Vec<Input> {
    let lacking = NotInVmlinux::find(object, vmlinux);
    if lacking.is_empty() {
        return Vec::new();
    }
    let mut needed = Vec::new();
    for path in files(&directory(beside)) {
        let looked_at = Input::read(&path).and_then(|input| {
            let module = input.split(vmlinux)?;
            let found = lacking.has_candidate(&module);
            let found = found.map_err(|error| input.btf_failure(0, error))?;
            Ok(found.then_some(input))
        });
        match looked_at {
            Ok(module) => needed.extend(module),
            Err(failure) => output::note(&format!("{failure}, passed over")),
        }
    }
    needed
}

/// Where the modules of a kernel are whose types are in the file `vmlinux`: beside it if that is its
/// name, as in `/sys/kernel/btf`, else in the directory of its name without `.btf`.
fn directory(vmlinux: &Path) -> PathBuf {
    if vmlinux.file_name().is_some_and(|name| name == "vmlinux") {
        vmlinux.with_file_name(".")
    } else {
        vmlinux.with_extension("")
    }
}

/// The BTF files of a directory but vmlinux's, by name; none of one that is not there.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| name != "vmlinux"))
        .filter(|path| path.is_file() && is_btf(path))
        .collect();
    files.sort_unstable();
    files
}

/// Whether a file begins with BTF's magic number, in either byte order.
fn is_btf(path: &Path) -> bool {
    let mut start = [0; 2];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && matches!(start, [0x9f, 0xeb] | [0xeb, 0x9f])
}
