//! From types as the source spells them to the types that BTF names.

use std::collections::BTreeMap;
use std::sync::Arc;

use core_btf::rust::{Arg, Path, Type};
use quote::ToTokens as _;
use syn::{Expr, ExprLit, GenericArgument, GenericParam, Generics, Lit, PathArguments, Stmt};

use super::source::{Definition, Source, TypeDefinition, plain};

/// Imports, aliases and constants that lead on to others are followed so many times.
const MAX_STEPS: usize = 64;

/// Generic parameters and what they stand for.
pub(crate) type Env = BTreeMap<String, Arg>;

/// Where a spelling stands: its module and the generic arguments in force.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'s> {
    pub(crate) module: &'s [String],
    pub(crate) env: &'s Env,
}

/// Why a spelling has no type, in words that continue "it ".
pub(crate) type Unresolved = String;

/// What a path leads to.
enum Target<'s> {
    /// A definition of the crate, in this module under this name.
    Own(Vec<String>, String, &'s Definition),
    /// A path of another crate or of the prelude.
    Foreign(Vec<String>),
}

impl Source {
    /// The type that a spelling stands for.
    pub(crate) fn resolve(&self, ty: &syn::Type, scope: Scope<'_>) -> Result<Type, Unresolved> {
        self.ty(ty, scope, MAX_STEPS)
    }

    /// The value of an integer constant, if it can be told without compiling.
    pub(crate) fn value(&self, value: &Expr, scope: Scope<'_>) -> Option<i128> {
        self.constant(value, scope, MAX_STEPS).ok()?.parse().ok()
    }

    /// The definition of one of the crate's own types, with the module it stands in.
    pub(crate) fn definition(&self, path: &Path) -> Option<(&[String], &TypeDefinition)> {
        let segments: Vec<String> = path.segments().map(str::to_owned).collect();
        let (name, rest) = segments.split_last()?;
        let (first, module) = rest.split_first()?;
        let (path, module) = self
            .modules
            .get_key_value(module)
            .filter(|_| *first == self.name)?;
        match module.definitions.get(name)? {
            Definition::Type(definition) => Some((path.as_slice(), definition)),
            _ => None,
        }
    }

    fn ty(&self, ty: &syn::Type, scope: Scope<'_>, steps: usize) -> Result<Type, Unresolved> {
        let steps = steps.checked_sub(1).ok_or("leads in a circle")?;
        let inner = |ty: &syn::Type| self.ty(ty, scope, steps).map(Arc::new);
        Ok(match ty {
            syn::Type::Path(path) if path.qself.is_none() => self.path(&path.path, scope, steps)?,
            syn::Type::Reference(it) => Type::Ref(inner(&it.elem)?),
            syn::Type::Ptr(it) => Type::RawPtr(inner(&it.elem)?),
            syn::Type::Slice(it) => Type::Slice(inner(&it.elem)?),
            syn::Type::Array(it) => {
                let len = self.constant(&it.len, scope, steps)?;
                let len = len.parse().map_err(|_| format!("has the length `{len}`"))?;
                Type::Array(inner(&it.elem)?, len)
            }
            syn::Type::Tuple(it) => Type::Tuple(
                it.elems
                    .iter()
                    .map(|ty| self.ty(ty, scope, steps))
                    .collect::<Result<_, _>>()?,
            ),
            syn::Type::Never(_) => Type::Never,
            syn::Type::FnPtr(_) => Type::Fn,
            syn::Type::Paren(it) => self.ty(&it.elem, scope, steps)?,
            syn::Type::Group(it) => self.ty(&it.elem, scope, steps)?,
            syn::Type::TraitObject(it) => {
                let principal = it.bounds.iter().find_map(|bound| match bound {
                    syn::TypeParamBound::Trait(bound) => bound.path.segments.last(),
                    _ => None,
                });
                Type::Dyn(principal.map_or_else(String::new, |last| plain(&last.ident)))
            }
            _ => return Err("is spelled in a way that only the compiler can resolve".into()),
        })
    }

