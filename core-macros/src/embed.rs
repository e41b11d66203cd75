//! `embed!()`: the crate's BTF and its skeletons.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::error::Error;
use crate::skeleton;

/// What the user does when the build script's output is not there.
const HOW_TO: &str = "embed!() embeds what core-build prepared: add `core-build` to \
    [build-dependencies], and a build.rs whose main() returns \
    `core_build::Builder::new().bpf(\"src/bpf/NAME.bpf.c\").build()`";

pub(crate) fn expand(input: TokenStream) -> Result<TokenStream, Error> {
    if let Some(token) = input.into_iter().next() {
        return Err(Error::new(token.span(), "embed!() takes no arguments"));
    }
    let out_dir = std::env::var_os("OUT_DIR")
        .ok_or_else(|| Error::call_site(format!("this package has no build script; {HOW_TO}")))?;
    let dir = Path::new(&out_dir).join("core");
    let app_btf = dir.join("app.btf");
    let size = fs::metadata(&app_btf)
        .map_err(|_| {
            Error::call_site(format!(
                "this package's build script did not run core_build::Builder; {HOW_TO}"
            ))
        })?
        .len();
    let size = usize::try_from(size).map_err(|error| Error::call_site(error.to_string()))?;
    let modules = modules(&dir.join("skel"))?;

    // `include_bytes!` makes the file an input of the crate in Cargo's eyes.
    Ok(quote! {
        #[cfg(target_os = "linux")]
        const _: () = {
            #[repr(C, align(8))]
            struct Aligned([u8; #size]);

            #[used]
            #[unsafe(link_section = ".BTF")]
            static APP_BTF: Aligned = Aligned(*::core::include_bytes!(
                ::core::concat!(::core::env!("OUT_DIR"), "/core/app.btf")
            ));
        };

        /// The BPF programs of this crate, a module each.
        #[cfg(target_os = "linux")]
        // Generated code; these lints look into the expansions of foreign macros.
        #[allow(missing_docs, clippy::all, clippy::pedantic)]
        mod bpf {
            #(#modules)*
        }
    })
}

/// The module of every skeleton in `dir`, by name.
fn modules(dir: &Path) -> Result<Vec<TokenStream>, Error> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| {
        Error::call_site(format!("cannot read `{}`: {error}", path.display()))
    };
    let mut files: Vec<PathBuf> = fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect())
        .map_err(|error| failed(dir, &error))?;
    files.sort();
    let mut modules = Vec::new();
    for path in files {
        let Some(name) = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".skel.rs"))
        else {
            continue;
        };
        let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
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
