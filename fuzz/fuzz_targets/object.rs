//! Decoding BPF objects: ELF, `.BTF` and `.BTF.ext`.
#![no_main]

use core_btf::BpfObject;
use core_btf_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| bounded(data, 16 << 10, || {
    let Ok(object) = BpfObject::parse(data) else {
        return;
    };
    for relocation in object.relocations() {
        let _ = (
            object.function(relocation),
            object.source_line(relocation, &[b"id"]),
        );
    }
    let _ = object.needs();
}));
