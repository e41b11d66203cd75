//! What ours is compared with: libbpf's own merge of BTF, which is the tutorial's, and its ring
//! buffer reader as C uses it.
#![expect(unsafe_code, reason = "libbpf-rs has no interface to these functions")]

use std::ffi::{CString, c_int, c_ulong, c_void};
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::{ptr, slice};

use anyhow::{Result, ensure};
use libbpf_rs::libbpf_sys::{
    self, btf, btf__add_btf, btf__free, btf__parse, btf__raw_data, libbpf_get_error,
};

/// A BTF that libbpf has parsed.
struct Parsed(*mut btf);

impl Parsed {
    fn open(path: &Path) -> Result<Self> {
        let name = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: the name is NUL-terminated; no `.BTF.ext` is asked for.
        let parsed = unsafe { btf__parse(name.as_ptr(), ptr::null_mut()) };
        // SAFETY: takes any pointer that libbpf returns.
        let error = unsafe { libbpf_get_error(parsed.cast()) };
        ensure!(
            error == 0,
            "libbpf cannot parse {}: {error}",
            path.display()
        );
        Ok(Self(parsed))
    }
}

/// Has the kernel verify the BTF in a file, as it does that of a BPF object.
///
/// # Errors
/// When libbpf cannot parse it, or the kernel does not take it.
pub fn verify(path: &Path) -> Result<()> {
    let parsed = Parsed::open(path)?;
    // SAFETY: the pointer is live for the call; what is loaded goes with it.
    let error = unsafe { libbpf_sys::btf__load_into_kernel(parsed.0) };
    ensure!(error == 0, "the kernel refuses {}: {error}", path.display());
    Ok(())
}

impl Drop for Parsed {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `btf__parse` and is not used after this.
        unsafe { btf__free(self.0) }
    }
}

/// `base` with all types of `other` after its own, as `btf__add_btf` does it: the tutorial's
/// `merge-btf`.
///
/// # Errors
/// When libbpf cannot parse one of them.
pub fn append(base: &Path, other: &Path) -> Result<Vec<u8>> {
    let base = Parsed::open(base)?;
    let other = Parsed::open(other)?;
    // SAFETY: both are parsed and alive.
    let first = unsafe { btf__add_btf(base.0, other.0) };
    ensure!(first > 0, "btf__add_btf: {first}");
    let mut size = 0;
    // SAFETY: `base` is alive and `size` is to be written to.
    let data = unsafe { btf__raw_data(base.0, &raw mut size) };
    ensure!(!data.is_null(), "btf__raw_data");
    // SAFETY: libbpf says where the bytes are and how many; they live as long as `base`.
    let bytes = unsafe { slice::from_raw_parts(data.cast::<u8>(), usize::try_from(size)?) };
    Ok(bytes.to_vec())
}

/// A ring buffer reader whose callback adds up the first 64-bit word of each event.
#[derive(Debug)]
pub struct Adder {
    ring: *mut libbpf_sys::ring_buffer,
    /// The callback's context, which must stay where it is.
    sum: Box<u64>,
}

impl Adder {
    /// A reader of the ring buffer map `map`.
    ///
    /// # Errors
    /// When libbpf does not take the map.
    pub fn new(map: BorrowedFd<'_>) -> Result<Self> {
        unsafe extern "C" fn add(sum: *mut c_void, event: *mut c_void, _size: c_ulong) -> c_int {
            // SAFETY: every event here starts with a word, and the kernel aligns events to 8 bytes.
            let word = unsafe { event.cast::<u64>().read() };
            // SAFETY: the context is the adder's own, which nobody else uses meanwhile.
            unsafe { *sum.cast::<u64>() += word };
            0
        }
        let mut sum = Box::new(0);
        // SAFETY: the callback and its context live as long as the ring buffer.
        let ring = unsafe {
            let sum = (&raw mut *sum).cast();
            libbpf_sys::ring_buffer__new(map.as_raw_fd(), Some(add), sum, ptr::null())
        };
        ensure!(!ring.is_null(), "ring_buffer__new");
        Ok(Self { ring, sum })
    }

    /// Consumes all events that are there. Gives their number, and the sum of all up to now.
    ///
    /// # Panics
    /// When libbpf fails.
    pub fn consume(&mut self) -> (usize, u64) {
        // SAFETY: the ring buffer lives as long as `self`.
        let count = unsafe { libbpf_sys::ring_buffer__consume(self.ring) };
        (usize::try_from(count).unwrap(), *self.sum)
    }
}

impl Drop for Adder {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `ring_buffer__new` and is not used after this.
        unsafe { libbpf_sys::ring_buffer__free(self.ring) }
    }
}
