//! Damaged blobs: whatever the result is, there is one, and soon.

use std::hint::black_box;
use std::time::{Duration, Instant};

use core_btf::c::Header;
use core_btf::dedup::dedup;
use core_btf::read::Endian;
use core_btf::tag::tag_typedefs;
use core_btf::{Btf, BtfBuf};
use proptest::prelude::*;

use crate::{arbitrary, vmlinux};

/// Pseudo-random numbers, the same in each run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

/// A few hundred of the kernel's types, of all kinds but variables.
fn sample() -> BtfBuf {
    let kernel = vmlinux();
    let kernel = BtfBuf::from_btf(&Btf::parse(&kernel).unwrap()).unwrap();
    let wanted = [
        "bpf_attr",
        "bpf_func_id",
        "bpf_perf_event_data",
        "bpf_prog_info",
        "bpf_sock_ops",
        "fxregs_state",
        "io_uring_sqe",
        "ipv6hdr",
        "perf_event_attr",
        "pt_regs",
        "siginfo",
        "tcphdr",
        "timer_list",
        "xdp_md",
    ];
    let roots = (kernel.iter())
        .filter(|(_, ty)| wanted.contains(&kernel.name(ty.name())))
        .map(|(id, _)| id);
    let sample = kernel.closure(roots).unwrap();
    assert!(
        (100..5000).contains(&sample.len()),
        "{} types",
        sample.len()
    );
    sample
}

/// Calls everything that reads types.
fn use_all(blob: &[u8]) {
    let Ok(btf) = Btf::parse(blob) else { return };
    for ty in btf.iter() {
        black_box((
            ty.name().is_ok(),
            ty.name_bytes(),
            ty.int(),
            ty.array(),
            ty.component(),
        ));
        black_box((
            ty.members().count(),
            ty.enumerators().count(),
            ty.params().count(),
        ));
        black_box((ty.section_vars().count(), ty.to_type().is_ok()));
        black_box((
            btf.resolve(ty.id()).is_ok(),
            btf.size_of(ty.id(), 8).is_ok(),
        ));
    }
    let roots = btf.ids().step_by(7);
    black_box(
        Header::new(&btf)
            .roots(roots)
            .functions(true)
            .print()
            .is_ok(),
    );
    black_box(
        Header::new(&btf)
            .tag("core:app")
            .asserts(true)
            .print()
            .is_ok(),
    );
    if let Ok(mut types) = BtfBuf::from_btf(&btf) {
        tag_typedefs(&mut types);
        if let Ok(types) = dedup(types) {
            black_box(types.encode(Endian::Big).is_ok());
        }
    }
}

#[test]
fn flipped_bits_and_swapped_words_never_panic() {
    let sample = sample();
    let types = sample.len();
    let blob = sample.encode(Endian::Little).unwrap();
    let mut numbers = Numbers(0x5eed);
    for _ in 0..2000 {
        let mut damaged = blob.clone();
        for _ in 0..=numbers.below(6) {
            let at = numbers.below(damaged.len());
            match numbers.below(4) {
                0 => damaged[at] ^= 1 << numbers.below(8),
                1 => damaged[at] = [0, 0xff, 0x80][numbers.below(3)],
                2 => damaged.truncate(at.max(1)),
                // A reference to another type, which makes cycles.
                _ => {
                    let id = u32::try_from(numbers.below(types + 2)).unwrap();
                    let word = at & !3;
                    if let Some(word) = damaged.get_mut(word..word + 4) {
                        word.copy_from_slice(&id.to_le_bytes());
                    }
                }
            }
        }
        let start = Instant::now();
        use_all(&damaged);
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Well-formed as bytes, nonsense as types.
    #[test]
    fn arbitrary_types_never_panic(types in arbitrary::types()) {
        use_all(&types.encode(Endian::Little).unwrap());
    }
}
