//! What fuzz targets share.
#![forbid(unsafe_code)]

use std::alloc::System;

use cap::Cap;
use core_btf::{BpfObject, Btf};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes that a target may have allocated at one time for each byte of its input.
const PER_BYTE: usize = 64;

/// Runs a target; an allocation beyond the bound fails, which ends the process. `besides` is the bytes
/// for what does not depend on the input.
pub fn bounded(data: &[u8], besides: usize, target: impl FnOnce()) {
    let bound = data.len() * PER_BYTE + besides;
    let limit = |limit| ALLOCATOR.set_limit(limit).expect("more than is allocated");
    limit(ALLOCATOR.allocated() + bound);
    target();
    limit(usize::MAX);
}

/// A BPF object, BTF to look for its types in, and whether that is the kernel's: the first three bytes
/// say how long the object is, the fourth's lowest bit whose the types are.
pub fn object_and_types(data: &[u8]) -> Option<(BpfObject<'_>, Btf<'_>, bool)> {
    let ([low, middle, high, whose], rest) = data.split_first_chunk()?;
    let len = u32::from_le_bytes([*low, *middle, *high, 0]) as usize;
    let (object, types) = rest.split_at_checked(len)?;
    Some((
        BpfObject::parse(object).ok()?,
        Btf::parse(types).ok()?,
        whose & 1 == 1,
    ))
}
