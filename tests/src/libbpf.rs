//! libbpf's own merge of BTF: what the tutorial does, and what ours is compared with.
#![expect(unsafe_code, reason = "libbpf-rs has no interface to these functions")]

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::{ptr, slice};

use anyhow::{Result, ensure};
use libbpf_rs::libbpf_sys::{
    btf, btf__add_btf, btf__free, btf__parse, btf__raw_data, libbpf_get_error,
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
