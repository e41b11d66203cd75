//! What ships: finds the application's types, relocates BPF programs against them and the running
//! kernel's, loads and attaches them.
//!
//! | item | what it is |
//! | --- | --- |
//! | [`Process`], [`Binary`] | what is traced: a process, its program or a library |
//! | [`TypeInfo`] | the BTF of this program, of another, or of a file |
//! | [`embed!`] | the crate's own BTF and skeletons, from what core-build prepared |
//! | [`Loader`], [`Opened`] | relocates and loads the BPF programs of a skeleton |
//! | [`Explanation`], [`Row`] | each relocation: what is asked for, what it gets, from where |
//! | [`Uprobe`], [`Attached`] | a probe on a function, and the guard that detaches it |
//! | [`RingBuffer`], [`LostEvents`] | typed events from a BPF program, and how many had no room |
//! | [`preflight`] | what tracing takes, and what of it this process and kernel have |
//! | [`Error`] | what can go wrong, with what to do about it |
//!
//! [`guide`] has a page for each scenario, with a whole program.
//!
//! Nothing here prints: libbpf's log goes to `tracing`, under the target `libbpf`. `unsafe` code is
//! in one module, `sys`.
//!
//! Feature `dwarf`: types of binaries without a `.BTF` section are taken from their debug
//! information. Without it, no parser of that is part of the program.
#![deny(unsafe_code)]

mod binary;
mod elf;
mod error;
mod events;
mod file;
pub mod guide;
mod job;
mod kernel;
mod loader;
mod log;
mod maps;
mod memfd;
mod merged;
mod near;
mod place;
mod preflight;
mod privilege;
mod process;
mod same_name;
mod symbols;
mod sys;
mod token;
mod type_info;
mod uprobe;

pub use binary::Binary;
pub use bytemuck;
pub use core_btf::relo::{Explanation, Outcome, Row, Verdict};
pub use core_macros::{bpf_traceable, embed};
pub use error::{Error, Result};
pub use events::{LostEvents, RingBuffer};
pub use libbpf_rs;
pub use loader::{BpfObject, Loader, Opened, OpenedObject};
pub use preflight::{Preflight, Support, preflight};
pub use privilege::{Capability, Missing};
pub use process::Process;
pub use same_name::SameName;
pub use symbols::Found;
pub use type_info::{Tried, TypeInfo};
pub use uprobe::{Attached, Uprobe};
