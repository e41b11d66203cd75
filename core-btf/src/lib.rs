//! The BTF engine: decode, encode, deduplicate, merge, and relocate.
//!
//! BTF is the type format of the Linux kernel's BPF subsystem
//! (<https://docs.kernel.org/bpf/btf.html>). This crate takes and returns bytes: it opens no
//! file, starts no process and knows no loader.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`read`] | [`Btf`]: borrowed, bounds-checked decoder of a BTF blob |
//! | [`write`](mod@write) | [`BtfBuf`]: owned types and interned names, and their encoding |
//! | [`elf`] | sections and symbols of an ELF file |
//! | [`object`] | [`BpfObject`]: local types, functions and relocations of a BPF object |
//! | [`relo`] | every CO-RE relocation decided as libbpf would decide it, and checked |
//! | [`merge`] | full merge, and the minimal merge for one object |
//! | [`model`] | the types themselves, one Rust type per BTF kind |
//! | [`prefix`] | names that tell the types of two binaries apart |
//! | [`layout`] | what the program says of its own roots, and the proof that embedded BTF agrees |
//!
//! The feature `make` adds what makes BTF and headers, which a program that only loads BPF objects
//! does without:
//!
//! | module | what it does |
//! | --- | --- |
//! | `c` | prints BTF as a C header |
//! | `dedup` | merges types that are the same |
//! | `rust` | how Rust types are named and what they look like |
//! | `tag` | gives `typedef struct {..} foo_t;` a tag, so that CO-RE can name it |
//! | `dwarf` (feature `dwarf`) | DWARF of an object, archive or program to BTF |
//! | `glob` (feature `dwarf`) | names with wildcards |
//! | `embed` (feature `cli`) | puts BTF into a linked ELF file |
//!
//! Readers work on [`Btf`], makers fill a [`BtfBuf`]; [`BtfBuf::encode`] and [`Btf::parse`] lead
//! from one to the other.
#![forbid(unsafe_code)]

#[cfg(feature = "make")]
pub mod c;
#[cfg(feature = "make")]
pub mod dedup;
#[cfg(feature = "dwarf")]
pub mod dwarf;
pub mod elf;
#[cfg(feature = "cli")]
pub mod embed;
#[cfg(feature = "make")]
mod enum_sign;
pub mod error;
mod ext;
#[cfg(feature = "make")]
mod fingerprint;
#[cfg(feature = "dwarf")]
pub mod glob;
mod hash;
#[cfg(feature = "make")]
mod keywords;
pub mod layout;
pub mod merge;
pub mod model;
pub mod object;
pub mod prefix;
pub mod read;
pub mod relo;
#[cfg(feature = "make")]
pub mod rust;
mod strings;
#[cfg(feature = "make")]
mod subset;
#[cfg(feature = "make")]
pub mod tag;
#[cfg(feature = "make")]
mod virtual_bases;
pub mod write;

#[cfg(feature = "make")]
pub use enum_sign::mark_signed_enums;
#[cfg(test)]
mod testing;

pub use error::{Error, Result};
pub use ext::RelocationKind;
pub use model::{Kind, NameOffset, Type, TypeId};
pub use object::BpfObject;
pub use read::{Btf, TypeRef};
pub use write::BtfBuf;
