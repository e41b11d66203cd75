//! `#[cfg]` as Cargo told the build script: which source rustc will see.

use std::collections::{BTreeMap, BTreeSet};

use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Fields, FieldsNamed, Item, Lit, Meta, Token};

/// The configuration of the crate being built.
///
/// Shapes: option name to its values; an option without values has an empty list.
#[derive(Default)]
pub(crate) struct Cfg {
    options: BTreeMap<String, Vec<String>>,
    /// Whether any feature may be on or off, so that what depends on one is there.
    any_features: bool,
}

impl Cfg {
    /// Reads `CARGO_CFG_*` and `CARGO_FEATURE_*`, which Cargo sets for build scripts.
    pub(crate) fn from_env(vars: impl Iterator<Item = (String, String)>) -> Self {
        let mut options = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in vars {
            if let Some(option) = name.strip_prefix("CARGO_CFG_") {
                let values = options.entry(option.to_lowercase()).or_default();
                values.extend(value.split(',').filter(|v| !v.is_empty()).map(String::from));
            } else if let Some(feature) = name.strip_prefix("CARGO_FEATURE_") {
                options
                    .entry("feature".into())
                    .or_default()
                    .push(feature_key(feature));
            }
        }
        // Not in the variables of every Cargo version, but true of every ordinary build.
        options.entry("debug_assertions".into()).or_default();
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

    /// Whether all `#[cfg]` attributes of an item hold.
    pub(crate) fn allows(&self, attrs: &[Attribute]) -> bool {
        attrs
            .iter()
            .filter(|attr| attr.path().is_ident("cfg"))
            .all(|attr| {
                attr.parse_args::<Meta>()
                    .is_ok_and(|meta| self.may_hold(&meta))
            })
    }

    /// The attributes that apply, with `#[cfg_attr]` taken apart.
    pub(crate) fn attributes(&self, attrs: &[Attribute]) -> Vec<Meta> {
        attrs
            .iter()
            .flat_map(|attr| self.expand(&attr.meta))
            .collect()
    }

    /// Leaves out the fields and variants that are not there, and all but the first of a name.
    pub(crate) fn prune(&self, item: &mut Item) {
        match item {
            Item::Struct(item) => self.prune_fields(&mut item.fields),
            Item::Union(item) => self.prune_named(&mut item.fields),
            Item::Enum(item) => {
                let variants = std::mem::take(&mut item.variants);
                let mut names = BTreeSet::new();
                item.variants = variants
                    .into_iter()
                    .filter(|it| self.allows(&it.attrs) && names.insert(it.ident.clone()))
                    .collect();
                for variant in &mut item.variants {
                    self.prune_fields(&mut variant.fields);
                }
            }
            _ => {}
        }
    }

    fn prune_fields(&self, fields: &mut Fields) {
        match fields {
            Fields::Named(fields) => self.prune_named(fields),
            Fields::Unnamed(fields) => {
                let all = std::mem::take(&mut fields.unnamed);
                let kept = all.into_iter().filter(|field| self.allows(&field.attrs));
                fields.unnamed = kept.collect();
            }
            Fields::Unit => {}
        }
    }

    fn prune_named(&self, fields: &mut FieldsNamed) {
        let all = std::mem::take(&mut fields.named);
        let mut names = BTreeSet::new();
        fields.named = all
            .into_iter()
            .filter(|field| self.allows(&field.attrs) && names.insert(field.ident.clone()))
            .collect();
    }

    fn expand(&self, meta: &Meta) -> Vec<Meta> {
        if !meta.path().is_ident("cfg_attr") {
            return vec![meta.clone()];
        }
        let Some(mut parts) = list(meta).map(IntoIterator::into_iter) else {
            return Vec::new();
        };
        match parts.next() {
            Some(condition) if self.may_hold(&condition) => {
                parts.flat_map(|meta| self.expand(&meta)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn may_hold(&self, meta: &Meta) -> bool {
        self.holds(meta) != Some(false)
    }

    /// Whether a condition holds; `None` when that depends on features that are not known.
    fn holds(&self, meta: &Meta) -> Option<bool> {
        let nested = || -> Vec<Option<bool>> {
            let list = list(meta).unwrap_or_default();
            list.iter().map(|meta| self.holds(meta)).collect()
        };
        let path = meta.path();
        if path.is_ident("all") {
            // None of them fails.
            let fails: Vec<_> = nested().iter().map(|holds| holds.map(|it| !it)).collect();
            any(&fails).map(|fails| !fails)
        } else if path.is_ident("any") {
            any(&nested())
        } else if path.is_ident("not") {
            any(&nested()).map(|holds| !holds)
        } else if path.is_ident("true") {
            Some(true)
        } else if path.is_ident("feature") && self.any_features {
            None
        } else {
            Some(self.is_set(meta))
        }
    }

    fn is_set(&self, option: &Meta) -> bool {
        let path = option.path();
        let Some(values) = path.get_ident().and_then(|option| {
            // `test` and `doctest` never describe the program that ships.
            self.options.get(&option.to_string())
        }) else {
            return false;
        };
        match option {
            Meta::NameValue(pair) => text(&pair.value).is_some_and(|value| {
                let value = if path.is_ident("feature") {
                    feature_key(&value)
                } else {
                    value
                };
                values.contains(&value)
            }),
            Meta::Path(_) | Meta::List(_) => true,
        }
    }
}

/// Whether one of the conditions holds.
fn any(conditions: &[Option<bool>]) -> Option<bool> {
    if conditions.contains(&Some(true)) {
        Some(true)
    } else if conditions.contains(&None) {
        None
    } else {
        Some(false)
    }
}

/// Cargo spells a feature in upper case with underscores in a variable's name, which cannot be
/// undone, so features are compared in that spelling.
fn feature_key(feature: &str) -> String {
    feature.to_uppercase().replace('-', "_")
}

fn list(meta: &Meta) -> Option<Punctuated<Meta, Token![,]>> {
    meta.require_list()
        .ok()?
        .parse_args_with(Punctuated::parse_terminated)
        .ok()
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
                ("CARGO_CFG_UNIX", ""),
                ("CARGO_CFG_TARGET_FEATURE", "fxsr,sse,sse2"),
                ("CARGO_FEATURE_SLOW_PATH", "1"),
            ]
            .into_iter()
            .map(|(name, value)| (name.into(), value.into())),
        )
    }

    /// The items a build would compile, and no others, reach the header.
    #[test]
    fn conditions_hold_as_rustc_decides_them() {
        let cases: [(Attribute, bool); 9] = [
            (parse_quote!(#[cfg(unix)]), true),
            (parse_quote!(#[cfg(windows)]), false),
            (parse_quote!(#[cfg(target_os = "linux")]), true),
            (parse_quote!(#[cfg(target_os = "macos")]), false),
            (parse_quote!(#[cfg(all(unix, not(test)))]), true),
            (
                parse_quote!(#[cfg(any(windows, target_feature = "sse2"))]),
                true,
            ),
            (parse_quote!(#[cfg(feature = "slow-path")]), true),
            (parse_quote!(#[cfg(not(feature = "slow-path"))]), false),
            (parse_quote!(#[doc = "no condition"]), true),
        ];
        for (attr, expected) in cases {
            let allows = cfg().allows(std::slice::from_ref(&attr));
            assert_eq!(allows, expected, "{}", quote!(#attr));
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
            let allows = cfg.allows(std::slice::from_ref(&attr));
            assert_eq!(allows, expected, "{}", quote!(#attr));
        }
    }

    /// `#[cfg_attr(linux, bpf_traceable)]` annotates like the plain attribute.
    #[test]
    fn conditional_attributes_are_taken_apart() {
        let attrs: [Attribute; 2] = [
            parse_quote!(#[cfg_attr(unix, bpf_traceable, cfg_attr(windows, a), cfg_attr(unix, b))]),
            parse_quote!(#[cfg_attr(windows, c)]),
        ];
        let names: Vec<_> = cfg()
            .attributes(&attrs)
            .iter()
            .map(|meta| meta.path().get_ident().unwrap().to_string())
            .collect();
        assert_eq!(names, ["bpf_traceable", "b"]);
    }
}
