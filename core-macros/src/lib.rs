//! The macros of `core-runtime`, which re-exports them: use them from there.
#![forbid(unsafe_code)]

mod embed;
mod error;
mod plain;
mod skeleton;
mod traceable;

use proc_macro::TokenStream;

/// Embeds what the build script prepared: this crate's BTF and its BPF programs.
///
/// Stands once in a crate, at the top level: `core_runtime::embed!();`. It expands to
///
/// - the BTF of the application's types, in the section `.BTF` of the program, where it survives
///   stripping and link-time optimisation;
/// - `mod bpf` with a module per BPF program: `src/bpf/trace.bpf.c` is `bpf::trace`, with the
///   skeleton that libbpf-cargo makes (`TraceSkelBuilder`), whose builder gives its object's
///   bytes to the runtime (`core_runtime::BpfObject`).
///
/// The package has a build script that calls `core_build::Builder`. On targets other than Linux the
/// macro expands to nothing.
#[proc_macro]
pub fn embed(input: TokenStream) -> TokenStream {
    embed::expand(input.into())
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Marks a struct, enum or union that BPF programs read. The item itself stays as it is.
#[proc_macro_attribute]
pub fn bpf_traceable(args: TokenStream, item: TokenStream) -> TokenStream {
    traceable::expand(args.into(), item.into()).into()
}
