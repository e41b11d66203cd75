//! Names that C cannot spell: those of C++, and of other languages with scopes.
//!
//! A type in a namespace or class has its whole path as its name in BTF, made an identifier:
//! `net::Pool<int*, 4>` is `net_Pool_int_ptr_4`. The same spelling gives the same identifier,
//! whatever else there is. Names of C are left as they are.
//!
//! | in the path | in the identifier |
//! | --- | --- |
//! | `::`, `<`, `,`, spaces and the like | `_`, never two |
//! | `*`, `&`, `&&`, `[`, `~`, `-` | `ptr`, `ref`, `rref`, `arr`, `not`, `neg` |
//! | an unnamed namespace | `anonymous_namespace` |
//! | underscores at the start of a part (`__cxx11`) | left out |
//! | other characters than C's | their number, `u00f6` |
//! | `a___b`, which CO-RE would take for a flavor | `a_3_b` |
//! | what gcc and clang write differently (`long unsigned int`, `4UL`) | what is shorter (`unsigned long`, `4`) |
//! | more than 127 bytes | cut, with a hash of the whole at the end |
//!
//! Enumerators are named like types beside their enum, those of an `enum class` like types inside
//! of it: C has one name space for all.

use std::collections::HashMap;

use gimli::{DwTag, constants as dw};

use super::entries::{Attrs, Slot, is_plain};
use super::units::Key;
use crate::rust::{MAX_NAME, fit};

/// How a type is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spelling {
    /// In its own language.
    pub(super) original: String,
    /// In BTF.
    pub(super) identifier: String,
}

/// A namespace or type whose entries are being read.
#[derive(Debug)]
struct Scope<'a> {
    /// How many entries are around it.
    depth: usize,
    kind: ScopeKind,
    is_namespace: bool,
    name: ScopeName<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScopeKind {
    Enum,
    EnumClass,
    Other,
}

#[derive(Debug)]
enum ScopeName<'a> {
    /// Its name, inside the scopes around it.
    Own(&'a [u8]),
    /// The whole path, for a type that is defined outside of the scope that declares it.
    Path(String),
    /// No part of any path: an unnamed struct, union or enum.
    None,
}

impl ScopeName<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Own(name) => name.len(),
            Self::Path(path) => path.len(),
            Self::None => 0,
        }
    }
}

/// The scopes that are open while the entries of a unit are read.
#[derive(Debug, Default)]
pub(super) struct Scopes<'a> {
    /// The unit's language has none: there, an entry inside of another says nothing of its name.
    pub(super) flat: bool,
    open: Vec<Scope<'a>>,
    /// Bytes in their names.
    path_bytes: usize,
    /// Types declared inside a scope, whose definitions only refer to them.
    declared: HashMap<Key, Spelling>,
}

impl<'a> Scopes<'a> {
    /// How an entry is to be called, if not by its plain name.
    pub(super) fn spell(&mut self, tag: DwTag, key: Key, attrs: &Attrs<'_>) -> Option<Spelling> {
        match tag {
            _ if is_scope(tag) && tag != dw::DW_TAG_namespace => {
                if let Some(declared) = self.declaration(attrs) {
                    return Some(declared.clone());
                }
                let spelling = self.qualified(attrs)?;
                if attrs.has(Slot::Declaration) {
                    self.declared.insert(key, spelling.clone());
                }
                Some(spelling)
            }
            dw::DW_TAG_typedef | dw::DW_TAG_template_alias => self.qualified(attrs),
            dw::DW_TAG_enumerator => self.enumerator(attrs),
            // It is called by that.
            dw::DW_TAG_subprogram if attrs.has(Slot::LinkageName) => None,
            // `_vptr.Base`.
            dw::DW_TAG_member | dw::DW_TAG_subprogram => plain(attrs),
            _ => None,
        }
    }

    /// Notes that the entries inside of this one are being read.
    pub(super) fn enter(&mut self, depth: usize, tag: DwTag, attrs: &Attrs<'a>) {
        if self.flat {
            return;
        }
        let name = match (self.declaration(attrs), attrs.name) {
            (Some(declared), _) => ScopeName::Path(declared.original.clone()),
            (None, Some(name)) => ScopeName::Own(name.text.bytes()),
            (None, None) if tag == dw::DW_TAG_namespace => ScopeName::Own(b"(anonymous namespace)"),
            (None, None) => ScopeName::None,
        };
        let kind = match tag {
            dw::DW_TAG_enumeration_type if attrs.has(Slot::EnumClass) => ScopeKind::EnumClass,
            dw::DW_TAG_enumeration_type => ScopeKind::Enum,
            _ => ScopeKind::Other,
        };
        self.path_bytes += name.len();
        self.open.push(Scope {
            depth,
            kind,
            is_namespace: tag == dw::DW_TAG_namespace,
            name,
        });
    }

    /// Notes that all entries inside of the one at `depth` have been read.
    pub(super) fn leave(&mut self, depth: usize) {
        if let Some(scope) = self.open.pop_if(|scope| scope.depth >= depth) {
            self.path_bytes -= scope.name.len();
        }
    }

