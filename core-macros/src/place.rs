//! Places in the user's source.

use proc_macro2::Span;

/// File and line: `src/main.rs:3`.
pub(crate) fn of(span: Span) -> String {
    // A span outside of a macro's expansion, as in unit tests, is nowhere.
    if proc_macro::is_available() {
        let span = span.unwrap();
        format!("{}:{}", span.file(), span.line())
    } else {
        String::new()
    }
}
