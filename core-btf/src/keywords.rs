//! Words that cannot be names in C.

/// Words of C11 and of clang's GNU dialect, sorted.
const KEYWORDS: [&str; 46] = [
    "_Alignas",
    "_Alignof",
    "_Atomic",
    "_Bool",
    "_Complex",
    "_Generic",
    "_Imaginary",
    "_Noreturn",
    "_Static_assert",
    "_Thread_local",
    "asm",
    "auto",
    "break",
    "case",
    "char",
    "const",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extern",
    "float",
    "for",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "register",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "struct",
    "switch",
    "typedef",
    "typeof",
    "union",
    "unsigned",
    "void",
    "volatile",
    "while",
];

/// Words of later versions of C, and what headers define as macros, sorted.
const LATER: [&str; 11] = [
    "NULL",
    "alignas",
    "alignof",
    "bool",
    "constexpr",
    "false",
    "nullptr",
    "static_assert",
    "thread_local",
    "true",
    "typeof_unqual",
];

/// Whether no type and no member can have this name, in the C of BPF programs.
pub(crate) fn is_keyword(name: &str) -> bool {
    KEYWORDS.binary_search(&name).is_ok()
}

/// Whether a name is better not made up: it is a keyword, or may be one for who includes it.
pub(crate) fn is_reserved(name: &str) -> bool {
    is_keyword(name) || LATER.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_are_searched() {
        assert!(KEYWORDS.is_sorted() && LATER.is_sorted());
        for (word, keyword, reserved) in [
            ("_Bool", true, true),
            ("while", true, true),
            ("true", false, true),
            ("truth", false, false),
        ] {
            assert_eq!(
                (is_keyword(word), is_reserved(word)),
                (keyword, reserved),
                "{word}"
            );
        }
    }
}
