//! `lru.h` as Rust sees it: two opaque objects, and two plain structs at the border.

use std::{marker::PhantomData, slice};

/// `struct slice`: bytes that somebody else owns.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Slice<'a> {
    data: *const u8,
    len: usize,
    bytes: PhantomData<&'a [u8]>,
}

impl<'a> Slice<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            data: bytes.as_ptr(),
            len: bytes.len(),
            bytes: PhantomData,
        }
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        // SAFETY: made from a Rust slice that lives for 'a, or by entry_text(), whose text is not
        // NULL and lives as long as what it was called with: Entry::text() copies it before.
        unsafe { slice::from_raw_parts(self.data, self.len) }
    }
}

/// `struct stats`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) evicted: u64,
    pub(crate) expired: u64,
}

/// `struct cache`
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Cache([u8; 0]);

/// `struct entry`
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Entry([u8; 0]);

/// `NUMBER_TEXT`
pub(super) const NUMBER_TEXT: usize = 24;

unsafe extern "C" {
    pub(super) safe fn cache_new(max_entries: u32, max_bytes: usize, seed: u32) -> *mut Cache;
    pub(super) fn cache_free(cache: *mut Cache);
    pub(super) fn cache_set_time(cache: *mut Cache, now_ms: u64);
    pub(super) fn cache_entries(cache: *const Cache) -> u32;
    pub(super) fn cache_bytes(cache: *const Cache) -> usize;
    pub(super) fn cache_stats(cache: *const Cache) -> Stats;
    pub(super) fn cache_sweep(cache: *mut Cache, buckets: u32);

    pub(super) fn cache_find(cache: *mut Cache, key: Slice<'_>) -> *mut Entry;
    pub(super) fn cache_get(cache: *mut Cache, key: Slice<'_>) -> *mut Entry;
    pub(super) fn cache_set(
        cache: *mut Cache,
        key: Slice<'_>,
        text: Slice<'_>,
        expires_ms: u64,
    ) -> *mut Entry;
    pub(super) fn cache_set_number(cache: *mut Cache, entry: *mut Entry, number: i64);
    pub(super) fn cache_delete(cache: *mut Cache, key: Slice<'_>) -> bool;

    pub(super) fn entry_text<'a>(entry: *const Entry, room: &'a mut [u8; NUMBER_TEXT])
    -> Slice<'a>;
    pub(super) fn entry_number(entry: *const Entry, number: &mut i64) -> bool;
}
