//! Relocations of debug sections, which are left to be applied in relocatable objects.

use std::borrow::Cow;

use object::read::elf::{ElfFile, FileHeader, Rela as _, SectionHeader as _};
use object::{
    Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationEncoding,
    RelocationKind, RelocationTarget, SectionIndex, elf,
};

use super::error::Error;
use super::sections::broken;

/// For each symbol its address, in the joined section where there is one; `None` if it is in what is
/// loaded, which a type never refers to. Looked up once: there are many more relocations than symbols.
pub(super) fn symbol_values<Elf: FileHeader<Endian = Endianness>>(
    file: &ElfFile<'_, Elf>,
    bases: &[u64],
) -> Vec<Option<u64>> {
    let is_loaded = |index| {
        let section = file.elf_section_table().section(index);
        section.is_ok_and(|it| it.sh_flags(file.endian()).0 & elf::SHF_ALLOC.0 != 0)
    };
    let mut values = Vec::new();
    for symbol in file.symbols() {
        let index = symbol.index().0;
        if values.len() <= index {
            values.resize(index + 1, Some(0));
        }
        let section = symbol.section_index();
        let base = section.and_then(|it| bases.get(it.0).copied());
        if let Some(value) = values.get_mut(index) {
            let address = symbol.address().wrapping_add(base.unwrap_or(0));
            *value = (!section.is_some_and(is_loaded)).then_some(address);
        }
    }
    values
}

/// Applies the relocations of one section of a relocatable object to the joined section.
///
/// `symbols` has the values of the file's symbols. Only absolute values matter: offsets into other debug
/// sections.
pub(super) fn relocate<'a, Elf: FileHeader<Endian = Endianness>>(
    file: &ElfFile<'a, Elf>,
    part: SectionIndex,
    bases: &[u64],
    symbols: &[Option<u64>],
    data: &mut Cow<'a, [u8]>,
) -> Result<(), Error> {
    let base_of = |index: SectionIndex| bases.get(index.0).copied().unwrap_or(0);
    let mut joined = Joined {
        start: base_of(part),
        big: file.endianness() == Endianness::Big,
        data,
    };
    if let Some(widths) = widths(file) {
        return relocate_known(file, part, symbols, widths, &mut joined);
    }
    let section = file
        .section_by_index(part)
        .map_err(|error| broken("section table", &error))?;
    for (offset, relocation) in section.relocations() {
        if relocation.kind() != RelocationKind::Absolute
            || relocation.encoding() != RelocationEncoding::Generic
        {
            continue;
        }
        let target = match relocation.target() {
            RelocationTarget::Symbol(index) => match symbols.get(index.0) {
                Some(None) => continue,
                value => value.copied().flatten(),
            },
            RelocationTarget::Section(index) => Some(base_of(index)),
            _ => Some(0),
        };
        let value = target.map(|target| target.wrapping_add_signed(relocation.addend()));
        let width = usize::from(relocation.size() / 8);
        joined.set(offset, width, value, relocation.has_implicit_addend())?;
    }
    Ok(())
}

/// The types of absolute relocations of a machine, with the bytes that they set; `None` for machines that
/// are left to the library. The debug sections of an object have hundreds of thousands of these.
fn widths<Elf: FileHeader<Endian = Endianness>>(
    file: &ElfFile<'_, Elf>,
) -> Option<&'static [(elf::RelocationType, usize)]> {
    const X86_64: &[(elf::RelocationType, usize)] = &[
        (elf::R_X86_64_32, 4),
        (elf::R_X86_64_64, 8),
        (elf::R_X86_64_16, 2),
        (elf::R_X86_64_8, 1),
    ];
    const AARCH64: &[(elf::RelocationType, usize)] = &[
        (elf::R_AARCH64_ABS32, 4),
        (elf::R_AARCH64_ABS64, 8),
        (elf::R_AARCH64_ABS16, 2),
    ];
    match file.elf_header().e_machine(file.endian()) {
        elf::EM_X86_64 => Some(X86_64),
        elf::EM_AARCH64 => Some(AARCH64),
        _ => None,
    }
}

fn relocate_known<Elf: FileHeader<Endian = Endianness>>(
    file: &ElfFile<'_, Elf>,
    part: SectionIndex,
    symbols: &[Option<u64>],
    widths: &[(elf::RelocationType, usize)],
    joined: &mut Joined<'_, '_>,
) -> Result<(), Error> {
    let endian = file.endian();
    for section in file.elf_section_table().iter() {
        if section.info_link(endian) != part {
            continue;
        }
        let list = section.rela(endian, file.data());
        let list = list.map_err(|error| broken("relocations", &error))?;
        let Some((list, table)) = list else { continue };
        if table != file.elf_symbol_table().section() {
            continue;
        }
        for relocation in list {
            let ty = relocation.r_type(endian, false);
            let Some((_, width)) = widths.iter().find(|(known, _)| *known == ty) else {
                continue;
            };
            let target = match relocation.r_sym(endian, false) {
                0 => Some(0),
                symbol => match symbols.get(symbol as usize) {
                    Some(None) => continue,
                    value => value.copied().flatten(),
                },
            };
            let addend: i64 = relocation.r_addend(endian).into();
            let value = target.map(|target| target.wrapping_add_signed(addend));
            joined.set(relocation.r_offset(endian).into(), *width, value, false)?;
        }
    }
    Ok(())
}

/// A section in the joined one.
struct Joined<'d, 'a> {
    /// Where it starts there.
    start: u64,
    big: bool,
    data: &'d mut Cow<'a, [u8]>,
}

impl Joined<'_, '_> {
    /// Sets `width` bytes at an offset; or adds to what is there, if that is the rest of the value.
    fn set(
        &mut self,
        offset: u64,
        width: usize,
        value: Option<u64>,
        adds: bool,
    ) -> Result<(), Error> {
        let big = self.big;
        let place = self.start.checked_add(offset).and_then(|at| {
            let at = usize::try_from(at).ok()?;
            self.data.to_mut().get_mut(at..at.checked_add(width)?)
        });
        let (Some(mut value), Some(place)) = (value, place) else {
            return Err(Error::Object {
                what: format!("relocation at offset {offset:#x}"),
                problem: "outside its section, or for a symbol that is not there".to_owned(),
            });
        };
        if adds {
            value = value.wrapping_add(load(place, big));
        }
        store(place, value, big);
        Ok(())
    }
}

/// The number in up to eight bytes.
fn load(place: &[u8], big: bool) -> u64 {
    let add = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    if big {
        place.iter().fold(0, add)
    } else {
        place.iter().rev().fold(0, add)
    }
}

/// The low bytes of a number, as many as there is place for.
fn store(place: &mut [u8], value: u64, big: bool) {
    let mut bytes = value.to_le_bytes();
    if let Some(bytes) = bytes.get_mut(..place.len()) {
        if big {
            bytes.reverse();
        }
        place.copy_from_slice(bytes);
    }
}
