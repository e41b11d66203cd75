//! C identifiers for the names of a BTF, each used once per name space.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;

use super::Header;
use crate::keywords;
use crate::model::{Kind, TypeId};
use crate::read::{Btf, TypeRef};

/// The name as a C identifier: runs of other bytes become one `_`, keywords get a `_` at the end.
pub(super) fn identifier(name: &[u8]) -> Cow<'_, str> {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let is_clean = name.iter().all(is_word) && !name.first().is_some_and(u8::is_ascii_digit);
    if let (true, Ok(name)) = (is_clean, std::str::from_utf8(name)) {
        return if keywords::is_keyword(name) {
            Cow::Owned(format!("{name}_"))
        } else {
            Cow::Borrowed(name)
        };
    }
    let mut out = String::with_capacity(name.len() + 1);
    if name.first().is_some_and(u8::is_ascii_digit) {
        out.push('_');
    }
    for run in name.chunk_by(|a, b| is_word(a) == is_word(b)) {
        if run.iter().all(is_word) {
            out.extend(run.iter().copied().map(char::from));
        } else {
            out.push('_');
        }
    }
    Cow::Owned(out)
}

/// Length of a table with an entry for every id, those of a split blob's base included.
pub(super) fn id_count(btf: &Btf<'_>) -> usize {
    btf.ids().next_back().map_or(0, TypeId::index) + 1
}

/// The how-manieth use of a name this is; flavors tell them apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Version {
    /// 0 for a type that has no name yet, 1 for the first.
    count: u32,
    /// Whether another header has the plain name.
    beside: bool,
}

/// What a struct, union or enum tag stands for.
#[derive(Clone, Copy, Debug)]
struct Tag {
    keyword: &'static str,
    /// Whether the first version has a definition, not only forward declarations.
    defined: bool,
    last: Version,
}

/// The names given so far.
#[derive(Debug)]
pub(super) struct Names<'h, 'b, 'a> {
    header: &'h Header<'b, 'a>,
    /// By type id.
    given: Vec<Version>,
    tags: HashMap<&'a [u8], Tag>,
    idents: HashMap<&'a [u8], Version>,
}

impl<'h, 'b, 'a> Names<'h, 'b, 'a> {
    pub(super) fn new(header: &'h Header<'b, 'a>) -> Self {
        Self {
            header,
            given: vec![Version::default(); id_count(header.btf)],
            tags: HashMap::new(),
            idents: HashMap::new(),
        }
    }

    /// `struct name` of a struct, union, enum or forward declaration.
    pub(super) fn push_tag(&mut self, ty: &TypeRef<'a>, out: &mut String) {
        let keyword = match ty.kind() {
            Kind::Enum | Kind::Enum64 => "enum",
            Kind::Union => "union",
            Kind::Fwd if ty.kind_flag() => "union",
            _ => "struct",
        };
        let name = ty.name_bytes();
        let version = match self.given(ty.id()) {
            Version { count: 0, .. } => {
                let version = self.claim_tag(name, keyword, ty.kind() != Kind::Fwd);
                self.give(ty.id(), version);
                version
            }
            given => given,
        };
        out.push_str(keyword);
        out.push(' ');
        self.push(name, version, out);
    }

    /// The name of a typedef or function.
    pub(super) fn push_ident(&mut self, ty: &TypeRef<'a>, out: &mut String) {
        let version = match self.given(ty.id()) {
            Version { count: 0, .. } => {
                let version = self.claim_ident(ty.name_bytes());
                self.give(ty.id(), version);
                version
            }
            given => given,
        };
        self.push(ty.name_bytes(), version, out);
    }

    /// The name of an enumerator, which is new each time.
    pub(super) fn push_enumerator(&mut self, name: &'a [u8], out: &mut String) {
        let version = self.claim_ident(name);
        self.push(name, version, out);
    }

    fn given(&self, id: TypeId) -> Version {
        self.given.get(id.index()).copied().unwrap_or_default()
    }

    fn give(&mut self, id: TypeId, version: Version) {
        if let Some(given) = self.given.get_mut(id.index()) {
            *given = version;
        }
    }

    fn claim_tag(&mut self, name: &'a [u8], keyword: &'static str, defines: bool) -> Version {
        match self.tags.entry(name) {
            Entry::Vacant(entry) => {
                let last = Version {
                    count: 1,
                    beside: self.header.tags_taken.contains(name),
                };
                entry.insert(Tag {
                    keyword,
                    defined: defines,
                    last,
                });
                last
            }
            Entry::Occupied(mut entry) => {
                let tag = entry.get_mut();
                if tag.keyword == keyword && !(defines && tag.defined) {
                    tag.defined |= defines;
                    return Version {
                        count: 1,
                        ..tag.last
                    };
                }
                tag.last.count += 1;
                tag.last
            }
        }
    }

    fn claim_ident(&mut self, name: &'a [u8]) -> Version {
        let beside = self.header.idents_taken.contains(name);
        let version = self
            .idents
            .entry(name)
            .or_insert(Version { count: 0, beside });
        version.count += 1;
        *version
    }

    fn push(&self, name: &[u8], version: Version, out: &mut String) {
        out.push_str(&identifier(name));
        if version.beside {
            out.push_str("___");
            out.push_str(&self.header.flavor);
        }
        if version.count > 1 {
            let sep = if version.beside { "_" } else { "___" };
            // Writing to a string does not fail.
            let _ = write!(out, "{sep}{}", version.count);
        }
    }
}