    /// Bytes in the names of the open scopes.
    pub(super) fn path_bytes(&self) -> usize {
        self.path_bytes
    }

    /// Whether the innermost scope is a type, and not a namespace.
    pub(super) fn in_type(&self) -> bool {
        let innermost = self.open.last();
        innermost.is_some_and(|scope| !scope.is_namespace)
    }

    /// How the declaration inside of a scope, which an entry defines outside of it, is called.
    fn declaration(&self, attrs: &Attrs<'_>) -> Option<&Spelling> {
        self.declared.get(&attrs.key(Slot::Origin)?)
    }

    fn qualified(&self, attrs: &Attrs<'_>) -> Option<Spelling> {
        attrs.name?;
        if self.open.is_empty() {
            return plain(attrs);
        }
        Some(spelling(path(&self.open, attrs.name_bytes())))
    }

    fn enumerator(&self, attrs: &Attrs<'_>) -> Option<Spelling> {
        attrs.name?;
        let around = match self.open.split_last() {
            Some((scope, around)) if scope.kind == ScopeKind::Enum => {
                if let ScopeName::Path(own) = &scope.name {
                    let (around, _) = own.rsplit_once("::")?;
                    let name = String::from_utf8_lossy(attrs.name_bytes());
                    return Some(spelling(format!("{around}::{name}")));
                }
                around
            }
            _ => self.open.as_slice(),
        };
        if around.is_empty() {
            return plain(attrs);
        }
        Some(spelling(path(around, attrs.name_bytes())))
    }
}

/// Whether types inside of an entry with this tag have it in their path.
pub(super) fn is_scope(tag: DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_namespace
            | dw::DW_TAG_structure_type
            | dw::DW_TAG_class_type
            | dw::DW_TAG_interface_type
            | dw::DW_TAG_union_type
            | dw::DW_TAG_enumeration_type
    )
}

/// The path of a name inside of scopes.
fn path(scopes: &[Scope<'_>], name: &[u8]) -> String {
    let start = scopes
        .iter()
        .rposition(|it| matches!(it.name, ScopeName::Path(_)));
    let mut out = String::new();
    for scope in scopes.get(start.unwrap_or(0)..).unwrap_or_default() {
        match &scope.name {
            ScopeName::Own(name) => out.push_str(&String::from_utf8_lossy(name)),
            ScopeName::Path(path) => out.push_str(path),
            ScopeName::None => continue,
        }
        out.push_str("::");
    }
    out.push_str(&String::from_utf8_lossy(name));
    out
}

fn plain(attrs: &Attrs<'_>) -> Option<Spelling> {
    let text = || String::from_utf8_lossy(attrs.name_bytes()).into_owned();
    (!attrs.is_plain()).then(|| spelling(text()))
}

/// What a function is called that has a symbol: by that, however long, or if C cannot spell it by its
/// name.
pub(super) fn function_name(symbol: &[u8], name: &str) -> String {
    if is_plain(symbol) && !symbol.is_empty() {
        return String::from_utf8_lossy(symbol).into_owned();
    }
    if is_plain(name.as_bytes()) {
        return name.to_owned();
    }
    spelling(name.to_owned()).identifier
}

fn spelling(original: String) -> Spelling {
    // gcc writes `> >`, clang `>>`.
    let mut original = original;
    while original.contains("> >") {
        original = original.replace("> >", ">>");
    }
    let identifier = if original.contains('<') {
        identifier(&alike(&original))
    } else {
        identifier(&original)
    };
    Spelling {
        original,
        identifier,
    }
}

/// Words of which types of numbers consist.
const NUMBERS: [&str; 8] = [
    "unsigned", "signed", "long", "short", "int", "char", "double", "__int128",
];

/// The path as all compilers are taken to write it. gcc has `long unsigned int` and `4` where clang
/// has `unsigned long` and `4UL`.
fn alike(path: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        let len = match rest.find(|c| !is_word(c)) {
            Some(0) => first.len_utf8(),
            Some(len) => len,
            None => rest.len(),
        };
        let (token, after) = rest.split_at_checked(len).unwrap_or((rest, ""));
        tokens.push(token);
        rest = after;
    }
    let mut out = String::with_capacity(path.len());
    let mut tokens = tokens.as_slice();
    while let [token, after @ ..] = tokens {
        tokens = after;
        if NUMBERS.contains(token) {
            let mut words = vec![*token];
            while let [" ", word, after @ ..] = tokens {
                if !NUMBERS.contains(word) {
                    break;
                }
                words.push(word);
                tokens = after;
            }
            out.push_str(&number(&words));
        } else {
            let digits = token.trim_end_matches(['u', 'U', 'l', 'L']);
            let is_literal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            out.push_str(if is_literal { digits } else { token });
        }
    }
    out
}

