//! How far an extraction is.

use std::sync::atomic::{AtomicU64, Ordering};

/// What an extraction is doing, for another thread to look at: [`gather`](super::gather())
/// counts, whoever has a reference asks.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of units to read, as far as it is known.
    all: AtomicU64,
    /// Bytes of units that were read.
    done: AtomicU64,
}

impl Progress {
    /// Parts of a hundred of the debug information that were read. Less than a hundred until all was;
    /// after that, what was read is still to be compared and put together.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let done = self.done.load(Ordering::Relaxed);
        let all = self.all.load(Ordering::Relaxed);
        done.saturating_mul(100)
            .checked_div(all)
            .unwrap_or(0)
            .min(100)
    }

    pub(super) fn add_all(&self, bytes: u64) {
        self.all.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn add_done(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }
}
