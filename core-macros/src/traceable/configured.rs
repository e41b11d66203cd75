//! Attributes under `cfg` and `cfg_attr`.
//!
//! An attribute macro gets its item as it is written, before conditions inside are decided. What
//! depends on a condition is therefore emitted under the same condition.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Meta, Token};

/// The conditions, all of which must hold, as `cfg` takes them.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions(Vec<TokenStream>);

impl Conditions {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These and the others.
    pub(super) fn with(&self, others: &Self) -> Self {
        Self([&self.0[..], &others.0].concat())
    }

    /// The condition that not all of these hold.
    pub(super) fn negated(&self) -> Self {
        let all = &self.0;
        Self(vec![quote!(not(all(#(#all),*)))])
    }

    /// `#[cfg(...)]`, or nothing when there is no condition.
    pub(super) fn attribute(&self) -> TokenStream {
        let all = &self.0;
        if all.is_empty() {
            TokenStream::new()
        } else {
            quote!(#[cfg(all(#(#all),*))])
        }
    }
}

/// The conditions under which something with these attributes is there at all.
pub(super) fn presence(attributes: &[Attribute]) -> Conditions {
    let mut present = Conditions::default();
    for attribute in attributes {
        visit(
            attribute.meta.to_token_stream(),
            &Conditions::default(),
            &mut |meta, under| {
                if let Ok(Meta::List(list)) = syn::parse2::<Meta>(meta.clone())
                    && list.path.is_ident("cfg")
                {
                    let condition = list.tokens;
                    present.0.push(if under.is_empty() {
                        condition
                    } else {
                        let not = under.negated().0;
                        quote!(any(#(#not,)* #condition))
                    });
                }
                true
            },
        );
    }
    present
}

/// Takes the attributes that `wanted` accepts out of `attributes`, `cfg_attr` included, each with
/// the conditions it stood under.
pub(super) fn take(
    attributes: &mut Vec<Attribute>,
    wanted: impl Fn(&syn::Path) -> bool,
) -> Vec<(Meta, Conditions)> {
    let mut taken = Vec::new();
    attributes.retain_mut(|attribute| {
        let kept = visit(
            attribute.meta.to_token_stream(),
            &Conditions::default(),
            &mut |meta, under| match syn::parse2::<Meta>(meta.clone()) {
                Ok(parsed) if wanted(parsed.path()) => {
                    taken.push((parsed, under.clone()));
                    false
                }
                _ => true,
            },
        );
        match kept.map(syn::parse2) {
            Some(Ok(meta)) => attribute.meta = meta,
            // What cannot be parsed was not ours, and stays as it is.
            Some(Err(_)) => {}
            None => return false,
        }
        true
    });
    taken
}

/// Visits the attributes in `meta`, which are several in a `cfg_attr`. Answers `meta` without those
/// that `keep` refuses, if anything is left.
fn visit(
    meta: TokenStream,
    under: &Conditions,
    keep: &mut impl FnMut(&TokenStream, &Conditions) -> bool,
) -> Option<TokenStream> {
    let Some((condition, attributes)) = cfg_attr(&meta) else {
        return keep(&meta, under).then_some(meta);
    };
    let inner = under.with(&Conditions(vec![condition.clone()]));
    let kept: Vec<_> = attributes
        .into_iter()
        .filter_map(|attribute| visit(attribute, &inner, keep))
        .collect();
    (!kept.is_empty()).then(|| quote!(cfg_attr(#condition, #(#kept),*)))
}

/// Condition and attributes of a `cfg_attr`.
fn cfg_attr(meta: &TokenStream) -> Option<(TokenStream, Vec<TokenStream>)> {
    let parse = |input: ParseStream<'_>| {
        let list: syn::MetaList = input.parse()?;
        if !list.path.is_ident("cfg_attr") {
            return Err(input.error("not cfg_attr"));
        }
        list.parse_args_with(|input: ParseStream<'_>| {
            let mut parts = vec![TokenStream::new()];
            while !input.is_empty() {
                if input.parse::<Option<Token![,]>>()?.is_some() {
                    parts.push(TokenStream::new());
                } else if let Some(part) = parts.last_mut() {
                    part.extend([input.parse::<TokenTree>()?]);
                }
            }
            Ok(parts)
        })
    };
    let mut parts = parse.parse2(meta.clone()).ok()?.into_iter();
    let condition = parts.next()?;
    Some((condition, parts.filter(|part| !part.is_empty()).collect()))
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn text(tokens: impl ToTokens) -> String {
        tokens.to_token_stream().to_string().replace(' ', "")
    }

    #[test]
    fn attributes_are_taken_with_their_conditions() {
        let mut attributes: Vec<Attribute> = vec![
            parse_quote!(#[doc = "x"]),
            parse_quote!(#[bpf(skip)]),
            parse_quote!(#[cfg_attr(unix, serde(skip), bpf(c = "u8"))]),
            parse_quote!(#[cfg_attr(a, cfg_attr(all(b, c), bpf(skip)))]),
            parse_quote!(#[cfg_attr(true, unsafe(no_mangle))]),
        ];
        let taken: Vec<_> = take(&mut attributes, |path| path.is_ident("bpf"))
            .into_iter()
            .map(|(meta, under)| (text(meta), text(under.attribute())))
            .collect();
        let expected = [
            ("bpf(skip)", ""),
            ("bpf(c=\"u8\")", "#[cfg(all(unix))]"),
            ("bpf(skip)", "#[cfg(all(a,all(b,c)))]"),
        ];
        assert_eq!(
            taken,
            expected.map(|(meta, under)| (meta.to_owned(), under.to_owned()))
        );
        assert_eq!(
            text(quote!(#(#attributes)*)),
            "#[doc=\"x\"]#[cfg_attr(unix,serde(skip))]#[cfg_attr(true,unsafe(no_mangle))]"
        );
    }

    #[test]
    fn presence_is_what_every_cfg_says() {
        let attributes: Vec<Attribute> = vec![
            parse_quote!(#[cfg(unix)]),
            parse_quote!(#[cfg_attr(a, cfg(b), other)]),
        ];
        assert_eq!(
            text(presence(&attributes).attribute()),
            "#[cfg(all(unix,any(not(all(a)),b)))]"
        );
        assert_eq!(text(presence(&[]).attribute()), "");
    }
}
