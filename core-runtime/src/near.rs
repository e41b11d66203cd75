//! Names that a user may have meant.

/// Most names that are suggested.
const MAX_SUGGESTIONS: usize = 3;

/// The names nearest to a wanted one, among those offered.
#[derive(Debug)]
pub(crate) struct Matches<'w> {
    wanted: &'w str,
    /// Ascending by distance, then by name; at most [`MAX_SUGGESTIONS`].
    best: Vec<(usize, String)>,
}

impl<'w> Matches<'w> {
    pub(crate) fn of(wanted: &'w str) -> Self {
        Self {
            wanted,
            best: Vec::new(),
        }
    }

    pub(crate) fn offer(&mut self, name: &str) {
        // Of a name that is nearer to something else, nobody would say it was meant.
        let limit = (self.wanted.len() / 3).clamp(1, 4);
        let contained = name.len() < 4 * self.wanted.len() && name.contains(self.wanted);
        // A longer name that has all of it is as good as one with the most edits.
        let distance = distance_within(self.wanted.as_bytes(), name.as_bytes(), limit)
            .or(contained.then_some(limit));
        let Some(distance) = distance else { return };
        let entry = (distance, name.to_owned());
        if let Err(at) = self.best.binary_search(&entry) {
            self.best.insert(at, entry);
            self.best.truncate(MAX_SUGGESTIONS);
        }
    }

    pub(crate) fn best(self) -> Vec<String> {
        self.best.into_iter().map(|(_, name)| name).collect()
    }
}

/// The edit distance of two names, unless it is more than `limit`.
fn distance_within(a: &[u8], b: &[u8], limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut row: Vec<usize> = (1..=b.len()).collect();
    let mut distance = b.len();
    for (i, x) in a.iter().enumerate() {
        // The cells left of the row in work and of the one before it.
        let (mut left, mut diagonal) = (i + 1, i);
        let mut least = left;
        for (cell, y) in row.iter_mut().zip(b) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = replaced.min(*cell + 1).min(left + 1);
            *cell = left;
            least = least.min(left);
        }
        if least > limit {
            return None;
        }
        distance = left;
    }
    (distance <= limit).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        let distance = |a: &str, b: &str| distance_within(a.as_bytes(), b.as_bytes(), 10);
        assert_eq!(distance("kitten", "sitting"), Some(3));
        assert_eq!(distance("", "abc"), Some(3));
        assert_eq!(distance("abc", ""), Some(3));
        assert_eq!(distance("same", "same"), Some(0));
        assert_eq!(distance_within(b"abcdef", b"uvwxyz", 2), None);
    }

    #[test]
    fn nearest_names_come_first_and_far_ones_never() {
        let mut matches = Matches::of("add_test");
        for name in [
            "main",
            "add_tests",
            "ad_tst",
            "old_add_test_2",
            "add_best",
            "malloc",
        ] {
            matches.offer(name);
        }
        assert_eq!(matches.best(), ["add_best", "add_tests", "ad_tst"]);
    }
}
