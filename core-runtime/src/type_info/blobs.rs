//! The bytes of an application's types, once in memory however many processes have them.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use core_btf::{Btf, Error};

/// Most blobs in one section: each crate that has types adds one.
const MAX_BLOBS: usize = 1 << 12;

/// Most types that are known to be in memory.
const MAX_KNOWN: usize = 64;

/// BTF blobs that have been checked for their shape.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Types {
    bytes: Cow<'static, [u8]>,
    blobs: Vec<Range<usize>>,
}

/// Those in memory, the newest last. They are found by their bytes: whatever a file says of itself,
/// it gets only what is in it.
static KNOWN: Mutex<Vec<Weak<Types>>> = Mutex::new(Vec::new());

impl Types {
    /// Checks the blobs in `bytes`, unless the same bytes are in memory: then those are meant.
    ///
    /// # Errors
    /// What is wrong with a blob, and where it starts.
    pub(crate) fn shared(bytes: Cow<'static, [u8]>) -> Result<Arc<Self>, (usize, Error)> {
        // Whoever panicked while holding the lock has left a list that lacks an entry at worst.
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |types: &Weak<Self>| types.upgrade().filter(|types| types.bytes == bytes);
        let found = known().iter().find_map(same);
        if let Some(types) = found {
            return Ok(types);
        }
        let types = Arc::new(Self::check(bytes)?);
        let mut known = known();
        known.retain(|types| types.strong_count() > 0);
        if known.len() == MAX_KNOWN {
            known.remove(0);
        }
        known.push(Arc::downgrade(&types));
        Ok(types)
    }

    fn check(bytes: Cow<'static, [u8]>) -> Result<Self, (usize, Error)> {
        let mut blobs = Vec::new();
        let mut start = 0;
        loop {
            if blobs.len() == MAX_BLOBS {
                let limit = Error::Limit {
                    what: "number of blobs",
                    value: MAX_BLOBS as u64 + 1,
                    limit: MAX_BLOBS as u64,
                };
                return Err((start, limit));
            }
            let rest = bytes.get(start..).unwrap_or_default();
            let (_, len) = Btf::parse_prefix(rest).map_err(|source| (start, source))?;
            blobs.push(start..start + len);
            start += len;
            // The linker aligns each blob; what it pads with is zero, which starts no blob.
            let rest = bytes.get(start..).unwrap_or_default();
            match rest.iter().position(|&byte| byte != 0) {
                Some(padding) => start += padding,
                None => break,
            }
        }
        Ok(Self { bytes, blobs })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The blobs, in the order of the file.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = Btf<'_>> {
        self.blobs
            .iter()
            .filter_map(|range| self.bytes.get(range.clone()))
            .filter_map(|blob| Btf::parse(blob).ok())
    }
}
