//! The layout record of a root: see `core_btf::layout` for its bytes.

use core_btf::layout;
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::args::Root;
use super::configured::Conditions;
use super::item::Part;

/// A static with the root's record.
///
/// Sizes and offsets are for rustc to fill in. So the record is a struct of byte arrays, which have
/// no alignment and leave no gaps, and which can stand under a condition each, as the fields do.
pub(super) fn expand(root: &Root, parts: &[Part]) -> TokenStream {
    let ty = &root.ty;
    let section = layout::SECTION;
    let mut record = Record::default();
    let always = TokenStream::new();

    let magic = bytes(&layout::MAGIC);
    let length = quote!((::core::mem::size_of::<__CoreLayout>() as u32).to_le_bytes());
    record.push(&always, &quote!([u8; 8]), &quote!(*#magic));
    record.push(&always, &quote!([u8; 4]), &length);

    let module = quote!(::core::module_path!());
    let chars = quote!(match #module.as_bytes().first_chunk() {
        ::core::option::Option::Some(bytes) => *bytes,
        ::core::option::Option::None => ::core::panic!(),
    });
    let length = quote!((#module.len() as u16).to_le_bytes());
    record.push(&always, &quote!([u8; 2]), &length);
    record.push(&always, &quote!([u8; #module.len()]), &chars);

    record.text(&always, &root.name);
    record.number(&always, &quote!(::core::mem::size_of::<#ty>()));
    record.number(&always, &quote!(::core::mem::align_of::<#ty>()));
    // The offset of a variant's field cannot be asked for.
    for part in parts.iter().filter(|part| part.variant.is_none()) {
        let mut present = part.present.clone();
        for skipped in &part.skipped {
            present = present.with(&skipped.negated());
        }
        let present = present.attribute();
        let member = &part.member;
        record.text(&present, &part.name);
        record.number(&present, &quote!(::core::mem::offset_of!(#ty, #member)));
    }

    let Record { types, values, .. } = record;
    quote! {
        #[repr(C)]
        struct __CoreLayout { #types }

        #[used]
        #[unsafe(link_section = #section)]
        static __CORE_LAYOUT: __CoreLayout = __CoreLayout { #values };
    }
}

/// A line of `.core_roots`, for the probe compile: what is to be known of a root beside its type.
pub(super) fn root_line(root: &Root, anchor: &str, parts: &[Part]) -> TokenStream {
    let mut line = Record::default();
    let always = TokenStream::new();
    let deep = if root.deep { "deep" } else { "" };
    line.bytes(
        &always,
        format!("{anchor}\t{}\t{deep}\t", root.name).as_bytes(),
    );
    for part in parts {
        let name = match &part.variant {
            Some(variant) => format!("{variant}.{}", part.rust_name()),
            None => part.rust_name(),
        };
        let mut any: Vec<Conditions> = Vec::new();
        for skipped in &part.skipped {
            // Each of several reasons to skip a field, but the field only once.
            let mut when = part.present.with(skipped);
            for other in &any {
                when = when.with(&other.negated());
            }
            any.push(skipped.clone());
            line.bytes(&when.attribute(), format!("{name},").as_bytes());
        }
    }
    line.bytes(&always, b"\n");
    let Record { types, values, .. } = line;
    quote! {
        #[repr(C)]
        struct __CoreRoot { #types }

        #[used]
        #[unsafe(link_section = ".core_roots")]
        static __CORE_ROOT: __CoreRoot = __CoreRoot { #values };
    }
}

/// Fields and initialisers of a struct of byte arrays.
#[derive(Default)]
struct Record {
    types: TokenStream,
    values: TokenStream,
    count: usize,
}

impl Record {
    fn push(&mut self, present: &TokenStream, ty: &TokenStream, value: &TokenStream) {
        // With an underscore, a field that is never read is nothing to warn of.
        let field = format_ident!("_{}", self.count);
        self.count += 1;
        self.types.extend(quote!(#present #field: #ty,));
        self.values.extend(quote!(#present #field: #value,));
    }

    fn bytes(&mut self, present: &TokenStream, content: &[u8]) {
        let len = content.len();
        let literal = bytes(content);
        self.push(present, &quote!([u8; #len]), &quote!(*#literal));
    }

    fn text(&mut self, present: &TokenStream, text: &str) {
        self.bytes(present, &layout::text(text));
    }

    fn number(&mut self, present: &TokenStream, value: &TokenStream) {
        let value = quote!((#value as u64).to_le_bytes());
        self.push(present, &quote!([u8; 8]), &value);
    }
}

fn bytes(bytes: &[u8]) -> Literal {
    Literal::byte_string(bytes)
}
