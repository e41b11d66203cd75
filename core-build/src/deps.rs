//! Dependency files that compilers write for make (`-MD`).

use std::path::PathBuf;

/// The prerequisites named in a dependency file.
///
/// Shapes: `target: first second \⏎ third`, with `\ ` for a space in a name, `$$` for a dollar and
/// `\#` for a hash.
pub(crate) fn parse(text: &str) -> Vec<PathBuf> {
    let Some((_, prerequisites)) = text.split_once(": ") else {
        return Vec::new();
    };
    let mut files = Vec::new();
    let mut name = String::new();
    let mut chars = prerequisites.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('\n')) => {}
            ('\\', Some(&escaped @ (' ' | '#'))) | ('$', Some(&escaped @ '$')) => {
                name.push(escaped);
                chars.next();
            }
            (' ' | '\t' | '\n' | '\r', _) => {
                if !name.is_empty() {
                    files.push(PathBuf::from(std::mem::take(&mut name)));
                }
            }
            _ => name.push(c),
        }
    }
    if !name.is_empty() {
        files.push(PathBuf::from(name));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_spread_over_lines_are_found() {
        let text = "out/trace.o: src/bpf/trace.bpf.c \\\n  /inc/traceable.bpf.h \\\n  ../x.h\n";
        let expected = ["src/bpf/trace.bpf.c", "/inc/traceable.bpf.h", "../x.h"];
        assert_eq!(parse(text), expected.map(PathBuf::from));
    }

    #[test]
    fn escaped_characters_are_part_of_names() {
        assert_eq!(
            parse(r"a.o: my\ dir/x.c cost$$.h no\#1.h back\slash.h"),
            ["my dir/x.c", "cost$.h", "no#1.h", r"back\slash.h"].map(PathBuf::from)
        );
    }

    #[test]
    fn text_without_a_rule_names_nothing() {
        assert_eq!(parse(""), Vec::<PathBuf>::new());
        assert_eq!(parse("a.o:"), Vec::<PathBuf>::new());
    }
}
