//! `#[cfg]` as Cargo told the build script: which source rustc will see.

use std::collections::BTreeSet;

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Expr, ExprLit, Fields, GenericParam, Generics, Item, Lit, LitBool, Meta, Token,
};

use super::source::plain;

/// Options whose variable may be empty, but which never stand alone.
const WITH_VALUE: [&str; 4] = ["feature", "target_abi", "target_env", "target_vendor"];

/// The configuration of the crate being built: options, alone and with a value.
///
/// `test` and `doctest` are never among them: they do not describe the program that ships.
#[derive(Default)]
pub(crate) struct Cfg {
    options: BTreeSet<(String, Option<String>)>,
    /// Whether any feature may be on or off, so that what depends on one is there.
    any_features: bool,
}

impl Cfg {
    /// Reads `CARGO_CFG_*`, and the `--cfg` in `CARGO_ENCODED_RUSTFLAGS`, whose upper case and
    /// commas the former have lost.
    pub(crate) fn from_env(vars: impl Iterator<Item = (String, String)>) -> Self {
        let mut variables = Vec::new();
        let mut options = BTreeSet::new();
        for (name, value) in vars {
            if let Some(option) = name.strip_prefix("CARGO_CFG_") {
                variables.push((option.to_owned(), value));
            } else if name == "CARGO_ENCODED_RUSTFLAGS" {
                options.extend(specs(&value).filter_map(|spec| match syn::parse_str(spec) {
                    Ok(Condition::Option(name, value)) => Some((name, value)),
                    _ => None,
                }));
            }
        }
        let given: BTreeSet<String> = options
            .iter()
            .map(|(name, _): &(String, _)| name.to_uppercase())
            .collect();
        for (name, value) in variables {
            // Features come from both.
            if given.contains(&name) && name != "FEATURE" {
                continue;
            }
            let name = name.to_lowercase();
            if value.is_empty() && !WITH_VALUE.contains(&&*name) {
                options.insert((name, None));
            } else {
                let values = value.split(',').map(|value| Some(value.to_owned()));
                options.extend(values.map(|value| (name.clone(), value)));
            }
        }
        Self {
            options,
            any_features: false,
        }
    }

    /// The same, but whatever depends on a feature is there.
    pub(crate) fn with_any_features(mut self) -> Self {
        self.any_features = true;
        self
    }

    /// Leaves of an item what rustc will see: its attributes with `#[cfg_attr]` taken apart, and
    /// without the fields, variants and parameters whose `#[cfg]` does not hold, nor all but the
    /// first of a name, where it may. Answers whether the item itself is there. What is inside modules and functions stays as it is.
    pub(crate) fn configure(&self, item: &mut Item) -> bool {
        match item {
            Item::Struct(item) => {
                self.generics(&mut item.generics);
                self.fields(&mut item.fields);
                self.holds_for(&mut item.attrs)
            }
            Item::Enum(item) => {
                self.generics(&mut item.generics);
                let mut names = BTreeSet::new();
                item.variants = std::mem::take(&mut item.variants)
                    .into_iter()
                    .filter_map(|mut variant| {
                        self.fields(&mut variant.fields);
                        let there = self.holds_for(&mut variant.attrs);
                        (there && names.insert(variant.ident.clone())).then_some(variant)
                    })
                    .collect();
                self.holds_for(&mut item.attrs)
            }
            Item::Union(item) => {
                self.generics(&mut item.generics);
                let mut fields = Fields::Named(item.fields.clone());
                self.fields(&mut fields);
                if let Fields::Named(fields) = fields {
                    item.fields = fields;
                }
                self.holds_for(&mut item.attrs)
            }
            Item::Const(item) => self.holds_for(&mut item.attrs),
            Item::Fn(item) => self.holds_for(&mut item.attrs),
            Item::Mod(item) => self.holds_for(&mut item.attrs),
            Item::Type(item) => {
                self.generics(&mut item.generics);
                self.holds_for(&mut item.attrs)
            }
            Item::Use(item) => self.holds_for(&mut item.attrs),
            _ => true,
        }
    }

    /// Takes `#[cfg_attr]` apart; whether all `#[cfg]` then hold.
    pub(crate) fn holds_for(&self, attrs: &mut Vec<Attribute>) -> bool {
        *attrs = std::mem::take(attrs)
            .into_iter()
            .flat_map(|attr| {
                let metas = self.expand(&attr.meta);
                metas.into_iter().map(move |meta| Attribute {
                    meta,
                    ..attr.clone()
                })
            })
            .collect();
        attrs
            .iter()
            .filter(|attr| attr.path().is_ident("cfg"))
            .all(|attr| {
                attr.parse_args()
                    .is_ok_and(|condition| self.may_hold(&condition))
            })
    }

