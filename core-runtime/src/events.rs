//! Events that BPF programs send through a ring buffer, as values of a Rust type.

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytemuck::AnyBitPattern;
use libbpf_rs::MapCore;

use crate::error::{Error, Result};
use crate::{log, sys};

/// What a callback tells libbpf to stop with; -`EPROTO`, which libbpf itself never gives.
const STOP: i32 = -71;
/// A call that a signal cut short.
const INTERRUPTED: i32 = -4;
/// No event of a wrong size has been seen.
const NONE: usize = usize::MAX;

/// Reads a ring buffer map whose events are all of type `T`.
///
/// `T` is the struct that the BPF program reserves or outputs. The structs of a skeleton's `types`
/// module that `embed!()` included qualify as they are; for one written by hand, derive
/// [`bytemuck::AnyBitPattern`] on a `#[repr(C)]` struct.
///
/// An event of another size than `T`'s is an error ([`Error::EventSize`]) and is not handed on.
/// Events that the BPF program could not send because the buffer was full are not seen here: count
/// them where `bpf_ringbuf_reserve` or `bpf_ringbuf_output` fails.
///
/// To wait together with other things, wait for the descriptor ([`AsFd`]) to become readable, then
/// [`consume`](Self::consume).
///
/// ```no_run
/// # use core_runtime::{RingBuffer, bytemuck};
/// # use std::time::Duration;
/// #[derive(Clone, Copy, bytemuck::AnyBitPattern)]
/// #[repr(C)]
/// struct Request { id: u64, bytes: u32, status: i32 }
///
/// # fn read(map: &libbpf_rs::MapMut<'_>) -> core_runtime::Result<()> {
/// let mut total = 0;
/// let mut requests = RingBuffer::new(map, |request: &Request| total += u64::from(request.bytes))?;
/// while requests.poll(Duration::from_millis(100))? > 0 {}
/// # Ok(())
/// # }
/// ```
pub struct RingBuffer<'cb, T> {
    inner: libbpf_rs::RingBuffer<'cb>,
    /// Size of an event that is no `T`, in bytes, until it is reported.
    wrong_size: Arc<AtomicUsize>,
    map: String,
    event: PhantomData<fn(&T)>,
}

impl<'cb, T: AnyBitPattern> RingBuffer<'cb, T> {
    /// A reader that calls `on_event` with each event, when it is asked to.
    ///
    /// # Errors
    /// [`Error::Libbpf`] when `map` is no ring buffer.
    pub fn new(map: &dyn MapCore, mut on_event: impl FnMut(&T) + Send + 'cb) -> Result<Self> {
        log::install();
        let name = map.name().to_string_lossy().into_owned();
        let wrong_size = Arc::new(AtomicUsize::new(NONE));
        let noted = Arc::clone(&wrong_size);
        let callback = move |bytes: &[u8]| {
            // The kernel aligns events to 8 bytes; only types that need more are copied.
            if let Ok(event) = bytemuck::try_from_bytes::<T>(bytes) {
                on_event(event);
            } else if let Ok(event) = bytemuck::try_pod_read_unaligned::<T>(bytes) {
                on_event(&event);
            } else {
                noted.store(bytes.len(), Ordering::Relaxed);
                return STOP;
            }
            0
        };
        let build = || {
            let mut builder = libbpf_rs::RingBufferBuilder::new();
            builder.add(map, callback)?;
            builder.build()
        };
        let inner = build().map_err(|source| Error::Libbpf {
            operation: format!("reading map `{name}` as a ring buffer"),
            log: String::new(),
            source,
        })?;
        Ok(Self {
            inner,
            wrong_size,
            map: name,
            event: PhantomData,
        })
    }

    /// Waits until there are events, or `timeout` is over ([`Duration::MAX`]: for ever), and hands
    /// all of them on. Gives their number; 0 as well when a signal came.
    ///
    /// # Errors
    /// [`Error::EventSize`]; the events after the odd one are still there for the next call.
    pub fn poll(&mut self, timeout: Duration) -> Result<usize> {
        const LONGEST: Duration = Duration::from_millis(i32::MAX.unsigned_abs() as u64);
        let timeout = if timeout == Duration::MAX {
            timeout
        } else {
            // libbpf counts in milliseconds: waiting a shorter time must not become not waiting.
            let millis = timeout.as_nanos().div_ceil(1_000_000);
            Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)).min(LONGEST)
        };
        let result = self.inner.poll_raw(timeout);
        self.outcome(result)
    }

    /// Hands on the events that are there, without waiting. Gives their number.
    ///
    /// # Errors
    /// As [`RingBuffer::poll`].
    pub fn consume(&mut self) -> Result<usize> {
        let result = self.inner.consume_raw();
        self.outcome(result)
    }

    /// As [`RingBuffer::consume`], but leaves what is more than `limit` for later, which a reader
    /// that must come back in time needs when events keep coming.
    ///
    /// # Errors
    /// As [`RingBuffer::poll`].
    pub fn consume_at_most(&mut self, limit: usize) -> Result<usize> {
        let result = self.inner.consume_raw_n(limit);
        self.outcome(result)
    }

    fn outcome(&self, result: i32) -> Result<usize> {
        if let Ok(count) = usize::try_from(result) {
            return Ok(count);
        }
        if result == INTERRUPTED {
            return Ok(0);
        }
        match self.wrong_size.swap(NONE, Ordering::Relaxed) {
            NONE => Err(Error::Libbpf {
                operation: format!("reading ring buffer `{}`", self.map),
                log: String::new(),
                source: libbpf_rs::Error::from_raw_os_error(-result),
            }),
            size => Err(Error::EventSize {
                map: self.map.clone(),
                event: std::any::type_name::<T>(),
                expected: size_of::<T>(),
                size,
            }),
        }
    }
}

impl<T> AsRawFd for RingBuffer<'_, T> {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.epoll_fd()
    }
}

impl<T> AsFd for RingBuffer<'_, T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        sys::ring_buffer_fd(&self.inner)
    }
}

impl<T> fmt::Debug for RingBuffer<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingBuffer")
            .field("map", &self.map)
            .field("event", &std::any::type_name::<T>())
            .finish_non_exhaustive()
    }
}
