//! `embed!()`: the crate's BTF and its skeletons.

use std::fs;
use std::path::Path;

use core_btf::Btf;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::error::Error;
use crate::fit::Fit;
use crate::join::join;
use crate::other_types::{OtherTypes, cannot_read, files};
use crate::probe::{self, Process, RustTypes};
use crate::registry::{self, Embed};
use crate::{objects, section, skeleton};

/// What the user does when the build script's output is not there.
const HOW_TO: &str = "embed!() embeds what core-build prepared: add `core-build` to \
    [build-dependencies], and a build.rs whose main() returns \
    `core_build::Builder::new().bpf(\"src/bpf/NAME.bpf.c\").build()`";

pub(crate) fn expand(input: TokenStream, process: &Process) -> Result<TokenStream, Error> {
    if let Some(token) = input.into_iter().next() {
        return Err(Error::new(token.span(), "embed!() takes no arguments"));
    }
    let out_dir = std::env::var_os("OUT_DIR")
        .ok_or_else(|| Error::call_site(format!("this package has no build script; {HOW_TO}")))?;
    let dir = Path::new(&out_dir).join("core");
    let app_btf = dir.join("app.btf");
    let c_types = fs::read(&app_btf).map_err(|_| {
        Error::call_site(format!(
            "this package's build script did not run core_build::Builder; {HOW_TO}"
        ))
    })?;
    let modules = modules(&dir.join("skel"))?;
    let others = OtherTypes::read(&dir.join("types"), process)?;
    let objects = dir.join("obj");
    let expects_rust = expects_rust(&c_types, &others, &objects);
    let rust_types = if expects_rust {
        registry::embed(Embed::WithRust);
        probe::rust_types(process)?
    } else {
        // A root that is expanded later describes itself and the others.
        registry::embed(Embed::WithoutRust);
        RustTypes::default()
    };
    let has_all = !expects_rust || rust_types.btf.is_some();
    let btf = match &rust_types.btf {
        Some(rust) => {
            join(&c_types, rust).map_err(|error| Error::call_site(format!("embed!(): {error}")))?
        }
        None => c_types,
    };
    // Where no code is generated nothing is loaded, and the types are not known.
    let misfits = if has_all && matches!(process, Process::Rustc(_)) {
        misfits(&btf, &others, &objects)?
    } else {
        Vec::new()
    };
    let misfits = misfits.iter().map(Error::to_compile_error);
    let section = section::expand(&btf);
    let beside = rust_types.tokens;

    Ok(quote! {
        #beside
        #section
        #(#misfits)*

        // Makes the file an input of the crate in Cargo's eyes.
        #[cfg(target_os = "linux")]
        const _: &[u8] =
            ::core::include_bytes!(::core::concat!(::core::env!("OUT_DIR"), "/core/app.btf"));

        /// The BPF programs of this crate, a module each.
        #[cfg(target_os = "linux")]
        // Generated code; these lints look into the expansions of foreign macros.
        #[allow(missing_docs, clippy::all, clippy::pedantic)]
        mod bpf {
            #(#modules)*
        }
    })
}

/// Whether there are, or have to be, Rust types to describe. Where all types are C or another
/// application's, the crate need not be compiled a second time.
fn expects_rust(c_types: &[u8], others: &OtherTypes, objects: &Path) -> bool {
    let known = || std::iter::once(c_types).chain(others.all());
    let has_types = |btf: &[u8]| Btf::parse(btf).is_ok_and(|btf| !btf.is_empty());
    registry::any_declared()
        || !known().any(has_types)
        || objects::read_other_types(objects, known())
}

/// What is wrong with each object that does not fit the types that it reads.
fn misfits(btf: &[u8], others: &OtherTypes, objects: &Path) -> Result<Vec<Error>, Error> {
    let fit = Fit::new(btf, others);
    let fit = fit.map_err(|error| Error::call_site(format!("embed!(): {error}")))?;
    let mut misfits = Vec::new();
    for path in files(objects)? {
        let object = fs::read(&path).map_err(|error| cannot_read(&path, &error))?;
        misfits.extend(fit.check(&path, &object).err());
    }
    Ok(misfits)
}

/// The module of every skeleton in `dir`, by name.
fn modules(dir: &Path) -> Result<Vec<TokenStream>, Error> {
    let mut modules = Vec::new();
    for path in files(dir)? {
        let Some(name) = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".skel.rs"))
        else {
            continue;
        };
        let text = fs::read_to_string(&path).map_err(|error| cannot_read(&path, &error))?;
        let skeleton = skeleton::expand(&text)
            .map_err(|problem| Error::call_site(format!("`{}` {problem}", path.display())))?;
        let doc = format!("The BPF program `{name}.bpf.c`.");
        let name = Ident::new(name, Span::call_site());
        modules.push(quote! {
            #[doc = #doc]
            pub mod #name {
                #skeleton
            }
        });
    }
    Ok(modules)
}
