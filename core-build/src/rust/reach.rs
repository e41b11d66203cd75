//! The annotated types, and the types that their fields lead to.

use std::collections::BTreeMap;

use core_btf::rust::{
    Arg, FieldType, Names, Primitive, Type, View, identifier, is_fieldless, member_names,
    variant_names,
};
use quote::ToTokens as _;
use syn::punctuated::Punctuated;
use syn::{Fields, Item};

use super::attribute::{self, Traceable};
use super::resolve::{Env, Scope, environment, generics};
use super::source::{Definition, Source, TypeDefinition, plain};

/// What the annotated types lead to.
#[derive(Default)]
pub(crate) struct Reached {
    /// The annotated types and their names in C.
    pub(crate) roots: Vec<(Type, String)>,
    /// Every type, unwrapped.
    pub(crate) types: BTreeMap<Type, Body>,
    /// What could not be resolved, for the user to read.
    pub(crate) warnings: Vec<String>,
}

/// What a type consists of.
pub(crate) enum Body {
    /// What its view says.
    View,
    /// A struct of the crate.
    Struct(Vec<Member>),
    /// A union of the crate.
    Union(Vec<Member>),
    /// An enum of the crate without data: its variants with their values, and its `repr`.
    Fieldless(Vec<(String, Option<i128>)>, Option<Primitive>),
    /// An enum of the crate with data.
    Enum(Vec<(String, Vec<Member>)>),
    /// A type of another crate.
    Foreign,
}

/// A member of one of the crate's types.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) ty: MemberType,
}

/// What a member is.
pub(crate) enum MemberType {
    Type(Type),
    /// As `#[bpf(c = "..")]` spells it.
    C(String),
    /// Not known.
    Opaque,
}

/// Follows the fields of all annotated types of a crate.
pub(crate) fn reach(source: &Source) -> Reached {
    let mut out = Reached {
        warnings: source.warnings.clone(),
        ..Reached::default()
    };
    let mut todo: Vec<Type> = Vec::new();
    for (module, contents) in &source.modules {
        for (name, definition) in &contents.definitions {
            let Definition::Type(definition) = definition else {
                continue;
            };
            for attribute in &definition.attributes {
                let traceable = Traceable::parse(attribute);
                for root in roots(source, module, name, &traceable, &mut out.warnings) {
                    todo.push(root.0.clone());
                    out.roots.push(root);
                }
            }
        }
    }
    while let Some(ty) = todo.pop() {
        let ty = ty.unwrapped().into_owned();
        if out.types.contains_key(&ty) {
            continue;
        }
        let body = match ty.view() {
            View::Unknown => own(source, &ty, &mut out.warnings),
            _ => Body::View,
        };
        todo.extend(leads_to(&ty, &body));
        out.types.insert(ty, body);
    }
    out.roots.sort();
    out
}

/// The types that an annotation stands for, with their names.
fn roots(
    source: &Source,
    module: &[String],
    name: &str,
    traceable: &Traceable,
    warnings: &mut Vec<String>,
) -> Vec<(Type, String)> {
    if traceable.instances.is_empty() {
        let mut segments = vec![source.name.clone()];
        segments.extend_from_slice(module);
        segments.push(name.to_owned());
        let c_name = traceable.name.clone().unwrap_or_else(|| identifier(name));
        return vec![(Type::path(&segments, Vec::new()), c_name)];
    }
    let env = Env::new();
    let scope = Scope { module, env: &env };
    let mut out = Vec::new();
    for (spelling, c_name) in &traceable.instances {
        let text = spelling.to_token_stream().to_string();
        match source.resolve(spelling, scope) {
            Ok(ty) => {
                // As core-macros names it: by its spelling.
                let named = || Type::parse(&text).map(|ty| Names::new([], [&ty], "").name(&ty));
                if let Some(c_name) = c_name.clone().or_else(|| named().ok()) {
                    out.push((ty, c_name));
                }
            }
            Err(problem) => warnings.push(format!("`{text}` is not in the header: it {problem}")),
        }
    }
    out
}

/// What the source says of a type that has no canonical view.
fn own(source: &Source, ty: &Type, warnings: &mut Vec<String>) -> Body {
    let Type::Path(path) = ty else {
        return Body::Foreign;
    };
    let Some((module, definition)) = source.definition(path) else {
        return Body::Foreign;
    };
    let mut env = environment(generics(&definition.item), path.args().to_vec());
    env.insert("Self".to_owned(), Arg::Type(ty.clone()));
    let mut reader = Reader {
        source,
        definition,
        scope: Scope { module, env: &env },
        owner: path.name(),
        warnings,
    };
    match &definition.item {
        Item::Struct(item) => Body::Struct(reader.members(&item.fields)),
        Item::Union(item) => Body::Union(reader.members(&Fields::Named(item.fields.clone()))),
        Item::Enum(item) => {
            let names: Vec<String> = item.variants.iter().map(|it| plain(&it.ident)).collect();
            let names = variant_names(names.iter().map(String::as_str));
            let counts: Vec<usize> = item.variants.iter().map(|it| it.fields.len()).collect();
            let repr = repr(&item.attrs);
            if is_fieldless(&counts, repr.is_some()) {
                let values = reader.discriminants(&item.variants);
                return Body::Fieldless(names.into_iter().zip(values).collect(), repr);
            }
            let members = item.variants.iter().map(|it| reader.members(&it.fields));
            Body::Enum(names.into_iter().zip(members).collect())
        }
        _ => Body::Foreign,
    }
}