    fn fields(&self, fields: &mut Fields) {
        let of = match fields {
            Fields::Named(fields) => &mut fields.named,
            Fields::Unnamed(fields) => &mut fields.unnamed,
            Fields::Unit => return,
        };
        let mut names = BTreeSet::new();
        *of = std::mem::take(of)
            .into_iter()
            .filter_map(|mut field| {
                let there = self.holds_for(&mut field.attrs);
                let first = field.ident.clone().is_none_or(|name| names.insert(name));
                (there && first).then_some(field)
            })
            .collect();
    }

    fn generics(&self, generics: &mut Generics) {
        generics.params = std::mem::take(&mut generics.params)
            .into_iter()
            .filter_map(|mut param| {
                let attrs = match &mut param {
                    GenericParam::Lifetime(param) => &mut param.attrs,
                    GenericParam::Type(param) => &mut param.attrs,
                    GenericParam::Const(param) => &mut param.attrs,
                };
                self.holds_for(attrs).then_some(param)
            })
            .collect();
    }

    fn expand(&self, meta: &Meta) -> Vec<Meta> {
        if !meta.path().is_ident("cfg_attr") {
            return vec![meta.clone()];
        }
        let parts = meta.require_list().and_then(|list| {
            list.parse_args_with(|input: ParseStream<'_>| {
                let condition: Condition = input.parse()?;
                input.parse::<Option<Token![,]>>()?;
                let attributes = Punctuated::<Meta, Token![,]>::parse_terminated(input)?;
                Ok((condition, attributes))
            })
        });
        match parts {
            Ok((condition, attributes)) if self.may_hold(&condition) => attributes
                .iter()
                .flat_map(|meta| self.expand(meta))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn may_hold(&self, condition: &Condition) -> bool {
        self.holds(condition) != Some(false)
    }

    /// Whether a condition holds; `None` when that depends on features that are not known.
    fn holds(&self, condition: &Condition) -> Option<bool> {
        match condition {
            Condition::Literal(holds) => Some(*holds),
            Condition::Option(name, _) if name == "feature" && self.any_features => None,
            Condition::Option(name, value) => {
                Some(self.options.contains(&(name.clone(), value.clone())))
            }
            Condition::All(nested) => self.decided_by(nested, false),
            Condition::Any(nested) => self.decided_by(nested, true),
            Condition::Not(nested) => self.holds(nested).map(|holds| !holds),
        }
    }

    /// What a list comes to of which one `decisive` member decides.
    fn decided_by(&self, nested: &[Condition], decisive: bool) -> Option<bool> {
        let mut result = Some(!decisive);
        for nested in nested {
            match self.holds(nested) {
                Some(holds) if holds == decisive => return Some(decisive),
                Some(_) => {}
                None => result = None,
            }
        }
        result
    }
}

/// What `cfg` takes.
enum Condition {
    Literal(bool),
    /// `name` or `name = "value"`.
    Option(String, Option<String>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

impl Parse for Condition {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if let Some(literal) = input.parse::<Option<LitBool>>()? {
            return Ok(Self::Literal(literal.value));
        }
        let meta: Meta = input.parse()?;
        let Some(name) = meta.path().get_ident().map(plain) else {
            return Err(input.error("expected a name"));
        };
        let list = match &meta {
            Meta::Path(_) => return Ok(Self::Option(name, None)),
            Meta::NameValue(pair) => {
                let value = text(&pair.value).ok_or_else(|| input.error("expected a string"))?;
                return Ok(Self::Option(name, Some(value)));
            }
            Meta::List(list) => list,
        };
        let nested = || {
            let nested = Punctuated::<Self, Token![,]>::parse_terminated;
            Ok(list.parse_args_with(nested)?.into_iter().collect())
        };
        match &*name {
            "all" => nested().map(Self::All),
            "any" => nested().map(Self::Any),
            "not" => Ok(Self::Not(Box::new(list.parse_args()?))),
            _ => Err(input.error("expected all, any or not")),
        }
    }
}

/// The arguments of `--cfg` among flags that stand as in `CARGO_ENCODED_RUSTFLAGS`.
fn specs(flags: &str) -> impl Iterator<Item = &str> {
    let mut flags = flags.split('\u{1f}');
    std::iter::from_fn(move || {
        loop {
            let flag = flags.next()?;
            if flag == "--cfg" {
                return flags.next();
            }
            if let Some(spec) = flag.strip_prefix("--cfg=") {
                return Some(spec);
            }
        }
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;
    use syn::parse_quote;

    fn cfg() -> Cfg {
        Cfg::from_env(
            [
                ("CARGO_CFG_TARGET_OS", "linux"),
                ("CARGO_CFG_TARGET_ABI", ""),
                ("CARGO_CFG_UNIX", ""),
                ("CARGO_CFG_TARGET_FEATURE", "fxsr,sse,sse2"),
                ("CARGO_CFG_FEATURE", "default,slow-path"),
                ("CARGO_CFG_LOUD", ""),
                ("CARGO_CFG_BOTH", "x,y"),
                (
                    "CARGO_ENCODED_RUSTFLAGS",
                    "-O\u{1f}--cfg\u{1f}LOUD\u{1f}--cfg=both\u{1f}--cfg\u{1f}both=\"x,y\"",
                ),
            ]
            .into_iter()
            .map(|(name, value)| (name.into(), value.into())),
        )
    }

    /// The items a build would compile, and no others, reach the header. `header_cfg` of the
    /// `tests` package compares with rustc.
    #[test]
    fn conditions_hold_as_rustc_decides_them() {
        let cases: [(Attribute, bool); 20] = [
            (parse_quote!(#[cfg(unix)]), true),
            (parse_quote!(#[cfg(windows)]), false),
            (parse_quote!(#[cfg(target_os = "linux")]), true),
            (parse_quote!(#[cfg(target_os = "macos")]), false),
            (parse_quote!(#[cfg(target_os)]), false),
            (parse_quote!(#[cfg(target_abi = "")]), true),
            (parse_quote!(#[cfg(target_abi)]), false),
            (parse_quote!(#[cfg(all(unix, not(test)))]), true),
            (parse_quote!(#[cfg(all())]), true),
            (parse_quote!(#[cfg(any())]), false),
            (parse_quote!(#[cfg(true)]), true),
            (parse_quote!(#[cfg(not(false))]), true),
            (
                parse_quote!(#[cfg(any(windows, target_feature = "sse2"))]),
                true,
            ),
            (parse_quote!(#[cfg(feature = "slow-path")]), true),
            (parse_quote!(#[cfg(feature = "slow_path")]), false),
            (parse_quote!(#[cfg(not(feature = "slow-path"))]), false),
            (parse_quote!(#[cfg(all(LOUD, both, both = "x,y"))]), true),
            (parse_quote!(#[cfg(any(loud, both = "x"))]), false),
            (parse_quote!(#[cfg(debug_assertions)]), false),
            (parse_quote!(#[doc = "no condition"]), true),
        ];
        for (attr, expected) in cases {
            let holds = cfg().holds_for(&mut vec![attr.clone()]);
            assert_eq!(holds, expected, "{}", quote!(#attr));
        }
    }

    /// Which features another crate is built with is not known, and both sides are taken.
    #[test]
    fn with_any_features_nothing_fails_for_a_feature() {
        let cases: [(Attribute, bool); 7] = [
            (parse_quote!(#[cfg(feature = "x")]), true),
            (parse_quote!(#[cfg(not(feature = "x"))]), true),
            (parse_quote!(#[cfg(all(unix, feature = "x"))]), true),
            (parse_quote!(#[cfg(all(windows, feature = "x"))]), false),
            (parse_quote!(#[cfg(any(windows, feature = "x"))]), true),
            (parse_quote!(#[cfg(not(any(unix, feature = "x")))]), false),
            (parse_quote!(#[cfg(test)]), false),
        ];
        let cfg = cfg().with_any_features();
        for (attr, expected) in cases {
            let holds = cfg.holds_for(&mut vec![attr.clone()]);
            assert_eq!(holds, expected, "{}", quote!(#attr));
        }
    }

    /// `#[cfg_attr(linux, bpf_traceable)]` annotates like the plain attribute.
    #[test]
    fn conditional_attributes_are_taken_apart() {
        let mut attrs: Vec<Attribute> = vec![
            parse_quote!(#[cfg_attr(unix, bpf_traceable, cfg_attr(windows, a), cfg_attr(unix, b))]),
            parse_quote!(#[cfg_attr(windows, c, cfg(windows))]),
            parse_quote!(#[cfg_attr(all(true, not(false)), d,)]),
        ];
        assert!(cfg().holds_for(&mut attrs));
        let names: Vec<_> = attrs
            .iter()
            .map(|attr| attr.path().get_ident().unwrap().to_string())
            .collect();
        assert_eq!(names, ["bpf_traceable", "b", "d"]);
        assert!(!cfg().holds_for(&mut vec![parse_quote!(#[cfg_attr(unix, cfg(windows))])]));
    }

    #[test]
    fn what_is_inside_an_item_has_conditions_too() {
        let mut item: Item = parse_quote! {
            enum State<#[cfg(windows)] A, B> {
                #[cfg(windows)] Gone,
                Kept { #[cfg(windows)] gone: A, #[cfg_attr(unix, bpf(skip))] kept: B },
                Tuple(#[cfg(windows)] A, #[cfg(unix)] B),
            }
        };
        assert!(cfg().configure(&mut item));
        let expected: Item = parse_quote! {
            enum State<B> {
                Kept { #[bpf(skip)] kept: B },
                Tuple(#[cfg(unix)] B)
            }
        };
        let text = |item: &Item| quote!(#item).to_string();
        assert_eq!(text(&item), text(&expected));
    }
}
