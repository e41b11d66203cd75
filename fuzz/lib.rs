//! What fuzz targets share.
#![forbid(unsafe_code)]

use core_btf::{BpfObject, Btf};

/// A BPF object and BTF to look for its types in: the first four bytes say how long the object is.
pub fn object_and_types(data: &[u8]) -> Option<(BpfObject<'_>, Btf<'_>)> {
    let (len, rest) = data.split_first_chunk()?;
    let len = u32::from_le_bytes(*len) as usize;
    let (object, types) = rest.split_at_checked(len)?;
    Some((BpfObject::parse(object).ok()?, Btf::parse(types).ok()?))
}