    fn path(&self, path: &syn::Path, scope: Scope<'_>, steps: usize) -> Result<Type, Unresolved> {
        let segments: Vec<String> = path.segments.iter().map(|s| plain(&s.ident)).collect();
        if let [name] = segments.as_slice()
            && let Some(arg) = scope.env.get(name)
        {
            return match arg {
                Arg::Type(ty) => Ok(ty.clone()),
                Arg::Const(_) => Err("is a constant, not a type".into()),
            };
        }
        let args = match path.segments.last().map(|last| &last.arguments) {
            Some(PathArguments::AngleBracketed(args)) => args
                .args
                .iter()
                .filter_map(|arg| self.argument(arg, scope, steps))
                .collect::<Result<Vec<Arg>, _>>()?,
            Some(PathArguments::Parenthesized(_)) => {
                return Err("is a function trait".into());
            }
            Some(PathArguments::None) | None => Vec::new(),
        };
        let module = if path.leading_colon.is_some() {
            None
        } else {
            Some(scope.module)
        };
        match self.find(module, &segments, steps)? {
            Target::Foreign(segments) => Ok(Type::path(&segments, args)),
            Target::Own(module, name, Definition::Type(definition)) => {
                let generics = generics(&definition.item);
                let args = self.with_defaults(generics, args, &module, steps)?;
                let mut segments = vec![self.name.clone()];
                segments.extend(module);
                segments.push(name);
                Ok(Type::path(&segments, args))
            }
            Target::Own(module, _, Definition::Alias(alias)) => {
                let (generics, ty) = alias.as_ref();
                let args = self.with_defaults(Some(generics), args, &module, steps)?;
                let env = environment(Some(generics), args);
                let scope = Scope {
                    module: &module,
                    env: &env,
                };
                self.ty(ty, scope, steps)
            }
            Target::Own(_, _, Definition::Const(_)) => Err("is a constant, not a type".into()),
        }
    }

    fn argument(
        &self,
        arg: &GenericArgument,
        scope: Scope<'_>,
        steps: usize,
    ) -> Option<Result<Arg, Unresolved>> {
        match arg {
            GenericArgument::Type(syn::Type::Path(path)) => {
                // A constant and a type look alike here.
                let name = path.path.get_ident().map(plain);
                if let Some(arg @ Arg::Const(_)) = name.and_then(|name| scope.env.get(&name)) {
                    return Some(Ok(arg.clone()));
                }
                let as_type = self.path(&path.path, scope, steps).map(Arg::Type);
                Some(as_type.or_else(|problem| {
                    let path = Expr::Path(syn::ExprPath {
                        attrs: Vec::new(),
                        qself: None,
                        path: path.path.clone(),
                    });
                    let value = self.constant(&path, scope, steps);
                    value.map(Arg::Const).map_err(|_| problem)
                }))
            }
            GenericArgument::Type(ty) => Some(self.ty(ty, scope, steps).map(Arg::Type)),
            GenericArgument::Const(value) => {
                Some(self.constant(value, scope, steps).map(Arg::Const))
            }
            // Lifetimes are no part of a name; bounds do not occur in a field's type.
            _ => None,
        }
    }

    /// Arguments that are left out are the parameters' defaults.
    fn with_defaults(
        &self,
        generics: Option<&Generics>,
        mut args: Vec<Arg>,
        module: &[String],
        steps: usize,
    ) -> Result<Vec<Arg>, Unresolved> {
        let parameters = generics.into_iter().flat_map(|generics| {
            let parameters = generics.params.iter();
            parameters.filter(|parameter| !matches!(parameter, GenericParam::Lifetime(_)))
        });
        for parameter in parameters.skip(args.len()) {
            let env = environment(generics, args.clone());
            let scope = Scope { module, env: &env };
            args.push(match parameter {
                GenericParam::Type(it) => {
                    let (_, default) = it.default.as_ref().ok_or("lacks generic arguments")?;
                    Arg::Type(self.ty(default, scope, steps)?)
                }
                GenericParam::Const(it) => {
                    let (_, default) = it.default.as_ref().ok_or("lacks generic arguments")?;
                    Arg::Const(self.constant(default, scope, steps)?)
                }
                GenericParam::Lifetime(_) => continue,
            });
        }
        Ok(args)
    }

    /// The value of a constant expression, as rustc prints it in the name of a type.
    fn constant(&self, value: &Expr, scope: Scope<'_>, steps: usize) -> Result<String, Unresolved> {
        let steps = steps.checked_sub(1).ok_or("leads in a circle")?;
        let unknown = || {
            let text = value.to_token_stream();
            format!("depends on `{text}`, which only the compiler can compute")
        };
        match value {
            Expr::Lit(ExprLit { lit, .. }) => match lit {
                Lit::Int(number) => Ok(number.base10_digits().to_owned()),
                Lit::Bool(value) => Ok(value.value.to_string()),
                Lit::Byte(value) => Ok(value.value().to_string()),
                _ => Err(unknown()),
            },
            Expr::Paren(it) => self.constant(&it.expr, scope, steps),
            Expr::Group(it) => self.constant(&it.expr, scope, steps),
            Expr::Block(it) => match it.block.stmts.as_slice() {
                [Stmt::Expr(value, None)] => self.constant(value, scope, steps),
                _ => Err(unknown()),
            },
            Expr::Unary(syn::ExprUnary {
                op: syn::UnOp::Neg(_),
                expr,
                ..
            }) => Ok(format!("-{}", self.constant(expr, scope, steps)?)),
            Expr::Binary(it) => {
                let side = |value| -> Result<i128, Unresolved> {
                    let value = self.constant(value, scope, steps)?;
                    value.parse().map_err(|_| unknown())
                };
                let (left, right) = (side(&it.left)?, side(&it.right)?);
                let result = match it.op {
                    syn::BinOp::Add(_) => left.checked_add(right),
                    syn::BinOp::Sub(_) => left.checked_sub(right),
                    syn::BinOp::Mul(_) => left.checked_mul(right),
                    syn::BinOp::Div(_) => left.checked_div(right),
                    syn::BinOp::Shl(_) => {
                        u32::try_from(right).ok().and_then(|n| left.checked_shl(n))
                    }
                    _ => None,
                };
                result.map(|value| value.to_string()).ok_or_else(unknown)
            }
            Expr::Path(path) => {
                let segments: Vec<String> =
                    path.path.segments.iter().map(|s| plain(&s.ident)).collect();
                if let [name] = segments.as_slice()
                    && let Some(Arg::Const(value)) = scope.env.get(name)
                {
                    return Ok(value.clone());
                }
                match self.find(Some(scope.module), &segments, steps)? {
                    Target::Own(module, _, Definition::Const(value)) => {
                        let scope = Scope {
                            module: &module,
                            env: &Env::new(),
                        };
                        self.constant(value, scope, steps)
                    }
                    _ => Err(unknown()),
                }
            }
            _ => Err(unknown()),
        }
    }

