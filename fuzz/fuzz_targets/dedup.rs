//! Deduplication: never more types, and none to find in its own result.
#![no_main]

use core_btf::dedup::dedup;
use core_btf::{Btf, BtfBuf};
use core_btf_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| bounded(data, 16 << 10, || {
    let Ok(types) = Btf::parse(data).and_then(|btf| BtfBuf::from_btf(&btf)) else {
        return;
    };
    let count = types.len();
    if let Ok(once) = dedup(types) {
        assert!(once.len() <= count);
        let again = dedup(once.clone()).expect("what was deduplicated once");
        assert_eq!(again.len(), once.len());
    }
}));
