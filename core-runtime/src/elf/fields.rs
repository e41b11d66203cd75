//! Numbers and names in the tables of an ELF file.

/// Word size and byte order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    pub(super) wide: bool,
    pub(super) big: bool,
}

/// Numbers at byte offsets of a slice; 0 past its end, so callers check lengths first.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) format: Format,
}

impl Fields<'_> {
    fn number<const N: usize>(self, at: usize) -> u64 {
        let mut wide = [0; 8];
        let Some(bytes) = self
            .bytes
            .get(at..)
            .and_then(|rest| rest.first_chunk::<N>())
        else {
            return 0;
        };
        for (i, &byte) in bytes.iter().enumerate() {
            let place = if self.format.big { N - 1 - i } else { i };
            if let Some(slot) = wide.get_mut(place) {
                *slot = byte;
            }
        }
        u64::from_le_bytes(wide)
    }

    pub(super) fn u16(self, at: usize) -> u64 {
        self.number::<2>(at)
    }

    #[expect(clippy::cast_possible_truncation, reason = "four bytes were read")]
    pub(super) fn u32(self, at: usize) -> u32 {
        self.number::<4>(at) as u32
    }

    /// A word of the file's word size: the 64-bit layout has it at `wide`, the 32-bit at `narrow`.
    pub(super) fn word(self, wide: usize, narrow: usize) -> u64 {
        if self.format.wide {
            self.number::<8>(wide)
        } else {
            self.number::<4>(narrow)
        }
    }

    /// A 32-bit field whose place differs between the two layouts.
    pub(super) fn u32_at(self, wide: usize, narrow: usize) -> u32 {
        self.u32(if self.format.wide { wide } else { narrow })
    }
}

/// The NUL-terminated name at `offset`, of which at most `most` bytes are looked at; empty outside
/// the table.
pub(super) fn name_at(names: &[u8], offset: u32, most: usize) -> &[u8] {
    let rest = names.get(offset as usize..).unwrap_or_default();
    let rest = rest.get(..most).unwrap_or(rest);
    rest.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// A number that the file's length already bounds, as an index.
pub(super) fn to_index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
