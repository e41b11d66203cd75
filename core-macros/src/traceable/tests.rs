//! What the attribute expands to, by its text.

use quote::quote;

use super::*;

/// The expansion, without spaces.
fn expand(args: TokenStream, item: &TokenStream, process: &Process) -> String {
    let text = super::expand(args, item, process).to_string();
    text.replace(' ', "")
}

fn text(tokens: &TokenStream) -> String {
    tokens.to_string().replace(' ', "")
}

#[test]
fn the_item_stays_as_it_is() {
    for item in [
        quote!(
            #[derive(Debug)]
            #[repr(C)]
            pub(crate) struct A(u8, #[cfg(unix)] pub r#fn);
        ),
        quote!(
            /// Doc.
            pub enum E<'a>
            where
                'a: 'static,
            {
                A = 1,
                B { x: &'a str },
            }
        ),
        quote!(union U { a: u8, b: u16 }),
        quote!(
            struct P { a: u8 = 1 }
        ),
    ] {
        let out = expand(TokenStream::new(), &item, &Process::Editor);
        assert!(out.starts_with(&text(&item)), "{out}");
        assert!(!out.contains("compile_error"), "{out}");
        assert!(!out.contains("CORE_ROOT"), "{out}");
    }
}

#[test]
fn our_attributes_are_taken_off_and_no_others() {
    let item = quote!(
        #[bpf_traceable(S<u8>, name = "Second")]
        #[derive(Clone)]
        struct S<T> {
            #[bpf(skip)]
            #[serde(skip)]
            a: T,
            #[cfg_attr(feature = "x", bpf(c = "u8"), serde(skip))]
            b: u8,
        }
    );
    let out = expand(quote!(S<u16>), &item, &Process::Editor);
    let left = quote!(
        #[derive(Clone)]
        struct S<T> {
            #[serde(skip)]
            a: T,
            #[cfg_attr(feature = "x", serde(skip))]
            b: u8,
        }
    );
    assert!(out.starts_with(&text(&left)), "{out}");
    for root in [r"\x05\0S_u16", r"\x06\0Second"] {
        assert!(out.contains(root), "{root} in {out}");
    }
}

/// In the probe compile, each root has an anchor of its type, and a line that leads to it.
#[test]
fn the_probe_compile_gets_anchors() {
    let item = quote!(
        enum State<'a> {
            Idle,
            Busy {
                #[bpf(skip)]
                on: &'a str,
                #[cfg_attr(x, bpf(skip))]
                at: u64,
            },
        }
    );
    let out = expand(quote!(deep, name = "Status"), &item, &Process::Probe);
    assert!(out.contains("Option<fn(&State<'static>)>"), "{out}");
    assert!(out.contains(r#"\tStatus\tdeep\t""#), "{out}");
    assert!(out.contains(r#"*b"Busy.on,""#), "{out}");
    assert!(out.contains("#[cfg(all(x))]"), "{out}");
    assert!(!out.contains("core_layout"), "{out}");
}

/// A field of a tuple has another index where one before it is missing.
#[test]
fn fields_of_tuples_are_counted_under_their_conditions() {
    let item = quote!(
        struct T(u8, #[cfg(a)] u16, #[cfg(b)] u32, u64);
    );
    let out = expand(TokenStream::new(), &item, &Process::Editor);
    for (condition, index) in [
        ("#[cfg(all(a))]", 1),
        ("#[cfg(all(a,b))]", 2),
        ("#[cfg(all(not(all(a)),b))]", 1),
        ("#[cfg(all(a,b))]", 3),
        ("#[cfg(all(not(all(a)),b))]", 2),
        ("#[cfg(all(not(all(a)),not(all(b))))]", 1),
    ] {
        let offset = format!("offset_of!(T,{index})asu64");
        let entry = out
            .split(';')
            .any(|part| part.contains(condition) && part.contains(&offset));
        assert!(entry, "{condition} {index} in {out}");
    }
}
