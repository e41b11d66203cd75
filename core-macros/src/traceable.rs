//! `#[bpf_traceable]`: on a struct, enum or union, without arguments.

use proc_macro2::{Span, TokenStream, TokenTree};

use crate::error::Error;

/// The item as it is, after errors if it is misused.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let unexpected = args
        .into_iter()
        .next()
        .map(|token| Error::new(token.span(), "#[bpf_traceable] takes no arguments"));
    let misplaced = not_a_type(&item);
    let mut out: TokenStream = [unexpected, misplaced]
        .into_iter()
        .flatten()
        .map(|error| error.to_compile_error())
        .collect();
    out.extend(item);
    out
}

/// The error for an item that declares no type, at its keyword.
fn not_a_type(item: &TokenStream) -> Option<Error> {
    let mut span = Span::call_site();
    // Attributes (`#` and a group) and `pub(...)` stand before the keyword.
    for token in item.clone() {
        if let TokenTree::Ident(word) = token {
            match word.to_string().as_str() {
                "pub" => {}
                "struct" | "enum" | "union" => return None,
                _ => {
                    span = word.span();
                    break;
                }
            }
        }
    }
    Some(Error::new(
        span,
        "#[bpf_traceable] describes a type: it goes on a struct, an enum or a union",
    ))
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn types_stay_as_they_are() {
        for item in [
            quote!(
                struct A {
                    b: u32,
                }
            ),
            quote!(
                #[derive(Debug)]
                #[repr(C)]
                pub(crate) struct A(u8);
            ),
            quote!(
                pub enum E {
                    A,
                    B,
                }
            ),
            quote!(union U { a: u8, b: u16 }),
        ] {
            let out = expand(TokenStream::new(), item.clone());
            assert_eq!(out.to_string(), item.to_string());
        }
    }

    #[test]
    fn other_items_and_arguments_are_errors_that_keep_the_item() {
        for (args, item) in [
            (
                quote!(),
                quote!(
                    fn f() {}
                ),
            ),
            (quote!(), quote!(impl A {})),
            (
                quote!(),
                quote!(
                    pub const struct_: u8 = 0;
                ),
            ),
            (
                quote!(fast),
                quote!(
                    struct A;
                ),
            ),
        ] {
            let out = expand(args, item.clone()).to_string();
            assert!(out.contains("compile_error"), "{out}");
            assert!(out.ends_with(&item.to_string()), "{out}");
        }
    }
}
