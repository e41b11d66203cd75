//! `embed!()`: the crate's BTF and its skeletons.

use std::fs;
use std::path::{Path, PathBuf};

use core_btf::Btf;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::error::Error;
use crate::join::join;
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
    let rust_types = if expects_rust(&c_types, &dir)? {
        registry::embed(Embed::WithRust);
        probe::rust_types(process)?
    } else {
        // A root that is expanded later describes itself and the others.
        registry::embed(Embed::WithoutRust);
        RustTypes::default()
    };
    let btf = match &rust_types.btf {
        Some(rust) => {
            join(&c_types, rust).map_err(|error| Error::call_site(format!("embed!(): {error}")))?
        }
        None => c_types,
    };
    let section = section::expand(&btf);
    let beside = rust_types.tokens;

    Ok(quote! {
        #beside
        #section

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
fn expects_rust(c_types: &[u8], dir: &Path) -> Result<bool, Error> {
    if registry::any_declared() {
        return Ok(true);
    }
    let mut known = vec![c_types.to_vec()];
    for path in files(&dir.join("from"))? {
        known.push(fs::read(&path).map_err(|error| cannot_read(&path, &error))?);
    }
    let has_types = |btf: &Vec<u8>| Btf::parse(btf).is_ok_and(|btf| !btf.is_empty());
    Ok(!known.iter().any(has_types) || objects::read_other_types(&dir.join("obj"), &known))
}

fn cannot_read(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::call_site(format!("cannot read `{}`: {error}", path.display()))
}

/// The files in a directory, by name.
fn files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect())
        .map_err(|error| cannot_read(dir, &error))?;
    files.sort();
    Ok(files)
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
