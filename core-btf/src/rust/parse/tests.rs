use super::*;

fn parse(text: &str) -> Type {
    Type::parse(text).unwrap()
}

fn user(name: &str) -> Type {
    parse(name)
}

/// What the two sides spell differently must become one description.
#[test]
fn source_and_debug_information_agree() {
    for (source, debug) in [
        ("Vec<u8>", "alloc::vec::Vec<u8, alloc::alloc::Global>"),
        ("&'a mut a::State", "&a::State"),
        ("& 'static str", "&str"),
        (
            "Box < dyn a::Tr + Send + 'static >",
            "alloc::boxed::Box<(dyn a::Tr + core::marker::Send), alloc::alloc::Global>",
        ),
        ("std::num::NonZeroU32", "core::num::nonzero::NonZero<u32>"),
        (
            "std::sync::atomic::Atomic<u32>",
            "core::sync::atomic::AtomicU32",
        ),
        (
            "std::sync::Mutex<u8>",
            "std::sync::poison::mutex::Mutex<u8>",
        ),
        (
            "std::collections::HashMap<u8, a::B>",
            "std::collections::hash::map::HashMap<u8, a::B, std::hash::random::RandomState, alloc::alloc::Global>",
        ),
        (
            "Option<fn(u8) -> bool>",
            "core::option::Option<unsafe extern \"C\" fn(i32, ...)>",
        ),
        (
            "Box<dyn Fn(u32) -> u32>",
            "alloc::boxed::Box<dyn core::ops::function::Fn<(u32), Output=u32>, alloc::alloc::Global>",
        ),
        (
            "Box<dyn for<'a> Fn(&'a str)>",
            "alloc::boxed::Box<dyn core::ops::function::Fn<(&str), Output=()>, alloc::alloc::Global>",
        ),
        ("Ref<'a, 4, -1>", "Ref<4, -1>"),
        ("*const [u16]", "*mut [u16]"),
        ("(u8,)", "(u8)"),
        (
            "Vec<(Box<u8>,)>",
            "alloc::vec::Vec<(alloc::boxed::Box<u8>)>",
        ),
        (
            "std::ops::ControlFlow<u8>",
            "core::ops::control_flow::ControlFlow<u8, ()>",
        ),
        ("a::r#default", "a::default"),
        ("[u8; 1_024]", "[u8; 1024]"),
    ] {
        assert_eq!(parse(source), Type::parse_debug(debug).unwrap(), "{source}");
    }
}

#[test]
fn the_shapes_of_types_are_read() {
    assert_eq!(parse("()"), Type::UNIT);
    assert_eq!(parse("(u8)"), Type::U8);
    assert_eq!(parse("(u8,)"), Type::Tuple(vec![Type::U8]));
    assert_eq!(parse("!"), Type::Never);
    assert_eq!(
        parse("[[u8; 3]; 2]"),
        Type::Array(Arc::new(Type::Array(Arc::new(Type::U8), 3)), 2)
    );
    assert_eq!(
        parse("&&mut *const u8"),
        Type::Ref(Arc::new(Type::Ref(Arc::new(Type::RawPtr(Arc::new(
            Type::U8
        ))))))
    );
    assert_eq!(
        parse("dyn Send + core::any::Any"),
        Type::Dyn("Any".to_owned())
    );
    assert_eq!(parse("dyn Send"), Type::Dyn("Send".to_owned()));
    assert_eq!(
        parse("a::G<5, true, 'x', {CONST#d047}, '\\'', u8>"),
        Type::path(
            &["a".to_owned(), "G".to_owned()],
            ["5", "true", "'x'", "{CONST#d047}", "'\\''"]
                .map(|text| Arg::Const(text.to_owned()))
                .into_iter()
                .chain([Arg::Type(Type::U8)])
                .collect()
        )
    );
    let Type::Path(path) = user("a::main::{closure_env#0}<a::T>") else {
        panic!("no path");
    };
    assert!(path.segments().eq(["a", "main", "{closure_env#0}"]));
    assert_eq!(path.args(), [Arg::Type(user("a::T"))]);
}

/// What is noted of arguments changes nothing, least of all how deep types may nest.
#[cfg(feature = "dwarf")]
#[test]
fn what_was_read_before_does_not_matter() {
    let deep = "&".repeat(100) + "u8";
    let texts = [
        "u8".to_owned(),
        "a::B<u8, alloc::vec::Vec<u8>, [u8; 2], (u8, u16)>".to_owned(),
        "a::B<alloc::vec::Vec<u8>, fn(u8) -> a::B<u8>, dyn a::T<u8, Output=u8> + a::U>".to_owned(),
        "a::B<'>', fn(u8) -> a::B<u8>, (u8, u16), [a::B<u8>]>".to_owned(),
        "a::B<fn(u8) -> a::B<u8>, {closure#0}<u8>, -1, u8".to_owned(),
        format!("a::B<{deep}>"),
        "&".repeat(26) + &format!("a::B<{deep}>"),
        "&".repeat(27) + &format!("a::B<{deep}>"),
    ];
    let mut shared = Shared::default();
    for text in texts.iter().chain(&texts) {
        let alone = Type::parse_debug(text).unwrap_or_else(|_| Type::unparsed(text));
        assert_eq!(Type::parse_shared(text, &mut shared), alone, "{text}");
    }
    let is_read = texts.each_ref().map(|text| Type::parse_debug(text).is_ok());
    assert_eq!(is_read, [true, true, true, true, false, true, true, false]);
}

/// A keyword is one only as a whole word: these are names.
#[test]
fn names_that_begin_like_keywords_are_names() {
    for name in [
        "dynamic",
        "fnord",
        "mutable",
        "format::dyn_",
        "externs",
        "unsafer",
        "größe",
    ] {
        assert!(matches!(parse(name), Type::Path(_)), "{name}");
    }
    assert!(matches!(parse("&mutable"), Type::Ref(_)));
}

#[test]
fn other_text_is_refused_with_its_place() {
    for (text, offset) in [
        ("", 0),
        ("Vec<u8", 6),
        ("Vec<u8>>", 7),
        ("[u8; N]", 5),
        ("&", 1),
        ("*u8", 1),
        ("a::", 3),
        ("9lives", 6),
        ("{closure", 0),
        ("G<'", 3),
    ] {
        assert_eq!(Type::parse(text).unwrap_err().offset, offset, "{text}");
    }
    let deep = "&".repeat(100_000) + "u8";
    assert!(Type::parse(&deep).is_err());
}
