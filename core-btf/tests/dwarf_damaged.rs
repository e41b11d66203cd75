//! Damaged files: an error that says where, or BTF; never a panic, nor memory without bounds.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::process::Command;

use core_btf::Btf;
use core_btf::dwarf::{Error, Options, extract};

const SOURCE: &str = "
    struct leaf { unsigned bits : 3; enum { RED, GREEN = -7 } color; };
    struct node { struct node *next; struct leaf leaves[2][3]; union { long l; double d; }; };
    typedef struct { struct node *head; int (*visit)(struct node *node, void *); } list_t;
    int visit(const list_t *list) { return list->visit(list->head, 0); }
";

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

fn compile(dir: &Path, compiler: &[&str]) -> Vec<u8> {
    let (input, output) = (dir.join("x.c"), dir.join("x.o"));
    std::fs::write(&input, SOURCE).unwrap();
    let (program, flags) = compiler.split_first().unwrap();
    run(Command::new(program)
        .args(flags)
        .arg("-c")
        .arg(input)
        .arg("-o")
        .arg(&output));
    std::fs::read(output).unwrap()
}

/// The kinds of input: both compilers and versions, type units, compressed, big-endian 32-bit, an
/// archive.
fn inputs() -> Vec<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let mut inputs: Vec<_> = [
        &["gcc", "-gdwarf-4", "-O2"][..],
        &["gcc", "-gdwarf-5", "-fdebug-types-section"],
        &["clang", "-gdwarf-5"],
        &["clang", "-gdwarf-3", "--target=mips-linux-gnu"],
        &["gcc", "-g", "-gz=zlib"],
    ]
    .iter()
    .map(|compiler| compile(dir.path(), compiler))
    .collect();
    let archive = dir.path().join("x.a");
    run(Command::new("ar")
        .arg("rcs")
        .arg(&archive)
        .arg(dir.path().join("x.o")));
    inputs.push(std::fs::read(archive).unwrap());
    inputs
}

/// Extracts, and checks what comes out. Says whether it was BTF.
fn survives(data: &[u8]) -> bool {
    let options = Options {
        threads: 1,
        ..Options::default()
    };
    match extract(data, &options) {
        Ok(found) => {
            let bytes = found.btf.encode(found.endian).unwrap();
            assert_eq!(Btf::parse(&bytes).unwrap().len(), found.btf.len());
            true
        }
        Err(error) => {
            let mut error = &error;
            while let Error::Member { source, .. } = error {
                error = source;
            }
            if let Error::Dwarf {
                section, offset, ..
            } = error
            {
                assert!(section.starts_with(".debug_"), "{error}");
                // Compressed sections are larger than what is in the file.
                assert!(*offset <= 4 * data.len() as u64, "{error}");
            }
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

/// Most memory that this process ever had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let number = line.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}

#[test]
fn truncated_files() {
    for data in inputs() {
        assert!(survives(&data));
        let broken = (0..data.len()).step_by(13);
        let failed = broken.filter(|len| !survives(&data[..*len])).count();
        assert!(failed > data.len() / 13 / 2, "{failed}");
    }
    assert!(peak() < 200 << 10, "{} KiB", peak());
}

/// One bit of every byte, so that every field of every header and entry is hit.
#[test]
fn flipped_bits() {
    for mut data in inputs() {
        let mut failed = 0;
        for at in 0..data.len() {
            let bit = 1 << (at % 8);
            data[at] ^= bit;
            failed += usize::from(!survives(&data));
            data[at] ^= bit;
        }
        assert!(failed > 0);
        assert!(survives(&data));
    }
    assert!(peak() < 200 << 10, "{} KiB", peak());
}

/// Bytes that mean the most to a parser: ends of tables, longest numbers.
#[test]
fn replaced_bytes() {
    for mut data in inputs().into_iter().take(3) {
        for at in 0..data.len() {
            let old = data[at];
            for new in [0x00, 0x80, 0xff] {
                data[at] = new;
                survives(&data);
            }
            data[at] = old;
        }
        assert!(survives(&data));
    }
    assert!(peak() < 200 << 10, "{} KiB", peak());
}

/// A compressed section says how large it will be; a lie costs no memory.
#[test]
fn sizes_of_compressed_sections() {
    let dir = tempfile::tempdir().unwrap();
    let data = compile(dir.path(), &["gcc", "-g", "-gz=zlib"]);
    // Elf64_Chdr: ELFCOMPRESS_ZLIB, reserved, size, alignment.
    let header = [1, 0, 0, 0, 0, 0, 0, 0];
    let places: Vec<_> = (0..data.len() - 24)
        .filter(|at| data[*at..].starts_with(&header) && data[at + 16..].starts_with(&[1, 0]))
        .collect();
    assert!(!places.is_empty());
    let mut refused = 0;
    for place in places {
        for size in [0, 1, 1 << 26, 1 << 40, u64::MAX] {
            let mut data = data.clone();
            data[place + 8..place + 16].copy_from_slice(&size.to_le_bytes());
            let result = extract(&data, &Options::default());
            if let Err(Error::TooLarge { what, bytes, .. }) = result {
                assert!(what.starts_with(".debug_"));
                assert_eq!(bytes, size);
                refused += 1;
            }
        }
    }
    // The two largest sizes of what is read: .debug_info, .debug_abbrev, .debug_str.
    assert!(refused >= 6, "{refused}");
    assert!(peak() < 200 << 10, "{} KiB", peak());
}

#[test]
fn no_objects() {
    for data in [
        &b""[..],
        b"\x7fELF",
        b"!<arch>\n",
        b"!<thin>\n",
        b"text",
        b"\x9f\xeb\x01\0",
    ] {
        assert!(!survives(data), "{data:?}");
    }
}
