//! The names of a file's entries, each stored once.

use std::cell::Cell;
use std::sync::{Mutex, OnceLock, PoisonError};

use gimli::constants as dw;

use super::attrs::{Attrs, Name};
use crate::error::Error;
use crate::model::NameOffset;
use crate::strings::Strings;

/// Most bytes of names that are met. Not all of them are names of types that are kept.
const MAX_BYTES: u64 = 1 << 28;

/// The names that all threads meet, each stored once. Where it is stored depends on which thread was
/// first; [`Merger`](crate::dedup::Merger) puts those that are needed in the order of the types.
#[derive(Debug)]
pub(in crate::dwarf) struct Names {
    strings: Mutex<Strings>,
    /// Why a name could not be stored.
    failed: OnceLock<Error>,
}

impl Names {
    pub(in crate::dwarf) fn new() -> Self {
        Self {
            strings: Mutex::new(Strings::with_limit(MAX_BYTES)),
            failed: OnceLock::new(),
        }
    }

    /// What `read` makes of the names.
    pub(in crate::dwarf) fn with<R>(&self, read: impl FnOnce(&mut Strings) -> R) -> R {
        // A thread that panics leaves them whole: they are only added to.
        read(&mut self.strings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The offset of a name, which is added when it is not there yet.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub(in crate::dwarf) fn intern(&self, name: &str) -> Result<NameOffset, Error> {
        self.with(|strings| strings.intern(name))
    }

    /// The same for the bytes of a name; what is not UTF-8 is replaced. That it fails is said at the end.
    fn intern_bytes(&self, name: &[u8]) -> NameOffset {
        let stored = match std::str::from_utf8(name) {
            Ok(name) => self.intern(name),
            Err(_) => self.intern(&String::from_utf8_lossy(name)),
        };
        stored.unwrap_or_else(|error| {
            self.failed.get_or_init(|| error);
            NameOffset::ANONYMOUS
        })
    }

    /// What `read` makes of all names, once no more will come.
    ///
    /// # Errors
    /// The first failure to store one, and those of `read`.
    pub(in crate::dwarf) fn all<R>(
        &self,
        read: impl FnOnce(&Strings) -> Result<R, Error>,
    ) -> Result<R, Error> {
        match self.failed.get() {
            Some(error) => Err(error.clone()),
            None => self.with(|names| read(names)),
        }
    }
}

/// A name that a thread has met, by where it was.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    /// 0 is none.
    place: u64,
    /// Where it is stored, and in the highest bit whether C can spell it.
    stored: u32,
}

/// Marks a name that C can spell.
const PLAIN: u32 = 1 << 31;

/// The names of an object that one thread has met lately: nearly all come again and again.
#[derive(Debug)]
pub(in crate::dwarf) struct Known<'n> {
    names: &'n Names,
    /// Each name has a place for it or one other.
    table: Vec<Cell<[Met; 2]>>,
}

impl<'n> Known<'n> {
    /// For some bytes of debug information.
    pub(in crate::dwarf) fn new(names: &'n Names, bytes: usize) -> Self {
        let pairs = (bytes / 256).clamp(16, 1 << 15).next_power_of_two();
        Self {
            names,
            table: vec![Cell::default(); pairs],
        }
    }

    /// Stores the name of an entry. One that is too long is not understood.
    ///
    /// # Errors
    /// Its section ends before it does.
    #[inline]
    pub(in crate::dwarf) fn store(&self, attrs: &mut Attrs<'_>) -> gimli::Result<()> {
        let Some(Name { place, text }) = attrs.name else {
            return Ok(());
        };
        let mixed = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let pair = mixed as usize & (self.table.len() - 1);
        let found = self.table.get(pair).map(Cell::get).unwrap_or_default();
        let met = match found {
            [first, _] if first.place == place && place != 0 => first,
            [_, second] if second.place == place && place != 0 => second,
            [first, _] => {
                let Some(bytes) = text.find()? else {
                    attrs.name = None;
                    attrs.set_odd(dw::DW_AT_name);
                    return Ok(());
                };
                let met = self.meet(place, bytes);
                if let Some(pair) = self.table.get(pair) {
                    pair.set([met, first]);
                }
                met
            }
        };
        attrs.store(NameOffset(met.stored & !PLAIN), met.stored & PLAIN != 0);
        Ok(())
    }

    #[cold]
    fn meet(&self, place: u64, bytes: &[u8]) -> Met {
        let offset = self.names.intern_bytes(bytes);
        let plain = if is_plain(bytes) { PLAIN } else { 0 };
        let stored = offset.0 | plain;
        Met { place, stored }
    }
}

/// Whether a name is a C identifier. Bytes beyond ASCII are: C has them too.
pub(in crate::dwarf) fn is_plain(name: &[u8]) -> bool {
    /// For each byte whether it may be in a name.
    const PLAIN: [bool; 256] = {
        let mut plain = [false; 256];
        let mut byte = 0;
        while byte < plain.len() {
            #[expect(
                clippy::indexing_slicing,
                clippy::cast_possible_truncation,
                reason = "the loop's bound"
            )]
            {
                let this = byte as u8;
                plain[byte] = this.is_ascii_alphanumeric() || this == b'_' || !this.is_ascii();
            }
            byte += 1;
        }
        plain
    };
    name.iter()
        .all(|byte| PLAIN.get(usize::from(*byte)) == Some(&true))
}
