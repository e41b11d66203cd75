//! The sign of enums, which clang before version 16 leaves out of BTF.
//!
//! That clang asks for the sign of a field of a signed enum with the right answer in the
//! instruction, and describes the enum without `kind_flag`, which says that it is signed. libbpf
//! compares the two and refuses the object. The instructions tell which enums are meant.

use std::collections::BTreeSet;

use crate::elf::Elf;
use crate::error::Result;
use crate::ext::RelocationKind;
use crate::model::{Kind, TypeId};
use crate::object::{BpfObject, INSTRUCTION_BYTES, Relocation};
use crate::read::Endian;
use crate::relo::spec::Spec;

/// Sets `kind_flag` of the enums in a BPF object whose instructions take them for signed, and gives
/// their number. Other objects are left as they are.
///
/// # Errors
/// As [`BpfObject::parse`].
pub fn mark_signed_enums(elf: &mut [u8]) -> Result<usize> {
    let object = BpfObject::parse(elf)?;
    let enums: BTreeSet<TypeId> = object
        .relocations()
        .iter()
        .filter(|relocation| relocation.kind == RelocationKind::FieldSigned)
        .filter(|relocation| says_signed(&object, relocation))
        .filter_map(|relocation| unsigned_enum(&object, relocation))
        .collect();
    let section = Elf::parse(elf)?
        .section(".BTF")
        .map(|section| section.offset);
    let start = section
        .and_then(|offset| usize::try_from(offset).ok())
        .unwrap_or_default();
    // `info` is the second word of a type, `kind_flag` its highest bit.
    let high_byte = match object.btf().endian() {
        Endian::Little => 7,
        Endian::Big => 4,
    };
    let places = enums
        .iter()
        .map(|id| {
            object
                .btf()
                .get(*id)
                .map(|ty| start + ty.offset() + high_byte)
        })
        .collect::<Result<Vec<_>>>()?;
    for place in &places {
        if let Some(byte) = elf.get_mut(*place) {
            *byte |= 0x80;
        }
    }
    Ok(places.len())
}

/// Whether the instruction holds something else than 0.
fn says_signed(object: &BpfObject<'_>, relocation: &Relocation<'_>) -> bool {
    let immediate = object.function(relocation).and_then(|function| {
        let at = INSTRUCTION_BYTES * relocation.instruction + 4;
        object.endian().word_at(function.code, at)
    });
    immediate.is_some_and(|value| value != 0)
}

/// The enum that the field is of, if it is one that BTF calls unsigned.
fn unsigned_enum(object: &BpfObject<'_>, relocation: &Relocation<'_>) -> Option<TypeId> {
    let btf = object.btf();
    let Relocation {
        kind, root, access, ..
    } = *relocation;
    let spec = Spec::parse(btf, kind, root, access).ok()?;
    let last = spec.accessors.last()?;
    last.name?;
    let composite = btf.get(last.ty).ok()?;
    let member = composite.members().nth(usize::try_from(last.index).ok()?)?;
    let ty = btf.resolve(member.ty).ok()?;
    (ty.kind() == Kind::Enum && !ty.is_signed()).then(|| ty.id())
}
