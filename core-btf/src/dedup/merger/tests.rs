use proptest::collection::vec;
use proptest::prelude::*;

use super::Merger;
use crate::dedup::dedup;
use crate::model::{CompositeKind, Member, NameOffset, Type, TypeId};
use crate::strings::Strings;
use crate::testing::Types;
use crate::write::BtfBuf;
use crate::{Error, Result};

/// A type in few words: what it is, which of few names it has, and what it refers to.
type Word = (u8, u8, u8, u8);

/// A part of such types. Names and shapes are few, so that they meet.
fn part(words: &[Word]) -> BtfBuf {
    let mut out = BtfBuf::new();
    let len = u32::try_from(words.len()).unwrap();
    for &(what, name, first, second) in words {
        let to = |number: u8| TypeId(u32::from(number) % (len + 1));
        let name = out
            .intern(["", "a", "b", "c"][usize::from(name % 4)])
            .unwrap();
        let member = |number, offset_bits| Member {
            name: NameOffset::ANONYMOUS,
            ty: to(number),
            offset_bits,
            bitfield_bits: 0,
        };
        let composite = |kind, members| Type::Composite {
            kind,
            name,
            size_bytes: 16,
            members,
        };
        let ty = match what % 10 {
            0 => Type::Fwd {
                name,
                kind: CompositeKind::Struct,
            },
            1 => composite(CompositeKind::Struct, vec![member(first, 0)]),
            2 => composite(
                CompositeKind::Struct,
                vec![member(first, 0), member(second, 64)],
            ),
            3 => composite(CompositeKind::Union, vec![member(first, 0)]),
            4 => Type::Typedef {
                name,
                ty: to(first),
            },
            5 => Type::Const(to(first)),
            6 => Type::Enum {
                name,
                size_bytes: 4,
                signed: first % 2 == 0,
                wide: false,
                values: Vec::new(),
            },
            7 => Type::Func {
                name,
                proto: to(first),
                linkage: 0,
            },
            _ => Type::Ptr(to(first)),
        };
        out.push(ty).unwrap();
    }
    out
}

/// A merger, and the names of all parts.
struct Parts {
    merger: Merger,
    names: Strings,
}

impl Parts {
    fn new() -> Self {
        Self {
            merger: Merger::new(),
            names: Strings::new(),
        }
    }

    fn add(&mut self, part: BtfBuf, keep: impl Fn(TypeId) -> bool) -> Result<()> {
        let (mut types, names) = part.into_types_and_names();
        for ty in &mut types {
            ty.for_each_name_mut(|name| *name = self.names.intern(names.get(*name)).unwrap());
        }
        self.merger.add(types, keep)
    }

    fn finish(self) -> BtfBuf {
        self.merger.finish(&self.names).unwrap()
    }
}

/// The types, and beside each its names.
fn spelled(btf: BtfBuf) -> Vec<(Type, Vec<String>)> {
    let (types, names) = btf.into_types_and_names();
    let types = types.into_iter().map(|mut ty| {
        let mut own = Vec::new();
        ty.for_each_name_mut(|name| own.push(names.get(std::mem::take(name)).to_owned()));
        (ty, own)
    });
    types.collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Part by part or all at once: the same types in the same order.
    #[test]
    fn parts_give_what_all_of_them_would(parts in vec(vec(any::<Word>(), 0..8), 0..5)) {
        let mut parted = Parts::new();
        let mut all = BtfBuf::new();
        for words in &parts {
            let base = u32::try_from(all.len()).unwrap();
            let mut whole = part(words);
            let mut types = whole.take_types();
            for ty in &mut types {
                ty.for_each_ref_mut(|to| to.0 += if to.is_void() { 0 } else { base });
                let mut names = Vec::new();
                ty.for_each_name_mut(|name| names.push(whole.name(*name).to_owned()));
                let mut names = names.into_iter();
                ty.for_each_name_mut(|name| *name = all.intern(&names.next().unwrap()).unwrap());
            }
            for ty in types {
                all.push(ty).unwrap();
            }
            parted.add(part(words), |_| true).unwrap();
        }
        prop_assert_eq!(spelled(parted.finish()), spelled(dedup(all).unwrap()));
    }
}

/// What many units have is stored once.
#[test]
fn memory_is_for_what_differs() {
    let mut parts = Parts::new();
    for at in 0..50 {
        let mut t = Types::default();
        let int = t.int("int", 4);
        let pointer = t.push(Type::Ptr(TypeId(int.0 + 2)));
        t.structure(
            "list",
            16,
            &[("next", pointer, 0, 0), ("value", int, 64, 0)],
        );
        t.typedef(&format!("own{at}"), pointer);
        parts.add(t.0, |_| true).unwrap();
    }
    assert_eq!(parts.merger.types.len(), 3 + 50);
    assert_eq!(parts.finish().len(), 3 + 50);
}

/// What is not kept is as if it had not been there.
#[test]
fn types_that_are_not_kept_leave_no_trace() {
    let mut t = Types::default();
    t.structure("gone", 4, &[]);
    t.structure("kept", 8, &[]);
    let mut parts = Parts::new();
    parts.add(t.0, |id| id == TypeId(2)).unwrap();
    let out = parts.finish();
    assert_eq!(out.len(), 1);
    assert_eq!(out.name(NameOffset(1)), "kept");
}

#[test]
fn a_listing_gives_back_what_it_has() {
    let numbers = [
        1,
        2,
        5,
        4,
        100_000,
        3,
        u32::MAX >> 1,
        1,
        70,
        6,
        64,
        127,
        128,
        0,
    ];
    let mut listing = super::Listing::default();
    let mut last = 0;
    for number in numbers {
        listing.push(&mut last, number);
    }
    assert_eq!(listing.iter().collect::<Vec<_>>(), numbers);
}

#[test]
fn a_reference_to_nothing_is_an_error() {
    let mut t = Types::default();
    t.push(Type::Ptr(TypeId(7)));
    let error = Parts::new().add(t.0, |_| true).unwrap_err();
    assert!(matches!(error, Error::NoSuchType { .. }), "{error}");
}
