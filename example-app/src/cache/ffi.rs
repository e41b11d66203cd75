//! `request.h` as Rust sees it: the opaque objects and the two plain structs at the border.

use std::{marker::PhantomData, slice};

/// `struct slice`: bytes that live at least as long as `'a`.
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
        if self.data.is_null() {
            return &[];
        }
        // SAFETY: made from a Rust slice that lives for 'a, or by request_run(), whose text lives
        // until the cache or the client changes: Cache::run() borrows both for that long.
        unsafe { slice::from_raw_parts(self.data, self.len) }
    }
}

/// `enum command`
#[expect(clippy::enum_variant_names, reason = "COMMAND is a command")]
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Command {
    #[default]
    Unknown,
    Ping,
    Echo,
    Set,
    Get,
    Del,
    Exists,
    Incr,
    DbSize,
    Info,
    Command,
    Config,
    Client,
    Quit,
}

/// `enum outcome`
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Rejected = -4,
    NoRoom = -3,
    Overflow = -2,
    NotInteger = -1,
    Done = 0,
    Hit = 1,
    Miss = 2,
}

/// `enum condition`
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Condition {
    #[default]
    None,
    Absent,
    Present,
}

/// `struct call`
#[repr(C)]
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) command: Command,
    pub(super) condition: Condition,
    pub(super) ttl_ms: u64,
    pub(super) args: *const Slice<'a>,
    pub(super) args_len: u32,
    pub(super) rejected: bool,
    pub(super) typed: bool,
    pub(super) pipelined: bool,
}

/// `struct reply`
#[repr(C)]
#[derive(Debug)]
pub(super) struct Reply<'a> {
    pub(super) outcome: Outcome,
    pub(super) number: i64,
    pub(super) text: Slice<'a>,
}

/// `struct cache`
#[repr(C)]
#[derive(Debug)]
pub(super) struct Cache {
    opaque: [u8; 0],
    not_send: PhantomData<*mut ()>,
}

/// `struct client`
#[repr(C)]
#[derive(Debug)]
pub(super) struct Client {
    opaque: [u8; 0],
    not_send: PhantomData<*mut ()>,
}

/// `struct request`
#[repr(C)]
#[derive(Debug)]
pub(super) struct Request {
    opaque: [u8; 0],
    not_send: PhantomData<*mut ()>,
}

/// `struct stats`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) requests: u64,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) evicted: u64,
    pub(crate) expired: u64,
}

unsafe extern "C" {
    pub(super) safe fn cache_new(max_entries: u32, max_bytes: usize, seed: u32) -> *mut Cache;
    pub(super) fn cache_free(cache: *mut Cache);
    pub(super) fn cache_set_time(cache: *mut Cache, now_ms: u64);
    pub(super) fn cache_entries(cache: *const Cache) -> u32;
    pub(super) fn cache_bytes(cache: *const Cache) -> usize;
    pub(super) fn cache_stats(cache: *const Cache) -> Stats;
    pub(super) fn cache_sweep(cache: *mut Cache, buckets: u32);

    pub(super) safe fn client_new(id: u64, address: Slice<'_>, port: u16) -> *mut Client;
    pub(super) fn client_rename(client: *mut Client, name: Slice<'_>) -> bool;
    pub(super) fn client_free(client: *mut Client);

    pub(super) fn request_run<'a>(
        cache: *mut Cache,
        client: *mut Client,
        call: *const Call<'_>,
    ) -> Reply<'a>;
    pub(super) fn request_done(request: *const Request);
}
