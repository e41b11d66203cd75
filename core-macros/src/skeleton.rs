//! Adapts a skeleton of libbpf-cargo to a crate that depends on `core-runtime` only.
//!
//! The text becomes tokens here, and is not `include!`d, because rustc then takes it for the
//! expansion of a foreign macro, in which a crate's `forbid(unsafe_code)` and warnings do not apply.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::quote;

/// The tokens of a skeleton, its `mod imp` completed with
///
/// - the crate `libbpf_rs`, which it expects among the user's dependencies, and
/// - `core_runtime::BpfObject` for its builder, with the object that the skeleton holds anyway.
pub(crate) fn expand(text: &str) -> Result<TokenStream, String> {
    let tokens: TokenStream = text
        .parse()
        .map_err(|error| format!("is not Rust: {error}"))?;
    let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let imp = tokens
        .windows(3)
        .position(|window| {
            matches!(window, [TokenTree::Ident(keyword), TokenTree::Ident(name), TokenTree::Group(body)]
                if keyword == "mod" && name == "imp" && body.delimiter() == Delimiter::Brace)
        })
        .ok_or("has no `mod imp`: it is not one of the supported libbpf-cargo")?;
    if let Some(TokenTree::Group(group)) = tokens.get_mut(imp + 2) {
        let body = group.stream();
        let builder = builder(&body)
            .ok_or("has no skeleton builder: it is not one of the supported libbpf-cargo")?;
        *group = Group::new(
            Delimiter::Brace,
            quote! {
                use ::core_runtime::libbpf_rs;

                impl ::core_runtime::BpfObject for #builder {
                    const OBJECT: &'static [u8] = &DATA;
                }

                #body
            },
        );
    }
    Ok(tokens.into_iter().collect())
}

/// The name of the struct `...SkelBuilder`.
fn builder(body: &TokenStream) -> Option<Ident> {
    let mut after_struct = false;
    for token in body.clone() {
        let TokenTree::Ident(ident) = token else {
            after_struct = false;
            continue;
        };
        if after_struct && ident.to_string().ends_with("SkelBuilder") {
            return Some(ident);
        }
        after_struct = ident == "struct";
    }
    None
}
