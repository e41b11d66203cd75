//! The names of functions: as the linker has them, and as the source of C++ and Rust has them.

use std::fmt::{self, Write};

use cpp_demangle::{DemangleOptions, ParseOptions};

/// Most bytes of a symbol that is demangled: the work may be more than in proportion.
const MAX_MANGLED: usize = 4096;

/// Most bytes of a demangled name. Mangling abbreviates what it repeats, so that few bytes could
/// stand for more than there is memory.
const MAX_DEMANGLED: usize = 16 << 10;

/// How deep a mangled name may be nested.
const MAX_DEPTH: u32 = 128;

/// The name that a user gave for a function.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    name: &'a str,
    /// The name, tidied.
    plain: String,
    /// What a mangled symbol of this name contains.
    part: Option<&'a str>,
}

/// How well a symbol has the wanted name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// The function's name in the source, when its symbol is demangled.
    Demangled,
    /// It is the symbol.
    Symbol,
}

impl<'a> Wanted<'a> {
    pub(crate) fn new(name: &'a str) -> Self {
        Self {
            name,
            plain: tidy(name),
            part: verbatim_part(name),
        }
    }

    /// Whether, and how, `symbol` has the name.
    pub(crate) fn fits(&self, symbol: &[u8]) -> Option<Fit> {
        if symbol == self.name.as_bytes() {
            return Some(Fit::Symbol);
        }
        let symbol = std::str::from_utf8(symbol).ok()?;
        if self.part.is_some_and(|part| !symbol.contains(part)) {
            return None;
        }
        // A symbol with a version: `name@VERSION`, `name@@VERSION`.
        if symbol
            .split_once('@')
            .is_some_and(|(name, _)| name == self.name)
        {
            return Some(Fit::Symbol);
        }
        let names = Names::of(symbol)?;
        names.are(&self.plain).then_some(Fit::Demangled)
    }
}

/// The identifier that ends a name, which mangling keeps as it is; none if it may not.
fn verbatim_part(name: &str) -> Option<&str> {
    let path = name.split(['(', '<']).next()?;
    let mut idents = path.rsplit("::");
    let last = idents.next()?.trim();
    // A constructor repeats the name of its class, which mangling abbreviates.
    let is_constructor = idents.next().is_some_and(|class| class.trim() == last);
    let is_plain = last
        .bytes()
        .all(|it| it.is_ascii_alphanumeric() || it == b'_');
    (is_plain && !last.is_empty() && !is_constructor && !last.starts_with("operator"))
        .then_some(last)
}

/// The names by which a function can be asked for, tidied.
#[derive(Debug)]
struct Names {
    /// All of it.
    full: String,
    /// Without parameters and result.
    path: String,
}

impl Names {
    fn of(symbol: &str) -> Option<Self> {
        if symbol.len() > MAX_MANGLED {
            return None;
        }
        if let Some(path) = rust_name(symbol) {
            let path = tidy(&path);
            return Some(Self {
                full: path.clone(),
                path,
            });
        }
        // The compiler cuts off parts of functions (`.cold`), and makes variants whose arguments are
        // others (`.constprop.0`): these are not the function. A suffix of LTO says nothing.
        let (symbol, suffix) = symbol.split_at(symbol.find('.').unwrap_or(symbol.len()));
        if !suffix.is_empty() && !suffix.starts_with(".llvm.") {
            return None;
        }
        let symbol = cpp_symbol(symbol)?;
        let no_result = DemangleOptions::new().no_return_type();
        let full = demangle(&symbol, no_result)?;
        let path = demangle(&symbol, no_result.no_params())?;
        Some(Self {
            full: tidy(&full),
            path: tidy(&path),
        })
    }

    /// With what the wanted name leaves out left out here, are they the same?
    fn are(&self, wanted: &str) -> bool {
        wanted == self.full
            || wanted == self.path
            || !wanted.contains('<') && wanted == without_arguments(&self.path)
    }
}

fn rust_name(symbol: &str) -> Option<String> {
    let demangled = rustc_demangle::try_demangle(symbol).ok()?;
    // Without the hash of a legacy symbol and the crates' disambiguators of a v0 symbol.
    let mut name = Limited::default();
    write!(name, "{demangled:#}").ok()?;
    Some(name.0)
}

