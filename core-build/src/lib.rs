//! The build script's half of tracing an application with its own types.
//!
//! ```no_run
//! // build.rs
//! fn main() -> Result<(), core_build::Error> {
//!     core_build::Builder::new()
//!         .c(cc::Build::new().file("src/lru.c")) // C parts: compiled with debug info and linked
//!         .bpf("src/bpf/trace.bpf.c")            // BPF programs: any number
//!         .build()
//! }
//! ```
//!
//! A BPF program gets the application's types, the kernel interface and the read macros from one
//! header. It needs no `vmlinux.h` unless it names kernel types.
//!
//! ```c
//! #include "traceable.bpf.h"
//!
//! SEC("uprobe")
//! int BPF_UPROBE(on_insert, struct entry *entry)
//! {
//!     __u64 size = core_read(entry, size);
//!     return 0;
//! }
//!
//! char LICENSE[] SEC("license") = "GPL";
//! ```
//!
//! `core_runtime::embed!()` in the crate then embeds the types' BTF and gives `mod bpf` with a
//! module per BPF program.
#![forbid(unsafe_code)]

mod bpf;
mod builder;
mod c;
mod cargo;
mod clang;
mod deps;
mod error;
mod header;
mod near;
mod origin;
mod out;
mod record;
mod rust;
mod types_from;
mod vmlinux;

pub use builder::Builder;
pub use error::{Error, Result};
pub use vmlinux::Vmlinux;
