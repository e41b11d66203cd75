//! Where keys are in a list that has them in ascending order.

use super::units::Key;

/// For each [`STEP`] keys, where those are in the list that have no smaller key.
#[derive(Debug)]
pub(super) struct KeyIndex {
    first: Key,
    starts: Vec<u32>,
}

/// How many keys there are to a place in the list: about as many as an entry has.
const STEP: u32 = 16;

impl KeyIndex {
    /// Of a list of these keys, none of which is below `first`.
    pub(super) fn new(first: Key, keys: impl Iterator<Item = Key>) -> Self {
        let mut starts = Vec::new();
        for (at, key) in (0..).zip(keys) {
            let step = (key.saturating_sub(first) / STEP) as usize;
            while starts.len() <= step {
                starts.push(at);
            }
        }
        Self { first, starts }
    }

    /// The place of `key` in the `list`, whose items have the keys that `key_of` says.
    #[inline]
    pub(super) fn find<T>(
        &self,
        list: &[T],
        key: Key,
        key_of: impl Fn(&T) -> Key,
    ) -> Option<usize> {
        let step = (key.checked_sub(self.first)? / STEP) as usize;
        let start = *self.starts.get(step)? as usize;
        let near = list.get(start..)?;
        let place = near.iter().position(|item| key_of(item) >= key)?;
        (key_of(near.get(place)?) == key).then_some(start + place)
    }
}

#[cfg(test)]
mod tests {
    use super::KeyIndex;

    #[test]
    fn keys_are_found_where_they_are() {
        let list = [70, 71, 135, 300, 301, 1000];
        let index = KeyIndex::new(70, list.iter().copied());
        for key in 0..1100 {
            let expected = list.iter().position(|it| *it == key);
            assert_eq!(index.find(&list, key, |it| *it), expected, "{key}");
        }
    }
}
