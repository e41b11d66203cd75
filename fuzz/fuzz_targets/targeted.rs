//! The merge for one object, with the types as the application's or as the kernel's.
#![no_main]

use core_btf::relo::Sources;
use core_btf::{Btf, merge};
use core_btf_fuzz::{bounded, object_and_types};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| bounded(data, 16 << 10, || {
    let Some((object, types, kernel)) = object_and_types(data) else {
        return;
    };
    let types = [types];
    let (kernel, app) = types.split_at(usize::from(kernel));
    if let Ok(merged) = merge::targeted(&object, &Sources { app, kernel }) {
        Btf::parse(&merged).expect("own output");
    }
}));
