//! What to print, and the frame around it.

use std::collections::HashSet;

use super::definition::Printer;
use super::names;
use crate::error::Result;
use crate::model::{Kind, TypeId};
use crate::read::Btf;

/// Flavor of the enumerator that marks an enum, which can't carry a tag, as one of the
/// application's: see [`Header::tag`].
#[must_use]
pub fn enum_mark(tag: &str) -> String {
    format!("___{}", names::identifier(tag.as_bytes()))
}

/// A C header in the making: options, then [`Header::print`].
#[derive(Clone, Debug)]
pub struct Header<'b, 'a> {
    pub(super) btf: &'b Btf<'a>,
    pub(super) roots: Option<Vec<TypeId>>,
    pub(super) guard: Option<String>,
    pub(super) preserve_access_index: bool,
    pub(super) tag: Option<String>,
    pub(super) expand: HashSet<Vec<u8>>,
    pub(super) tags_taken: HashSet<&'b [u8]>,
    pub(super) idents_taken: HashSet<&'b [u8]>,
    pub(super) flavor: String,
    pub(super) functions: bool,
    pub(super) asserts: bool,
}

impl<'b, 'a> Header<'b, 'a> {
    /// Every struct, union, enum and typedef of `btf`, relocatable. Of a split blob these are its own
    /// and what they need of its base.
    #[must_use]
    pub fn new(btf: &'b Btf<'a>) -> Self {
        Self {
            btf,
            roots: None,
            guard: None,
            preserve_access_index: true,
            tag: None,
            // The compiler's own; its type differs from machine to machine.
            expand: HashSet::from([b"__builtin_va_list".to_vec()]),
            tags_taken: HashSet::new(),
            idents_taken: HashSet::new(),
            flavor: String::new(),
            functions: false,
            asserts: false,
        }
    }

    /// Only these types and what they refer to, pointers included.
    #[must_use]
    pub fn roots(mut self, roots: impl IntoIterator<Item = TypeId>) -> Self {
        self.roots.get_or_insert_with(Vec::new).extend(roots);
        self
    }

    /// Wraps the header in `#ifndef guard`.
    #[must_use]
    pub fn guard(mut self, guard: &str) -> Self {
        self.guard = Some(guard.to_owned());
        self
    }

    /// Whether accesses to the structs and unions are relocated (yes, unless said otherwise). The
    /// macro `BPF_NO_PRESERVE_ACCESS_INDEX` turns it off for whoever includes the header.
    #[must_use]
    pub fn preserve_access_index(mut self, yes: bool) -> Self {
        self.preserve_access_index = yes;
        self
    }

    /// Gives every named struct and union this `btf_decl_tag`. clang takes no such tag for enums:
    /// a named enum gets its first enumerator once more, with the flavor [`enum_mark`]`(tag)`, which
    /// CO-RE ignores.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tag = Some(tag.to_owned());
        self
    }

    /// Names of typedefs that come from elsewhere, perhaps with another meaning: they are not
    /// declared, and what is declared with them is printed with what they stand for.
    #[must_use]
    pub fn expand<S: AsRef<str>>(mut self, typedefs: impl IntoIterator<Item = S>) -> Self {
        self.expand
            .extend(typedefs.into_iter().map(|name| name.as_ref().into()));
        self
    }

    /// Keeps clear of the names of `other`, whose header is included before this one: typedefs of
    /// such a name are [expanded](Header::expand), and structs, unions, enums and enumerators
    /// become `name___flavor`.
    #[must_use]
    pub fn beside(mut self, other: &'b Btf<'_>, flavor: &str) -> Self {
        flavor.clone_into(&mut self.flavor);
        for ty in other.iter() {
            let name = ty.name_bytes();
            match ty.kind() {
                Kind::Typedef => {
                    self.idents_taken.insert(name);
                    self.expand.insert(name.to_vec());
                }
                Kind::Struct | Kind::Union | Kind::Fwd => {
                    self.tags_taken.insert(name);
                }
                Kind::Enum | Kind::Enum64 => {
                    self.tags_taken.insert(name);
                    self.idents_taken
                        .extend(ty.enumerators().map(|value| other.name_bytes(value.name)));
                }
                _ => {}
            }
        }
        self
    }

    /// Whether functions and variables are declared too (no, unless said otherwise).
    #[must_use]
    pub fn functions(mut self, yes: bool) -> Self {
        self.functions = yes;
        self
    }

    /// Whether each struct and union is followed by `_Static_assert`s of its size and its members'
    /// offsets, so that the compiler proves the layout.
    #[must_use]
    pub fn asserts(mut self, yes: bool) -> Self {
        self.asserts = yes;
        self
    }

    /// The header's text.
    ///
    /// # Errors
    /// References to types that are not there, and what the [module](super) lists.
    pub fn print(&self) -> Result<String> {
        let mut printer = Printer::new(self);
        match &self.roots {
            None => printer.emit_all()?,
            Some(roots) => printer.emit_roots(roots)?,
        }
        let mut out = printer.finish();

        let mut start = String::from("/* Made from BTF by core-btf. */\n");
        if let Some(guard) = &self.guard {
            start.extend(["#ifndef ", guard, "\n#define ", guard, "\n\n"]);
        }
        if self.preserve_access_index {
            start.push_str(
                "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n\
                 #pragma clang attribute push (__attribute__((preserve_access_index)), \
                 apply_to = record)\n\
                 #endif\n\n",
            );
        }
        out.insert_str(0, &start);
        if self.preserve_access_index {
            out.push_str(
                "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n\
                 #pragma clang attribute pop\n\
                 #endif\n",
            );
        }
        if self.guard.is_some() {
            out.push_str("\n#endif\n");
        }
        Ok(out)
    }
}
