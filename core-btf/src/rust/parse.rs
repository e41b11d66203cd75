//! Reads a type as Rust spells it: in source, or in the names of rustc's debug information.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::std_path::normalize;
use super::types::{Arg, BETWEEN, Path, Shared, Type};

/// Types nested deeper than this are refused; rustc's own limit for generated ones is higher, but
/// nobody reads such a name.
const MAX_DEPTH: u32 = 128;

/// Bytes of a longer argument are not noted.
const MAX_NOTED: usize = 128;

/// Why a text is not a type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a Rust type: {expected} expected at byte {offset}")]
pub struct ParseError {
    /// The text.
    pub text: String,
    /// Where it stops being one, in bytes.
    pub offset: usize,
    /// What should be there.
    pub expected: &'static str,
}

impl Type {
    /// Reads a type as it is written in Rust source: `Vec<&'a a::State>`.
    ///
    /// Paths are taken as they stand: no `use` is followed, and only the prelude's names may stand
    /// without their module. Array lengths and const arguments must be literals.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::parse_as(text, false, &mut Shared::default())
    }

    /// Reads a type as rustc writes it into debug information:
    /// `alloc::vec::Vec<&a::State, alloc::alloc::Global>`, `a::main::{closure_env#0}`. It is the
    /// same language, but for `(T)`, which is the tuple `(T,)` there.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn parse_debug(text: &str) -> Result<Self, ParseError> {
        Self::parse_as(text, true, &mut Shared::default())
    }

    /// The same, for one of many types: all of them consist of what is `shared`. What cannot be read
    /// is [`Type::unparsed`].
    #[cfg(feature = "dwarf")]
    pub(crate) fn parse_shared(text: &str, shared: &mut Shared) -> Self {
        Self::parse_as(text, true, shared).unwrap_or_else(|_| Self::unparsed(text))
    }

    fn parse_as(text: &str, debug: bool, shared: &mut Shared) -> Result<Self, ParseError> {
        let mut parser = Parser {
            text,
            offset: 0,
            depth: 0,
            deepest: 0,
            debug,
            shared,
        };
        parser
            .ty()
            .and_then(|ty| {
                parser.skip_space();
                match parser.rest() {
                    "" => Ok(ty),
                    _ => Err("end"),
                }
            })
            .map_err(|expected| ParseError {
                text: text.to_owned(),
                offset: parser.offset,
                expected,
            })
    }

    /// A type of which nothing is known but a text: what a later rustc may print.
    #[must_use]
    pub fn unparsed(text: &str) -> Self {
        Self::Path(Path::new(text, Vec::new()))
    }
}

/// What was expected, where it was not found.
type Parsed<T> = Result<T, &'static str>;

struct Parser<'t, 's> {
    text: &'t str,
    offset: usize,
    depth: u32,
    /// Most that it was while a type was read.
    deepest: u32,
    /// Whether `(T)` is a tuple.
    debug: bool,
    shared: &'s mut Shared,
}

