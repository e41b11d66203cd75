//! The macros of `core-runtime`, which re-exports them: use them from there.
#![forbid(unsafe_code)]

mod embed;
mod error;
mod fit;
mod join;
mod objects;
mod other_types;
mod place;
mod plain;
mod probe;
mod registry;
mod section;
mod skeleton;
mod traceable;

use proc_macro::TokenStream;
use proc_macro2::Span;

use crate::error::Error;
use crate::probe::Process;

/// Embeds what the build script prepared: this crate's BTF and its BPF programs.
///
/// Stands once in a crate, at the top level: `core_runtime::embed!();`. It expands to
///
/// - the BTF of the application's types, C's and Rust's, in the section `.BTF` of the program, where
///   it survives stripping and link-time optimisation;
/// - `mod bpf` with a module per BPF program: `src/bpf/trace.bpf.c` is `bpf::trace`, with the
///   skeleton that libbpf-cargo makes (`TraceSkelBuilder`), whose builder gives its object's
///   bytes to the runtime (`core_runtime::BpfObject`).
///
/// Every crate of a program that has a type with [`macro@bpf_traceable`] calls it. Its package has
/// a build script that calls `core_build::Builder`. On targets other than Linux there is nothing
/// to embed, and all compiles the same.
///
/// # How Rust types are learned
///
/// rustc decides their layout, so rustc is asked: the macro starts the rustc that runs it once more
/// on the same crate, with the same flags, to generate nothing but the debug information of the
/// types. That takes about as long as `cargo check` does for this crate alone, its dependencies not
/// counted; `cargo check`, clippy, rustdoc and editors are spared it, and so is a crate without
/// such types. The runtime compares what was learned with what the final compile says of itself,
/// before it loads anything.
///
/// # What is checked
///
/// Each relocation of each BPF object is judged against the real types, as the loader does before a
/// load. What is missing, or differs in a way that the program would read wrong, is an error with
/// the line of the BPF program. Left to the loader are types whose layouts are not known here (the
/// kernel's, and what `Builder::types_from` has from the source of another crate), and what a
/// program asks for before it reads: an instruction that the answers to
/// `bpf_core_field_exists()`, `bpf_core_type_exists()` and the like lead past, or a field that the
/// function asks for itself.
///
/// If the second compile fails where the first does not, that is an error which shows what rustc
/// has to say. Documentation tests cannot be compiled twice, as their source comes from a pipe:
/// mark them `no_run`.
#[proc_macro]
pub fn embed(input: TokenStream) -> TokenStream {
    let process = Process::this();
    if *process != Process::Editor
        && let Some(first) = registry::embed_at(place::of(Span::call_site()))
    {
        let message = format!("a crate calls embed!() once; it is called at {first} too");
        return Error::call_site(message).to_compile_error().into();
    }
    let mut out =
        embed::expand(input.into(), process).unwrap_or_else(|error| error.to_compile_error());
    out.extend(probe::embedded());
    out.into()
}

/// Marks a struct, enum or union that BPF programs read. The item itself stays as it is.
///
/// The type may be private, in a private module or inside of a function (but not of one with
/// `#[test]`, which the second compile of [`embed!`] has none of). It is embedded with all that it
/// is made of, and with what it points to in its own crate.
///
/// ```
/// # use core_macros::bpf_traceable;
/// # // What embed!() leaves, which needs a build script.
/// # #[expect(non_upper_case_globals)]
/// # const call_core_runtime_embed_here: () = ();
/// #[bpf_traceable]
/// struct Request<'a> {
///     id: u64,
///     path: &'a str,
///     #[bpf(skip)]
///     handler: Box<dyn Fn()>,
/// }
/// # fn main() {}
/// ```
///
/// | argument | what it does |
/// | --- | --- |
/// | `name = "..."` | the name in BTF and C; without it, the type's own |
/// | `deep` | also describes types of other crates that are only pointed to |
/// | `Pair<u32, u64>` | of a generic type, an instance to describe; any number of them, each with a `name` behind it or the name `Pair_u32_u64` |
///
/// | on a field | what it does |
/// | --- | --- |
/// | `#[bpf(skip)]` | leaves the field out |
/// | `#[bpf(c = "...")]` | gives the field this C type in the generated header |
///
/// Attributes under `cfg_attr`, and fields under `cfg`, count when their condition holds. No two
/// types of a crate may have one C name.
///
/// The attribute adds no code. Beside the item it leaves the type's size and the offsets of its
/// fields in the section `core_layout` of the program, some ten bytes a field, with which the
/// runtime proves that the embedded description is right.
#[proc_macro_attribute]
pub fn bpf_traceable(args: TokenStream, item: TokenStream) -> TokenStream {
    traceable::expand(args.into(), &item.into(), Process::this()).into()
}
