//! What is encoded is what is decoded, in both byte orders.

use std::process::Command;

use core_btf::model::{CompositeKind, Enumerator, Member, NameOffset};
use core_btf::read::Endian;
use core_btf::{Btf, BtfBuf, Error, Type, TypeId};
use proptest::prelude::*;

use crate::{all_with_names, arbitrary, vmlinux};

const ENDIANS: [Endian; 2] = [Endian::Little, Endian::Big];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decoding_gives_back_what_was_encoded(types in arbitrary::types()) {
        for endian in ENDIANS {
            let blob = types.encode(endian).unwrap();
            let btf = Btf::parse(&blob).unwrap();
            prop_assert_eq!(btf.endian(), endian);
            prop_assert_eq!(btf.len(), types.len());
            let decoded = BtfBuf::from_btf(&btf).unwrap();
            prop_assert_eq!(all_with_names(&decoded), all_with_names(&types));
            // Names are now in the order of their use, and stay so.
            let blob = decoded.encode(endian).unwrap();
            let again = BtfBuf::from_btf(&Btf::parse(&blob).unwrap()).unwrap();
            prop_assert_eq!(again.encode(endian).unwrap(), blob);
        }
    }

    #[test]
    fn several_blobs_are_found_one_after_the_other(
        one in arbitrary::types(),
        two in arbitrary::types(),
    ) {
        let mut blob = one.encode(Endian::Little).unwrap();
        let end = blob.len();
        blob.extend(two.encode(Endian::Big).unwrap());
        let (first, len) = Btf::parse_prefix(&blob).unwrap();
        prop_assert_eq!((first.len(), len), (one.len(), end));
        prop_assert_eq!(Btf::parse(&blob[len..]).unwrap().len(), two.len());
    }
}

#[test]
fn the_kernels_types_survive() {
    let kernel = vmlinux();
    let kernel = Btf::parse(&kernel).unwrap();
    let types = BtfBuf::from_btf(&kernel).unwrap();
    for endian in ENDIANS {
        let blob = types.encode(endian).unwrap();
        let btf = Btf::parse(&blob).unwrap();
        assert_eq!(btf.type_bytes().len(), kernel.type_bytes().len());
        assert!(btf.string_bytes().len() <= kernel.string_bytes().len());
        let again = BtfBuf::from_btf(&btf).unwrap();
        assert!(all_with_names(&again) == all_with_names(&types));
    }
}

fn bpftool(blob: &[u8], format: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, blob).unwrap();
    let output = Command::new("bpftool")
        .args(["btf", "dump", "file"])
        .arg(file.path())
        .args(["format", format])
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && err.is_empty(), "{err}");
    String::from_utf8(output.stdout).unwrap()
}

/// To bpftool our encoding of the kernel's types is the kernel's own.
#[test]
fn bpftool_reads_the_same_in_both_encodings() {
    let kernel = vmlinux();
    let types = BtfBuf::from_btf(&Btf::parse(&kernel).unwrap()).unwrap();
    let ours = types.encode(Endian::NATIVE).unwrap();
    assert!(bpftool(&ours, "raw") == bpftool(&kernel, "raw"));
    assert!(bpftool(&ours, "c") == bpftool(&kernel, "c"));
}

/// A longer header, as later versions have it, and sections in another order.
#[test]
fn headers_are_read_by_their_own_length() {
    let mut types = BtfBuf::new();
    let name = types.intern("t").unwrap();
    let ty = TypeId::VOID;
    types.push(Type::Typedef { name, ty }).unwrap();
    let blob = types.encode(Endian::Little).unwrap();
    let (header, sections) = blob.split_at(24);
    let (type_section, strings) = sections.split_at(12);
    let mut long = header.to_vec();
    long[4..8].copy_from_slice(&32_u32.to_le_bytes());
    // A gap, the strings, and then the types.
    for (at, value) in [(8, 4 + 3), (12, 12), (16, 4), (20, 3_u32)] {
        long[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    long.extend([0xff; 8 + 4]);
    long.extend(strings);
    long.extend(type_section);
    let (btf, len) = Btf::parse_prefix(&long).unwrap();
    assert_eq!(len, long.len());
    assert_eq!(btf.get(TypeId(1)).unwrap().name(), Ok("t"));
}

fn limit(types: &BtfBuf) -> (&'static str, u64) {
    match types.encode(Endian::Little).unwrap_err() {
        Error::Limit { what, value, .. } => (what, value),
        other => panic!("{other}"),
    }
}

/// What the format has no room for is an error, never a wrap-around.
#[test]
fn limits_are_errors() {
    let member = |offset_bits, bitfield_bits| Member {
        name: NameOffset::ANONYMOUS,
        ty: TypeId::VOID,
        offset_bits,
        bitfield_bits,
    };
    let composite = |members| {
        let mut types = BtfBuf::new();
        let ty = Type::Composite {
            kind: CompositeKind::Struct,
            name: NameOffset::ANONYMOUS,
            size_bytes: 0,
            members,
        };
        types.push(ty).unwrap();
        types
    };
    assert!(
        composite(vec![member(0, 0); 0xffff])
            .encode(Endian::Little)
            .is_ok()
    );
    let too_many = composite(vec![member(0, 0); 0x1_0000]);
    assert_eq!(limit(&too_many).1, 0x1_0000);

    let far = 1 << 24;
    assert!(
        composite(vec![member(far, 0)])
            .encode(Endian::Little)
            .is_ok()
    );
    assert!(
        composite(vec![member(far - 1, 1)])
            .encode(Endian::Little)
            .is_ok()
    );
    let too_far = composite(vec![member(0, 1), member(far, 0)]);
    assert_eq!(limit(&too_far).1, u64::from(far));

    for (signed, value) in [
        (false, -1),
        (false, 1 << 32),
        (true, 1 << 31),
        (true, 1 << 32),
    ] {
        let mut types = BtfBuf::new();
        let name = NameOffset::ANONYMOUS;
        let ty = Type::Enum {
            name,
            size_bytes: 4,
            signed,
            wide: false,
            values: vec![Enumerator { name, value }],
        };
        types.push(ty).unwrap();
        assert_eq!(limit(&types).0, "value of a 32-bit enum");
    }

    let mut types = BtfBuf::new();
    let mega = "m".repeat(1 << 20);
    for n in 0..15 {
        types.intern(&format!("{mega}{n}")).unwrap();
    }
    let error = types.intern(&format!("{mega}15")).unwrap_err();
    let what = "bytes of names";
    assert!(
        matches!(error, Error::Limit { what: w, .. } if w == what),
        "{error}"
    );
    // A short one still fits, and those that are there are found again.
    types.intern("short").unwrap();
    types.intern(&format!("{mega}3")).unwrap();

    assert!(matches!(types.intern("nul\0"), Err(Error::Name { .. })));
    types.push(Type::Ptr(TypeId(2))).unwrap();
    let missing = Error::NoSuchType {
        ty: TypeId(2),
        last: 1,
    };
    assert_eq!(types.encode(Endian::Little), Err(missing));
}
