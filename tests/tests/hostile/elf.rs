//! ELF files that lie about themselves.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::reader::read;

/// A section: its name, type and flags, and its place in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: u32,
    pub(crate) flags: u64,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// The headers of a 64-bit program with these sections, after which come their names.
pub(crate) fn headers(sections: &[Section<'_>]) -> Vec<u8> {
    let mut names = vec![0];
    let mut table = vec![0; 64];
    let mut header = |name: &str, kind: u32, flags: u64, offset: u64, size: u64| {
        let at = u32::try_from(names.len()).unwrap();
        names.extend(name.bytes().chain([0]));
        table.extend([at, kind].map(u32::to_le_bytes).concat());
        table.extend(
            [flags, 0, offset, size, 0, 1, 0]
                .map(u64::to_le_bytes)
                .concat(),
        );
    };
    for it in sections {
        header(it.name, it.kind, it.flags, it.offset, it.size);
    }
    let count = u16::try_from(sections.len() + 2).unwrap();
    let after = 64 + 64 * u64::from(count);
    let len = names_len(sections);
    header(".shstrtab", 3, 0, after, len);
    let mut out = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    out.extend([2_u16, 62].map(u16::to_le_bytes).concat());
    out.extend(1_u32.to_le_bytes());
    out.extend([0, 0, 64_u64].map(u64::to_le_bytes).concat());
    out.extend(0_u32.to_le_bytes());
    out.extend(
        [64, 56, 0, 64, count, count - 1]
            .map(u16::to_le_bytes)
            .concat(),
    );
    out.extend(table);
    out.extend(names);
    assert_eq!(out.len() as u64, after + len);
    out
}

fn names_len(sections: &[Section<'_>]) -> u64 {
    let names = sections.iter().map(|it| it.name.len() as u64 + 1);
    1 + names.sum::<u64>() + ".shstrtab\0".len() as u64
}

/// A program with these sections and their bytes.
pub(crate) fn program(path: &Path, parts: &[(&str, u64, &[u8])]) {
    let mut sections: Vec<_> = parts
        .iter()
        .map(|(name, flags, data)| Section {
            name,
            kind: 1,
            flags: *flags,
            offset: 0,
            size: data.len() as u64,
        })
        .collect();
    let mut at = headers(&sections).len() as u64;
    for section in &mut sections {
        section.offset = at;
        at += section.size;
    }
    let mut out = headers(&sections);
    for (_, _, data) in parts {
        out.extend(*data);
    }
    fs::write(path, out).unwrap();
}

/// A file of this length that has `bytes` at its start, and takes no more on disk.
fn sparse(directory: &Path, len: u64, bytes: &[u8]) -> PathBuf {
    let path = directory.join("sparse");
    let file = File::create(&path).unwrap();
    file.set_len(len).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    path
}

const TIB: u64 = 1 << 40;

/// The size that a section header says is believed up to a limit, however long the file is.
#[test]
fn sizes_in_elf_headers_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    for size in [1 << 29, TIB / 2, u64::MAX] {
        let section = Section {
            name: ".BTF",
            kind: 1,
            flags: 0,
            offset: 1 << 20,
            size,
        };
        let file = sparse(directory.path(), TIB, &headers(&[section]));
        let read = read(&file, None);
        assert!(read.text.contains("ELF"), "{size:#x}: {}", read.text);
        assert!(read.peak_mib < 100, "{size:#x}: {} MiB", read.peak_mib);
    }
}

/// Numbers of sections and segments, and the lengths of their names, are believed up to a limit.
#[test]
fn counts_in_elf_headers_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let mut header = headers(&[]);
    // e_shnum is 0: the number is in the size of the first section, which is then that of names too.
    header[60..62].fill(0);
    for count in [1 << 20, 1 << 24, u64::MAX] {
        header[64 + 32..64 + 40].copy_from_slice(&count.to_le_bytes());
        let read = read(&sparse(directory.path(), TIB, &header), None);
        assert!(read.peak_mib < 300, "{count:#x}: {} MiB", read.peak_mib);
    }
    // Each of many sections has a name that is as long as the table of names.
    let name = "n".repeat(1 << 20);
    let one = Section {
        name: "",
        kind: 1,
        flags: 0,
        offset: 0,
        size: 0,
    };
    let mut sections = vec![one; 60_000];
    sections[0].name = &name;
    let mut file = headers(&sections);
    for n in 0..sections.len() {
        file[128 + 64 * n..][..4].copy_from_slice(&1_u32.to_le_bytes());
    }
    let path = directory.path().join("names");
    fs::write(&path, file).unwrap();
    let read = read(&path, None);
    assert!(read.peak_mib < 100, "{} MiB", read.peak_mib);
}
