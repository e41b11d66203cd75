//! The crate's own source: the modules, types, aliases, constants and imports that rustc will see.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Expr, ExprLit, Generics, Item, ItemMacro, ItemMod, Lit, Meta, Stmt, Type, UseTree,
};

use super::cfg::Cfg;
use crate::error::{Error, Result};

/// Name of the attribute that marks a type.
const ATTRIBUTE: &str = "bpf_traceable";

/// The source of a crate.
pub(crate) struct Source {
    /// Name of the crate, as paths have it.
    pub(crate) name: String,
    /// Modules by their path below the crate; the crate itself is the empty path.
    pub(crate) modules: BTreeMap<Vec<String>, Module>,
    /// Every file that was read.
    pub(crate) files: Vec<PathBuf>,
    /// What was not understood, for the user to read.
    pub(crate) warnings: Vec<String>,
}

/// What a module, or the body of a function, says about types.
#[derive(Default)]
pub(crate) struct Module {
    /// Definitions by name.
    pub(crate) definitions: BTreeMap<String, Definition>,
    /// Paths that `use` brings in, by the name it gives them.
    pub(crate) uses: BTreeMap<String, Vec<String>>,
    /// Paths of `use path::*`.
    pub(crate) globs: Vec<Vec<String>>,
    /// A function's body also sees what its module sees.
    pub(crate) is_function: bool,
}

/// What a name stands for.
#[derive(Clone)]
pub(crate) enum Definition {
    /// A struct, enum or union.
    Type(Box<TypeDefinition>),
    /// `type Name<..> = ..;`
    Alias(Box<(Generics, Type)>),
    /// `const NAME: .. = ..;`
    Const(Box<Expr>),
}

/// A struct, enum or union.
#[derive(Clone)]
pub(crate) struct TypeDefinition {
    /// As rustc will see it: see [`Cfg::configure`].
    pub(crate) item: Item,
    /// Every `#[bpf_traceable]` of the type, with its arguments.
    pub(crate) attributes: Vec<Meta>,
    /// File and line, for messages.
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
}

impl Source {
    /// Reads the crate called `name` whose root file is `root`, following `mod` declarations.
    pub(crate) fn read(name: &str, root: &Path, cfg: &Cfg) -> Result<Self> {
        let mut reader = Reader {
            cfg,
            source: Self {
                name: name.to_owned(),
                modules: BTreeMap::new(),
                files: Vec::new(),
                warnings: Vec::new(),
            },
        };
        // The root's modules lie beside it, as those of a `mod.rs` do.
        reader.file(root, &directory(root), &[])?;
        Ok(reader.source)
    }
}

struct Reader<'c> {
    cfg: &'c Cfg,
    source: Source,
}

/// Where items stand.
#[derive(Clone, Copy)]
struct Place<'p> {
    /// The file.
    file: &'p Path,
    /// The folder of the module's own modules.
    folder: &'p Path,
    /// The module.
    module: &'p [String],
}

