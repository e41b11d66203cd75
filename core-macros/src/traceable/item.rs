//! The item, and the options of its fields.

use std::collections::HashMap;

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Field, Fields, LitStr, Member, Meta, Type};

use super::configured::{self, Conditions};
use super::errors::Errors;

/// A field of a struct or union, or of a variant of an enum.
pub(super) struct Part {
    /// The variant that it is in.
    pub(super) variant: Option<Ident>,
    /// As an expression names it.
    pub(super) member: Member,
    /// Its name in BTF and C.
    pub(super) name: String,
    /// When it is there.
    pub(super) present: Conditions,
    /// When it is left out of BTF: under any of these.
    pub(super) skipped: Vec<Conditions>,
}

impl Part {
    /// The name of the field in Rust and its debug information: `x`, or `__0` in a tuple.
    pub(super) fn rust_name(&self) -> String {
        match &self.member {
            Member::Named(ident) => ident.unraw().to_string(),
            Member::Unnamed(index) => format!("__{}", index.index),
        }
    }
}

/// Takes the `#[bpf(...)]` attributes out of the item and answers its fields.
pub(super) fn parts(item: &mut DeriveInput, errors: &mut Errors) -> Vec<Part> {
    refuse(
        &mut item.attrs,
        "#[bpf(...)] goes on a field; what concerns the whole type goes into #[bpf_traceable(...)]",
        errors,
    );
    match &mut item.data {
        Data::Struct(data) => fields(None, data.fields.iter_mut(), errors),
        Data::Union(data) => fields(None, data.fields.named.iter_mut(), errors),
        Data::Enum(data) => data
            .variants
            .iter_mut()
            .flat_map(|variant| {
                refuse(
                    &mut variant.attrs,
                    "#[bpf(...)] goes on a field, not on a variant",
                    errors,
                );
                let present = configured::presence(&variant.attrs);
                let mut parts = fields(Some(&variant.ident), variant.fields.iter_mut(), errors);
                for part in &mut parts {
                    part.present = part.present.with(&present);
                }
                parts
            })
            .collect(),
    }
}

/// Whether a field of this item, or the item itself, is marked as deprecated.
pub(super) fn is_deprecated(item: &DeriveInput) -> bool {
    let marked = |attrs: &[Attribute]| {
        !configured::take(&mut attrs.to_vec(), |path| path.is_ident("deprecated")).is_empty()
    };
    let any = |fields: &Fields| fields.iter().any(|field| marked(&field.attrs));
    marked(&item.attrs)
        || match &item.data {
            Data::Struct(data) => any(&data.fields),
            Data::Union(data) => data.fields.named.iter().any(|field| marked(&field.attrs)),
            Data::Enum(_) => false,
        }
}

fn refuse(attributes: &mut Vec<Attribute>, message: &str, errors: &mut Errors) {
    for (meta, _) in configured::take(attributes, |path| path.is_ident("bpf")) {
        errors.add(meta.span(), message);
    }
}

fn fields<'f>(
    variant: Option<&Ident>,
    fields: impl Iterator<Item = &'f mut Field>,
    errors: &mut Errors,
) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut indices = Indices::default();
    for field in fields {
        let mut skipped = Vec::new();
        for (meta, under) in configured::take(&mut field.attrs, |path| path.is_ident("bpf")) {
            if options(&meta, errors) {
                skipped.push(under);
            }
        }
        if is_unsized(&field.ty) {
            errors.add(
                field.ty.span(),
                "a type that ends in this has no size of its own, and cannot be traced",
            );
        }
        let present = configured::presence(&field.attrs);
        let members = match &field.ident {
            Some(ident) => vec![(Member::Named(ident.clone()), present)],
            None => indices.next(&present),
        };
        if indices.0.len() > MAX_INDICES {
            errors.add(
                field.ty.span(),
                "too many fields before this are under conditions of their own: give them names",
            );
            break;
        }
        parts.extend(members.into_iter().map(|(member, present)| Part {
            variant: variant.cloned(),
            member,
            name: String::new(),
            present,
            skipped: skipped.clone(),
        }));
    }
    name(&mut parts);
    parts
}

/// Most combinations of conditions that the fields of a tuple may be under.
const MAX_INDICES: usize = 64;

/// The indices that the next field of a tuple may have, each under the conditions that some of
/// those before it are there and others are not.
struct Indices(Vec<(u32, Conditions)>);

impl Default for Indices {
    fn default() -> Self {
        Self(vec![(0, Conditions::default())])
    }
}

impl Indices {
    /// The members that a field under conditions may be.
    fn next(&mut self, present: &Conditions) -> Vec<(Member, Conditions)> {
        let places = std::mem::take(&mut self.0);
        let mut members = Vec::new();
        for (index, when) in places {
            let span = Span::call_site();
            let there = when.with(present);
            members.push((Member::Unnamed(syn::Index { index, span }), there.clone()));
            self.0.push((index + 1, there));
            if !present.is_empty() {
                self.0.push((index, when.with(&present.negated())));
            }
        }
        members
    }
}

/// Whether a type is unsized by its spelling.
fn is_unsized(ty: &Type) -> bool {
    match ty {
        Type::Slice(_) | Type::TraitObject(_) => true,
        Type::Path(path) => path.path.is_ident("str"),
        _ => false,
    }
}

/// Gives the fields their C names. Two fields of one Rust name are one field under different
/// conditions.
fn name(parts: &mut [Part]) {
    let mut rust_names: Vec<String> = Vec::new();
    for part in &*parts {
        let name = part.rust_name();
        if !rust_names.contains(&name) {
            rust_names.push(name);
        }
    }
    let c_names = core_btf::rust::member_names(rust_names.iter().map(String::as_str));
    let c_names: HashMap<_, _> = rust_names.iter().zip(c_names).collect();
    for part in parts {
        if let Some(name) = c_names.get(&part.rust_name()) {
            part.name.clone_from(name);
        }
    }
}

/// Checks `#[bpf(skip)]` and `#[bpf(c = "...")]`; answers whether the field is skipped. The C type
/// is for core-build, which reads the same source.
fn options(meta: &Meta, errors: &mut Errors) -> bool {
    let mut skip = false;
    let mut c_type = false;
    let list = match meta {
        Meta::List(list) => list,
        Meta::Path(_) | Meta::NameValue(_) => {
            errors.add(
                meta.span(),
                "options stand in parentheses: #[bpf(skip)] or #[bpf(c = \"...\")]",
            );
            return false;
        }
    };
    let parsed = list.parse_nested_meta(|option| {
        if option.path.is_ident("skip") {
            skip = true;
            return Ok(());
        }
        if option.path.is_ident("c") {
            let text: LitStr = option.value()?.parse()?;
            if text.value().trim().is_empty() {
                errors.add(text.span(), "the C type is empty");
            }
            if c_type {
                errors.add(option.path.span(), "the C type is given twice");
            }
            c_type = true;
            return Ok(());
        }
        Err(option.error("unknown option: a field has `skip` and `c = \"...\"`"))
    });
    if let Err(error) = parsed {
        errors.push(error);
    } else if !skip && !c_type {
        errors.add(
            meta.span(),
            "no option given: a field has `skip` and `c = \"...\"`",
        );
    } else if skip && c_type {
        errors.add(
            meta.span(),
            "a field that is skipped has no C type: give `skip` or `c`",
        );
    }
    skip
}
