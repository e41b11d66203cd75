//! Which instructions of a function the verifier can come to.
//!
//! libbpf makes an instruction invalid when what it needs does not exist, and lets the verifier
//! judge: it follows constants, among them the answers to `bpf_core_field_exists()` and the like,
//! and does not look at branches that they rule out. So does this, along all paths at once where
//! the verifier takes one after the other: what is not reached here, the verifier does not reach
//! either. A constant that two paths disagree on, or that went through memory other than the stack,
//! is not followed.

use std::collections::{BTreeMap, BTreeSet};

use crate::read::Endian;
use crate::relo::flow::instruction::{Instruction, Next, decode};

/// What a register or an 8-byte stack slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Unknown,
    Constant(u64),
    /// An address on the stack, in bytes from the frame pointer.
    Stack(i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    registers: [Value; 11],
    slots: BTreeMap<i64, Value>,
}

impl State {
    fn entry() -> Self {
        let mut registers = [Value::Unknown; 11];
        let [.., frame] = &mut registers;
        *frame = Value::Stack(0);
        Self {
            registers,
            slots: BTreeMap::new(),
        }
    }

    fn get(&self, register: u8) -> Value {
        let register = self.registers.get(usize::from(register));
        register.copied().unwrap_or(Value::Unknown)
    }

    fn set(&mut self, register: u8, value: Value) {
        if let Some(place) = self.registers.get_mut(usize::from(register)) {
            *place = value;
        }
    }

    /// What both agree on; `None` if that is this state.
    fn joined(&self, other: &Self) -> Option<Self> {
        let mut joined = self.clone();
        for (mine, other) in joined.registers.iter_mut().zip(&other.registers) {
            if mine != other {
                *mine = Value::Unknown;
            }
        }
        let agree = |slot: &i64, value: &mut Value| other.slots.get(slot) == Some(value);
        joined.slots.retain(agree);
        (joined != *self).then_some(joined)
    }

    fn store(&mut self, instruction: Instruction, relocated: bool) {
        let Instruction {
            code,
            dst,
            src,
            off,
            imm,
        } = instruction;
        let (Value::Stack(base), false) = (self.get(dst), relocated) else {
            // It may well lead to the stack, to any place there.
            self.slots.clear();
            return;
        };
        let (start, len) = (base.wrapping_add(off.into()), instruction.width());
        self.slots.retain(|&slot, _| {
            slot.saturating_add(8) <= start || slot >= start.saturating_add(len)
        });
        let value = match code & 7 {
            2 => constant(imm),
            _ => self.get(src),
        };
        let atomic = code & 0xe0 == 0xc0;
        if atomic {
            self.set(src, Value::Unknown);
            self.set(0, Value::Unknown);
        } else if len == 8 {
            self.slots.insert(start, value);
        }
    }

    fn load(&mut self, instruction: Instruction, relocated: bool) {
        let value = match self.get(instruction.src) {
            Value::Stack(base) if instruction.width() == 8 && !relocated => {
                let slot = base.wrapping_add(instruction.off.into());
                self.slots.get(&slot).copied()
            }
            _ => None,
        };
        self.set(instruction.dst, value.unwrap_or(Value::Unknown));
    }

    fn call(&mut self) {
        for register in 0..=5 {
            self.set(register, Value::Unknown);
        }
        // Some argument may lead to the stack.
        self.slots.clear();
    }
}

/// An immediate operand.
const fn constant(imm: i32) -> Value {
    Value::Constant((imm as i64).cast_unsigned())
}

/// The instructions that can be reached when the relocated ones hold these values, or `None` for
/// one that is made invalid. No answer for code whose flow does not settle.
pub(crate) fn reached(
    code: &[u8],
    endian: Endian,
    relocated: &BTreeMap<usize, Option<u64>>,
) -> Option<BTreeSet<usize>> {
    let code = decode(code, endian);
    let mut before = BTreeMap::<usize, State>::new();
    before.insert(0, State::entry());
    let mut open = vec![0];
    // Each state grows a few times at most.
    let mut steps = code.len().saturating_mul(256);
    while let Some(at) = open.pop() {
        steps = steps.checked_sub(1)?;
        let (Some(&instruction), Some(state)) = (code.get(at), before.get(&at)) else {
            continue;
        };
        let mut state = state.clone();
        let relocated = relocated.get(&at);
        let relocated = relocated.map(|value| value.map_or(Value::Unknown, Value::Constant));
        let (next, other) = match step(at, instruction, relocated, &mut state) {
            Next::To(next) => (Some(next), None),
            Next::Either(next, other) => (Some(next), Some(other)),
            Next::Exit => (None, None),
        };
        for next in [next, other].into_iter().flatten() {
            let grown = match before.get(&next) {
                Some(known) => known.joined(&state),
                None => Some(state.clone()),
            };
            if let Some(grown) = grown {
                before.insert(next, grown);
                open.push(next);
            }
        }
    }
    Some(before.into_keys().collect())
}

