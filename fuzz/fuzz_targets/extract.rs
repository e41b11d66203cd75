//! DWARF to BTF: what comes out is complete, and the same on several threads.
#![no_main]

use core_btf::Btf;
use core_btf::dwarf::{Options, extract, links};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = links(data);
    let options = Options {
        threads: 1,
        ..Options::default()
    };
    if let Ok(found) = extract(data, &options)
        && let Ok(encoded) = found.btf.encode(found.endian)
    {
        Btf::parse(&encoded).expect("own output");
    }
    let options = Options {
        roots: vec!["*".to_owned()],
        ..options
    };
    let _ = extract(data, &options);
});
