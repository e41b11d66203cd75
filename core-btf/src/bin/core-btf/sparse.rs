//! Reading of a file as far as types need it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use object::{Object as _, ObjectKind, ObjectSection as _, ReadCache, SectionFlags, elf};

/// Smallest section that is worth leaving out, in bytes.
const LARGE: u64 = 1 << 16;

/// Debug sections that say nothing of types.
const OF_CODE: &[&str] = &[
    "addr", "aranges", "frame", "line", "loc", "loclists", "macro", "names", "pubnames",
    "pubtypes", "ranges", "rnglists",
];

/// The bytes of a file, with zeros in the place of large sections that debug information about types does
/// not need. They take no memory: it is there only once it is written to.
pub(crate) fn read_for_types(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    let holes = holes(&file);
    // What is no regular file has no length.
    if holes.is_empty() || len == 0 {
        return std::fs::read(path);
    }
    let len = usize::try_from(len).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    let mut start = 0;
    for (from, to) in holes.into_iter().chain([(len, len)]) {
        if let Some(part) = bytes.get_mut(start..from.min(len)) {
            file.read_exact_at(part, start as u64)?;
        }
        start = start.max(to);
    }
    Ok(bytes)
}

/// What may stay zero, in ascending order; nothing for what is no ELF file.
fn holes(file: &File) -> Vec<(usize, usize)> {
    let cache = ReadCache::new(file);
    let Ok(elf) = object::File::parse(&cache) else {
        return Vec::new();
    };
    let relocatable = elf.kind() == ObjectKind::Relocatable;
    let mut holes = Vec::new();
    let mut needed = Vec::new();
    for section in elf.sections() {
        let (Some((start, len)), Ok(name)) = (section.file_range(), section.name()) else {
            continue;
        };
        let range = usize::try_from(start)
            .ok()
            .zip(start.checked_add(len))
            .and_then(|(start, end)| Some((start, usize::try_from(end).ok()?)));
        let Some(range) = range else { continue };
        let allocated = matches!(section.flags(), SectionFlags::Elf { sh_flags, .. }
            if sh_flags.0 & elf::SHF_ALLOC.0 != 0);
        if len >= LARGE && is_needless(name, allocated, relocatable) {
            holes.push(range);
        } else {
            needed.push(range);
        }
    }
    holes.sort_unstable();
    // No more than a real file has: each is compared with all sections.
    holes.truncate(1 << 12);
    // Sections of damaged files overlap.
    holes.retain(|(start, end)| needed.iter().all(|(from, to)| to <= start || end <= from));
    holes
}

fn is_needless(name: &str, allocated: bool, relocatable: bool) -> bool {
    if let Some(of) = name
        .strip_prefix(".rela")
        .or_else(|| name.strip_prefix(".rel"))
    {
        return of.starts_with('.')
            && (!relocatable || is_needless(of, !of.starts_with(".debug_"), false));
    }
    match name
        .strip_prefix(".debug_")
        .or_else(|| name.strip_prefix(".zdebug_"))
    {
        Some(name) => OF_CODE.contains(&name.strip_suffix(".dwo").unwrap_or(name)),
        None => allocated && !name.starts_with(".note") && !name.starts_with(".BTF"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_types_need_is_read() {
        for (name, allocated, relocatable, expected) in [
            (".debug_info", false, true, false),
            (".rela.debug_info", false, true, false),
            (".rela.debug_info", false, false, true),
            (".rela.debug_line", false, true, true),
            (".debug_line", false, true, true),
            (".debug_line_str", false, true, false),
            (".debug_loclists.dwo", false, false, true),
            (".text", true, false, true),
            (".rela.text", false, true, true),
            (".symtab", false, true, false),
            (".BTF", true, false, false),
            (".note.gnu.build-id", true, false, false),
        ] {
            assert_eq!(
                is_needless(name, allocated, relocatable),
                expected,
                "{name}"
            );
        }
    }

    /// This program has debug information, and code that is left out.
    #[test]
    fn the_rest_of_the_file_is_as_it_is() {
        let path = std::env::current_exe().unwrap();
        let (sparse, whole) = (
            read_for_types(&path).unwrap(),
            std::fs::read(&path).unwrap(),
        );
        assert_eq!(sparse.len(), whole.len());
        let holes = holes(&File::open(&path).unwrap());
        assert!(!holes.is_empty());
        let mut start = 0;
        for (from, to) in holes {
            assert_eq!(sparse[start..from], whole[start..from]);
            assert!(sparse[from..to].iter().all(|byte| *byte == 0));
            start = to;
        }
        assert_eq!(sparse[start..], whole[start..]);
    }
}
