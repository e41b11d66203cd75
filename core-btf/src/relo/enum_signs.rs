//! Mends what clang before version 15 leaves out of a BPF object: that an enum is signed.

use crate::error::Result;
use crate::ext::RelocationKind;
use crate::model::{Kind, TypeId};
use crate::object::{BpfObject, INSTRUCTION_BYTES};
use crate::read::Endian;
use crate::relo::evaluate::local_spec;
use crate::relo::value::field;

/// Where a type record says, in its second word, that an enum is signed.
const INFO_BYTES: usize = 4;
const KIND_FLAG: u8 = 0x80;

/// Marks the enums of a BPF object as signed whose fields its `FIELD_SIGNED` relocations take to be
/// signed.
///
/// clang before version 15 writes that sign into the instruction, and not into the BTF. libbpf
/// finds that the two contradict each other, and refuses to load the object.
///
/// # Errors
/// A malformed object.
pub fn mark_signed_enums(elf: &mut [u8]) -> Result<()> {
    for place in places(elf)? {
        if let Some(byte) = elf.get_mut(place) {
            *byte |= KIND_FLAG;
        }
    }
    Ok(())
}

/// Offsets in the file of the bytes that hold the flag.
fn places(elf: &[u8]) -> Result<Vec<usize>> {
    let object = BpfObject::parse(elf)?;
    let btf = object.btf();
    // All are slices of one another.
    let types = btf.type_bytes().as_ptr().addr() - elf.as_ptr().addr();
    let top = match object.endian() {
        Endian::Little => 3,
        Endian::Big => 0,
    };
    unmarked(&object)?
        .into_iter()
        .map(|id| Ok(types + btf.type_offset(id)? + INFO_BYTES + top))
        .collect()
}

fn unmarked(object: &BpfObject<'_>) -> Result<Vec<TypeId>> {
    let mut enums = Vec::new();
    for relocation in object.relocations() {
        if relocation.kind != RelocationKind::FieldSigned {
            continue;
        }
        let immediate = object
            .function(relocation)
            .and_then(|function| {
                function
                    .code
                    .get(INSTRUCTION_BYTES * relocation.instruction..)
            })
            .and_then(|code| object.endian().word_at(code, 4));
        let spec = local_spec(object, relocation)?;
        // A field that can't be told is left for the loader to refuse.
        if let (Some(1), Ok(field)) = (immediate, field(object.btf(), &spec)) {
            let ty = object.btf().get(field.ty)?;
            if ty.kind() == Kind::Enum && !ty.kind_flag() {
                enums.push(field.ty);
            }
        }
    }
    Ok(enums)
}
