//! Essential names: what counts of a name when types are matched.

/// The name without its flavor (`bpf_core_essential_name_len`): what stands before the last `___`
/// that has a character other than `_` on both sides.
#[must_use]
pub fn essential_name(name: &[u8]) -> &[u8] {
    let flavor = name
        .windows(5)
        .rposition(|w| matches!(w, [x, b'_', b'_', b'_', y] if *x != b'_' && *y != b'_'));
    match flavor {
        Some(at) => name.get(..=at).unwrap_or(name),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::essential_name;

    /// Which triple underscore counts decides what every flavored type matches.
    #[test]
    fn the_last_separator_between_other_characters_cuts() {
        for (name, essential) in [
            ("", ""),
            ("data", "data"),
            ("data___v2", "data"),
            ("a___b", "a"),
            ("a___b___c", "a___b"),
            ("a____b", "a____b"),
            ("___a", "___a"),
            ("a___", "a___"),
            ("a___b____c", "a"),
        ] {
            let cut = essential_name(name.as_bytes());
            assert_eq!(cut, essential.as_bytes(), "{name}");
        }
    }
}
