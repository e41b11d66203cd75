use super::run::ByInstruction;
use super::*;
use crate::RelocationKind::{FieldByteOffset, FieldByteSize, FieldSigned, TypeSize};
use crate::read::Endian;

fn insn(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> [u8; 8] {
    let [o0, o1] = off.to_le_bytes();
    let [i0, i1, i2, i3] = imm.to_le_bytes();
    [code, dst | src << 4, o0, o1, i0, i1, i2, i3]
}

const MOV: u8 = 0xb7;
const MOV_X: u8 = 0xbf;
const ADD: u8 = 0x07;
const ADD_X: u8 = 0x0f;
const SUB: u8 = 0x17;
const MUL: u8 = 0x27;
const MUL_X: u8 = 0x2f;
const LSH: u8 = 0x67;
const ARSH: u8 = 0xc7;
const LOAD: u8 = 0x79;
const STORE: u8 = 0x7b;
const JA: u8 = 0x05;
const JEQ: u8 = 0x15;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
const READ_USER: i32 = 112;

/// Relocations by instruction, numbered from 0 in that order.
fn run(code: &[[u8; 8]], relocations: &[(usize, crate::RelocationKind)]) -> Option<Vec<Use>> {
    let relocations: ByInstruction = relocations
        .iter()
        .enumerate()
        .map(|(n, &(at, kind))| (at, (n, kind)))
        .collect();
    uses(code.as_flattened(), Endian::Little, &relocations)
}

/// The one copy that the code makes: strides, offsets, and the size's constant and relocations.
fn copy(
    code: &[[u8; 8]],
    relocations: &[(usize, crate::RelocationKind)],
) -> (Vec<u64>, Vec<usize>, Option<i64>, Vec<usize>) {
    let found = run(code, relocations).unwrap();
    let [
        Use {
            address,
            how: How::Copied { size, .. },
        },
    ] = &found[..]
    else {
        panic!("{found:?}");
    };
    assert!(!address.lost);
    (
        address.strides.clone(),
        address.offsets.clone(),
        size.constant,
        size.sizes.clone(),
    )
}

/// What clang makes of `bpf_probe_read_user(&x, 4, &p->a)`.
#[test]
fn a_plain_read() {
    let code = [
        insn(MOV, 1, 0, 0, 8),
        insn(MOV_X, 3, 6, 0, 0),
        insn(ADD_X, 3, 1, 0, 0),
        insn(MOV, 2, 0, 0, 4),
        insn(CALL, 0, 0, 0, READ_USER),
        insn(EXIT, 0, 0, 0, 0),
    ];
    let found = copy(&code, &[(0, FieldByteOffset)]);
    assert_eq!(found, (vec![], vec![0], Some(4), vec![]));
    let sized = copy(&code, &[(0, FieldByteOffset), (3, FieldByteSize)]);
    assert_eq!(sized, (vec![], vec![0], None, vec![1]));
    // Another relocation there makes it unknown, and no constant.
    let other = copy(&code, &[(0, FieldByteOffset), (3, FieldSigned)]);
    assert_eq!(other, (vec![], vec![0], None, vec![]));
}

/// Products, shifts and sums with constants leave strides; multiples of the target's size do not.
#[test]
fn strides() {
    let with = |steps: &[[u8; 8]], relocations: &[(usize, crate::RelocationKind)]| {
        let mut code = vec![insn(ADD, 3, 0, 0, 8), insn(MOV_X, 1, 7, 0, 0)];
        code.extend_from_slice(steps);
        code.extend([
            insn(ADD_X, 3, 1, 0, 0),
            insn(MOV, 2, 0, 0, 4),
            insn(CALL, 0, 0, 0, READ_USER),
            insn(EXIT, 0, 0, 0, 0),
        ]);
        let mut all = vec![(0, FieldByteOffset)];
        all.extend_from_slice(relocations);
        copy(&code, &all).0
    };
    assert_eq!(with(&[], &[]), []);
    assert_eq!(with(&[insn(MUL, 1, 0, 0, 24)], &[]), [24]);
    assert_eq!(with(&[insn(LSH, 1, 0, 0, 4)], &[]), [16]);
    // Sign extension of a 32-bit index, scaled in one go.
    assert_eq!(
        with(&[insn(LSH, 1, 0, 0, 32), insn(ARSH, 1, 0, 0, 29)], &[]),
        [8]
    );
    assert_eq!(
        with(&[insn(MUL, 1, 0, 0, 3), insn(LSH, 1, 0, 0, 3)], &[]),
        [24]
    );
    assert_eq!(
        with(&[insn(MUL, 1, 0, 0, 24), insn(ADD, 1, 0, 0, 48)], &[]),
        [24, 48]
    );
    assert_eq!(with(&[insn(SUB, 1, 0, 0, 16)], &[]), [16]);
    let sized = [insn(MOV, 2, 0, 0, 24), insn(MUL_X, 1, 2, 0, 0)];
    assert_eq!(with(&sized, &[(2, TypeSize)]), []);
    assert_eq!(with(&sized, &[]), [24]);
}

/// A constant that grows in a loop is a stride.
#[test]
fn loops_settle() {
    let code = [
        insn(MOV, 7, 0, 0, 0),
        insn(ADD, 6, 0, 0, 8),
        // The loop.
        insn(MOV_X, 3, 6, 0, 0),
        insn(ADD_X, 3, 7, 0, 0),
        insn(MOV, 2, 0, 0, 4),
        insn(CALL, 0, 0, 0, READ_USER),
        insn(ADD, 7, 0, 0, 24),
        insn(JEQ, 7, 0, 1, 240),
        insn(JA, 0, 0, -7, 0),
        insn(EXIT, 0, 0, 0, 0),
    ];
    let (strides, offsets, size, _) = copy(&code, &[(1, FieldByteOffset)]);
    assert_eq!((strides, offsets, size), (vec![24], vec![0], Some(4)));
}

/// Registers that do not last are kept on the stack; a copy there overwrites what it overwrites.
#[test]
fn spills_are_followed() {
    let spilled = |slot: i16, buffer: i32| {
        [
            insn(MOV, 1, 0, 0, 8),
            insn(STORE, 10, 1, slot, 0),
            insn(MOV_X, 1, 10, 0, 0),
            insn(ADD, 1, 0, 0, buffer),
            insn(MOV, 2, 0, 0, 16),
            insn(CALL, 0, 0, 0, READ_USER),
            insn(LOAD, 1, 10, slot, 0),
            insn(MOV_X, 3, 6, 0, 0),
            insn(ADD_X, 3, 1, 0, 0),
            insn(MOV, 2, 0, 0, 4),
            insn(CALL, 0, 0, 0, READ_USER),
            insn(EXIT, 0, 0, 0, 0),
        ]
    };
    let found = copy(&spilled(-8, -24), &[(0, FieldByteOffset)]);
    assert_eq!(found.1, [0]);
    let overwritten = run(&spilled(-16, -24), &[(0, FieldByteOffset)]).unwrap();
    assert_eq!(overwritten, []);
}

/// What comes from two paths is either.
#[test]
fn paths_meet() {
    let code = [
        insn(JEQ, 7, 0, 2, 0),
        insn(MOV, 1, 0, 0, 8),
        insn(JA, 0, 0, 1, 0),
        insn(MOV, 1, 0, 0, 16),
        insn(MOV_X, 3, 6, 0, 0),
        insn(ADD_X, 3, 1, 0, 0),
        insn(MOV, 2, 0, 0, 4),
        insn(CALL, 0, 0, 0, READ_USER),
        insn(EXIT, 0, 0, 0, 0),
    ];
    let found = copy(&code, &[(1, FieldByteOffset), (3, FieldByteOffset)]);
    assert_eq!(found, (vec![], vec![0, 1], Some(4), vec![]));
}

/// Calls of other functions, stores and returns are told; sizes that go along, too.
#[test]
fn addresses_that_leave() {
    let passed = |end: &[[u8; 8]], relocations: &[(usize, crate::RelocationKind)]| {
        let mut code = vec![insn(ADD, 6, 0, 0, 8), insn(MOV, 2, 0, 0, 4)];
        code.extend_from_slice(end);
        code.push(insn(EXIT, 0, 0, 0, 0));
        run(&code, relocations).unwrap()
    };
    let offset = (0, FieldByteOffset);
    let call = [insn(MOV_X, 1, 6, 0, 0), insn(CALL, 0, 1, 0, -1)];
    let sizes = |found: &[Use]| match found {
        [
            Use {
                how: How::Passed { sizes },
                ..
            },
        ] => sizes.clone(),
        _ => panic!("{found:?}"),
    };
    assert_eq!(sizes(&passed(&call, &[offset])), []);
    assert_eq!(sizes(&passed(&call, &[offset, (1, FieldByteSize)])), [1]);
    assert_eq!(sizes(&passed(&[insn(STORE, 7, 6, 0, 0)], &[offset])), []);
    assert_eq!(sizes(&passed(&[insn(MOV_X, 0, 6, 0, 0)], &[offset])), []);
    let found = passed(&[insn(LOAD, 1, 6, 0, 0)], &[offset]);
    assert!(matches!(found[0].how, How::Loaded { bytes: 8 }));
}

/// Code that no compiler writes comes to an end too.
#[test]
fn hostile_code_ends() {
    let offset = [(0, FieldByteOffset)];
    for code in [
        vec![insn(JA, 0, 0, -1, 0)],
        vec![insn(JA, 0, 0, 1000, 0)],
        vec![insn(JA, 0, 0, -1000, 0)],
        vec![insn(0x18, 1, 0, 0, 0)],
        vec![insn(MOV_X, 15, 14, 0, 0), insn(STORE, 15, 15, i16::MIN, 0)],
        vec![],
        (0..=255).map(|code| insn(code, 1, 2, 0, 0)).collect(),
        (0..=255)
            .map(|code| insn(code, 10, 10, -8, i32::MIN))
            .collect(),
    ] {
        assert!(run(&code, &offset).is_some());
    }
    // Every instruction may lead to every other.
    let tangle: Vec<_> = (0..200_i16)
        .map(|n| match n % 3 {
            0 => insn(JEQ, 1, 0, (n * 7) % 150 - n, 0),
            1 => insn(LSH, 1, 0, 0, 1),
            _ => insn(ADD_X, 1, 2, 0, i32::from(n)),
        })
        .collect();
    run(&tangle, &[(2, FieldByteOffset), (4, FieldByteSize)]);
}
