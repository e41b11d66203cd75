//! The arguments of `#[bpf_traceable(..)]` and `#[bpf(..)]`. core-macros checks them and reports
//! what is wrong with them; here they are only read.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, Meta, Token, Type};

/// The arguments of `#[bpf_traceable(..)]`.
#[derive(Default)]
pub(crate) struct Traceable {
    /// `name = ".."`
    pub(crate) name: Option<String>,
    /// The instances of a generic type, each with the name that follows it.
    pub(crate) instances: Vec<(Type, Option<String>)>,
}

/// The arguments of `#[bpf(..)]` on a field.
#[derive(Default)]
pub(crate) struct Field {
    /// `skip`
    pub(crate) skip: bool,
    /// `c = ".."`
    pub(crate) c: Option<String>,
}

enum Argument {
    Name(String),
    Deep,
    Instance(Box<Type>),
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let ahead = input.fork();
        if let Ok(pair) = ahead.parse::<syn::MetaNameValue>()
            && pair.path.is_ident("name")
        {
            let pair: syn::MetaNameValue = input.parse()?;
            return text(&pair.value)
                .map(Self::Name)
                .ok_or_else(|| input.error("expected a string"));
        }
        Ok(match input.parse()? {
            Type::Path(path) if path.path.is_ident("deep") => Self::Deep,
            instance => Self::Instance(Box::new(instance)),
        })
    }
}

impl Traceable {
    pub(crate) fn parse(attribute: &Meta) -> Self {
        let mut out = Self::default();
        let Meta::List(list) = attribute else {
            return out;
        };
        let arguments = list
            .parse_args_with(Punctuated::<Argument, Token![,]>::parse_terminated)
            .unwrap_or_default();
        for argument in arguments {
            match argument {
                // A matter of the BTF: source of other crates is not read here.
                Argument::Deep => {}
                Argument::Instance(ty) => out.instances.push((*ty, None)),
                Argument::Name(name) => match out.instances.last_mut() {
                    Some((_, of_instance)) => *of_instance = Some(name),
                    None => out.name = Some(name),
                },
            }
        }
        out
    }
}

impl Field {
    pub(crate) fn parse(attributes: &[Attribute]) -> Self {
        let mut out = Self::default();
        for attribute in attributes.iter().filter(|it| it.path().is_ident("bpf")) {
            let arguments = attribute
                .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .unwrap_or_default();
            for argument in arguments {
                match &argument {
                    Meta::Path(path) if path.is_ident("skip") => out.skip = true,
                    Meta::NameValue(pair) if pair.path.is_ident("c") => out.c = text(&pair.value),
                    _ => {}
                }
            }
        }
        out
    }
}

fn text(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.value()),
        _ => None,
    }
}
