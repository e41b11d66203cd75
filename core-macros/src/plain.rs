//! Which of a skeleton's structs are made of nothing but integers: `core_runtime::RingBuffer` can
//! read those from any bytes.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::quote;

/// Integers as libbpf-cargo writes them. Its `bool` is no `bool` and its pointers are not read, so
/// structs with these don't count.
const INTEGERS: [&str; 10] = [
    "u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128",
];

/// `bytemuck::AnyBitPattern` for every such struct of the skeleton's `mod types`.
pub(crate) fn implement(skeleton: &TokenStream) -> TokenStream {
    let names = module(skeleton)
        .map(|types| plain(&structs(types)))
        .unwrap_or_default();
    let names = names.iter().map(|name| Ident::new(name, Span::call_site()));
    names
        .map(|name| {
            quote! {
                unsafe impl ::core_runtime::bytemuck::Zeroable for types::#name {}
                unsafe impl ::core_runtime::bytemuck::AnyBitPattern for types::#name {}
            }
        })
        .collect()
}

/// The contents of `mod types`.
fn module(skeleton: &TokenStream) -> Option<TokenStream> {
    let tokens: Vec<TokenTree> = skeleton.clone().into_iter().collect();
    tokens.windows(3).find_map(|window| match window {
        [
            TokenTree::Ident(keyword),
            TokenTree::Ident(name),
            TokenTree::Group(body),
        ] if keyword == "mod" && name == "types" => Some(body.stream()),
        _ => None,
    })
}

/// Every struct with its fields' types.
fn structs(types: TokenStream) -> BTreeMap<String, Vec<Vec<TokenTree>>> {
    let tokens: Vec<TokenTree> = types.into_iter().collect();
    let found = tokens.windows(3).filter_map(|window| match window {
        [
            TokenTree::Ident(keyword),
            TokenTree::Ident(name),
            TokenTree::Group(body),
        ] if keyword == "struct" => Some((name.to_string(), fields(body))),
        _ => None,
    });
    found.collect()
}

/// The types of `{ pub a: T, pub b: U, }` or `(pub T)`.
fn fields(body: &Group) -> Vec<Vec<TokenTree>> {
    let tokens: Vec<TokenTree> = body.stream().into_iter().collect();
    // `pub a :` or `pub`
    let before = match body.delimiter() {
        Delimiter::Brace => 3,
        _ => 1,
    };
    tokens
        .split(|token| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ','))
        .filter(|field| !field.is_empty())
        .map(|field| field.get(before..).unwrap_or_default().to_vec())
        .collect()
}

/// The structs whose fields are all integers, arrays, or structs of the same kind.
fn plain(structs: &BTreeMap<String, Vec<Vec<TokenTree>>>) -> BTreeSet<String> {
    let mut plain = BTreeSet::new();
    loop {
        let more: Vec<String> = structs
            .iter()
            .filter(|(name, fields)| {
                !plain.contains(*name) && fields.iter().all(|field| is_plain(field, &plain))
            })
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            return plain;
        }
        plain.extend(more);
    }
}

fn is_plain(field: &[TokenTree], plain: &BTreeSet<String>) -> bool {
    match field {
        [TokenTree::Ident(name)] => {
            let name = name.to_string();
            INTEGERS.contains(&name.as_str()) || plain.contains(&name)
        }
        // `[T; N]`
        [TokenTree::Group(array)] if array.delimiter() == Delimiter::Bracket => {
            let tokens: Vec<TokenTree> = array.stream().into_iter().collect();
            let element = tokens
                .split(|token| matches!(token, TokenTree::Punct(end) if end.as_char() == ';'))
                .next();
            element.is_some_and(|element| is_plain(element, plain))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_of_integers_are_plain_and_others_are_not() {
        let skeleton = quote! {
            pub struct TraceSkel { pub not_in: u8 }
            pub mod types {
                use super::*;
                #[derive(Debug, Copy, Clone)]
                #[repr(C)]
                pub struct event {
                    pub id: u64,
                    pub r#type: kind,
                    pub text: [[i8; 4]; 2],
                    pub inner: [__anon_event_1; 3],
                    pub __pad_8: [u8; 4],
                }
                pub struct __anon_event_1 { pub a: i16 }
                pub struct kind(pub u32);
                impl kind { pub const A: Self = Self(0); }
                pub struct pointer { pub to: *mut u8, }
                pub struct truth { pub value: std::mem::MaybeUninit<bool>, }
                pub struct outer { pub inner: [pointer; 2], }
                pub struct unknown { pub value: elsewhere, }
                pub union either { pub a: u8, pub b: u32 }
                pub struct has_union { pub either: either }
            }
        };
        let names = plain(&structs(module(&skeleton).unwrap()));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(names, ["__anon_event_1", "event", "kind"]);
        let out = implement(&skeleton).to_string();
        let expected = quote!(
            unsafe impl ::core_runtime::bytemuck::AnyBitPattern for types::event {}
        );
        assert!(out.contains(&expected.to_string()), "{out}");
    }

    #[test]
    fn a_skeleton_without_types_gets_nothing() {
        assert!(
            implement(&quote!(
                pub struct TraceSkel {}
            ))
            .is_empty()
        );
    }
}
