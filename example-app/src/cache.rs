//! The C cache as a safe Rust object.

mod ffi;

use std::{io, net::SocketAddr, ptr::NonNull};

use ffi::Slice;
pub(crate) use ffi::{Command, Condition, Outcome, Stats};

impl Condition {
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::Absent, Self::Present];
}

impl Outcome {
    pub(crate) const ALL: [Self; 7] = [
        Self::Rejected,
        Self::NoRoom,
        Self::Overflow,
        Self::NotInteger,
        Self::Done,
        Self::Hit,
        Self::Miss,
    ];
}

/// One command, ready to run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call<'a> {
    pub(crate) command: Command,
    pub(crate) condition: Condition,
    /// 0: for ever
    pub(crate) ttl_ms: u64,
    /// Without the command's name.
    pub(crate) args: Vec<&'a [u8]>,
    /// It is counted and traced, but not run: its arguments are wrong.
    pub(crate) rejected: bool,
    pub(crate) typed: bool,
    pub(crate) pipelined: bool,
}

/// The address of `request_done()`, which gets every request when its reply is known.
pub(crate) fn trace_point() -> *const () {
    ffi::request_done as *const ()
}

/// What came of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) number: i64,
    /// Entries in the cache now.
    pub(crate) entries: u32,
    pub(crate) text: &'a [u8],
}

/// `struct cache`, owned.
#[derive(Debug)]
pub(crate) struct Cache(NonNull<ffi::Cache>);

impl Cache {
    /// Both limits hold at any time; `seed` starts the hash.
    pub(crate) fn new(max_entries: u32, max_bytes: usize, seed: u32) -> io::Result<Self> {
        NonNull::new(ffi::cache_new(max_entries, max_bytes, seed))
            .map(Self)
            .ok_or_else(out_of_memory)
    }

    /// Time passes only here.
    pub(crate) fn set_time(&mut self, now_ms: u64) {
        // SAFETY: the cache lives as long as self, which is borrowed mutably.
        unsafe { ffi::cache_set_time(self.0.as_ptr(), now_ms) }
    }

    /// Drops what is expired in the next `buckets` buckets.
    pub(crate) fn sweep(&mut self, buckets: u32) {
        // SAFETY: the cache lives as long as self, which is borrowed mutably.
        unsafe { ffi::cache_sweep(self.0.as_ptr(), buckets) }
    }

    pub(crate) fn entries(&self) -> u32 {
        // SAFETY: the cache lives as long as self; it is only read.
        unsafe { ffi::cache_entries(self.0.as_ptr()) }
    }

    pub(crate) fn bytes(&self) -> usize {
        // SAFETY: the cache lives as long as self; it is only read.
        unsafe { ffi::cache_bytes(self.0.as_ptr()) }
    }

    pub(crate) fn stats(&self) -> Stats {
        // SAFETY: the cache lives as long as self; it is only read.
        unsafe { ffi::cache_stats(self.0.as_ptr()) }
    }

    /// Runs a call and reports it to the trace point. The reply's text may lie in the cache or in
    /// the client, so both stay borrowed.
    pub(crate) fn run<'s>(&'s mut self, client: &'s mut Client, call: &Call<'_>) -> Reply<'s> {
        let args: Vec<Slice<'_>> = call.args.iter().map(|arg| Slice::new(arg)).collect();
        let call = ffi::Call {
            command: call.command,
            condition: call.condition,
            ttl_ms: call.ttl_ms,
            args: args.as_ptr(),
            args_len: u32::try_from(args.len()).unwrap_or(u32::MAX),
            rejected: call.rejected,
            typed: call.typed,
            pipelined: call.pipelined,
        };
        // SAFETY: all three are alive, cache and client are borrowed mutably, and C keeps no
        // pointer into the call.
        let reply: ffi::Reply<'s> =
            unsafe { ffi::request_run(self.0.as_ptr(), client.0.as_ptr(), &raw const call) };
        Reply {
            outcome: reply.outcome,
            number: reply.number,
            entries: self.entries(),
            text: reply.text.bytes(),
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        // SAFETY: made by cache_new(), freed once.
        unsafe { ffi::cache_free(self.0.as_ptr()) }
    }
}

/// `struct client`, owned.
#[derive(Debug)]
pub(crate) struct Client(NonNull<ffi::Client>);

impl Client {
    pub(crate) fn new(id: u64, peer: SocketAddr) -> io::Result<Self> {
        let address = peer.ip().to_string();
        NonNull::new(ffi::client_new(
            id,
            Slice::new(address.as_bytes()),
            peer.port(),
        ))
        .map(Self)
        .ok_or_else(out_of_memory)
    }

    /// The name that `CLIENT SETNAME` gives.
    pub(crate) fn rename(&mut self, name: &[u8]) -> io::Result<()> {
        // SAFETY: the client lives as long as self, which is borrowed mutably; C copies the name.
        let done = unsafe { ffi::client_rename(self.0.as_ptr(), Slice::new(name)) };
        if done { Ok(()) } else { Err(out_of_memory()) }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: made by client_new(), freed once.
        unsafe { ffi::client_free(self.0.as_ptr()) }
    }
}

fn out_of_memory() -> io::Error {
    io::ErrorKind::OutOfMemory.into()
}

#[cfg(test)]
mod tests;