    /// Follows a path from a module; without one, the path starts with a crate.
    fn find(
        &self,
        module: Option<&[String]>,
        path: &[String],
        steps: usize,
    ) -> Result<Target<'_>, Unresolved> {
        let steps = steps.checked_sub(1).ok_or("leads in a circle")?;
        let Some((first, rest)) = path.split_first() else {
            return Err("has no name".into());
        };
        let Some(module) = module else {
            return if *first == self.name {
                self.find(Some(&[]), rest, steps)
            } else {
                Ok(Target::Foreign(path.to_vec()))
            };
        };
        match first.as_str() {
            "crate" => return self.find(Some(&[]), rest, steps),
            "self" => return self.find(Some(module), rest, steps),
            "super" => {
                let mut parent = module;
                // A function's body is no module of its own.
                while self.modules.get(parent).is_some_and(|m| m.is_function) {
                    parent = parent.split_last().map_or(parent, |(_, rest)| rest);
                }
                let parent = parent.split_last().map_or(parent, |(_, rest)| rest);
                return self.find(Some(parent), rest, steps);
            }
            _ => {}
        }
        if let Some(found) = self.find_in(module, first, rest, steps) {
            return found;
        }
        Ok(Target::Foreign(path.to_vec()))
    }

    /// Looks a name up in a module: its definitions, its modules, its imports.
    fn find_in(
        &self,
        path: &[String],
        name: &String,
        rest: &[String],
        steps: usize,
    ) -> Option<Result<Target<'_>, Unresolved>> {
        let module = self.modules.get(path)?;
        if rest.is_empty()
            && let Some(definition) = module.definitions.get(name)
        {
            return Some(Ok(Target::Own(path.to_vec(), name.clone(), definition)));
        }
        let mut child = path.to_vec();
        child.push(name.clone());
        if self.modules.contains_key(&child) && !rest.is_empty() {
            return Some(self.find(Some(&child), rest, steps));
        }
        if let Some(import) = module.uses.get(name) {
            let import: Vec<String> = import.iter().chain(rest).cloned().collect();
            // `use serde::serde` must not be looked up by way of itself.
            return Some(if import.first() == Some(name) {
                Ok(Target::Foreign(import))
            } else {
                self.find(Some(path), &import, steps)
            });
        }
        for glob in &module.globs {
            let through: Vec<String> = glob
                .iter()
                .chain(std::iter::once(name))
                .chain(rest)
                .cloned()
                .collect();
            let steps = steps.checked_sub(1)?;
            if let Ok(found @ Target::Own(..)) = self.find(Some(path), &through, steps) {
                return Some(Ok(found));
            }
        }
        if module.is_function {
            let (_, parent) = path.split_last()?;
            return self.find_in(parent, name, rest, steps);
        }
        None
    }
}

/// The generic parameters of a struct, enum or union.
pub(crate) fn generics(item: &syn::Item) -> Option<&Generics> {
    match item {
        syn::Item::Struct(it) => Some(&it.generics),
        syn::Item::Enum(it) => Some(&it.generics),
        syn::Item::Union(it) => Some(&it.generics),
        _ => None,
    }
}

/// Parameters and arguments side by side; lifetimes take no part.
pub(crate) fn environment(generics: Option<&Generics>, args: Vec<Arg>) -> Env {
    generics
        .into_iter()
        .flat_map(|generics| &generics.params)
        .filter_map(|parameter| match parameter {
            GenericParam::Type(it) => Some(plain(&it.ident)),
            GenericParam::Const(it) => Some(plain(&it.ident)),
            GenericParam::Lifetime(_) => None,
        })
        .zip(args)
        .collect()
}