fn demangle(symbol: &cpp_demangle::Symbol<&str>, options: DemangleOptions) -> Option<String> {
    let mut name = Limited::default();
    symbol.structured_demangle(&mut name, &options).ok()?;
    Some(name.0)
}

/// A name that is being put together, up to [`MAX_DEMANGLED`] bytes.
#[derive(Debug, Default)]
struct Limited(String);

impl Write for Limited {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if part.len() > MAX_DEMANGLED - self.0.len() {
            return Err(fmt::Error);
        }
        self.0.push_str(part);
        Ok(())
    }
}

fn cpp_symbol(symbol: &str) -> Option<cpp_demangle::Symbol<&str>> {
    let options = ParseOptions::default().recursion_limit(MAX_DEPTH);
    let is_mangled = symbol.starts_with("_Z") || symbol.starts_with("__Z");
    let parsed = || cpp_demangle::Symbol::new_with_options(symbol, &options).ok();
    is_mangled.then(parsed).flatten()
}

/// What a function is called in its source; the symbol itself, if that says it.
pub(crate) fn source_name(symbol: &[u8]) -> String {
    let symbol = String::from_utf8_lossy(symbol);
    if symbol.len() > MAX_MANGLED {
        return symbol.into_owned();
    }
    let cpp = || demangle(&cpp_symbol(&symbol)?, DemangleOptions::new());
    rust_name(&symbol)
        .or_else(cpp)
        .unwrap_or_else(|| symbol.into_owned())
}

/// A name without the white space that may be in it or not.
fn tidy(name: &str) -> String {
    let is_word = |it: char| it.is_alphanumeric() || it == '_';
    let mut out = String::new();
    let mut space = false;
    for it in name.chars() {
        if it.is_whitespace() {
            space = true;
            continue;
        }
        let apart = out.ends_with(|last| is_word(last) || last == '>') && is_word(it);
        if space && apart {
            out.push(' ');
        }
        space = false;
        out.push(it);
    }
    out
}

/// A path without generic arguments, and with a type in place of an `impl` of it: `a::f::<u32>`
/// and `a::f<int>` are `a::f`, `<a::T<u32>>::f` and `<a::T as b::U>::f` are `a::T::f`.
fn without_arguments(path: &str) -> String {
    let mut path = path;
    let mut own = String::new();
    if let Some(rest) = path.strip_prefix('<')
        && let Some(end) = closing(rest)
    {
        let (implementing, after) = rest.split_at(end);
        own = without_arguments(implementing_type(implementing));
        path = after.strip_prefix('>').unwrap_or(after);
    }
    let mut depth = 0_usize;
    let mut out = own;
    let mut previous = ' ';
    for it in path.chars() {
        match it {
            '<' => {
                if depth == 0 && out.ends_with("::") {
                    out.truncate(out.len() - 2);
                }
                depth += 1;
            }
            '>' if previous != '-' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(it),
            _ => {}
        }
        previous = it;
    }
    out
}

/// The bytes before the `>` that closes what has been opened before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut previous = b' ';
    for (at, it) in text.bytes().enumerate() {
        match it {
            b'<' => depth += 1,
            b'>' if previous == b'-' => {}
            b'>' if depth == 0 => return Some(at),
            b'>' => depth -= 1,
            _ => {}
        }
        previous = it;
    }
    None
}

