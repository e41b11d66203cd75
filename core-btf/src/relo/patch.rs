//! What becomes of the relocated instruction (`bpf_core_patch_insn`).

use crate::model::{Kind, TypeId};
use crate::object::{BpfObject, INSTRUCTION_BYTES, Relocation};
use crate::read::Btf;
use crate::relo::candidates::Sources;
use crate::relo::evaluate::{Decision, Evaluated, Hit};
use crate::relo::outcome::Outcome;
use crate::relo::spec::type_name;

/// What libbpf does to an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Patch {
    /// Writes this value.
    Value(u64),
    /// Makes it invalid, for the verifier to reject if it can be reached.
    Poison(Option<Outcome>),
    /// Refuses the object; or would write another value than this crate says is right.
    Refused(Outcome),
}

/// What the three forms of instructions hold: load and store, 64-bit constant, arithmetic.
enum Place {
    Memory { bytes: u32 },
    Wide,
    Immediate { wide: bool },
}

/// What libbpf does with a decision.
pub(crate) fn patch(
    object: &BpfObject<'_>,
    sources: &Sources<'_, '_>,
    relocation: &Relocation<'_>,
    evaluated: &Evaluated<'_, '_>,
) -> Patch {
    let hit = match &evaluated.decision {
        Decision::Found(hit, _) => Some(hit),
        Decision::Missing(_) => None,
        Decision::Failed(fail) => return Patch::Refused(Outcome::Invalid(fail)),
        // The caller says what is ambiguous.
        Decision::Ambiguous(..) => return Patch::Poison(None),
    };
    let Some(value) = evaluated.new_value() else {
        return Patch::Poison(None);
    };
    let Some((place, found)) = place(object, relocation) else {
        return Patch::Refused(Outcome::Invalid("the instruction can hold no relocation"));
    };
    if evaluated.old.exact && found != evaluated.old.number {
        return Patch::Refused(Outcome::StaleInstruction { found });
    }
    let fits = match place {
        Place::Memory { .. } => i16::try_from(value).is_ok(),
        Place::Wide => true,
        // Sign-extended to 64 bits, or zero-extended from 32.
        Place::Immediate { wide: true } => i32::try_from(value.cast_signed()).is_ok(),
        Place::Immediate { wide: false } => {
            u32::try_from(value).is_ok() || i32::try_from(value.cast_signed()).is_ok()
        }
    };
    if !fits {
        let bits = if matches!(place, Place::Memory { .. }) {
            16
        } else {
            32
        };
        return Patch::Refused(Outcome::OutOfRange { value, bits });
    }
    if let (Place::Memory { bytes }, Some(hit)) = (&place, hit) {
        return memory(object, sources, evaluated, hit, *bytes);
    }
    Patch::Value(value)
}

/// A load or store, whose width libbpf fits to the target.
fn memory(
    object: &BpfObject<'_>,
    sources: &Sources<'_, '_>,
    evaluated: &Evaluated<'_, '_>,
    hit: &Hit<'_>,
    bytes: u32,
) -> Patch {
    let (old, new) = (&evaluated.old, &hit.value);
    let (local, target) = (old.load_bytes, new.load_bytes);
    if local == target {
        return Patch::Value(new.number);
    }
    let narrows = sources
        .get(hit.candidate.origin)
        .is_some_and(|btf| can_resize(object.btf(), old.load_type, btf, new.load_type));
    if !narrows {
        let btf = sources.get(hit.candidate.origin);
        return Patch::Poison(Some(Outcome::NatureDiffers {
            local: type_name(object.btf(), old.load_type),
            target: btf.map_or_else(String::new, |btf| type_name(btf, new.load_type)),
        }));
    }
    if bytes != local || !matches!(target, 1 | 2 | 4 | 8) {
        return Patch::Refused(Outcome::SizeDiffers {
            local: bytes,
            target,
        });
    }
    Patch::Value(new.number)
}

/// Pointers and unsigned integers are zero-extended, whatever their size.
fn can_resize(local_btf: &Btf<'_>, local: TypeId, btf: &Btf<'_>, target: TypeId) -> bool {
    let (Ok(local), Ok(target)) = (local_btf.get(local), btf.get(target)) else {
        return false;
    };
    match (local.kind(), target.kind()) {
        (Kind::Ptr, Kind::Ptr) => true,
        // libbpf compares the whole encoding, so that a signed char passes for unsigned.
        (Kind::Int, Kind::Int) => local.int().0.0 != 1 && target.int().0.0 != 1,
        _ => false,
    }
}

/// Form of the instruction, and the value that it holds.
fn place(object: &BpfObject<'_>, relocation: &Relocation<'_>) -> Option<(Place, u64)> {
    const LDIMM64: u8 = 0x18;
    let endian = object.endian();
    let code = object.function(relocation)?.code;
    let code = code.get(relocation.instruction.checked_mul(INSTRUCTION_BYTES)?..)?;
    let [operation, _, o0, o1, i0, i1, i2, i3] = *code.first_chunk::<INSTRUCTION_BYTES>()?;
    let low = endian.u32([i0, i1, i2, i3]);
    let extended = |value: i64| value.cast_unsigned();
    Some(match operation & 7 {
        1..=3 => {
            let bytes = match operation & 0x18 {
                0x00 => 4,
                0x08 => 2,
                0x10 => 1,
                _ => 8,
            };
            let offset = endian.i16([o0, o1]);
            (Place::Memory { bytes }, extended(offset.into()))
        }
        0 if operation == LDIMM64 => {
            let high = endian.word_at(code, 12)?;
            (Place::Wide, u64::from(high) << 32 | u64::from(low))
        }
        // Arithmetic with a constant.
        class @ (4 | 7) if operation & 8 == 0 => (
            Place::Immediate { wide: class == 7 },
            extended(low.cast_signed().into()),
        ),
        _ => return None,
    })
}
