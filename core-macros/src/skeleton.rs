//! Adapts a skeleton of libbpf-cargo to a crate that depends on `core-runtime` only.
//!
//! The text becomes tokens here, and is not `include!`d, because rustc then takes it for the
//! expansion of a foreign macro, in which a crate's `forbid(unsafe_code)` and warnings do not apply.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::quote;

use crate::plain;

/// The tokens of a skeleton, its `mod imp` completed with
///
/// - the crate `libbpf_rs`, which it expects among the user's dependencies,
/// - `core_runtime::BpfObject` for its builder, with the object that the skeleton holds anyway, and
/// - what `core_runtime::RingBuffer` asks of events, for its structs that are made of integers.
pub(crate) fn expand(text: &str) -> Result<TokenStream, String> {
    let unknown = |part| format!("has no {part}: it is not of a supported libbpf-cargo");
    let tokens: TokenStream = text
        .parse()
        .map_err(|error| format!("is not Rust: {error}"))?;
    let body = without_lint_levels(imp(tokens).ok_or_else(|| unknown("`mod imp`"))?);
    let builder = builder(&body).ok_or_else(|| unknown("builder"))?;
    let plain = plain::implement(&body);
    Ok(quote! {
        pub use self::imp::*;

        mod imp {
            use ::core_runtime::libbpf_rs;

            impl ::core_runtime::BpfObject for #builder {
                const OBJECT: &'static [u8] = &DATA;
            }

            #plain
            #body
        }
    })
}

/// The contents of `mod imp`, which is all there is but a `pub use`.
fn imp(tokens: TokenStream) -> Option<TokenStream> {
    let mut before = [None, None];
    for token in tokens {
        if let (
            TokenTree::Group(body),
            [
                Some(TokenTree::Ident(keyword)),
                Some(TokenTree::Ident(name)),
            ],
        ) = (&token, &before)
            && body.delimiter() == Delimiter::Brace
            && keyword == "mod"
            && name == "imp"
        {
            return Some(body.stream());
        }
        let [_, last] = before;
        before = [last, Some(token)];
    }
    None
}

/// Leaves out `#[allow(..)]` and `#[warn(..)]`: rustc's lints do not apply here anyway, and these
/// are errors in a crate that forbids the lint.
fn without_lint_levels(tokens: TokenStream) -> TokenStream {
    let mut kept = Vec::<TokenTree>::new();
    for token in tokens {
        let TokenTree::Group(group) = token else {
            kept.push(token);
            continue;
        };
        let sets_level = match group.stream().into_iter().next() {
            Some(TokenTree::Ident(name)) => name == "allow" || name == "warn",
            _ => false,
        };
        let after_hash =
            matches!(kept.last(), Some(TokenTree::Punct(hash)) if hash.as_char() == '#');
        if sets_level && after_hash {
            kept.pop();
        } else {
            let inner = without_lint_levels(group.stream());
            let mut inner = Group::new(group.delimiter(), inner);
            inner.set_span(group.span());
            kept.push(inner.into());
        }
    }
    kept.into_iter().collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builder_gets_its_object_and_lint_levels_go() {
        let text = "pub use self::imp::*; #[allow(missing_docs)] mod imp { use super::*; \
                    #[derive(Default)] pub struct TraceSkelBuilder {} static DATA: [u8; 0] = []; \
                    fn f() { #[allow(unused_mut)] let mut a = 0; } }";
        let out = expand(text).unwrap().to_string();
        let expected = quote!(impl ::core_runtime::BpfObject for TraceSkelBuilder);
        assert!(out.contains(&expected.to_string()), "{out}");
        assert!(out.contains("derive"), "{out}");
        for level in ["missing_docs", "unused_mut"] {
            assert!(!out.contains(level), "{out}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for (text, problem) in [
            ("mod imp {", "is not Rust"),
            (
                "mod other { pub struct TraceSkelBuilder {} }",
                "has no `mod imp`",
            ),
            ("mod imp { pub struct Trace {} }", "has no builder"),
        ] {
            let error = expand(text).unwrap_err();
            assert!(error.starts_with(problem), "{error}");
        }
    }
}
