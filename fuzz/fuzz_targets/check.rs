//! The verdict on each relocation.
#![no_main]

use core_btf::relo::{Sources, check};
use core_btf_fuzz::{bounded, object_and_types};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| bounded(data, 16 << 10, || {
    let Some((object, types, kernel)) = object_and_types(data) else {
        return;
    };
    let types = [types];
    let (kernel, app) = types.split_at(usize::from(kernel));
    if let Ok(rows) = check(&object, &Sources { app, kernel }) {
        assert_eq!(rows.len(), object.relocations().len());
        for row in rows {
            let _ = row.to_string();
        }
    }
}));
