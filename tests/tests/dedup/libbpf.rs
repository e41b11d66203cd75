//! libbpf's `btf__dedup`.

use std::ffi::c_void;
use std::ptr;

/// The blob, deduplicated.
#[expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "one call after the other"
)]
pub(crate) fn dedup(blob: &[u8]) -> Vec<u8> {
    let len = u32::try_from(blob.len()).unwrap();
    // SAFETY: the blob is valid for its length, and libbpf copies it. The pointer that it returns,
    // null only with an error, is used until it is freed, and so is the data it owns.
    unsafe {
        let btf = libbpf_sys::btf__new(blob.as_ptr().cast::<c_void>(), len);
        assert!(!btf.is_null());
        assert_eq!(libbpf_sys::btf__dedup(btf, ptr::null()), 0);
        let mut len = 0;
        let data = libbpf_sys::btf__raw_data(btf, &raw mut len);
        assert!(!data.is_null());
        let out = std::slice::from_raw_parts(data.cast::<u8>(), len as usize).to_vec();
        libbpf_sys::btf__free(btf);
        out
    }
}
