//! What the kernel has of a loaded program.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper that fails fails the test"
)]

use std::os::fd::AsFd as _;

use libbpf_rs::query::{ProgInfoIter, ProgInfoQueryOptions};
use libbpf_rs::{Object, Program};

/// The instructions that the kernel runs.
///
/// # Panics
/// When the program is not there.
#[must_use]
pub fn instructions(object: &Object, program: &str) -> Vec<[u8; 8]> {
    let program = object.progs().find(|it| it.name() == program).unwrap();
    let id = Program::id_from_fd(program.as_fd()).unwrap();
    let options = ProgInfoQueryOptions::default().include_xlated_prog_insns(true);
    let info = ProgInfoIter::with_query_opts(options).find(|it| it.id == id);
    let (code, rest) = info.as_ref().unwrap().xlated_prog_insns.as_chunks::<8>();
    assert!(rest.is_empty());
    code.to_vec()
}

/// The value in a relocated instruction: a constant.
///
/// # Panics
/// When it is another instruction.
#[must_use]
pub fn value(code: &[[u8; 8]], at: usize) -> u64 {
    let word = |n: usize| {
        let [.., a, b, c, d] = code[n];
        i32::from_ne_bytes([a, b, c, d])
    };
    match code[at][0] {
        0x18 => {
            let [low, high] = [word(at), word(at + 1)].map(i32::cast_unsigned);
            u64::from(high) << 32 | u64::from(low)
        }
        class if matches!(class & 7, 4 | 7) => i64::from(word(at)).cast_unsigned(),
        other => panic!("no relocated instruction: {other:#x}"),
    }
}
