//! The arguments of `#[bpf_traceable(...)]`: which roots the item gives.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{DeriveInput, GenericParam, LitStr, Token, Type};

use super::configured::Conditions;
use super::errors::Errors;

/// A type to be described.
#[derive(Debug)]
pub(super) struct Root {
    /// The type, as it can be written beside the item.
    pub(super) ty: TokenStream,
    /// Its name in BTF and C.
    pub(super) name: String,
    /// Where the name comes from.
    pub(super) span: Span,
    /// Whether types of other crates are described too, behind pointers.
    pub(super) deep: bool,
    /// When the attribute is there.
    pub(super) under: Conditions,
}

/// The roots that one attribute asks for.
pub(super) fn roots(
    args: TokenStream,
    under: &Conditions,
    item: &DeriveInput,
    errors: &mut Errors,
) -> Vec<Root> {
    let mut request = Request::default();
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            match request.argument(input, item) {
                Err(error) => errors.push(error),
                Ok(()) if input.is_empty() || input.peek(Token![,]) => {}
                Ok(()) => errors.push(input.error("expected `,`")),
            }
            // Go on behind the next comma, to report what else is wrong.
            while !input.is_empty() && input.parse::<Option<Token![,]>>()?.is_none() {
                input.parse::<TokenTree>()?;
            }
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(args) {
        errors.push(error);
    }
    request.roots(under, item, errors)
}

/// An instance of a generic type, or the type that is none.
#[derive(Default)]
struct Instance {
    ty: Option<Type>,
    name: Option<LitStr>,
}

#[derive(Default)]
struct Request {
    instances: Vec<Instance>,
    deep: bool,
}

impl Request {
    fn argument(&mut self, input: ParseStream<'_>, item: &DeriveInput) -> syn::Result<()> {
        if input.peek(Ident::peek_any) && input.peek2(Token![=]) {
            let key = Ident::parse_any(input)?;
            if key != "name" {
                return Err(unknown(&key, item));
            }
            input.parse::<Token![=]>()?;
            return self.name(input.parse()?);
        }
        let Ok(ty) = input.fork().parse::<Type>() else {
            return Err(unknown(&input.parse::<TokenTree>()?, item));
        };
        input.parse::<Type>()?;
        if let Type::Path(path) = &ty {
            if path.path.is_ident("deep") {
                self.deep = true;
                return Ok(());
            }
            if path.path.segments.last().map(|last| &last.ident) == Some(&item.ident) {
                self.instances.push(Instance {
                    ty: Some(ty),
                    name: None,
                });
                return Ok(());
            }
        }
        Err(unknown(&ty, item))
    }

    /// A name belongs to the instance that it follows.
    fn name(&mut self, name: LitStr) -> syn::Result<()> {
        if self.instances.is_empty() {
            self.instances.push(Instance::default());
        }
        match self.instances.last_mut() {
            Some(Instance { name: Some(_), .. }) => {
                Err(syn::Error::new(name.span(), "a second name for one type"))
            }
            Some(instance) => {
                instance.name = Some(name);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn roots(mut self, under: &Conditions, item: &DeriveInput, errors: &mut Errors) -> Vec<Root> {
        let generic = is_generic(item);
        if self.instances.is_empty() {
            self.instances.push(Instance::default());
        }
        let mut roots = Vec::new();
        for instance in self.instances {
            let ty = match (&instance.ty, generic) {
                (Some(ty), true) => ty.to_token_stream(),
                (None, false) => without_instance(item),
                (Some(ty), false) => {
                    errors.add(
                        ty.span(),
                        format!("`{}` is not generic, so it has no instances", item.ident),
                    );
                    continue;
                }
                (None, true) => {
                    errors.add(item.ident.span(), uninstantiated(item));
                    continue;
                }
            };
            if let Some((name, span)) = instance.c_name(item, errors) {
                roots.push(Root {
                    ty,
                    name,
                    span,
                    deep: self.deep,
                    under: under.clone(),
                });
            }
        }
        roots
    }
}

impl Instance {
    /// The name in C, and where it comes from.
    fn c_name(&self, item: &DeriveInput, errors: &mut Errors) -> Option<(String, Span)> {
        if let Some(literal) = &self.name {
            let (name, fitting) = (literal.value(), c_name(&literal.value()));
            if name.is_empty() || name != fitting {
                errors.add(
                    literal.span(),
                    if name.is_empty() {
                        "the name is empty".to_owned()
                    } else {
                        format!("C has no type of that name; `{fitting}` would do")
                    },
                );
                return None;
            }
            return Some((name, literal.span()));
        }
        let Some(ty) = &self.ty else {
            return Some((c_name(&item.ident.unraw().to_string()), item.ident.span()));
        };
        let Ok(parsed) = core_btf::rust::Type::parse(&ty.to_token_stream().to_string()) else {
            errors.add(
                ty.span(),
                "no C name can be made for this instance: give one behind it, as in \
                 `, name = \"...\"`",
            );
            return None;
        };
        let names = core_btf::rust::Names::new([], [&parsed], "");
        Some((names.name(&parsed), ty.span()))
    }
}

fn c_name(name: &str) -> String {
    core_btf::rust::identifier(name)
}

/// The type without generic arguments, or with `'static` for its lifetimes.
fn without_instance(item: &DeriveInput) -> TokenStream {
    let ident = &item.ident;
    let lifetimes = item.generics.lifetimes().map(|_| quote!('static));
    if item.generics.params.is_empty() {
        quote!(#ident)
    } else {
        quote!(#ident<#(#lifetimes),*>)
    }
}

fn unknown(what: &impl ToTokens, item: &DeriveInput) -> syn::Error {
    let text = what.to_token_stream().to_string();
    // As it is commonly written.
    let text = text
        .replace(" <", "<")
        .replace("< ", "<")
        .replace(" >", ">");
    let options = if is_generic(item) {
        let instance = example(item).0;
        format!("there are `name = \"...\"`, `deep`, and instances such as `{instance}`")
    } else {
        "there are `name = \"...\"` and `deep`".to_owned()
    };
    syn::Error::new_spanned(what, format!("unknown option `{text}`: {options}"))
}

/// Whether there is a layout only for an instance.
fn is_generic(item: &DeriveInput) -> bool {
    let mut params = item.generics.params.iter();
    params.any(|param| !matches!(param, GenericParam::Lifetime(_)))
}

/// What to do about a generic type without instances.
fn uninstantiated(item: &DeriveInput) -> String {
    let (instance, name) = example(item);
    format!(
        "`{}` is generic, and each of its instances has a layout of its own: list those to trace, \
         as in `#[bpf_traceable({instance}, name = \"{name}\")]`",
        item.ident,
    )
}

/// An instance of the right shape, and a name for it.
fn example(item: &DeriveInput) -> (String, String) {
    let args: Vec<_> = item
        .generics
        .params
        .iter()
        .map(|param| match param {
            GenericParam::Lifetime(_) => "'_",
            GenericParam::Type(_) => "u32",
            GenericParam::Const(_) => "4",
        })
        .collect();
    let named: Vec<_> = args.iter().copied().filter(|arg| *arg != "'_").collect();
    (
        format!("{}<{}>", item.ident, args.join(", ")),
        format!("{}_{}", item.ident, named.join("_")),
    )
}
