//! DWARF to BTF: what comes out is complete.
#![no_main]

use core_btf::Btf;
use core_btf::dwarf::{Options, extract, links};
use core_btf_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| bounded(data, 16 << 10, || {
    let _ = links(data);
    // Roots take other ways than all types do; inputs of odd length go these.
    let roots = match data.len() % 2 {
        0 => Vec::new(),
        _ => vec!["*".to_owned()],
    };
    let options = Options {
        roots,
        threads: 1,
        ..Options::default()
    };
    if let Ok(found) = extract(data, &options)
        && let Ok(encoded) = found.btf.encode(found.endian)
    {
        Btf::parse(&encoded).expect("own output");
    }
}));
