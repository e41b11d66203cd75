//! The data flow of one function.

use std::collections::BTreeMap;

use crate::ext::RelocationKind;
use crate::read::Endian;
use crate::relo::flow::Number;
use crate::relo::flow::instruction::{Instruction, Next, decode};

/// A call or store that an address with relocated offsets reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) address: Number,
    pub(crate) how: How,
}

/// What happens to the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// A helper copies from there (or to there) as many bytes; a string ends before if it ends.
    Copied { size: Number, string: bool },
    /// An instruction loads or stores there.
    Loaded { bytes: u32 },
    /// It goes elsewhere: to a function, into memory, to the caller. These sizes go with it.
    Passed { sizes: Vec<usize> },
}

/// Relocations of one function by instruction: their number in the object, and their kind.
pub(crate) type ByInstruction = BTreeMap<usize, (usize, RelocationKind)>;

/// Registers 0 to 10, and 8-byte stack slots by offset from the frame pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    registers: [Number; 11],
    slots: BTreeMap<i64, Number>,
}

impl State {
    fn get(&self, register: u8) -> Number {
        let register = self.registers.get(usize::from(register));
        register.cloned().unwrap_or_else(Number::unknown)
    }

    fn set(&mut self, register: u8, value: Number) {
        if let Some(place) = self.registers.get_mut(usize::from(register)) {
            *place = value;
        }
    }

    /// Forgets slots that a write of `len` bytes touches.
    fn overwrite(&mut self, offset: i64, len: i64) {
        self.slots.retain(|&slot, _| {
            slot.saturating_add(8) <= offset || slot >= offset.saturating_add(len)
        });
    }

    fn join(&self, other: &Self) -> Self {
        let mut slots = BTreeMap::new();
        for (slot, value) in &self.slots {
            if let Some(other) = other.slots.get(slot) {
                slots.insert(*slot, value.join(other));
            }
        }
        let mut registers = self.registers.clone();
        for (mine, other) in registers.iter_mut().zip(&other.registers) {
            *mine = mine.join(other);
        }
        Self { registers, slots }
    }
}

/// Helpers that copy: where the address, the size and a stack buffer that is written are, and
/// whether a NUL ends the copy.
const fn copies(helper: i32) -> Option<(u8, u8, Option<u8>, bool)> {
    match helper {
        // probe_read, probe_read_user, probe_read_kernel, copy_from_user, copy_from_user_task
        4 | 112 | 113 | 148 | 191 => Some((3, 2, Some(1), false)),
        // probe_read_str, probe_read_user_str, probe_read_kernel_str
        45 | 114 | 115 => Some((3, 2, Some(1), true)),
        // probe_write_user
        36 => Some((1, 3, None, false)),
        _ => None,
    }
}

struct Run<'x> {
    code: Vec<Instruction>,
    relocations: &'x ByInstruction,
    /// State before each instruction where paths meet, once one has come there.
    before: BTreeMap<usize, Option<State>>,
    open: Vec<usize>,
    /// By instruction, and number of the argument or register.
    uses: BTreeMap<(usize, usize), Use>,
}

/// All uses of relocated offsets in a function; `None` for code whose flow does not settle.
pub(crate) fn uses(code: &[u8], endian: Endian, relocations: &ByInstruction) -> Option<Vec<Use>> {
    let code = decode(code, endian);
    let mut run = Run {
        before: meeting_points(&code),
        code,
        relocations,
        open: Vec::new(),
        uses: BTreeMap::new(),
    };
    let mut registers: [Number; 11] = std::array::from_fn(|_| Number::unknown());
    let [.., frame] = &mut registers;
    *frame = Number::stack(0);
    let entry = State {
        registers,
        slots: BTreeMap::new(),
    };
    run.before.insert(0, None);
    run.reach(0, entry);
    run.settle()?;
    Some(run.uses.into_values().collect())
}

