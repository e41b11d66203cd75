//! Each way in which a blob can be wrong, and the error that says so.

use core_btf::model::{CompositeKind, Member, NameOffset};
use core_btf::read::Endian;
use core_btf::{Btf, BtfBuf, Error, Kind, Type, TypeId};

/// `typedef struct s { .. } *t;` and a function, 24 bytes of header before them.
fn blob() -> Vec<u8> {
    let mut types = BtfBuf::new();
    let (s, t) = (types.intern("s").unwrap(), types.intern("t").unwrap());
    let member = |ty| Member {
        name: t,
        ty: TypeId(ty),
        offset_bits: 0,
        bitfield_bits: 0,
    };
    let composite = Type::Composite {
        kind: CompositeKind::Struct,
        name: s,
        size_bytes: 8,
        members: vec![member(2), member(3)],
    };
    let typedef = Type::Typedef {
        name: t,
        ty: TypeId(2),
    };
    for ty in [composite, Type::Ptr(TypeId(1)), typedef] {
        types.push(ty).unwrap();
    }
    types.encode(Endian::Little).unwrap()
}

/// The blob with the word at an offset replaced.
fn with_word(offset: usize, word: u32) -> Vec<u8> {
    let mut blob = blob();
    blob[offset..offset + 4].copy_from_slice(&word.to_le_bytes());
    blob
}

fn parse_error(blob: &[u8]) -> Error {
    Btf::parse(blob).map(|btf| btf.len()).unwrap_err()
}

/// The header, cut anywhere, and each of its fields out of range.
#[test]
fn broken_headers_are_errors() {
    let whole = blob();
    for len in 0..24 {
        let expected = Error::Truncated {
            what: "BTF header",
            offset: 0,
            need: 24,
            have: len,
        };
        assert_eq!(parse_error(&whole[..len]), expected);
    }
    for len in 24..whole.len() {
        let error = parse_error(&whole[..len]);
        assert!(matches!(error, Error::Truncated { .. }), "{len}: {error}");
    }
    let mut magic = whole.clone();
    magic[0] = 0x7f;
    assert_eq!(parse_error(&magic), Error::Magic(0xeb7f));
    let mut version = whole;
    version[2] = 2;
    assert_eq!(parse_error(&version), Error::Version(2));

    for len in [0, 23, 10_000, u32::MAX] {
        let error = parse_error(&with_word(4, len));
        assert!(matches!(error, Error::Invalid { offset: 4, value, .. } if value == len.into()));
    }
    for field in [8, 12, 16, 20] {
        for value in [10_000, u32::MAX] {
            let error = parse_error(&with_word(field, value));
            assert!(matches!(error, Error::Truncated { .. }), "{field}: {error}");
        }
    }
}

/// Types that are no types, or that the section ends in.
#[test]
fn broken_types_are_errors() {
    let info = 24 + 4;
    for kind in [0, 20, 0x1f, 0x7f] {
        let error = parse_error(&with_word(info, kind << 24));
        let expected = Error::Invalid {
            what: "type kind",
            offset: info,
            value: kind.into(),
            expected: "a kind from 1 to 19",
        };
        assert_eq!(error, expected);
    }
    // A struct with more members than bytes.
    for vlen in [6, 0xffff, 0x00ff_ffff] {
        let error = parse_error(&with_word(info, 4 << 24 | vlen));
        let need = 12 + 12 * vlen as usize;
        let expected = Error::Truncated {
            what: "type",
            offset: 24,
            need,
            have: 60,
        };
        assert_eq!(error, expected);
    }
    // A section that ends within the last type.
    for len in [59, 52, 49] {
        let error = parse_error(&with_word(12, len));
        assert!(
            matches!(
                error,
                Error::Truncated {
                    what: "type",
                    offset: 72,
                    ..
                }
            ),
            "{error}"
        );
    }
}

