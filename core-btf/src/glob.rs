//! Names with wildcards: `*` stands for any characters, `?` for one.

/// Whether `name` fits `pattern` as a whole.
///
/// ```
/// use core_btf::glob;
/// assert!(glob::matches("sqlite3_*", "sqlite3_stmt"));
/// assert!(!glob::matches("sqlite3_?", "sqlite3_stmt"));
/// ```
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    // Where to go on when the last `*` has to take one character more.
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let rest = name.clone();
        match (pattern.next(), name.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                name = rest.clone();
                retry = Some((pattern.clone(), rest));
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => {
                let Some((after_star, taken)) = &mut retry else {
                    return false;
                };
                if taken.next().is_none() {
                    return false;
                }
                pattern = after_star.clone();
                name = taken.clone();
            }
        }
    }
}

/// Whether a pattern has wildcards.
#[must_use]
pub fn is_pattern(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::{is_pattern, matches};

    /// A pattern that takes too little or too much selects the wrong roots.
    #[test]
    fn stars_take_any_number_and_question_marks_one() {
        for (pattern, name, fits) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("a*", "b", false),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("a*b*c", "a_b_b_c", true),
            ("*ab", "aab", true),
            ("?", "", false),
            ("?", "a", true),
            ("??", "a", false),
            ("*?", "a", true),
            ("é?", "éé", true),
            ("struct", "struct", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
        assert!(is_pattern("a*") && is_pattern("a?") && !is_pattern("a"));
    }

    /// Patterns come from people, but must not hang either.
    #[test]
    fn many_stars_are_no_explosion() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!matches(&pattern, &"a".repeat(5000)));
    }
}
