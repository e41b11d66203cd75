//! The probe compile: rustc's own description of the crate's types.
//!
//! A build script runs before the crate is compiled, so the crate's debug information does not
//! exist yet. `embed!()`, however, runs inside the rustc that compiles the crate, with all
//! dependencies built, and starts that rustc once more on the same crate, with the same options
//! but for its outputs (`rewrite`). In that compile `#[bpf_traceable]` adds anchors, which are
//! the only things that code is generated for, and their debug information has the types.
//!
//! Where no code is generated (`cargo check`, clippy, rustdoc, editors) nothing is started, and
//! the program that will never run has no description.

mod invocation;
mod options;
mod rewrite;
mod run;

use std::collections::BTreeSet;
use std::path::PathBuf;

use core_btf::read::Endian;
use core_btf::{BtfBuf, Type};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};

use self::invocation::Invocation;
pub(crate) use self::invocation::Process;
use self::run::Failure;
use crate::error::Error;
use crate::{registry, section, traceable};

/// What `embed!()` learns about the crate's own types.
#[derive(Debug, Default)]
pub(crate) struct RustTypes {
    /// Their description, encoded, where one is needed.
    pub(crate) btf: Option<Vec<u8>>,
    /// What `embed!()` has to expand to beside the BTF.
    pub(crate) tokens: TokenStream,
}

impl RustTypes {
    /// All of it as tokens, the BTF in its section.
    pub(crate) fn into_section(self) -> TokenStream {
        let Self { btf, tokens } = self;
        let section = btf.map(|btf| section::expand(&btf));
        quote!(#tokens #section)
    }
}

/// Describes the roots of the crate that is being compiled.
pub(crate) fn rust_types(process: &Process) -> Result<RustTypes, Error> {
    let tokens = match process {
        Process::Editor | Process::Check | Process::Elsewhere => TokenStream::new(),
        // A library without std has no panic handler, which the crate type of the probe asks for.
        Process::Probe => quote!(
            #[cfg(core_probe_std)]
            extern crate std as _;
        ),
        Process::ForeignHost => {
            when_generating("embed!() learns the layouts of types from rustc on Linux hosts only")
        }
        Process::Unknown(problem) => when_generating(&format!("embed!(): {problem}")),
        Process::Rustc(invocation) => return probe(invocation),
    };
    Ok(RustTypes { btf: None, tokens })
}

fn probe(invocation: &Invocation) -> Result<RustTypes, Error> {
    if invocation.reads_stdin() {
        return Err(Error::call_site(
            "embed!() compiles the crate a second time to learn its types, and cannot when rustc \
             reads the source from standard input; a documentation test that has it is marked \
             `no_run`",
        ));
    }
    if invocation.has_crate_type(&["proc-macro"]) {
        return Err(Error::call_site(
            "a proc-macro crate runs inside of the compiler, where nothing traces it",
        ));
    }
    if invocation.shuffles_layouts() && invocation.is_test() {
        return Err(Error::call_site(
            "embed!() compiles the crate a second time to learn its types, which \
             -Zrandomize-layout lays out in another way there than in a test: leave it out when \
             you compile tests",
        ));
    }
    let object = match run::run(&rustc(), invocation) {
        Ok(object) => object,
        Err(Failure::Refused(words)) => {
            return Ok(RustTypes {
                btf: None,
                tokens: when_generating(&format!(
                    "embed!() compiles the crate a second time to learn its types, and rustc \
                     refused that:\n{words}"
                )),
            });
        }
        Err(Failure::Broken(problem)) => {
            return Err(Error::call_site(format!("embed!(): {problem}")));
        }
    };
    let cannot_describe = |error: &dyn std::fmt::Display| {
        Error::call_site(format!(
            "embed!() cannot describe the crate's types: {error}"
        ))
    };
    // A target that the user describes in a file may be of another system than Linux.
    let Some(endian) = endian(&object) else {
        return Ok(RustTypes::default());
    };
    let btf = describe(&object).map_err(|error| cannot_describe(&error))?;
    if let Some((name, place)) = registry::describe(roots(&btf)).into_iter().next() {
        let problem = traceable::unseen(&name);
        return Err(Error::call_site(format!("{place}: {problem}")));
    }
    Ok(RustTypes {
        btf: Some(
            btf.encode(endian)
                .map_err(|error| cannot_describe(&error))?,
        ),
        tokens: TokenStream::new(),
    })
}

/// The rustc that runs this macro, even if an update has replaced its file meanwhile.
fn rustc() -> PathBuf {
    std::env::current_exe()
        .ok()
        .filter(|path| path.exists())
        .unwrap_or_else(|| "/proc/self/exe".into())
}

/// BTF of the roots in the probe compile's object.
fn describe(object: &[u8]) -> Result<BtfBuf, core_btf::dwarf::Error> {
    core_btf::dwarf::rust::extract_probe(object)
}

/// The byte order of an ELF file.
fn endian(object: &[u8]) -> Option<Endian> {
    match object {
        [0x7f, b'E', b'L', b'F', _, 1, ..] => Some(Endian::Little),
        [0x7f, b'E', b'L', b'F', _, 2, ..] => Some(Endian::Big),
        _ => None,
    }
}

/// The C names of the roots in BTF.
fn roots(btf: &BtfBuf) -> BTreeSet<String> {
    let tagged = btf.types().iter().filter_map(|ty| match ty {
        Type::DeclTag {
            name,
            ty,
            component: -1,
            ..
        } if btf.name(*name).starts_with("rust:") => btf.get(*ty),
        _ => None,
    });
    tagged.map(|ty| btf.name(ty.name()).to_owned()).collect()
}

/// An error that rustc reports only once it generates code, after all that it has to say of the
/// crate itself: where the probe compile fails for that, it is not said twice.
fn when_generating(message: &str) -> TokenStream {
    quote! {
        #[cfg(target_os = "linux")]
        const _: () = {
            const fn embed<T>() {
                const { ::core::panic!("{}", #message) }
            }
            #[used]
            static EMBED: fn() = embed::<()>;
        };
    }
}

/// The constant by which a root finds out whether its crate has `embed!()`. rustc's error says
/// "cannot find value `..` in the crate root".
const EMBEDDED: &str = "call_core_runtime_embed_here";

/// What `embed!()` leaves in the crate's root.
pub(crate) fn embedded() -> TokenStream {
    let name = format_ident!("{EMBEDDED}");
    quote! {
        #[doc(hidden)]
        pub(crate) const #name: () = ();
    }
}

/// What a root asks the crate's root for.
pub(crate) fn ask_for_embed() -> TokenStream {
    let name = format_ident!("{EMBEDDED}", span = Span::call_site());
    quote!(const _: () = crate::#name;)
}
