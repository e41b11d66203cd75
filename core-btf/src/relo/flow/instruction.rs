//! BPF instructions.

use crate::object::INSTRUCTION_BYTES;
use crate::read::Endian;

/// The instructions of a function. A 64-bit constant takes two places.
pub(super) fn decode(code: &[u8], endian: Endian) -> Vec<Instruction> {
    code.chunks_exact(INSTRUCTION_BYTES)
        .filter_map(|bytes| Instruction::decode(bytes, endian))
        .collect()
}

/// One instruction.
#[derive(Clone, Copy)]
pub(super) struct Instruction {
    pub(super) code: u8,
    pub(super) dst: u8,
    pub(super) src: u8,
    pub(super) off: i16,
    pub(super) imm: i32,
}

impl Instruction {
    fn decode(bytes: &[u8], endian: Endian) -> Option<Self> {
        let [code, regs, o0, o1, i0, i1, i2, i3] = *bytes.first_chunk::<INSTRUCTION_BYTES>()?;
        let (dst, src) = match endian {
            Endian::Little => (regs & 0xf, regs >> 4),
            Endian::Big => (regs >> 4, regs & 0xf),
        };
        Some(Self {
            code,
            dst,
            src,
            off: endian.i16([o0, o1]),
            imm: endian.u32([i0, i1, i2, i3]).cast_signed(),
        })
    }

    /// Where a jump leads, if this is one.
    pub(super) fn jump(self, at: usize) -> Option<usize> {
        let operation = self.code & 0xf0;
        let distance = match (self.code & 7, operation) {
            (5 | 6, 0x80 | 0x90) => return None,
            (6, 0) => i64::from(self.imm),
            (5 | 6, _) => i64::from(self.off),
            _ => return None,
        };
        usize::try_from(i64::try_from(at).ok()? + 1 + distance).ok()
    }

    /// Bytes that a load or store moves.
    pub(super) const fn width(self) -> i64 {
        match self.code & 0x18 {
            0x00 => 4,
            0x08 => 2,
            0x10 => 1,
            _ => 8,
        }
    }
}

/// How control leaves an instruction.
pub(super) enum Next {
    /// To this one.
    To(usize),
    /// To either.
    Either(usize, usize),
    Exit,
}
