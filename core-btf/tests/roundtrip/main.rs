//! Encoding and decoding, against themselves, bpftool and damage; deduplication of arbitrary types.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails fails the test"
)]

mod arbitrary;
mod damage;
mod dedup;
mod encoding;
mod malformed;

use core_btf::model::NameOffset;
use core_btf::{BtfBuf, Type};

/// BTF of the running kernel.
fn vmlinux() -> Vec<u8> {
    std::fs::read("/sys/kernel/btf/vmlinux").unwrap()
}

/// A type with its names as text, so that types with different string tables can be compared.
fn with_names(btf: &BtfBuf, ty: &Type) -> (Type, Vec<String>) {
    let (mut ty, mut names) = (ty.clone(), Vec::new());
    ty.for_each_name_mut(|name| {
        names.push(btf.name(*name).to_owned());
        *name = NameOffset::ANONYMOUS;
    });
    (ty, names)
}

/// All types with their names as text.
fn all_with_names(btf: &BtfBuf) -> Vec<(Type, Vec<String>)> {
    (btf.types().iter()).map(|ty| with_names(btf, ty)).collect()
}
