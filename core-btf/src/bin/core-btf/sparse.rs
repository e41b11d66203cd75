//! Reading of a file as far as types need it.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use object::read::elf::{ElfFile, FileHeader};
use object::{Object as _, ObjectKind, ObjectSection as _, ReadCache, ReadRef, SectionFlags, elf};

/// Ranges of a file that are no farther from each other are read at once, in bytes.
const NEAR: u64 = 1 << 12;

/// Files from here on may be too large for memory, in bytes.
const HUGE: u64 = 1 << 30;

/// Bytes that a thread reads at a time.
const PIECE: usize = 1 << 24;

/// Debug sections that say nothing of types.
const OF_CODE: &[&str] = &[
    "addr", "aranges", "frame", "line", "loc", "loclists", "macro", "names", "pubnames",
    "pubtypes", "ranges", "rnglists",
];

/// The bytes of a file, with zeros in the place of what debug information about types does not need.
/// They take no memory: it is there only once it is written to. Large files are read by as many as
/// `threads` threads.
pub(crate) fn read_for_types(path: &Path, threads: usize) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    // What is no regular file has no length.
    let Some(needed) = needed(&file).filter(|_| len > 0) else {
        return std::fs::read(path);
    };
    let size = usize::try_from(len).map_err(io::Error::other)?;
    // A file may have more holes than there is memory, which `vec!` does not survive. Of a small one
    // this would have malloc keep what is freed later.
    if len >= HUGE && Vec::<u8>::new().try_reserve_exact(size).is_err() {
        let problem = format!("there is no memory for its {len} bytes");
        return Err(io::Error::new(io::ErrorKind::OutOfMemory, problem));
    }
    let mut bytes = vec![0; size];
    let place = |at: u64| usize::try_from(at.min(len)).map_err(io::Error::other);
    let mut pieces = Vec::new();
    let mut rest = bytes.as_mut_slice();
    for range in needed {
        let (start, end) = (place(range.start)?, place(range.end)?);
        let passed = size - rest.len();
        let piece = rest.split_off_mut(..end - passed).unwrap_or_default();
        let piece = piece.get_mut(start - passed..).unwrap_or_default();
        pieces.extend((range.start..).step_by(PIECE).zip(piece.chunks_mut(PIECE)));
    }
    let threads = threads.min(pieces.len());
    let pieces = Mutex::new(pieces.into_iter());
    let read = || loop {
        let next = pieces.lock().map_or(None, |mut pieces| pieces.next());
        let Some((start, piece)) = next else {
            return Ok(());
        };
        file.read_exact_at(piece, start)?;
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(read)).collect();
        let failed = || Err(io::Error::other("a thread that reads has failed"));
        let others = others
            .into_iter()
            .map(|it| it.join().unwrap_or_else(|_| failed()));
        others.fold(read(), io::Result::and)
    })?;
    Ok(bytes)
}

/// What has to be read, in ascending order; `None` for what is no ELF file or has no sections.
fn needed(file: &File) -> Option<Vec<Range<u64>>> {
    let cache = ReadCache::new(file);
    let mut ranges = match object::File::parse(&cache).ok()? {
        object::File::Elf32(elf) => needed_of(&elf),
        object::File::Elf64(elf) => needed_of(&elf),
        _ => None,
    }?;
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, before| {
        let near = next.start <= before.end.saturating_add(NEAR);
        if near {
            before.end = before.end.max(next.end);
        }
        near
    });
    Some(ranges)
}

/// The headers and the sections that have to be read.
fn needed_of<'a, Elf: FileHeader, R: ReadRef<'a>>(
    file: &ElfFile<'a, Elf, R>,
) -> Option<Vec<Range<u64>>> {
    let (header, endian, data) = (file.elf_header(), file.endian(), file.data());
    let range = |start: u64, count: u32, each: u16| {
        let bytes = u64::from(count).saturating_mul(each.into());
        start..start.saturating_add(bytes)
    };
    let sections = header.shnum(endian, data).ok().filter(|it| *it > 0)?;
    let segments = header.phnum(endian, data).ok()?;
    let mut needed = vec![
        range(0, 1, header.e_ehsize(endian)),
        range(
            header.e_shoff(endian).into(),
            sections,
            header.e_shentsize(endian),
        ),
        range(
            header.e_phoff(endian).into(),
            segments,
            header.e_phentsize(endian),
        ),
    ];
    let names = header.shstrndx(endian, data).ok()?;
    let relocatable = file.kind() == ObjectKind::Relocatable;
    for section in file.sections() {
        let (Some((start, len)), Ok(name)) = (section.file_range(), section.name()) else {
            continue;
        };
        let allocated = matches!(section.flags(), SectionFlags::Elf { sh_flags, .. }
            if sh_flags.0 & elf::SHF_ALLOC.0 != 0);
        let has_names = u32::try_from(section.index().0) == Ok(names);
        if has_names || !is_needless(name, allocated, relocatable) {
            needed.push(start..start.saturating_add(len));
        }
    }
    Some(needed)
}

/// Whether nothing of a section is needed, in a file that may be `relocatable`.
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
        None if matches!(name, ".symtab" | ".strtab") => !relocatable,
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
            (".symtab", false, false, true),
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
            read_for_types(&path, 2).unwrap(),
            std::fs::read(&path).unwrap(),
        );
        assert_eq!(sparse.len(), whole.len());
        let needed = needed(&File::open(&path).unwrap()).unwrap();
        assert!(needed.len() > 1);
        let mut end = 0;
        for range in needed {
            let [start, next] = [range.start, range.end].map(|it| usize::try_from(it).unwrap());
            assert!(sparse[end..start].iter().all(|byte| *byte == 0));
            assert_eq!(sparse[start..next], whole[start..next]);
            end = next;
        }
        assert!(sparse[end..].iter().all(|byte| *byte == 0));
        assert_eq!(
            core_btf::elf::section(&sparse, ".debug_info"),
            core_btf::elf::section(&whole, ".debug_info")
        );
    }
}
