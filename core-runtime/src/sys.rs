//! All `unsafe` of this crate: what libbpf and the kernel offer only to C.
#![expect(unsafe_code, reason = "libbpf-sys has no safe interface to these")]

use std::fs::File;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::{io, ptr};

use libbpf_rs::libbpf_sys::{
    self, BPF_PROG_TYPE_KPROBE, BPF_TRACE_UPROBE_MULTI, bpf_insn, bpf_link_create_opts,
    bpf_prog_load_opts,
};

/// Maps a file of sysfs whose content is a constant of the running kernel. The kernel takes private
/// maps only.
pub(crate) fn map_kernel_file(file: &File) -> io::Result<memmap2::Mmap> {
    let options = memmap2::MmapOptions::new();
    // SAFETY: the memory behind a map must not change. This is the kernel's read-only data; nobody
    // can write to or truncate the file.
    unsafe { options.map_copy_read_only(file) }
}

/// The descriptor that becomes readable when there are events.
pub(crate) fn ring_buffer_fd<'r>(ring: &'r libbpf_rs::RingBuffer<'_>) -> BorrowedFd<'r> {
    // SAFETY: libbpf closes it when the ring buffer is dropped, which the borrow outlaws.
    unsafe { BorrowedFd::borrow_raw(ring.epoll_fd()) }
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

/// Loads a program that does nothing and may be attached as a multi-uprobe.
pub(crate) fn load_empty_uprobe_multi() -> io::Result<OwnedFd> {
    let mut exit = [bpf_insn::default(); 2];
    let [move_zero, leave] = &mut exit;
    move_zero.code = 0xb7; // BPF_ALU64 | BPF_MOV | BPF_K: r0 = 0
    leave.code = 0x95; // BPF_JMP | BPF_EXIT
    let mut opts = bpf_prog_load_opts {
        sz: size_of::<bpf_prog_load_opts>() as libbpf_sys::size_t,
        expected_attach_type: BPF_TRACE_UPROBE_MULTI,
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
