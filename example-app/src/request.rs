//! One request, and the place where tracers look at it.

use std::{arch::naked_asm, ptr::NonNull, time::Duration};

use core_runtime::bpf_traceable;

use crate::{cache::CEntry, command::Command, connection::Connection, reply::Reply};

/// A request whose reply is known and not yet sent.
#[bpf_traceable]
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// Counts from 1.
    pub(crate) id: u64,
    pub(crate) connection: &'a Connection,
    pub(crate) command: Command<'a>,
    /// It is an inline command, as one types it.
    pub(crate) typed: bool,
    /// The client has sent the next one already.
    pub(crate) pipelined: bool,
    /// What was found or stored.
    pub(crate) entry: Option<NonNull<CEntry>>,
    pub(crate) reply: Reply,
    pub(crate) took: Duration,
}

/// The trace point: gets every request, while the shared state is locked.
///
/// It does nothing, and is never inlined. A probe is placed on the `nop`, which the kernel steps
/// over without single-stepping, 20 times cheaper than over another instruction.
#[unsafe(naked)]
pub(crate) extern "C" fn request_done(request: &Request<'_>) {
    naked_asm!("nop", "ret")
}
