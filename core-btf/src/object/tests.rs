use super::*;
use crate::testing::{Types, object};

const EXIT: [u8; 8] = [0x95, 0, 0, 0, 0, 0, 0, 0];

/// `struct data { int a, b; }` tagged, `struct task` not, an enum of each.
fn types() -> (Types, [TypeId; 4]) {
    let mut t = Types::default();
    let int = t.int("int", 4);
    let state = t.enumeration("state", 4, false, &[("IDLE", 0)]);
    let policy = t.enumeration("policy", 4, false, &[("FIFO", 1)]);
    let data = t.structure(
        "data",
        12,
        &[("a", int, 0, 0), ("b", int, 32, 0), ("s", state, 64, 0)],
    );
    let task = t.structure("task", 8, &[("pid", int, 0, 0), ("p", policy, 32, 0)]);
    t.tag(data);
    (t, [data, task, state, policy])
}

/// Each relocation knows its function, instruction and source line.
#[test]
fn relocations_have_their_places() {
    for endian in [Endian::Little, Endian::Big] {
        let (t, [data, ..]) = types();
        let kind = RelocationKind::FieldByteOffset;
        let bytes = object(
            endian,
            t,
            &[("one", &[EXIT, EXIT]), ("two", &[EXIT, EXIT, EXIT])],
            &[(0, 1, data, "0:0", kind), (1, 2, data, "0:1", kind)],
        );
        let parsed = BpfObject::parse(&bytes).unwrap();
        assert_eq!(parsed.endian(), endian);
        let found: Vec<_> = parsed
            .relocations()
            .iter()
            .map(|r| {
                (
                    parsed.function(r).unwrap().name,
                    r.instruction,
                    r.access,
                    r.kind,
                )
            })
            .collect();
        assert_eq!(found, [("one", 1, "0:0", kind), ("two", 2, "0:1", kind)]);
        let line = parsed.source_line(&parsed.relocations()[1], &[]).unwrap();
        let expected = SourceLine {
            file: "test.bpf.c",
            line: 10,
            text: "the line;",
        };
        assert_eq!(line, expected);
    }
}

/// Relocations of what the linker dropped, or the runtime leaves out, do not count.
#[test]
fn relocations_outside_functions_are_left_out() {
    let (t, [data, ..]) = types();
    let kind = RelocationKind::FieldByteOffset;
    let asked = [(0, 0, data, "0:0", kind), (0, 5, data, "0:1", kind)];
    let bytes = object(Endian::Little, t, &[("one", &[EXIT])], &asked);
    let mut parsed = BpfObject::parse(&bytes).unwrap();
    assert_eq!(parsed.relocations().len(), 1);
    parsed.retain_functions(|function| function.name != "one");
    assert!(parsed.relocations().is_empty() && !parsed.needs().any);
}

/// An object that needs no kernel type must not make the runtime open vmlinux.
#[test]
fn needs_follow_from_the_roots() {
    use RelocationKind::{EnumvalValue, FieldByteOffset, TypeIdLocal, TypeIdTarget};
    let needs = |asked: &[(usize, &str, RelocationKind)]| {
        let (t, ids) = types();
        let asked: Vec<_> = asked
            .iter()
            .map(|&(root, access, kind)| (0, 0, ids[root], access, kind))
            .collect();
        let bytes = object(Endian::Little, t, &[("one", &[EXIT])], &asked);
        let Needs {
            kernel,
            app,
            kernel_ids,
            any,
        } = BpfObject::parse(&bytes).unwrap().needs();
        [kernel, app, kernel_ids, any]
    };
    assert_eq!(needs(&[]), [false; 4]);
    assert_eq!(
        needs(&[(0, "0:0", FieldByteOffset)]),
        [false, true, false, true]
    );
    assert_eq!(
        needs(&[(1, "0:0", FieldByteOffset)]),
        [true, false, false, true]
    );
    assert_eq!(needs(&[(1, "0", TypeIdTarget)]), [true, false, true, true]);
    assert_eq!(needs(&[(0, "0", TypeIdTarget)]), [false, true, false, true]);
    assert_eq!(needs(&[(1, "0", TypeIdLocal)]), [false, false, false, true]);
    // Enums carry no tag: the struct that has one as a member tells.
    assert_eq!(needs(&[(2, "0", EnumvalValue)]), [false, true, false, true]);
    assert_eq!(needs(&[(3, "0", EnumvalValue)]), [true, false, false, true]);
}

/// An enum may also carry the mark that the generated header gives it.
#[test]
fn a_marked_enum_is_the_applications() {
    let mut t = Types::default();
    let marked = t.enumeration("e", 4, false, &[("A", 0), ("A___core_app", 0)]);
    let other = t.enumeration("f", 4, false, &[("B", 0), ("B___core", 0)]);
    let bytes = object(Endian::Little, t, &[("one", &[EXIT])], &[]);
    let parsed = BpfObject::parse(&bytes).unwrap();
    assert!(parsed.is_app(marked) && !parsed.is_app(other));
}