/// Names that do not end, do not start, or are not text.
#[test]
fn broken_names_are_errors() {
    let strings = blob().len() - 5;
    for (at, byte) in [(strings, b'x'), (strings + 4, b'x')] {
        let mut blob = blob();
        blob[at] = byte;
        assert!(matches!(
            parse_error(&blob),
            Error::Invalid {
                what: "string section",
                ..
            }
        ));
    }
    assert!(matches!(
        parse_error(&with_word(20, 0)),
        Error::Invalid { .. }
    ));

    let outside = |offset| Error::Name {
        offset,
        problem: "outside the string section",
    };
    for offset in [5, u32::MAX] {
        let blob = with_word(24, offset);
        let btf = Btf::parse(&blob).unwrap();
        assert_eq!(btf.get(TypeId(1)).unwrap().name(), Err(outside(offset)));
        assert_eq!(btf.get(TypeId(1)).unwrap().name_bytes(), b"");
        assert_eq!(BtfBuf::from_btf(&btf).unwrap_err(), outside(offset));
    }
    let mut blob = blob();
    blob[strings + 1] = 0xff;
    let btf = Btf::parse(&blob).unwrap();
    let not_text = Error::Name {
        offset: 1,
        problem: "not UTF-8",
    };
    assert_eq!(btf.name(NameOffset(1)), Err(not_text));
}

/// References to nowhere and around in circles.
#[test]
fn broken_references_are_errors() {
    let last = 3;
    let typedef = 24 + 36 + 12;
    for id in [4, u32::MAX] {
        let blob = with_word(typedef + 8, id);
        let btf = Btf::parse(&blob).unwrap();
        let ty = TypeId(id);
        let missing = Error::NoSuchType { ty, last };
        assert_eq!(btf.get(ty).unwrap_err(), missing);
        assert_eq!(btf.resolve(TypeId(3)).unwrap_err(), missing);
        assert_eq!(btf.size_of(TypeId(3), 8), Err(missing.clone()));
        let types = BtfBuf::from_btf(&btf).unwrap();
        assert_eq!(core_btf::dedup::dedup(types).unwrap_err(), missing);
        assert_eq!(core_btf::c::Header::new(&btf).print(), Err(missing));
    }

    let blob = with_word(typedef + 8, 3);
    let btf = Btf::parse(&blob).unwrap();
    for error in [
        btf.resolve(TypeId(3)).unwrap_err(),
        btf.size_of(TypeId(3), 8).unwrap_err(),
        core_btf::c::Header::new(&btf).print().unwrap_err(),
    ] {
        assert!(
            matches!(error, Error::Type { ty: TypeId(3), .. }),
            "{error}"
        );
    }
}

/// An array of itself, directly and through typedefs, and arrays beyond any size.
#[test]
fn endless_and_endlessly_large_arrays_are_errors() {
    let mut types = BtfBuf::new();
    let array = |element, len| Type::Array {
        element: TypeId(element),
        index: TypeId::VOID,
        len,
    };
    let name = types.intern("t").unwrap();
    let ty = TypeId(1);
    for ty in [
        array(2, 1),
        Type::Typedef { name, ty },
        array(4, 1 << 20),
        array(5, 1 << 20),
        Type::Ptr(ty),
    ] {
        types.push(ty).unwrap();
    }
    let blob = types.encode(Endian::Little).unwrap();
    let btf = Btf::parse(&blob).unwrap();
    for id in [1, 2] {
        assert!(matches!(
            btf.size_of(TypeId(id), 8),
            Err(Error::Type { .. })
        ));
    }
    let too_large = Error::Limit {
        what: "array size in bytes",
        value: 1 << 43,
        limit: u32::MAX.into(),
    };
    assert_eq!(btf.size_of(TypeId(3), 8), Err(too_large));
    assert_eq!(btf.size_of(TypeId(4), 8), Ok(Some(8 << 20)));
    assert_eq!(btf.size_of(TypeId::VOID, 8), Ok(None));
}

/// A function with a linkage that no 16 bits hold, from the wider count of later versions.
#[test]
fn fields_that_the_model_has_no_room_for_are_errors() {
    let mut types = BtfBuf::new();
    let name = types.intern("f").unwrap();
    let func = Type::Func {
        name,
        proto: TypeId::VOID,
        linkage: 1,
    };
    types.push(func).unwrap();
    let mut blob = types.encode(Endian::Little).unwrap();
    blob[24 + 6] = 1;
    let btf = Btf::parse(&blob).unwrap();
    assert_eq!(btf.get(TypeId(1)).unwrap().kind(), Kind::Func);
    let error = BtfBuf::from_btf(&btf).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Invalid {
                offset: 28,
                value: 0x1_0001,
                ..
            }
        ),
        "{error}"
    );
    let void = btf.get(TypeId::VOID).unwrap().to_type();
    assert!(matches!(
        void,
        Err(Error::Type {
            ty: TypeId::VOID,
            ..
        })
    ));
}