struct Reader<'r> {
    source: &'r Source,
    definition: &'r TypeDefinition,
    scope: Scope<'r>,
    owner: &'r str,
    warnings: &'r mut Vec<String>,
}

impl Reader<'_> {
    fn members(&mut self, fields: &Fields) -> Vec<Member> {
        let rust_names: Vec<String> = fields
            .iter()
            .enumerate()
            .map(|(i, field)| field.ident.as_ref().map_or_else(|| i.to_string(), plain))
            .collect();
        let names = member_names(rust_names.iter().map(String::as_str));
        fields
            .iter()
            .zip(names)
            .filter_map(|(field, name)| {
                let options = attribute::Field::parse(&field.attrs);
                let ty = match (options.skip, options.c) {
                    (true, _) => return None,
                    (false, Some(c)) => MemberType::C(c),
                    (false, None) => self.field(&field.ty, &name),
                };
                Some(Member { name, ty })
            })
            .collect()
    }

    /// The value of each variant, as far as it is known.
    fn discriminants<'v>(
        &self,
        variants: impl IntoIterator<Item = &'v syn::Variant>,
    ) -> Vec<Option<i128>> {
        let mut next = Some(0_i128);
        variants
            .into_iter()
            .map(|variant| {
                let value = match &variant.discriminant {
                    Some((_, value)) => self.source.value(value, self.scope),
                    None => next,
                };
                next = value.and_then(|value| value.checked_add(1));
                value
            })
            .collect()
    }

    fn field(&mut self, spelling: &syn::Type, name: &str) -> MemberType {
        let problem = match self.source.resolve(spelling, self.scope) {
            Ok(ty) if self.is_known(&ty) => return MemberType::Type(ty),
            Ok(_) => "is of another crate's type".to_owned(),
            Err(problem) => problem,
        };
        let TypeDefinition { file, line, .. } = self.definition;
        let text = spelling.to_token_stream();
        self.warnings.push(format!(
            "{}:{line}: field `{name}` of `{}` (`{text}`) has no members in traceable.bpf.h: it \
             {problem}. Say what it is in C with #[bpf(c = \"..\")], or leave it out with \
             #[bpf(skip)]",
            file.display(),
            self.owner,
        ));
        MemberType::Opaque
    }

    /// Whether members of a value of this type can be declared.
    fn is_known(&self, ty: &Type) -> bool {
        let ty = ty.unwrapped();
        match (ty.view(), ty.as_ref()) {
            (View::Unknown, Type::Path(path)) => self.source.definition(path).is_some(),
            (View::Unknown, _) => false,
            _ => true,
        }
    }
}

/// The integer that `#[repr(..)]` gives an enum; that of C is an `int`.
fn repr(attributes: &[syn::Attribute]) -> Option<Primitive> {
    let arguments = attributes.iter().filter(|it| it.path().is_ident("repr"));
    let names: Vec<String> = arguments
        .filter_map(|it| {
            it.parse_args_with(Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated)
                .ok()
        })
        .flatten()
        .filter_map(|argument| argument.path().get_ident().map(plain))
        .collect();
    let integer = names.iter().find_map(|name| Primitive::from_name(name));
    let c = names.iter().any(|name| name == "C");
    integer.or(c.then_some(Primitive::I32))
}

/// The types that a type's members and pointers are of.
fn leads_to(ty: &Type, body: &Body) -> Vec<Type> {
    let of_field = |ty: FieldType| match ty {
        FieldType::Value(ty) | FieldType::Pointer(Some(ty)) => Some(ty),
        FieldType::Pointer(None) => None,
    };
    let of_members = |members: &[Member]| -> Vec<Type> {
        members
            .iter()
            .filter_map(|member| match &member.ty {
                MemberType::Type(ty) => Some(ty.clone()),
                MemberType::C(_) | MemberType::Opaque => None,
            })
            .collect()
    };
    match body {
        Body::Struct(members) | Body::Union(members) => of_members(members),
        Body::Enum(variants) => variants.iter().flat_map(|(_, m)| of_members(m)).collect(),
        Body::Fieldless(..) | Body::Foreign => Vec::new(),
        Body::View => match ty.view() {
            View::Pointer(Some(to)) => vec![to],
            View::Array(element, _) => vec![element],
            View::Same(inner) => vec![inner],
            View::Struct(fields) => fields
                .into_iter()
                .filter_map(|it| of_field(it.ty))
                .collect(),
            View::Enum(variants) => variants
                .into_iter()
                .flat_map(|variant| variant.fields)
                .filter_map(|it| of_field(it.ty))
                .collect(),
            View::Primitive(_) | View::Pointer(None) | View::Fieldless(_) | View::Unknown => {
                Vec::new()
            }
        },
    }
}
