//! Symbols that are not in a binary itself: compressed ones in `.gnu_debugdata`, and those of its
//! separate debug file.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use lzma_rust2::XzReader;
use rustix::fs::{MemfdFlags, memfd_create};

use crate::binary::Binary;
use crate::elf::Elf;
use crate::error::Result;
use crate::type_info::separate_debug_file;

/// Most bytes that `.gnu_debugdata` may hold. Fedora's has the symbols of functions only, and is a
/// few hundred kilobytes.
const MAX_BYTES: u64 = 256 << 20;

/// Most memory that its decoder may take, in KiB: `xz -9` asks for 64 MiB.
const MAX_DECODER_KIB: u32 = 80 << 10;

/// The ELF file in `.gnu_debugdata`, which has the symbols that a stripped binary has lost.
pub(super) fn mini_debug_info(elf: &Elf) -> Result<Option<Elf>> {
    let Some(section) = elf.section(".gnu_debugdata") else {
        return Ok(None);
    };
    let data = elf.data(section)?;
    let mut content = Vec::new();
    let reader = XzReader::new_mem_limit(data.as_slice(), false, MAX_DECODER_KIB);
    let read = reader.take(MAX_BYTES + 1).read_to_end(&mut content);
    let what = ".gnu_debugdata";
    if read.is_err() || content.len() as u64 > MAX_BYTES {
        return Err(elf.malformed(what, section.offset));
    }
    in_memory(&content, elf.path()).map(Some)
}

/// The separate debug file of a binary, if there is one.
pub(super) fn separate(binary: &Binary) -> Result<Option<Elf>> {
    match separate_debug_file(binary) {
        Some(file) => in_memory(&file.bytes, &file.path).map(Some),
        None => Ok(None),
    }
}

/// Bytes as a file, which is what is read of ELF.
fn in_memory(bytes: &[u8], name: &Path) -> Result<Elf> {
    let create = || -> io::Result<File> {
        let mut file = File::from(memfd_create("symbols", MemfdFlags::CLOEXEC)?);
        file.write_all(bytes)?;
        Ok(file)
    };
    let file = create().map_err(|source| crate::Error::Io {
        action: "create",
        path: "memfd:symbols".into(),
        source,
    })?;
    Elf::new(file, name.to_path_buf())
}