/// The shortest name of the type that these words are a name of.
fn number(words: &[&str]) -> String {
    let has = |word| words.contains(&word);
    let base = ["char", "short", "__int128", "double"]
        .into_iter()
        .find(|word| has(*word));
    let longs = words.iter().filter(|word| **word == "long").count();
    let base = match (longs, base) {
        (0, base) => base.unwrap_or("int"),
        (_, Some("double")) => "long double",
        (1, _) => "long",
        _ => "long long",
    };
    let sign = if has("unsigned") {
        "unsigned "
    } else if has("signed") && base == "char" {
        "signed "
    } else {
        ""
    };
    format!("{sign}{base}")
}

/// The C identifier for a path.
fn identifier(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    let mut part_starts = true;
    while let Some(c) = rest.chars().next() {
        let (word, len) = match c {
            '_' if part_starts && !out.is_empty() => ("", 1),
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => {
                if part_starts && !out.is_empty() {
                    out.push('_');
                }
                part_starts = false;
                out.push(c);
                ("", 1)
            }
            '*' => ("ptr", 1),
            '&' if rest.starts_with("&&") => ("rref", 2),
            '&' => ("ref", 1),
            '[' => ("arr", 1),
            '~' => ("not", 1),
            '-' => ("neg", 1),
            c if c.is_ascii() => {
                part_starts = true;
                ("", 1)
            }
            c => {
                let number = format!("u{:04x}", u32::from(c));
                out.push_str(&number);
                part_starts = false;
                ("", c.len_utf8())
            }
        };
        if !word.is_empty() {
            if !out.is_empty() {
                out.push('_');
            }
            out.push_str(word);
            part_starts = true;
        }
        rest = rest.get(len..).unwrap_or_default();
    }
    if out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert(0, '_');
    }
    if out.is_empty() {
        out.push('_');
    }
    fit(out, MAX_NAME)
}

#[cfg(test)]
mod tests {
    use super::{identifier, is_plain, spelling};

    /// What authors of BPF programs write depends on it: these must never change.
    #[test]
    fn paths_become_identifiers() {
        for (path, expected) in [
            ("net::Conn", "net_Conn"),
            (
                "std::__cxx11::basic_string<char>",
                "std_cxx11_basic_string_char",
            ),
            ("std::__1::vector<int>", "std_1_vector_int"),
            (
                "(anonymous namespace)::Hidden",
                "anonymous_namespace_Hidden",
            ),
            ("Pool<int*, 4>", "Pool_int_ptr_4"),
            ("Pool<int**&>", "Pool_int_ptr_ptr_ref"),
            ("Pool<int&&>", "Pool_int_rref"),
            ("Pool<-1>", "Pool_neg_1"),
            ("Pool<int [3]>", "Pool_int_arr_3"),
            ("Pool<void (int, char)>", "Pool_void_int_char"),
            ("_vptr.Base", "_vptr_Base"),
            ("_vptr$Base", "_vptr_Base"),
            ("<lambda(int)>", "lambda_int"),
            ("~Base", "not_Base"),
            ("a___b::c", "a_3_b_c"),
            ("größe::x", "gru00f6u00dfe_x"),
            ("1x", "_1x"),
            ("<>", "_"),
        ] {
            assert_eq!(identifier(path), expected, "{path}");
        }
        let long = identifier(&format!("Pool<{}>", "int, ".repeat(100)));
        assert_eq!(long.len(), 127, "{long}");
    }

    /// One BPF program is to find a type in what either compiler made.
    #[test]
    fn what_compilers_spell_differently_is_one_name() {
        for (gcc, clang) in [
            ("A<B<C<int> > >", "A<B<C<int>>>"),
            ("A<short int>", "A<short>"),
            ("A<short unsigned int, 1>", "A<unsigned short, 1>"),
            ("A<unsigned int>", "A<unsigned int>"),
            ("A<long int, B<long int> >::C", "A<long, B<long>>::C"),
            ("A<long unsigned int>", "A<unsigned long>"),
            ("A<long long int>", "A<long long>"),
            ("A<long long unsigned int*>", "A<unsigned long long *>"),
            ("A<const signed char&>", "A<const signed char &>"),
            ("A<unsigned char, char>", "A<unsigned char, char>"),
            ("A<__int128 unsigned>", "A<unsigned __int128>"),
            ("A<long double, double>", "A<long double, double>"),
            ("A<void (int, long int)>", "A<void (int, long)>"),
            ("A<0, 12>", "A<0UL, 12U>"),
            ("A<0>", "A<0ul>"),
        ] {
            let [gcc, clang] = [gcc, clang].map(|path| spelling(path.into()));
            assert_eq!(gcc.identifier, clang.identifier);
        }
        // Names that have such words in them are their own.
        for (path, expected) in [
            ("A<unsigned_int, B3U, long_>", "A_unsigned_int_B3U_long_"),
            ("A<u, ull, x2l>", "A_u_ull_x2l"),
            ("A<unsigned int, short>", "A_unsigned_int_short"),
            ("A<> >", "A"),
        ] {
            assert_eq!(spelling(path.into()).identifier, expected);
        }
    }

    #[test]
    fn names_of_c_stay() {
        for (name, stays) in [("struct_name__2", true), ("größe", true), ("a.b", false)] {
            assert_eq!(is_plain(name.as_bytes()), stays, "{name}");
        }
    }
}