/// Where `.BTF.ext` starts in an object.
fn ext(object: &[u8]) -> std::ops::Range<usize> {
    let elf = Elf::parse(object).unwrap();
    let section = elf.section(".BTF.ext").unwrap().data;
    let start = section.as_ptr() as usize - object.as_ptr() as usize;
    start..start + section.len()
}

/// Errors say what is wrong in the records, and where.
#[test]
fn malformed_records_are_errors() {
    let (t, [data, ..]) = types();
    let asked = [(0, 0, data, "0:0", RelocationKind::FieldByteOffset)];
    let bytes = object(Endian::Little, t, &[("one", &[EXIT])], &asked);
    let start = ext(&bytes).start;
    let damaged = |at: usize, value: u32| {
        let mut bytes = bytes.clone();
        bytes[start + at..start + at + 4].copy_from_slice(&value.to_le_bytes());
        BpfObject::parse(&bytes).unwrap_err().to_string()
    };
    // header length, table length, record size, count, instruction offset, kind
    assert!(damaged(4, 20).contains(".BTF.ext: header length at offset 0x4 is 20"));
    assert!(damaged(28, 1000).contains("relocation records at offset 0x3c needs 1000 bytes"));
    assert!(damaged(60, 12).contains(".BTF.ext: size of records at offset 0x3c is 12"));
    assert!(damaged(60, 18).contains("is 18, not a multiple of 4"));
    assert!(damaged(68, 2).contains("needs 32 bytes, 16 are left"));
    assert!(damaged(72, 4).contains(": offset of a relocated instruction at offset 0x4 is 4"));
    assert!(damaged(84, 13).contains("relocation kind at offset 0x0 is 13"));
    assert_eq!(
        damaged(0, 0x0001_0000),
        ".BTF.ext: not BTF: magic number 0x0000 where 0xeb9f is expected"
    );
    assert_eq!(
        damaged(0, 0x0002_eb9f),
        ".BTF.ext: BTF version 2 is not known, only version 1"
    );
}

/// Later compilers write more fields: what is not known is skipped.
#[test]
fn longer_headers_and_records_pass() {
    let (t, [data, ..]) = types();
    let kind = RelocationKind::FieldByteOffset;
    let bytes = object(
        Endian::Little,
        t,
        &[("one", &[EXIT])],
        &[(0, 0, data, "0:1", kind)],
    );
    let range = ext(&bytes);
    let old = &bytes[range];
    let word = |at: usize| u32::from_le_bytes(old[at..at + 4].try_into().unwrap());
    let mut new = old[..32].to_vec();
    let (lines, relocations) = (word(20), word(28));
    // Eight bytes more of header, eight more in the relocation's record.
    new[4..8].copy_from_slice(&40_u32.to_le_bytes());
    new[28..32].copy_from_slice(&(relocations + 8).to_le_bytes());
    new.extend([0xaa; 8]);
    new.extend_from_slice(&old[32..]);
    let table = 40 + lines as usize;
    new[table..table + 4].copy_from_slice(&24_u32.to_le_bytes());
    new.extend([0xbb; 8]);
    let ext = BtfExt::parse(&new).unwrap();
    let record: Vec<_> = ext.relocations.iter().flat_map(|c| c.iter()).collect();
    assert_eq!((record.len(), record[0][1], record[0][3]), (1, data.0, 0));
    // A header from before there were relocations.
    let mut short = old[..24].to_vec();
    short[4..8].copy_from_slice(&24_u32.to_le_bytes());
    short[16..24].fill(0);
    assert!(BtfExt::parse(&short).unwrap().relocations.is_empty());
}

/// An object may lie in any byte.
#[test]
fn damaged_objects_do_not_panic() {
    let (t, [data, task, ..]) = types();
    let asked = [
        (0, 0, data, "0:0", RelocationKind::FieldByteOffset),
        (0, 0, task, "0:1", RelocationKind::FieldExists),
    ];
    let bytes = object(Endian::Little, t, &[("one", &[EXIT, EXIT])], &asked);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            if let Ok(parsed) = BpfObject::parse(&damaged) {
                assert!(parsed.needs().any || parsed.relocations().is_empty());
                for relocation in parsed.relocations() {
                    assert!(
                        parsed
                            .source_line(relocation, &[])
                            .is_none_or(|l| l.line < 1 << 22)
                    );
                }
            }
        }
    }
    for len in 0..bytes.len() {
        assert!(BpfObject::parse(&bytes[..len]).is_err());
    }
}
