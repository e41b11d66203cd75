//! Debug information that unpacks to more than there is memory.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::elf::{Section, headers, program};
use crate::reader::{read, read_within};

/// `SHF_COMPRESSED`.
const COMPRESSED: u64 = 0x800;

/// Abbreviations: a unit in C (1), one in Rust (2); a pointer (3), a struct (4) and its members (5),
/// a namespace (6), all as short as they can be.
const ABBREVIATIONS: &[u8] = &[
    1, 0x11, 1, 0x13, 0x0b, 0, 0, // DW_AT_language, DW_FORM_data1
    3, 0x0f, 0, 0, 0, //
    4, 0x13, 1, 0x03, 0x08, 0x0b, 0x0b, 0, 0, // DW_AT_name: string, DW_AT_byte_size: data1
    5, 0x0d, 0, 0x38, 0x0b, 0, 0, // DW_AT_data_member_location: data1
    6, 0x39, 1, 0x03, 0x0e, 0, 0, // DW_AT_name: strp
    0,
];

const C: u8 = 0x0c;
const CPP: u8 = 0x04;
const RUST: u8 = 0x1c;

/// One unit of `.debug_info`, DWARF 4, in a language.
fn unit(language: u8, entries: &[u8]) -> Vec<u8> {
    let len = u32::try_from(entries.len() + 10).unwrap();
    let mut out = len.to_le_bytes().to_vec();
    out.extend([4, 0, 0, 0, 0, 0, 8, 1, language]);
    out.extend(entries);
    out.push(0);
    out
}

/// A section's bytes as the linker compresses them.
fn compressed(directory: &Path, bytes: &[u8]) -> Vec<u8> {
    let plain = directory.join("plain");
    let packed = directory.join("packed");
    program(&plain, &[(".debug_x", 0, bytes)]);
    let status = Command::new("objcopy")
        .arg("--compress-debug-sections=zlib")
        .args([&plain, &packed])
        .status();
    assert!(status.unwrap().success());
    let elf = std::fs::read(packed).unwrap();
    let section = core_btf::elf::section(&elf, ".debug_x").unwrap().unwrap();
    assert!(section.len() < bytes.len() / 100);
    section.to_vec()
}

fn file(directory: &Path, info: &[u8], flags: u64) -> PathBuf {
    let path = directory.join("program");
    // The longest that is taken for a name.
    let name = [b'n'; (1 << 14) - 1];
    program(
        &path,
        &[
            (".debug_info", flags, info),
            (".debug_abbrev", 0, ABBREVIATIONS),
            (".debug_str", 0, &[&name[..], &[0]].concat()),
        ],
    );
    path
}

/// Sixty-four kilobytes that unpack to sixty-four megabytes of one-byte entries, each of which is a
/// type of C or of Rust.
#[test]
fn entries_of_debug_information_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    for language in [C, RUST] {
        let entries = vec![3; (60 << 20) - 100];
        let info = compressed(directory.path(), &unit(language, &entries));
        let read = read_within(6 << 30, &file(directory.path(), &info, COMPRESSED), None);
        assert!(
            read.text.contains("more than"),
            "{language:#x}: {}",
            read.text
        );
        assert!(read.peak_mib < 3000, "{language:#x}: {} MiB", read.peak_mib);
    }
}

/// Scopes that are nested and have long names: each type inside has all of those in its own.
#[test]
fn names_of_nested_scopes_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    for (language, depth) in [(CPP, 4000), (RUST, 4000), (RUST, 1_000_000)] {
        let mut entries = [6, 0, 0, 0, 0].repeat(depth);
        entries.extend(b"\x04S\0\x08\0".repeat(100_000));
        entries.resize(entries.len() + depth, 0);
        let info = unit(language, &entries);
        let read = read(&file(directory.path(), &info, 0), None);
        // The unit is left out, and nothing else is there.
        let left_out = read.text.contains("too deep") || read.text == "1 blobs";
        assert!(left_out, "{language:#x}: {}", read.text);
        assert!(read.peak_mib < 200, "{language:#x}: {} MiB", read.peak_mib);
    }
}

/// Many sections of one name, whose headers are all about the same bytes, or which all unpack to the
/// most that one may.
#[test]
fn sections_of_debug_information_are_bounded_together() {
    let directory = tempfile::tempdir().unwrap();
    let info = unit(C, &vec![0; (60 << 20) - 100]);
    let packed = compressed(directory.path(), &info);
    let path = directory.path().join("program");
    for (flags, bytes) in [(COMPRESSED, &packed), (0, &info)] {
        let mut sections = vec![
            Section {
                name: ".debug_info",
                kind: 1,
                flags,
                offset: 0,
                size: bytes.len() as u64,
            };
            1000
        ];
        let offset = headers(&sections).len() as u64;
        for section in &mut sections {
            section.offset = offset;
        }
        let mut out = headers(&sections);
        out.extend(bytes);
        std::fs::write(&path, out).unwrap();
        let read = read_within(4 << 30, &path, None);
        assert!(read.text.contains("at most"), "{}", read.text);
        assert!(read.peak_mib < 3000, "{} MiB", read.peak_mib);
    }
}

/// A compressed section says how large it will be; what it says is not reserved.
#[test]
fn sizes_of_compressed_sections_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let mut info = compressed(directory.path(), &unit(C, &vec![3; 1 << 20]));
    for size in [1 << 40, u64::MAX] {
        info[8..16].copy_from_slice(&u64::to_le_bytes(size));
        let read = read(&file(directory.path(), &info, COMPRESSED), None);
        assert!(read.text.contains("at most"), "{}", read.text);
        assert!(read.peak_mib < 200, "{} MiB", read.peak_mib);
    }
}

/// A file is read for its debug information up to a size, however little of it is on disk.
#[test]
fn files_with_debug_information_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), &unit(C, &[]), 0);
    let sparse = std::fs::File::options().write(true).open(&path).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let read = read(&path, None);
    assert!(read.text.contains("may yet be read"), "{}", read.text);
    assert!(read.peak_mib < 100, "{} MiB", read.peak_mib);
}
