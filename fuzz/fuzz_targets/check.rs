//! The verdict on each relocation.
#![no_main]

use core_btf::relo::{Sources, check};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((object, types)) = core_btf_fuzz::object_and_types(data) else {
        return;
    };
    let types = [types];
    for (app, kernel) in [(&types[..], &types[..0]), (&[], &types[..])] {
        if let Ok(rows) = check(&object, &Sources { app, kernel }) {
            assert_eq!(rows.len(), object.relocations().len());
            for row in rows {
                let _ = row.to_string();
            }
        }
    }
});
