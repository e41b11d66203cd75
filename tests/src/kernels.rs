//! What the program `kernels` traces: itself, in types that go by names of the kernel's.

use core_runtime::bpf_traceable;

/// The kernel has a `struct request` too, whose `__sector` is elsewhere.
#[derive(Debug)]
#[bpf_traceable(name = "request")]
pub struct Request {
    /// What it is about.
    pub path: String,
    /// Where.
    pub sector: u64,
    /// What comes with it.
    pub page: Box<Page>,
}

/// The kernel has a `struct page` too, whose `flags` are elsewhere.
#[derive(Debug)]
#[bpf_traceable(name = "page")]
pub struct Page {
    /// Something before them.
    pub count: u64,
    /// Any number.
    pub flags: u64,
}

/// The traced function: a request, and a file that the process has open.
#[inline(never)]
pub extern "C" fn serve(request: &Request, fd: i32) {
    std::hint::black_box((request, fd));
}
