//! The merge for one object, with the types once as the application's and once as the kernel's.
#![no_main]

use core_btf::relo::Sources;
use core_btf::{Btf, merge};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((object, types)) = core_btf_fuzz::object_and_types(data) else {
        return;
    };
    let types = [types];
    for (app, kernel) in [(&types[..], &types[..0]), (&[], &types[..])] {
        if let Ok(merged) = merge::targeted(&object, &Sources { app, kernel }) {
            Btf::parse(&merged).expect("own output");
        }
    }
});
