//! All `unsafe` of this crate: what libbpf and the kernel offer only to C.
#![expect(unsafe_code, reason = "libbpf-sys has no safe interface to these")]

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::{io, ptr, slice};

use libbpf_rs::libbpf_sys::{
    self, BPF_PROG_TYPE_KPROBE, BPF_TRACE_UPROBE_MULTI, bpf_insn, bpf_link_create_opts,
    bpf_prog_load_opts,
};
use libbpf_rs::{AsRawLibbpf as _, ObjectBuilder};
use memmap2::{MmapOptions, MmapRaw};

/// Maps a file of sysfs whose content is a constant of the running kernel. The kernel takes private
/// maps only.
pub(crate) fn map_kernel_file(file: &File) -> io::Result<memmap2::Mmap> {
    let options = MmapOptions::new();
    // SAFETY: the memory behind a map must not change. This is the kernel's read-only data; nobody
    // can write to or truncate the file.
    unsafe { options.map_copy_read_only(file) }
}

/// Takes a new file descriptor from a libbpf call, or the error that it left in `errno`.
fn owned_fd(result: i32) -> io::Result<OwnedFd> {
    if result < 0 {
        // libbpf's low-level calls return the negated error.
        return Err(io::Error::from_raw_os_error(-result));
    }
    // SAFETY: a non-negative result of a call that creates an object is a descriptor that nobody
    // else has.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}

/// Loads a program that does nothing and may be attached as a multi-uprobe, by the right of a token
/// if one is given.
pub(crate) fn load_empty_uprobe_multi(token: Option<BorrowedFd<'_>>) -> io::Result<OwnedFd> {
    const WITH_TOKEN: u32 = 1 << 16; // BPF_F_TOKEN_FD
    let mut exit = [bpf_insn::default(); 2];
    let [move_zero, leave] = &mut exit;
    move_zero.code = 0xb7; // BPF_ALU64 | BPF_MOV | BPF_K: r0 = 0
    leave.code = 0x95; // BPF_JMP | BPF_EXIT
    let mut opts = bpf_prog_load_opts {
        sz: size_of::<bpf_prog_load_opts>() as libbpf_sys::size_t,
        expected_attach_type: BPF_TRACE_UPROBE_MULTI,
        prog_flags: token.map_or(0, |_| WITH_TOKEN),
        token_fd: token.map_or(0, |token| token.as_raw_fd().cast_unsigned()),
        ..Default::default()
    };
    // SAFETY: the strings are NUL-terminated, instructions and options live until the call
    // returns, and the count is theirs.
    let result = unsafe {
        libbpf_sys::bpf_prog_load(
            BPF_PROG_TYPE_KPROBE,
            ptr::null(),
            c"GPL".as_ptr(),
            exit.as_ptr(),
            exit.len() as libbpf_sys::size_t,
            &raw mut opts,
        )
    };
    owned_fd(result)
}

/// A token of a BPF file system.
pub(crate) fn create_token(file_system: &File) -> io::Result<OwnedFd> {
    let descriptor = file_system.as_raw_fd();
    // SAFETY: the descriptor lives until the call returns; there are no options.
    owned_fd(unsafe { libbpf_sys::bpf_token_create(descriptor, ptr::null_mut()) })
}

/// Tells libbpf of which BPF file system to take a token for the object that is opened.
pub(crate) fn set_token_path(builder: &mut ObjectBuilder, path: &'static CStr) {
    let mut options = builder.as_libbpf_object();
    // SAFETY: the options are the builder's, which is borrowed mutably.
    let options = unsafe { options.as_mut() };
    options.bpf_token_path = path.as_ptr();
}

/// Attaches `program` to offset 0 of the root directory, which is no file that can be probed: the
/// error tells what the kernel knows of multi-uprobes.
pub(crate) fn attach_uprobe_multi_to_root_directory(
    program: BorrowedFd<'_>,
    pid: u32,
) -> io::Error {
    let offset = 0;
    let mut opts = bpf_link_create_opts {
        sz: size_of::<bpf_link_create_opts>() as libbpf_sys::size_t,
        ..Default::default()
    };
    opts.__bindgen_anon_1.uprobe_multi.path = c"/".as_ptr();
    opts.__bindgen_anon_1.uprobe_multi.offsets = &raw const offset;
    opts.__bindgen_anon_1.uprobe_multi.cnt = 1;
    opts.__bindgen_anon_1.uprobe_multi.pid = pid;
    // SAFETY: the path is NUL-terminated, `offsets` has the one entry that `cnt` says, and both
    // live until the call returns.
    let result = unsafe {
        libbpf_sys::bpf_link_create(
            program.as_raw_fd(),
            -1,
            BPF_TRACE_UPROBE_MULTI,
            &raw const opts,
        )
    };
    match owned_fd(result) {
        Ok(_link) => io::Error::other("the root directory was probed"),
        Err(error) => error,
    }
}

/// The pages of a ring buffer map, which the kernel shares with its one reader (`kernel/bpf/
/// ringbuf.c`): how far it has read, how far was written, and the records, mapped twice in a row so
/// that none is cut at the end.
#[derive(Debug)]
pub(crate) struct RingPages {
    consumer: MmapRaw,
    /// The position, a page, and then the records.
    producer: MmapRaw,
    page_bytes: usize,
    ring_bytes: usize,
}

impl RingPages {
    /// A record's header: its length and flags, and what only the kernel looks at.
    const HEADER_BYTES: usize = 8;
    /// The record is reserved and not yet submitted.
    const BUSY: u32 = 1 << 31;
    /// The record was given up.
    const DISCARDED: u32 = 1 << 30;

    /// Maps the ring buffer map `map` of `ring_bytes`, its `max_entries`.
    pub(crate) fn new(map: BorrowedFd<'_>, ring_bytes: usize) -> io::Result<Self> {
        let page_bytes = rustix::param::page_size();
        if !ring_bytes.is_power_of_two() || ring_bytes > isize::MAX as usize / 4 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let consumer = MmapOptions::new()
            .len(page_bytes)
            .map_raw(map.as_raw_fd())?;
        let producer = MmapOptions::new()
            .offset(page_bytes as u64)
            .len(page_bytes + 2 * ring_bytes)
            .map_raw_read_only(map.as_raw_fd())?;
        Ok(Self {
            consumer,
            producer,
            page_bytes,
            ring_bytes,
        })
    }

    /// The position at the start of the pages, in bytes since the map was made.
    #[inline]
    fn position(pages: &MmapRaw) -> &AtomicUsize {
        // SAFETY: a page is mapped for as long as `pages` is borrowed, and aligned. Both sides use
        // the position atomically only; that of the producer's page is only loaded.
        unsafe { AtomicUsize::from_ptr(pages.as_mut_ptr().cast()) }
    }

    /// Where the record at a position is, within the producer's pages.
    #[inline]
    const fn place(&self, position: usize) -> usize {
        self.page_bytes + (position & (self.ring_bytes - 1))
    }

    /// Lends `on_record` each record that is there, in order, until it wants no more (`false`) or
    /// has had `limit` of them. Gives their number.
    #[inline]
    pub(crate) fn consume(
        &mut self,
        limit: usize,
        mut on_record: impl FnMut(&[u8]) -> bool,
    ) -> usize {
        let consumed = Self::position(&self.consumer);
        let produced = Self::position(&self.producer);
        let mut count = 0;
        let mut at = consumed.load(Ordering::Acquire);
        loop {
            let end = produced.load(Ordering::Acquire);
            if at == end {
                return count;
            }
            while at != end {
                if count == limit {
                    return count;
                }
                let place = self.place(at);
                let start = self.producer.as_mut_ptr().wrapping_add(place);
                // SAFETY: a record begins at each position before `end`, which is a multiple of 8.
                // Its header is within the first of the two maps of the ring, and only loaded.
                let header = unsafe { AtomicU32::from_ptr(start.cast()) }.load(Ordering::Acquire);
                if header & Self::BUSY != 0 {
                    return count;
                }
                let len = (header & !Self::DISCARDED) as usize;
                if len > self.ring_bytes - Self::HEADER_BYTES {
                    return count;
                }
                let mut go_on = true;
                if header & Self::DISCARDED == 0 {
                    let data = start.wrapping_add(Self::HEADER_BYTES);
                    // SAFETY: the record starts in the first map and is no longer than the ring, so
                    // that it ends in the second. It was submitted, and nobody writes to it before
                    // the position is stored below, after the borrow.
                    let record = unsafe { slice::from_raw_parts(data, len) };
                    go_on = on_record(record);
                    count += 1;
                }
                at = at.wrapping_add((Self::HEADER_BYTES + len).next_multiple_of(8));
                consumed.store(at, Ordering::Release);
                if !go_on {
                    return count;
                }
            }
        }
    }
}