/// The instructions that jumps lead to.
fn meeting_points(code: &[Instruction]) -> BTreeMap<usize, Option<State>> {
    code.iter()
        .enumerate()
        .filter_map(|(at, instruction)| instruction.jump(at))
        .map(|target| (target, None))
        .collect()
}

impl Run<'_> {
    /// Comes to an instruction with a state.
    fn reach(&mut self, at: usize, state: State) {
        let Some(place) = self.before.get_mut(&at) else {
            return;
        };
        let joined = match place {
            Some(old) => old.join(&state),
            None => state,
        };
        if place.as_ref() != Some(&joined) {
            *place = Some(joined);
            self.open.push(at);
        }
    }

    /// Follows all paths until no state changes any more.
    fn settle(&mut self) -> Option<()> {
        // States only grow, by few steps each; a flow that needs more is none of a compiler's.
        let mut steps = self.code.len().saturating_mul(256);
        while let Some(mut at) = self.open.pop() {
            let mut state = self.before.get(&at)?.clone()?;
            while let Some(&instruction) = self.code.get(at) {
                steps = steps.checked_sub(1)?;
                match self.step(at, instruction, &mut state) {
                    Next::Exit => break,
                    Next::To(next) => at = next,
                    Next::Either(next, other) => {
                        self.reach(other, state.clone());
                        at = next;
                    }
                }
                if self.before.contains_key(&at) {
                    self.reach(at, state);
                    break;
                }
            }
        }
        Some(())
    }

    fn step(&mut self, at: usize, instruction: Instruction, state: &mut State) -> Next {
        let Instruction {
            code,
            dst,
            src,
            off,
            imm,
        } = instruction;
        match code & 7 {
            4 | 7 => self.arithmetic(at, instruction, state),
            0 if code == 0x18 => {
                let value = match self.relocated(at) {
                    Some(value) => value,
                    // The address of a map or variable, or a large constant.
                    None => Number::unknown(),
                };
                state.set(dst, value);
                return Next::To(at + 2);
            }
            0 => {
                for register in 0..=5 {
                    state.set(register, Number::unknown());
                }
            }
            1 => {
                self.load(at, instruction, &state.get(src));
                let slot = state.get(src).stack.map(|s| s.wrapping_add(off.into()));
                let value = slot
                    .filter(|_| instruction.width() == 8)
                    .and_then(|slot| state.slots.get(&slot).cloned());
                state.set(dst, value.unwrap_or_else(Number::unknown));
            }
            2 | 3 => self.store(at, instruction, state),
            _ => {
                return match code & 0xf0 {
                    0x80 => {
                        self.call(at, if src == 0 { imm } else { -1 }, state);
                        Next::To(at + 1)
                    }
                    0x90 => {
                        self.pass(at, 0, &state.get(0), Vec::new());
                        Next::Exit
                    }
                    operation => match instruction.jump(at) {
                        Some(target) if operation == 0 => Next::To(target),
                        Some(target) => Next::Either(at + 1, target),
                        None => Next::Exit,
                    },
                };
            }
        }
        Next::To(at + 1)
    }

    /// What a relocation puts into the instruction.
    fn relocated(&self, at: usize) -> Option<Number> {
        let (relocation, kind) = *self.relocations.get(&at)?;
        Some(match kind {
            RelocationKind::FieldByteOffset => Number::offset(relocation),
            RelocationKind::FieldByteSize | RelocationKind::TypeSize => Number::size(relocation),
            _ => Number::unknown(),
        })
    }

    fn arithmetic(&self, at: usize, instruction: Instruction, state: &mut State) {
        let Instruction {
            code,
            dst,
            src,
            imm,
            ..
        } = instruction;
        let operand = if code & 8 != 0 {
            state.get(src)
        } else {
            self.relocated(at)
                .unwrap_or_else(|| Number::constant(imm.into()))
        };
        let old = state.get(dst);
        let new = match code & 0xf0 {
            0x00 | 0x40 | 0xa0 => old.add(operand),
            0x10 => old.add(operand.negated()),
            0x20 => old.mul(operand),
            0x50 => old.and(operand),
            0x60 => old.shift_left(&operand),
            0x70 | 0xc0 => old.shift_right(&operand),
            0x80 => old.negated(),
            0xb0 => operand,
            _ => old.blurred(&operand),
        };
        state.set(dst, new);
    }

    /// Records a load or store at an address with relocated offsets. The instruction may have one
    /// of its own.
    fn load(&mut self, at: usize, instruction: Instruction, address: &Number) {
        if !address.offsets.is_empty() {
            let bytes = u32::try_from(instruction.width()).unwrap_or_default();
            let moved = self
                .relocated(at)
                .unwrap_or_else(|| Number::constant(instruction.off.into()));
            let found = Use {
                address: address.clone().add(moved),
                how: How::Loaded { bytes },
            };
            self.uses.insert((at, 1), found);
        }
    }

    fn store(&mut self, at: usize, instruction: Instruction, state: &mut State) {
        let Instruction {
            code,
            dst,
            src,
            off,
            imm,
        } = instruction;
        self.load(at, instruction, &state.get(dst));
        let atomic = code & 0xe0 == 0xc0;
        let value = match code & 7 {
            2 => Number::constant(imm.into()),
            _ => state.get(src),
        };
        let slot = state.get(dst).stack.map(|s| s.wrapping_add(off.into()));
        if let Some(slot) = slot {
            state.overwrite(slot, instruction.width());
        }
        match slot {
            Some(slot @ -4096..0) if instruction.width() == 8 && !atomic => {
                state.slots.insert(slot, value);
            }
            _ => self.pass(at, 0, &value, Vec::new()),
        }
        if atomic {
            state.set(src, Number::unknown());
            state.set(0, Number::unknown());
        }
    }

    /// Records that an address goes where it is not followed.
    fn pass(&mut self, at: usize, place: usize, address: &Number, sizes: Vec<usize>) {
        if !address.offsets.is_empty() {
            let found = Use {
                address: address.clone(),
                how: How::Passed { sizes },
            };
            self.uses.insert((at, place), found);
        }
    }

    fn call(&mut self, at: usize, helper: i32, state: &mut State) {
        if let Some((address, size, buffer, string)) = copies(helper) {
            let size = state.get(size);
            let address_value = state.get(address);
            if let Some(buffer) = buffer.and_then(|b| state.get(b).stack) {
                // The target's size may be larger than the local one, but a number has 8 bytes.
                state.overwrite(buffer, size.constant.unwrap_or(8).max(8));
            }
            if !address_value.offsets.is_empty() {
                let found = Use {
                    address: address_value,
                    how: How::Copied { size, string },
                };
                self.uses.insert((at, address.into()), found);
            }
        } else {
            self.call_other(at, state);
        }
        for register in 0..=5 {
            state.set(register, Number::unknown());
        }
    }

    fn call_other(&mut self, at: usize, state: &mut State) {
        let arguments: Vec<Number> = (1..=5).map(|n| state.get(n)).collect();
        let mut sizes: Vec<usize> = arguments.iter().flat_map(|a| a.sizes.clone()).collect();
        sizes.sort_unstable();
        for (argument, n) in arguments.iter().zip(1..) {
            self.pass(at, n, argument, sizes.clone());
            // What is on the stack from here on may be read by the callee, and written.
            let Some(start) = argument.stack else {
                continue;
            };
            let above: Vec<Number> = state.slots.range(start..).map(|(_, v)| v.clone()).collect();
            for (value, place) in above.iter().zip(6..) {
                self.pass(at, place, value, Vec::new());
            }
            state
                .slots
                .retain(|&slot, value| slot < start || !value.offsets.is_empty());
        }
    }
}
