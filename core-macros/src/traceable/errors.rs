//! All that is wrong with an item, to be reported together.

use proc_macro2::{Span, TokenStream};

/// Errors so far.
#[derive(Debug, Default)]
pub(super) struct Errors(Option<syn::Error>);

impl Errors {
    pub(super) fn add(&mut self, span: Span, message: impl std::fmt::Display) {
        self.push(syn::Error::new(span, message));
    }

    pub(super) fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// The errors as tokens, if there are any.
    pub(super) fn into_tokens(self) -> Option<TokenStream> {
        self.0.map(syn::Error::into_compile_error)
    }
}
