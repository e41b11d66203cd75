//! The cache in C as a safe Rust object.

mod ffi;

use std::{io, marker::PhantomData, ptr::NonNull};

use ffi::Slice;
pub(crate) use ffi::{Entry as CEntry, Stats};

/// How much a cache may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) entries: u32,
    /// Of entries, keys and values.
    pub(crate) bytes: usize,
}

/// Why a value was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoRoom,
    NotAnInteger,
    Overflow,
}

/// Owns a `struct cache`.
#[derive(Debug)]
pub(crate) struct Cache {
    c: NonNull<ffi::Cache>,
}

// SAFETY: nothing in the C cache belongs to a thread, and who changes it has it borrowed mutably.
unsafe impl Send for Cache {}

impl Cache {
    /// The limits hold at any time; `seed` starts the hash.
    pub(crate) fn new(limits: Limits, seed: u32) -> io::Result<Self> {
        let c = ffi::cache_new(limits.entries, limits.bytes, seed);
        let c = NonNull::new(c).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { c })
    }

    /// Time passes only here.
    pub(crate) fn set_time(&mut self, now_ms: u64) {
        // SAFETY: the cache lives as long as self, which is borrowed mutably.
        unsafe { ffi::cache_set_time(self.c.as_ptr(), now_ms) }
    }

    /// Drops what is expired in the next `buckets` buckets.
    pub(crate) fn sweep(&mut self, buckets: u32) {
        // SAFETY: the cache lives as long as self, which is borrowed mutably.
        unsafe { ffi::cache_sweep(self.c.as_ptr(), buckets) }
    }

    pub(crate) fn entries(&self) -> u32 {
        // SAFETY: the cache lives as long as self; it is only read.
        unsafe { ffi::cache_entries(self.c.as_ptr()) }
    }

    pub(crate) fn bytes(&self) -> usize {
        // SAFETY: the cache lives as long as self; it is only read.
        unsafe { ffi::cache_bytes(self.c.as_ptr()) }
    }

    pub(crate) fn stats(&self) -> Stats {
        // SAFETY: the cache lives as long as self; it is only read.
        unsafe { ffi::cache_stats(self.c.as_ptr()) }
    }

    /// Looks, which does not count as a use.
    pub(crate) fn find(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        // SAFETY: the cache lives as long as self, which is borrowed mutably.
        Entry::new(unsafe { ffi::cache_find(self.c.as_ptr(), Slice::new(key)) })
    }

    pub(crate) fn get(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        // SAFETY: the cache lives as long as self, which is borrowed mutably.
        Entry::new(unsafe { ffi::cache_get(self.c.as_ptr(), Slice::new(key)) })
    }

    /// Stores a copy; an `expires_ms` of 0 is never.
    pub(crate) fn set(
        &mut self,
        key: &[u8],
        value: &[u8],
        expires_ms: u64,
    ) -> Result<Entry<'_>, Refusal> {
        let (key, value) = (Slice::new(key), Slice::new(value));
        // SAFETY: the cache lives as long as self, which is borrowed mutably; C copies both.
        let entry = unsafe { ffi::cache_set(self.c.as_ptr(), key, value, expires_ms) };
        Entry::new(entry).ok_or(Refusal::NoRoom)
    }

    /// Adds one to an integer, which is 0 where there is none.
    pub(crate) fn increment(&mut self, key: &[u8]) -> Result<(i64, Entry<'_>), Refusal> {
        let entry = match self.find(key) {
            Some(entry) => entry,
            None => self.set(key, b"0", 0)?,
        };
        let number = entry.number().ok_or(Refusal::NotAnInteger)?;
        let number = number.checked_add(1).ok_or(Refusal::Overflow)?;
        let c = entry.c;
        // SAFETY: the cache lives as long as self, which is borrowed mutably; the entry is its own.
        unsafe { ffi::cache_set_number(self.c.as_ptr(), c.as_ptr(), number) }
        let cache = PhantomData;
        Ok((number, Entry { c, cache }))
    }

    pub(crate) fn delete(&mut self, key: &[u8]) -> bool {
        // SAFETY: the cache lives as long as self, which is borrowed mutably.
        unsafe { ffi::cache_delete(self.c.as_ptr(), Slice::new(key)) }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        // SAFETY: made by cache_new(), freed once.
        unsafe { ffi::cache_free(self.c.as_ptr()) }
    }
}

/// A `struct entry`, while nothing changes the cache that it is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'c> {
    c: NonNull<CEntry>,
    cache: PhantomData<&'c Cache>,
}

impl Entry<'_> {
    fn new(c: *mut CEntry) -> Option<Self> {
        let c = NonNull::new(c)?;
        let cache = PhantomData;
        Some(Self { c, cache })
    }

    /// Where it is, for who looks into this process from outside.
    pub(crate) fn address(self) -> NonNull<CEntry> {
        self.c
    }

    pub(crate) fn text(self) -> Vec<u8> {
        let mut room = [0; ffi::NUMBER_TEXT];
        // SAFETY: the entry is alive, and the text is copied before room or cache are gone.
        let text = unsafe { ffi::entry_text(self.c.as_ptr(), &mut room) };
        text.bytes().to_vec()
    }

    fn number(self) -> Option<i64> {
        let mut number = 0;
        // SAFETY: the entry is alive.
        let is_number = unsafe { ffi::entry_number(self.c.as_ptr(), &mut number) };
        is_number.then_some(number)
    }
}

#[cfg(test)]
mod tests;
