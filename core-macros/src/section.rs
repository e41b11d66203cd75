//! The `.BTF` section, to which every crate of a program adds.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// A static with a BTF blob, which survives optimisation and stripping.
pub(crate) fn expand(btf: &[u8]) -> TokenStream {
    let size = btf.len();
    let btf = Literal::byte_string(btf);
    quote! {
        #[cfg(target_os = "linux")]
        const _: () = {
            #[repr(C, align(8))]
            struct Aligned([u8; #size]);

            #[used]
            #[unsafe(link_section = ".BTF")]
            static APP_BTF: Aligned = Aligned(*#btf);
        };
    }
}