impl Reader<'_> {
    fn file(&mut self, file: &Path, folder: &Path, module: &[String]) -> Result<()> {
        let text = fs::read_to_string(file).map_err(|source| Error::Io {
            action: "read",
            path: file.into(),
            source,
        })?;
        self.source.files.push(file.into());
        self.module(module);
        let place = Place {
            file,
            folder,
            module,
        };
        // What does not parse is rustc's to report, in the right words and at the right place.
        let Ok(mut parsed) = syn::parse_file(&text) else {
            return Ok(());
        };
        if self.cfg.holds_for(&mut parsed.attrs) {
            self.items(parsed.items, place)?;
        }
        Ok(())
    }

    fn module(&mut self, path: &[String]) -> &mut Module {
        self.source.modules.entry(path.to_vec()).or_default()
    }

    fn define(&mut self, place: Place<'_>, name: &syn::Ident, definition: Definition) {
        let definitions = &mut self.module(place.module).definitions;
        definitions.insert(plain(name), definition);
    }

    fn items(&mut self, items: Vec<Item>, place: Place<'_>) -> Result<()> {
        for mut item in items {
            if !self.cfg.configure(&mut item) {
                continue;
            }
            match item {
                Item::Mod(module) => self.nested(module, place)?,
                Item::Struct(_) | Item::Enum(_) | Item::Union(_) => self.ty(item, place),
                Item::Type(alias) => {
                    let alias_of = Definition::Alias(Box::new((alias.generics, *alias.ty)));
                    self.define(place, &alias.ident, alias_of);
                }
                Item::Const(it) => self.define(place, &it.ident, Definition::Const(it.expr)),
                Item::Use(it) => self.uses(&it.tree, &mut Vec::new(), place),
                Item::Fn(it) => self.function(&it.sig.ident, *it.block, place)?,
                Item::Macro(it) => self.in_macro(it, place)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Items in a macro's braces are taken as they stand there. What the macro makes of them is
    /// rustc's business; where it is something else, relocations do not find it.
    fn in_macro(&mut self, item: ItemMacro, place: Place<'_>) -> Result<()> {
        let invocation = &item.mac;
        if !mentions(invocation.tokens.clone(), ATTRIBUTE) {
            return Ok(());
        }
        if item.ident.is_none()
            && let Ok(items) = invocation.parse_body::<syn::File>()
        {
            return self.items(items.items, place);
        }
        let last = invocation.path.segments.last();
        let line = last.map_or(0, |segment| segment.ident.span().start().line);
        let name = item
            .ident
            .or_else(|| last.map(|segment| segment.ident.clone()));
        self.source.warnings.push(format!(
            "{}:{line}: types that the macro `{}` marks with #[{ATTRIBUTE}] are not in \
             traceable.bpf.h, as macros are not expanded for it. Write them without the macro, or \
             declare what is read of them in the BPF program, as the documentation of \
             #[{ATTRIBUTE}] shows",
            place.file.display(),
            name.map_or_else(String::new, |name| plain(&name)),
        ));
        Ok(())
    }

    /// The types that are declared inside a function.
    fn function(&mut self, name: &syn::Ident, block: syn::Block, place: Place<'_>) -> Result<()> {
        let items: Vec<Item> = block
            .stmts
            .into_iter()
            .filter_map(|statement| match statement {
                Stmt::Item(item) => Some(item),
                _ => None,
            })
            .collect();
        if items.is_empty() {
            return Ok(());
        }
        let module = child(place.module, &plain(name));
        self.module(&module).is_function = true;
        self.items(
            items,
            Place {
                module: &module,
                ..place
            },
        )
    }

    fn nested(&mut self, module: ItemMod, place: Place<'_>) -> Result<()> {
        let name = plain(&module.ident);
        let path = child(place.module, &name);
        let explicit = module.attrs.iter().find_map(path_attribute);
        if let Some((_, items)) = module.content {
            let folder = place.folder.join(explicit.unwrap_or_else(|| name.into()));
            self.module(&path);
            let inner = Place {
                folder: &folder,
                module: &path,
                ..place
            };
            return self.items(items, inner);
        }
        if let Some(explicit) = explicit {
            // Relative to the file's own folder; that file is then like a `mod.rs`.
            let file = directory(place.file).join(explicit);
            return self.file(&file, &directory(&file), &path);
        }
        let folder = place.folder.join(&name);
        let beside = place.folder.join(format!("{name}.rs"));
        let within = folder.join("mod.rs");
        if beside.is_file() {
            self.file(&beside, &folder, &path)
        } else if within.is_file() {
            self.file(&within, &folder, &path)
        } else {
            // A missing file is rustc's to report.
            Ok(())
        }
    }

    fn ty(&mut self, item: Item, place: Place<'_>) {
        let (name, attrs) = match &item {
            Item::Struct(it) => (it.ident.clone(), &it.attrs),
            Item::Enum(it) => (it.ident.clone(), &it.attrs),
            Item::Union(it) => (it.ident.clone(), &it.attrs),
            _ => return,
        };
        let attributes = attrs
            .iter()
            .filter(|attr| {
                let last = attr.path().segments.last();
                last.is_some_and(|segment| segment.ident == ATTRIBUTE)
            })
            .map(|attr| attr.meta.clone())
            .collect();
        let definition = TypeDefinition {
            attributes,
            item,
            file: place.file.into(),
            line: name.span().start().line,
        };
        self.define(place, &name, Definition::Type(Box::new(definition)));
    }

    fn uses(&mut self, tree: &UseTree, path: &mut Vec<String>, place: Place<'_>) {
        match tree {
            UseTree::Path(segment) => {
                path.push(plain(&segment.ident));
                self.uses(&segment.tree, path, place);
                path.pop();
            }
            UseTree::Name(name) => {
                self.import(&plain(&name.ident), &plain(&name.ident), path, place);
            }
            UseTree::Rename(it) => self.import(&plain(&it.ident), &plain(&it.rename), path, place),
            UseTree::Glob(_) => {
                let path = path.clone();
                self.module(place.module).globs.push(path);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.uses(tree, path, place);
                }
            }
        }
    }

    fn import(&mut self, name: &str, alias: &str, path: &[String], place: Place<'_>) {
        // `use a::b::{self}` is `use a::b`.
        let (path, alias) = match (name, path.last()) {
            ("self", Some(last)) => {
                let alias = if alias == "self" { last } else { alias };
                (path.to_vec(), alias.to_owned())
            }
            _ => (child(path, name), alias.to_owned()),
        };
        self.module(place.module).uses.insert(alias, path);
    }
}

/// Whether a name stands somewhere in tokens.
fn mentions(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// An identifier without `r#`.
pub(crate) fn plain(ident: &syn::Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map_or(text.clone(), str::to_owned)
}

fn child(path: &[String], name: &str) -> Vec<String> {
    let mut path = path.to_vec();
    path.push(name.to_owned());
    path
}

fn directory(file: &Path) -> PathBuf {
    file.parent().map(Path::to_path_buf).unwrap_or_default()
}

fn path_attribute(attr: &Attribute) -> Option<PathBuf> {
    let pair = attr.meta.require_name_value().ok()?;
    match &pair.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) if pair.path.is_ident("path") => Some(text.value().into()),
        _ => None,
    }
}
