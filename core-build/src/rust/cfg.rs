//! `#[cfg]` as Cargo told the build script: which source rustc will see.

use std::collections::BTreeMap;

use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, Meta, Token};

/// The configuration of the crate being built.
///
/// Shapes: option name to its values; an option without values has an empty list.
#[derive(Debug, Default)]
pub(crate) struct Cfg {
    options: BTreeMap<String, Vec<String>>,
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
        Self { options }
    }

    /// Whether all `#[cfg]` attributes of an item hold.
    pub(crate) fn allows(&self, attrs: &[Attribute]) -> bool {
        attrs
            .iter()
            .filter(|attr| attr.path().is_ident("cfg"))
            .all(|attr| {
                attr.parse_args::<Meta>()
                    .is_ok_and(|meta| self.holds(&meta))
            })
    }

    /// The attributes that apply, with `#[cfg_attr]` taken apart.
    pub(crate) fn attributes(&self, attrs: &[Attribute]) -> Vec<Meta> {
        attrs
            .iter()
            .flat_map(|attr| self.expand(&attr.meta))
            .collect()
    }

    fn expand(&self, meta: &Meta) -> Vec<Meta> {
        if !meta.path().is_ident("cfg_attr") {
            return vec![meta.clone()];
        }
        let Some(mut parts) = list(meta).map(IntoIterator::into_iter) else {
            return Vec::new();
        };
        match parts.next() {
            Some(condition) if self.holds(&condition) => {
                parts.flat_map(|meta| self.expand(&meta)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn holds(&self, meta: &Meta) -> bool {
        let nested = || list(meta).unwrap_or_default();
        let path = meta.path();
        if path.is_ident("all") {
            nested().iter().all(|meta| self.holds(meta))
        } else if path.is_ident("any") {
            nested().iter().any(|meta| self.holds(meta))
        } else if path.is_ident("not") {
            !nested().iter().any(|meta| self.holds(meta))
        } else if path.is_ident("true") {
            true
        } else {
            let Some(values) = path.get_ident().and_then(|option| {
                // `test` and `doctest` never describe the program that ships.
                self.options.get(&option.to_string())
            }) else {
                return false;
            };
            match meta {
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
            assert_eq!(
                cfg().allows(std::slice::from_ref(&attr)),
                expected,
                "{attr:?}"
            );
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
