//! Errors at a place in the user's code.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

/// A message and where to show it.
#[derive(Debug)]
pub(crate) struct Error {
    span: Span,
    message: String,
}

impl Error {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
        }
    }

    /// At the macro itself.
    pub(crate) fn call_site(message: impl Into<String>) -> Self {
        Self::new(Span::call_site(), message)
    }

    pub(crate) fn to_compile_error(&self) -> TokenStream {
        let message = &self.message;
        quote_spanned!(self.span=> ::core::compile_error!(#message);)
    }
}
