//! Structs that nobody would write: every member anywhere.

use core_btf::model::{CompositeKind, Enumerator, IntEncoding, Member, NameOffset};
use core_btf::{BtfBuf, Type, TypeId};

/// Pseudo-random numbers, the same in each run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(end)).unwrap()
    }

    /// Whether one of `of` falls.
    fn one_in(&mut self, of: u32) -> bool {
        self.below(of) == 0
    }
}

/// A type that members can have.
#[derive(Clone, Copy)]
struct Kind {
    ty: TypeId,
    bytes: u32,
    bitfields: bool,
}

/// Scalars of all sizes, and arrays of some.
fn scalars(types: &mut BtfBuf) -> Vec<Kind> {
    let mut kinds = Vec::new();
    let scalar = |ty, bytes| Kind {
        ty,
        bytes,
        bitfields: true,
    };
    for bytes in [1, 2, 4, 8, 16] {
        for encoding in [IntEncoding::SIGNED, IntEncoding::UNSIGNED] {
            let name = types.intern(&format!("int{bytes}{}", encoding.0)).unwrap();
            let int = Type::Int {
                name,
                size_bytes: bytes,
                encoding,
                offset_bits: 0,
                bits: u8::try_from(8 * bytes).unwrap(),
            };
            kinds.push(scalar(types.push(int).unwrap(), bytes));
        }
    }
    for bytes in [1, 2, 4, 8] {
        let name = types.intern(&format!("enum{bytes}")).unwrap();
        let value = Enumerator {
            name: types.intern(&format!("VALUE{bytes}")).unwrap(),
            value: 1,
        };
        let values = vec![value];
        let ty = Type::Enum {
            name,
            size_bytes: bytes,
            signed: bytes == 2,
            wide: bytes == 8,
            values,
        };
        kinds.push(scalar(types.push(ty).unwrap(), bytes));
    }
    let name = types.intern("double").unwrap();
    let size_bytes = 8;
    let double = types.push(Type::Float { name, size_bytes }).unwrap();
    let pointer = types.push(Type::Ptr(double)).unwrap();
    for ty in [double, pointer] {
        kinds.push(Kind {
            bitfields: false,
            ..scalar(ty, 8)
        });
    }
    for len in [0, 1, 3] {
        for element in kinds.clone() {
            let array = Type::Array {
                element: element.ty,
                index: TypeId(1),
                len,
            };
            kinds.push(Kind {
                ty: types.push(array).unwrap(),
                bytes: element.bytes * len,
                bitfields: false,
            });
        }
    }
    kinds
}

/// `count` structs and unions of scalars and of each other.
pub(crate) fn structs(count: u32, seed: u64) -> BtfBuf {
    let (mut types, mut numbers) = (BtfBuf::new(), Numbers(seed));
    let mut kinds = scalars(&mut types);
    for n in 0..count {
        let is_union = numbers.one_in(6);
        // Most structs are natural, with a fault here and there.
        let faults = [2, 8, 1000][numbers.below(3) as usize];
        let (mut end, mut largest) = (0, 0);
        let mut members = Vec::new();
        for m in 0..numbers.below(9) {
            let kind = kinds[numbers.below(u32::try_from(kinds.len()).unwrap()) as usize];
            let bitfield = kind.bitfields && kind.bytes <= 8 && numbers.one_in(3);
            let width = if bitfield {
                1 + numbers.below(8 * kind.bytes)
            } else {
                0
            };
            let natural = 8 * kind.bytes.next_power_of_two().clamp(1, 16);
            let at = match (bitfield, numbers.one_in(faults)) {
                (true, true) => end + numbers.below(70),
                (true, false) if end % natural + width <= natural => end,
                (false, true) => end.next_multiple_of(8) + 8 * numbers.below(20),
                (_, false) => end.next_multiple_of(natural),
            };
            let at = if is_union { 0 } else { at };
            members.push(Member {
                name: types.intern(&format!("m{m}")).unwrap(),
                ty: kind.ty,
                offset_bits: at,
                bitfield_bits: u8::try_from(width).unwrap(),
            });
            end = at + if bitfield { width } else { 8 * kind.bytes };
            largest = largest.max(end);
        }
        let bytes = largest.div_ceil(8);
        let bytes = match numbers.below(faults) {
            0 => bytes + numbers.below(40),
            _ => bytes.next_multiple_of(8),
        };
        let (kind, name) = match (is_union, numbers.one_in(5)) {
            (true, _) => (CompositeKind::Union, format!("r{n}")),
            // Anonymous ones are printed where they are used.
            (false, true) => (CompositeKind::Struct, String::new()),
            (false, false) => (CompositeKind::Struct, format!("r{n}")),
        };
        let name = match name.as_str() {
            "" => NameOffset::ANONYMOUS,
            name => types.intern(name).unwrap(),
        };
        let ty = Type::Composite {
            kind,
            name,
            size_bytes: bytes,
            members,
        };
        let ty = types.push(ty).unwrap();
        if bytes < 500 {
            kinds.push(Kind {
                ty,
                bytes,
                bitfields: false,
            });
        }
    }
    types
}