impl<'t> Parser<'t, '_> {
    fn rest(&self) -> &'t str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    #[inline]
    fn skip_space(&mut self) {
        let rest = self.rest();
        // Before most there is none.
        if rest.as_bytes().first().is_some_and(u8::is_ascii_graphic) {
            return;
        }
        self.offset += rest.len() - rest.trim_start().len();
    }

    /// Takes a piece of punctuation.
    #[inline]
    fn take(&mut self, token: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(token);
        if found {
            self.offset += token.len();
        }
        found
    }

    fn expect(&mut self, token: &'static str) -> Parsed<()> {
        if self.take(token) { Ok(()) } else { Err(token) }
    }

    /// Takes a keyword: a word that does not go on.
    fn take_word(&mut self, word: &str) -> bool {
        self.skip_space();
        let found = self
            .rest()
            .strip_prefix(word)
            .is_some_and(|rest| !rest.starts_with(is_word) && !rest.starts_with("::"));
        if found {
            self.offset += word.len();
        }
        found
    }

    /// Takes what goes on while `go_on` says so.
    fn take_while(&mut self, go_on: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let len = rest.find(|c| !go_on(c)).unwrap_or(rest.len());
        self.offset += len;
        rest.get(..len).unwrap_or_default()
    }

    /// Takes a name, which may be one of rustc's own in braces.
    fn name(&mut self) -> Parsed<&'t str> {
        self.skip_space();
        let rest = self.rest();
        if rest.starts_with('{') {
            let len = rest.find('}').ok_or("}")? + 1;
            self.offset += len;
            return rest.get(..len).ok_or("name");
        }
        if let Some(raw) = rest.strip_prefix("r#") {
            self.offset += rest.len() - raw.len();
        }
        match self.take_while(is_word) {
            name if name.starts_with(|c: char| c.is_ascii_digit()) => Err("name"),
            "" => Err("name"),
            name => Ok(name),
        }
    }

    fn take_lifetime(&mut self) -> bool {
        self.skip_space();
        let Some(rest) = self.rest().strip_prefix('\'') else {
            return false;
        };
        let name = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        // `'x'` is a character.
        if name == 0 || rest.get(name..).is_some_and(|rest| rest.starts_with('\'')) {
            return false;
        }
        self.offset += 1 + name;
        true
    }

    /// Takes what a `for<'a>` binder is made of.
    fn take_binder(&mut self) -> Parsed<()> {
        if self.take_word("for") {
            self.expect("<")?;
            while self.take_lifetime() {
                self.take(",");
            }
            self.expect(">")?;
        }
        Ok(())
    }

    fn ty(&mut self) -> Parsed<Type> {
        if self.depth == MAX_DEPTH {
            return Err("fewer levels");
        }
        let text = self.argument();
        if let Some(text) = text
            && let Some((ty, levels)) = self.shared.read(text)
            && self.depth + levels <= MAX_DEPTH
        {
            self.offset += text.len();
            self.deepest = self.deepest.max(self.depth + levels);
            return Ok(ty);
        }
        let start = self.offset;
        self.depth += 1;
        let around = std::mem::replace(&mut self.deepest, self.depth);
        let ty = self.unbounded_ty();
        self.depth -= 1;
        let levels = self.deepest - self.depth;
        self.deepest = self.deepest.max(around);
        let ty = self.shared.share(ty?);
        if let Some(text) = text.filter(|text| self.offset == start + text.len()) {
            self.shared.note(text, &ty, levels);
        }
        Ok(ty)
    }

    /// The text of a type that is an argument of another, unless it is long.
    fn argument(&self) -> Option<&'t str> {
        let rest = self.rest();
        let mut open = 0_u32;
        let mut before = b' ';
        for (at, byte) in rest.bytes().take(MAX_NOTED).enumerate() {
            match byte {
                b'>' if before == b'-' => {}
                b',' | b'>' | b')' | b']' if open == 0 => return rest.get(..at),
                b'<' | b'(' | b'[' => open += 1,
                b'>' | b')' | b']' => open -= 1,
                _ => {}
            }
            before = byte;
        }
        None
    }

    fn unbounded_ty(&mut self) -> Parsed<Type> {
        self.skip_space();
        match self.rest().as_bytes().first() {
            Some(b'&') => {
                self.offset += 1;
                self.take_lifetime();
                self.take_word("mut");
                return Ok(Type::Ref(Arc::new(self.ty()?)));
            }
            Some(b'*') => {
                self.offset += 1;
                if !self.take_word("const") && !self.take_word("mut") {
                    return Err("const or mut");
                }
                return Ok(Type::RawPtr(Arc::new(self.ty()?)));
            }
            Some(b'!') => {
                self.offset += 1;
                return Ok(Type::Never);
            }
            Some(b'[') => {
                self.offset += 1;
                return self.array();
            }
            Some(b'(') => {
                self.offset += 1;
                return self.tuple();
            }
            Some(b'd' | b'i') if self.take_word("dyn") || self.take_word("impl") => {
                return self.bounds().map(Type::Dyn);
            }
            Some(b'e' | b'f' | b'u') => {
                self.take_binder()?;
                self.take_word("unsafe");
                if self.take_word("extern") && self.take("\"") {
                    self.take_while(|c| c != '"');
                    self.expect("\"")?;
                }
                if self.take_word("fn") {
                    self.signature()?;
                    return Ok(Type::Fn);
                }
            }
            _ => {}
        }
        let (segments, args) = self.path()?;
        Ok(normalize(&segments, args))
    }

    /// The rest of `[T]` and `[T; N]`.
    fn array(&mut self) -> Parsed<Type> {
        let element = Arc::new(self.ty()?);
        if self.take("]") {
            return Ok(Type::Slice(element));
        }
        self.expect(";")?;
        self.skip_space();
        let digits = self
            .take_while(|c| c.is_ascii_digit() || c == '_')
            .replace('_', "");
        let len = digits.parse().map_err(|_| "length")?;
        self.take_word("usize");
        self.expect("]")?;
        Ok(Type::Array(element, len))
    }

    /// The rest of `()`, `(T)`, `(T,)` and `(T, U)`.
    fn tuple(&mut self) -> Parsed<Type> {
        let mut types = Vec::new();
        let mut commas = 0;
        while !self.take(")") {
            types.push(self.ty()?);
            if self.take(",") {
                commas += 1;
            } else {
                self.expect(")")?;
                break;
            }
        }
        match (types.pop(), types.is_empty(), commas) {
            (Some(ty), true, 0) if !self.debug || matches!(ty, Type::Dyn(_)) => Ok(ty),
            (last, _, _) => {
                types.extend(last);
                Ok(Type::Tuple(types))
            }
        }
    }

    /// The bounds behind `dyn`: the name of the principal trait.
    fn bounds(&mut self) -> Parsed<String> {
        let mut principal: Option<String> = None;
        loop {
            let parenthesized = self.take("(");
            self.take("?");
            if !self.take_lifetime() {
                self.take_binder()?;
                let (segments, _) = self.path()?;
                let (_, name) = segments.rsplit_once(BETWEEN).unwrap_or(("", &segments));
                if principal.as_deref().is_none_or(is_marker) {
                    principal = Some(name.to_owned());
                }
            }
            if parenthesized {
                self.expect(")")?;
            }
            if !self.take("+") {
                return principal.ok_or("trait");
            }
        }
    }

    /// Parameters and result of a function pointer or of `Fn(A) -> B`.
    fn signature(&mut self) -> Parsed<()> {
        self.expect("(")?;
        while !self.take(")") {
            if !self.take("...") {
                self.ty()?;
            }
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        if self.take("->") {
            self.ty()?;
        }
        Ok(())
    }

    /// The segments of a path, with [`BETWEEN`] between them, and its arguments.
    fn path(&mut self) -> Parsed<(String, Vec<Arg>)> {
        self.take("::");
        let mut segments = String::with_capacity(64);
        segments.push_str(self.name()?);
        let mut args = Vec::new();
        loop {
            if self.take("<") || self.take("::<") {
                args = self.args()?;
            } else if self.take("::") {
                args.clear();
                segments.push(BETWEEN);
                segments.push_str(self.name()?);
            } else if self.text_continues_with_signature() {
                self.signature()?;
            } else {
                return Ok((segments, args));
            }
        }
    }

    /// Whether this is `Fn(A) -> B`, the only path that parentheses follow.
    fn text_continues_with_signature(&mut self) -> bool {
        self.skip_space();
        self.rest().starts_with('(')
    }

    /// The rest of `<A, B>`.
    fn args(&mut self) -> Parsed<Vec<Arg>> {
        let mut args = Vec::new();
        while !self.take(">") {
            if !self.take_lifetime() {
                args.extend(self.arg()?);
            }
            if !self.take(",") {
                self.expect(">")?;
                break;
            }
        }
        Ok(args)
    }

    /// A type or const argument; `None` for an associated type (`Output = u32`).
    fn arg(&mut self) -> Parsed<Option<Arg>> {
        self.skip_space();
        let rest = self.rest();
        let start = self.offset;
        if rest.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            self.offset += 1;
            self.take_while(is_word);
        } else if rest.starts_with('\'') {
            self.offset += 1;
            self.take_while(|c| c != '\'' && c != '\\');
            if self.take("\\") {
                self.offset += 1;
                self.take_while(|c| c != '\'');
            }
            self.expect("'")?;
        } else if !self.take_word("true") && !self.take_word("false") {
            if rest.starts_with("{CONST#") {
                self.name()?;
            } else {
                let ty = self.ty()?;
                if !self.take("=") {
                    return Ok(Some(Arg::Type(ty)));
                }
                self.ty()?;
                return Ok(None);
            }
        }
        let literal = self.text.get(start..self.offset).ok_or("character")?;
        Ok(Some(Arg::Const(literal.to_owned())))
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Traits that only mark a trait object, and do not say what it is.
fn is_marker(name: &str) -> bool {
    matches!(
        name,
        "Send" | "Sync" | "Unpin" | "UnwindSafe" | "RefUnwindSafe"
    )
}
