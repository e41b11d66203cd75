//! Events that BPF programs send through a ring buffer, as values of a Rust type.

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use bytemuck::AnyBitPattern;
use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::log;
use crate::sys::RingPages;

/// Size in bytes of an event that is of another size than its type.
struct WrongSize(usize);

/// Hands on at most so many events. libbpf's reader has a call through two pointers for each event,
/// this has one for all of them.
type Consume<'cb> = dyn FnMut(usize) -> Result<usize, WrongSize> + Send + 'cb;

/// Reads a ring buffer map whose events are all of type `T`.
///
/// `T` is the struct that the BPF program reserves or outputs. The structs of a skeleton's `types`
/// module that `embed!()` included qualify as they are; for one written by hand, derive
/// [`bytemuck::AnyBitPattern`] on a `#[repr(C)]` struct.
///
/// An event of another size than `T`'s is an error ([`Error::EventSize`]) and is not handed on.
/// Events for which the buffer had no room are not seen here: the BPF program can count them
/// ([`LostEvents`]).
///
/// It reads the map's memory itself, beside any other reader, of which there should be none: an
/// event goes to whoever comes first.
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
    consume: Box<Consume<'cb>>,
    /// A descriptor of the map, to wait for.
    fd: OwnedFd,
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
        let name = name_of(map);
        let failed = |source| Error::Libbpf {
            operation: format!("reading map `{name}` as a ring buffer"),
            log: String::new(),
            source,
        };
        if map.map_type() != MapType::RingBuf {
            return Err(failed(wrong_map(
                "it is not of the type BPF_MAP_TYPE_RINGBUF",
            )));
        }
        let open = || {
            let fd = map.as_fd().try_clone_to_owned()?;
            let pages = RingPages::new(fd.as_fd(), map.max_entries() as usize)?;
            Ok((fd, pages))
        };
        let (fd, mut pages) = open().map_err(|error: std::io::Error| failed(error.into()))?;
        let consume = move |limit| {
            let mut wrong_size = None;
            let count = pages.consume(limit, |bytes| {
                // The kernel aligns events to 8 bytes; only types that need more are copied.
                if let Ok(event) = bytemuck::try_from_bytes::<T>(bytes) {
                    on_event(event);
                } else if let Ok(event) = bytemuck::try_pod_read_unaligned::<T>(bytes) {
                    on_event(&event);
                } else {
                    wrong_size = Some(WrongSize(bytes.len()));
                }
                wrong_size.is_none()
            });
            wrong_size.map_or(Ok(count), Err)
        };
        Ok(Self {
            consume: Box::new(consume),
            fd,
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
        let count = self.consume()?;
        if count > 0 {
            return Ok(count);
        }
        // A timeout that the kernel cannot count is longer than anybody waits.
        let timeout = Timespec::try_from(timeout).ok();
        match poll(
            &mut [PollFd::new(&self.fd, PollFlags::IN)],
            timeout.as_ref(),
        ) {
            Ok(_) => self.consume(),
            Err(Errno::INTR) => Ok(0),
            Err(error) => Err(Error::Libbpf {
                operation: format!("waiting for ring buffer `{}`", self.map),
                log: String::new(),
                source: std::io::Error::from(error).into(),
            }),
        }
    }

    /// Hands on the events that are there, without waiting. Gives their number.
    ///
    /// # Errors
    /// As [`RingBuffer::poll`].
    pub fn consume(&mut self) -> Result<usize> {
        self.consume_at_most(usize::MAX)
    }

    /// As [`RingBuffer::consume`], but leaves what is more than `limit` for later, which a reader
    /// that must come back in time needs when events keep coming.
    ///
    /// # Errors
    /// As [`RingBuffer::poll`].
    pub fn consume_at_most(&mut self, limit: usize) -> Result<usize> {
        (self.consume)(limit).map_err(|WrongSize(size)| Error::EventSize {
            map: self.map.clone(),
            event: std::any::type_name::<T>(),
            expected: size_of::<T>(),
            size,
        })
    }
}

impl<T> AsRawFd for RingBuffer<'_, T> {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl<T> AsFd for RingBuffer<'_, T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
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

/// The count of events that were lost because a ring buffer was full.
///
/// It is the map `NAME_lost` that `CORE_EVENTS(NAME, ...)` of `traceable.bpf.h` defines beside ring
/// buffer `NAME`, in which `core_reserve` and `core_output` count what they have no room for. No
/// event is missed in it: all that was sent was read, is in the buffer, or is counted here.
///
/// ```no_run
/// # use core_runtime::LostEvents;
/// # fn report(map: &libbpf_rs::MapMut<'_>) -> core_runtime::Result<()> {
/// let lost = LostEvents::in_map(map)?; // &skeleton.maps.events_lost
/// eprintln!("{} events lost", lost.count()?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct LostEvents {
    counter: MapHandle,
    map: String,
}

impl LostEvents {
    /// The count that the BPF programs keep in `map`, an array of one 64-bit number.
    ///
    /// # Errors
    /// [`Error::Libbpf`] when `map` is none.
    pub fn in_map<'m, M>(map: &'m M) -> Result<Self>
    where
        M: MapCore,
        MapHandle: TryFrom<&'m M, Error = libbpf_rs::Error>,
    {
        let name = name_of(map);
        let is_counter = map.map_type() == MapType::Array
            && (map.key_size(), map.value_size(), map.max_entries()) == (4, 8, 1);
        let counter = if is_counter {
            MapHandle::try_from(map)
        } else {
            Err(wrong_map("it is not an array of one 64-bit number"))
        };
        let counter = counter.map_err(|source| Self::failed(&name, source))?;
        Ok(Self { counter, map: name })
    }

    /// How many events were lost since the object was loaded.
    ///
    /// # Errors
    /// [`Error::Libbpf`] when the kernel does not tell.
    pub fn count(&self) -> Result<u64> {
        let value = self.counter.lookup(&0_u32.to_ne_bytes(), MapFlags::ANY);
        let value = value.map_err(|source| Self::failed(&self.map, source))?;
        let bytes = value.as_deref().and_then(<[u8]>::first_chunk);
        bytes
            .copied()
            .map(u64::from_ne_bytes)
            .ok_or_else(|| Self::failed(&self.map, wrong_map("it has no number")))
    }

    fn failed(map: &str, source: libbpf_rs::Error) -> Error {
        Error::Libbpf {
            operation: format!("reading map `{map}` as a count of lost events"),
            log: String::new(),
            source,
        }
    }
}

fn name_of(map: &dyn MapCore) -> String {
    map.name().to_string_lossy().into_owned()
}

fn wrong_map(problem: &'static str) -> libbpf_rs::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidInput, problem).into()
}