/// Follows one instruction; `relocated` is what a relocation puts into it.
fn step(at: usize, instruction: Instruction, relocated: Option<Value>, state: &mut State) -> Next {
    let Instruction { code, dst, src, .. } = instruction;
    match code & 7 {
        4 | 7 => {
            let operand = match relocated {
                _ if code & 8 != 0 => state.get(src),
                Some(value) => value,
                None => constant(instruction.imm),
            };
            state.set(dst, arithmetic(instruction, state.get(dst), operand));
        }
        0 if code == 0x18 => {
            state.set(dst, relocated.unwrap_or(Value::Unknown));
            return Next::To(at + 2);
        }
        0 => state.call(),
        1 => state.load(instruction, relocated.is_some()),
        2 | 3 => state.store(instruction, relocated.is_some()),
        _ => return jump(at, instruction, state),
    }
    Next::To(at + 1)
}

fn jump(at: usize, instruction: Instruction, state: &mut State) -> Next {
    let Instruction {
        code,
        dst,
        src,
        imm,
        ..
    } = instruction;
    match code & 0xf0 {
        0x80 => {
            state.call();
            Next::To(at + 1)
        }
        0x90 => Next::Exit,
        operation => match instruction.jump(at) {
            Some(target) if operation == 0 => Next::To(target),
            Some(target) => {
                let operand = if code & 8 == 0 {
                    constant(imm)
                } else {
                    state.get(src)
                };
                match holds(code, state.get(dst), operand) {
                    Some(true) => Next::To(target),
                    Some(false) => Next::To(at + 1),
                    None => Next::Either(at + 1, target),
                }
            }
            None => Next::Exit,
        },
    }
}

/// Whether a jump is taken, where that can be told.
fn holds(code: u8, left: Value, right: Value) -> Option<bool> {
    let (Value::Constant(left), Value::Constant(right)) = (left, right) else {
        return None;
    };
    let (left, right, signed_left, signed_right) = if code & 7 == 5 {
        (left, right, left.cast_signed(), right.cast_signed())
    } else {
        let (left, right) = (low(left), low(right));
        let signed = |value: u32| i64::from(value.cast_signed());
        (left.into(), right.into(), signed(left), signed(right))
    };
    Some(match code & 0xf0 {
        0x10 => left == right,
        0x20 => left > right,
        0x30 => left >= right,
        0x40 => left & right != 0,
        0x50 => left != right,
        0x60 => signed_left > signed_right,
        0x70 => signed_left >= signed_right,
        0xa0 => left < right,
        0xb0 => left <= right,
        0xc0 => signed_left < signed_right,
        0xd0 => signed_left <= signed_right,
        _ => return None,
    })
}

fn arithmetic(instruction: Instruction, left: Value, right: Value) -> Value {
    let Instruction { code, off, .. } = instruction;
    let (wide, operation) = (code & 7 == 7, code & 0xf0);
    // Sign-extending moves, signed division.
    if off != 0 {
        return Value::Unknown;
    }
    match (operation, left, right) {
        (0xb0, _, right) if wide => right,
        (0xb0, _, Value::Constant(right)) => Value::Constant(low(right).into()),
        (0x00, Value::Stack(base), Value::Constant(offset)) if wide => {
            Value::Stack(base.wrapping_add(offset.cast_signed()))
        }
        (_, Value::Constant(left), Value::Constant(right)) => {
            let result = if wide {
                constant_64(operation, left, right)
            } else {
                constant_32(operation, low(left), low(right)).map(u64::from)
            };
            result.map_or(Value::Unknown, Value::Constant)
        }
        _ => Value::Unknown,
    }
}

fn constant_64(operation: u8, left: u64, right: u64) -> Option<u64> {
    // The low 6 bits count.
    let shift = low(right);
    Some(match operation {
        0x00 => left.wrapping_add(right),
        0x10 => left.wrapping_sub(right),
        0x20 => left.wrapping_mul(right),
        0x40 => left | right,
        0x50 => left & right,
        0x60 => left.wrapping_shl(shift),
        0x70 => left.wrapping_shr(shift),
        0x80 => left.wrapping_neg(),
        0xa0 => left ^ right,
        0xc0 => left.cast_signed().wrapping_shr(shift).cast_unsigned(),
        _ => return None,
    })
}

fn constant_32(operation: u8, left: u32, right: u32) -> Option<u32> {
    Some(match operation {
        0x00 => left.wrapping_add(right),
        0x10 => left.wrapping_sub(right),
        0x20 => left.wrapping_mul(right),
        0x40 => left | right,
        0x50 => left & right,
        0x60 => left.wrapping_shl(right),
        0x70 => left.wrapping_shr(right),
        0x80 => left.wrapping_neg(),
        0xa0 => left ^ right,
        0xc0 => left.cast_signed().wrapping_shr(right).cast_unsigned(),
        _ => return None,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is asked for")]
const fn low(value: u64) -> u32 {
    value as u32
}
