//! `#[bpf_traceable]`.
//!
//! The item stays as it is, but for the `#[bpf(...)]` attributes of its fields. Beside it stands,
//! for each root, a layout record (`record`), or, in the probe compile, what makes rustc describe
//! the type.

mod args;
mod configured;
mod errors;
mod item;
mod record;

#[cfg(test)]
mod tests;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{format_ident, quote};
use syn::{DeriveInput, Meta};

use self::args::Root;
use self::configured::Conditions;
use self::errors::Errors;
use self::item::Part;
use crate::place;
use crate::probe::{self, Process};
use crate::registry::{self, Problem};

/// The item without our attributes, and what stands beside it.
pub(crate) fn expand(args: TokenStream, input: &TokenStream, process: &Process) -> TokenStream {
    let mut errors = Errors::default();
    let mut item: DeriveInput = match syn::parse2(input.clone()) {
        Ok(item) => item,
        Err(error) => {
            let error = misplaced(input).unwrap_or(error).into_compile_error();
            return quote!(#error #input);
        }
    };
    let roots = roots(args, &mut item, &mut errors);
    let parts = item::parts(&mut item, &mut errors);
    for root in &roots {
        register(root, process, &mut errors);
    }
    if let Some(errors) = errors.into_tokens() {
        return quote!(#item #errors);
    }
    let deprecated = item::is_deprecated(&item).then(|| quote!(#[allow(deprecated)]));
    let beside = roots.iter().map(|root| {
        let under = root.under.attribute();
        let content = match process {
            Process::Probe => anchor(root, &parts),
            _ => record::expand(root, &parts),
        };
        quote! {
            #under
            #[cfg(target_os = "linux")]
            #deprecated
            const _: () = { #content };
        }
    });
    let embed = (*process != Process::Editor && registry::first_to_ask_for_embed())
        .then(probe::ask_for_embed);
    let btf = if registry::left_by_embed() {
        described(process)
    } else {
        TokenStream::new()
    };
    quote!(#item #(#beside)* #embed #btf)
}

/// The crate's roots, where `embed!()` was expanded before it could know of any.
fn described(process: &Process) -> TokenStream {
    match probe::rust_types(process) {
        Ok(types) => types.into_section(),
        Err(error) => error.to_compile_error(),
    }
}

/// The error for an item that declares no type, at its keyword.
fn misplaced(input: &TokenStream) -> Option<syn::Error> {
    // Attributes (`#` and a group) and `pub(...)` stand before the keyword.
    let keyword = input.clone().into_iter().find_map(|token| match token {
        TokenTree::Ident(word) if word != "pub" => Some(word),
        _ => None,
    });
    match keyword {
        Some(word) if word == "struct" || word == "enum" || word == "union" => None,
        keyword => Some(syn::Error::new(
            keyword.map_or_else(Span::call_site, |word| word.span()),
            "#[bpf_traceable] describes a type: it goes on a struct, an enum or a union",
        )),
    }
}

/// The roots of this attribute, and of the others of its kind on the item, which are taken off it:
/// they have the options of the fields in common.
fn roots(args: TokenStream, item: &mut DeriveInput, errors: &mut Errors) -> Vec<Root> {
    let ours = |path: &syn::Path| {
        let last = path.segments.last();
        last.is_some_and(|last| last.ident == "bpf_traceable")
    };
    let others = configured::take(&mut item.attrs, ours);
    let mut roots = args::roots(args, &Conditions::default(), item, errors);
    for (meta, under) in others {
        let args = match meta {
            Meta::List(list) => list.tokens,
            Meta::Path(_) | Meta::NameValue(_) => TokenStream::new(),
        };
        roots.extend(args::roots(args, &under, item, errors));
    }
    roots
}

fn register(root: &Root, process: &Process, errors: &mut Errors) {
    // A root under a condition may not be there at all.
    if *process == Process::Editor || !root.under.is_empty() {
        return;
    }
    let name = &root.name;
    match registry::declare(name, place::of(root.span)) {
        Ok(()) => {}
        Err(Problem::Duplicate(first)) => errors.add(
            root.span,
            format!(
                "`{name}` is the C name of another type too, at {first}: give one of them another \
                 with `name = \"...\"`"
            ),
        ),
        Err(Problem::Unseen) => errors.add(root.span, unseen(name)),
    }
}

/// What to do about a root that the probe compile did not meet.
pub(crate) fn unseen(name: &str) -> String {
    format!(
        "`{name}` is not there when embed!() compiles the crate to learn its types, as happens \
         inside of a #[test] function: move it out"
    )
}

/// A static that makes rustc describe the type, and a line about it.
fn anchor(root: &Root, parts: &[Part]) -> TokenStream {
    let ty = &root.ty;
    // A function pointer is `Sync` and needs no value of the type, whatever the type.
    let anchor = format!("CORE_ROOT_{}", registry::anchor());
    let line = record::root_line(root, &anchor, parts);
    let anchor = format_ident!("{anchor}");
    quote! {
        #[used]
        static #anchor: ::core::option::Option<fn(&#ty)> = ::core::option::Option::None;
        #line
    }
}
