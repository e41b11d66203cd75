//! Versions of std that there are not: its private fields may be called and nested otherwise, and
//! views must stay what they are, or be refused. A crate called `alloc` is std's to the reader.

use core_btf::BtfBuf;
use core_btf::dwarf::Error;
use core_btf::model::Type;

use crate::fixture::Fixture;

/// Members of a struct, with offsets in bytes.
fn members(btf: &BtfBuf, name: &str) -> Vec<(String, u32)> {
    btf.types()
        .iter()
        .find_map(|ty| match ty {
            Type::Composite {
                name: tag, members, ..
            } if btf.name(*tag) == name => Some(
                members
                    .iter()
                    .map(|member| (btf.name(member.name).to_owned(), member.offset_bits / 8))
                    .collect(),
            ),
            _ => None,
        })
        .unwrap_or_else(|| panic!("no struct {name}"))
}

fn owned<const N: usize>(members: [(&str, u32); N]) -> Vec<(String, u32)> {
    members
        .map(|(name, offset)| (name.to_owned(), offset))
        .to_vec()
}

/// A `Vec` whose buffer has these fields, in a crate that passes for std's.
fn vec(fixture: &Fixture, buffer: &str, rest: &str) -> Result<BtfBuf, Error> {
    let text = format!(
        "#![no_std]
        pub mod vec {{
            #[repr(C)] pub struct Vec<T> {{ pub storage: Storage<T>, {rest} }}
            #[repr(C)] pub struct Storage<T> {{ {buffer} }}
            pub struct Cap(usize);
        }}
        pub struct Root {{ list: vec::Vec<u16> }}"
    );
    fixture.types_of("alloc", &text)
}

#[test]
fn renamed_and_moved_fields_are_found() {
    let fixture = Fixture::new("renamed");
    // The capacity is known by the type around it, the length as what is left.
    let btf = vec(&fixture, "room: Cap, start: *mut T", "count: usize").unwrap();
    assert_eq!(
        members(&btf, "Vec_u16"),
        owned([("cap", 0), ("ptr", 8), ("len", 16)])
    );
    let btf = vec(
        &fixture,
        "start: core::ptr::NonNull<u8>, cap: usize, mark: core::marker::PhantomData<T>",
        "extra: usize, len: usize",
    )
    .unwrap();
    assert_eq!(
        members(&btf, "Vec_u16"),
        owned([("ptr", 0), ("cap", 8), ("len", 24)])
    );
}

/// An offset is never guessed.
#[test]
fn an_unknown_shape_is_refused() {
    let fixture = Fixture::new("unknown");
    for (buffer, rest, missing) in [
        ("start: *mut T, room: usize", "count: usize", "cap"),
        (
            "start: *mut T, room: Cap",
            "count: usize, other: usize",
            "len",
        ),
        ("start: *mut T, end: *mut T, cap: Cap", "len: usize", "ptr"),
        ("start: *mut T, room: Cap", "count: u32", "len"),
    ] {
        match vec(&fixture, buffer, rest) {
            Err(Error::RustType { ty, problem, .. }) => {
                assert_eq!(ty, "alloc::vec::Vec<u16>");
                assert_eq!(problem, format!("no {missing} was found in it"));
            }
            other => panic!("{buffer} {rest}: {other:?}"),
        }
    }
}

/// What a view can be without is left out.
#[test]
fn a_lock_of_another_kind_is_left_out() {
    let fixture = Fixture::new("locks");
    let text = "#![no_std]
        pub mod sync {
            #[repr(C)] pub struct Mutex<T> { raw: *mut u8, inner: core::cell::UnsafeCell<T> }
        }
        pub struct Root { lock: sync::Mutex<u32>, flag: sync::Mutex<bool> }";
    let btf = fixture.types_of("std", text).unwrap();
    assert_eq!(members(&btf, "Mutex_u32"), owned([("data", 8)]));
    assert_eq!(members(&btf, "Mutex_bool"), owned([("data", 8)]));
}
