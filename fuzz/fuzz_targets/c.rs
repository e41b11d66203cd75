//! BTF as a C header.
#![no_main]

use core_btf::Btf;
use core_btf::c::Header;
use core_btf_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| bounded(data, 256 << 10, || {
    if let Ok(btf) = Btf::parse(data) {
        let _ = Header::new(&btf)
            .functions(true)
            .asserts(true)
            .tag("t")
            .print();
    }
}));
