//! Decoding BTF, and encoding what was decoded.
#![no_main]

use core_btf::{Btf, BtfBuf};
use core_btf_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| bounded(data, 16 << 10, || {
    let Ok(btf) = Btf::parse(data) else {
        return;
    };
    for ty in btf.iter() {
        let _ = (
            ty.name(),
            btf.resolve(ty.id()),
            btf.size_of(ty.id(), 8),
            ty.to_type(),
        );
    }
    if let Ok(owned) = BtfBuf::from_btf(&btf)
        && let Ok(encoded) = owned.encode(btf.endian())
    {
        // What was written reads back as the same.
        let again = Btf::parse(&encoded).expect("own output");
        let again = BtfBuf::from_btf(&again).expect("own output");
        assert_eq!(again.encode(btf.endian()), Ok(encoded));
    }
}));