/// The type of `TYPE as TRAIT`.
fn implementing_type(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, it) in text.bytes().enumerate() {
        match it {
            b'<' => depth += 1,
            b'>' => depth = depth.saturating_sub(1),
            b' ' if depth == 0 && text.get(at..).is_some_and(|rest| rest.starts_with(" as ")) => {
                return text.get(..at).unwrap_or(text);
            }
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table that the documentation of `Uprobe::symbol` gives.
    #[test]
    fn functions_go_by_their_names_in_the_source() {
        let legacy = "_ZN5myapp3net13Conn$LT$T$GT$6handle17h0123456789abcdefE";
        let legacy_impl =
            "_ZN50_$LT$myapp..Conn$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE";
        let v0 = "_RINvCs4fqI2P2rA04_5myapp6handlemE"; // myapp::handle::<u32>
        let overload = "_ZN3net6handleEi";
        let template = "_ZN3net3addIiEET_S1_"; // int net::add<int>(int)
        let constructor = "_ZN3net4ConnC1Ev";
        for (symbol, wanted) in [
            ("handle", "handle"),
            ("SSL_read@@OPENSSL_3.0.0", "SSL_read"),
            (legacy, "myapp::net::Conn<T>::handle"),
            (legacy, "myapp::net::Conn::handle"),
            (legacy_impl, "<myapp::Conn as core::fmt::Display>::fmt"),
            (legacy_impl, "myapp::Conn::fmt"),
            (v0, "myapp::handle"),
            (v0, "myapp::handle::<u32>"),
            (overload, "net::handle"),
            (overload, "net::handle(int)"),
            (overload, "net::handle( int )"),
            (template, "net::add"),
            (template, "net::add<int>"),
            (template, "net::add<int>(int)"),
            ("_ZN3net6handleEi.llvm.123", "net::handle"),
            (constructor, "net::Conn::Conn"),
            (constructor, "net::Conn::Conn()"),
        ] {
            let fit = Wanted::new(wanted).fits(symbol.as_bytes());
            assert!(fit.is_some(), "{symbol} {wanted}: {:?}", Names::of(symbol));
        }
        for (symbol, wanted) in [
            (legacy, "handle"),
            (legacy, "Conn::handle"),
            (legacy, "myapp::net::Conn<u32>::handle"),
            (v0, "myapp::handle::<u64>"),
            (overload, "net::handle(long)"),
            (overload, "handle"),
            (template, "net::add<long>"),
            ("handler", "handle"),
            ("_ZN3net6handleEi.cold", "net::handle"),
            ("_ZN3net6handleEi.constprop.0", "net::handle(int)"),
        ] {
            assert_eq!(
                Wanted::new(wanted).fits(symbol.as_bytes()),
                None,
                "{symbol} {wanted}"
            );
        }
    }

    /// Each type has the one before it twice: a name of hundreds of bytes is one of exabytes.
    #[test]
    fn a_name_that_repeats_itself_without_end_fits_nothing() {
        let doubled = |times| {
            let mut symbol = String::from("_Z1f1aIiiE");
            for i in 0..times {
                let place = format!("S{}_", to_base_36(2 * i));
                write!(symbol, "1bI{place}{place}E").unwrap();
            }
            symbol
        };
        let fits = |symbol: &str| Wanted::new("f").fits(symbol.as_bytes());
        assert_eq!(fits(&doubled(8)), Some(Fit::Demangled));
        let size = |times| source_name(doubled(times).as_bytes()).len();
        assert!(size(8) > 2 * size(7), "{} {}", size(7), size(8));
        let symbol = doubled(60);
        assert_eq!(fits(&symbol), None);
        assert_eq!(source_name(symbol.as_bytes()), symbol);
    }

    fn to_base_36(mut number: usize) -> String {
        let mut out = String::new();
        loop {
            let digit = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number % 36];
            out.insert(0, char::from(digit));
            number /= 36;
            if number == 0 {
                return out;
            }
        }
    }

    /// Symbols are whatever who is traced writes: bounded work, no panic.
    #[test]
    fn absurd_symbols_fit_nothing() {
        let nested = format!("_Z1f{}", "I1a".repeat(1300));
        let wide = format!("_ZN{}E", "1a".repeat(1 << 20));
        for symbol in [
            &*nested, &wide, "_ZN", "_R", "_RNv", "_Z", "<", "::", "a as b", "_ZN1$1<E",
        ] {
            assert_eq!(Wanted::new("a::f").fits(symbol.as_bytes()), None);
            source_name(symbol.as_bytes());
        }
        for wanted in [
            "",
            "<",
            ">",
            "<<",
            "a<",
            "::",
            "f(",
            "<a as b",
            "->",
            "operator<",
        ] {
            assert_eq!(Wanted::new(wanted).fits(b"_ZN3net6handleEi"), None);
        }
    }
}
