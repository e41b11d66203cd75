//! The one pass over a run of units: every entry that is a type becomes BTF types.
//!
//! References cannot be followed yet, as an entry may refer to a later one, in another unit even.
//! Until [`resolve`](super::resolve) has run, a [`TypeId`] in a type is therefore a *pending*
//! reference: the key of an entry, or with [`LOCAL`] set the id of a type in the same buffer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use gimli::{DwTag, RunTimeEndian, constants as dw};

use super::attrs::{Attrs, Reader};
use super::error::{Error, Problem};
use super::types::{self, Frame};
use super::units::{Chunk, Key};
use crate::model::{NameOffset, Type, TypeId};
use crate::write::BtfBuf;

/// Marks a pending reference that is the id of a type made in this pass.
pub(super) const LOCAL: u32 = 1 << 31;

/// Deepest nesting of entries that is read; compilers stay below a hundred.
const MAX_DEPTH: usize = 4096;

/// The pending reference to a type made in this pass.
pub(super) fn local(ty: TypeId) -> TypeId {
    TypeId(ty.0 | LOCAL)
}

/// What the entry at some key is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meaning {
    /// A type of the buffer, or `void`.
    Type(TypeId),
    /// The same type as another entry.
    SameAs(Key),
}

/// A function or declaration of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function {
    pub(super) key: Key,
    /// The FUNC, unless the entry has no name of its own.
    pub(super) ty: Option<TypeId>,
    /// The abstract instance or declaration that describes it.
    pub(super) origin: Option<Key>,
    /// Whether it has code.
    pub(super) code: bool,
}

/// A bitfield whose place depends on the size of its type, which need not be known yet: the old
/// `DW_AT_bit_offset` without `DW_AT_byte_size`.
#[derive(Clone, Copy, Debug)]
pub(super) struct LateBitfield {
    pub(super) ty: TypeId,
    pub(super) member: usize,
    /// Bits from the storage unit's most significant bit to the bitfield's.
    pub(super) bit_offset: i64,
}

/// A type that stands in for something that could not be described.
#[derive(Clone, Copy, Debug)]
pub(super) struct StandIn {
    pub(super) ty: TypeId,
    /// Index of the reason in `warnings`.
    pub(super) warning: usize,
}

/// What a pass found.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) btf: BtfBuf,
    /// For each type of `btf` the entry that it was made for.
    pub(super) keys: Vec<Key>,
    /// By ascending key.
    pub(super) meanings: Vec<(Key, Meaning)>,
    pub(super) functions: Vec<Function>,
    pub(super) late_bitfields: Vec<LateBitfield>,
    /// Enums whose sign is that of an underlying type, as a pending reference.
    pub(super) late_enums: Vec<(TypeId, TypeId)>,
    pub(super) warnings: Vec<(Key, Problem)>,
    pub(super) stand_ins: Vec<StandIn>,
    /// The index type of all arrays, once there is one.
    pub(super) index_type: Option<TypeId>,
    /// Byte order, which old bitfields depend on.
    pub(super) big_endian: bool,
    /// Path of the first split-off file.
    pub(super) split: Option<String>,
}

impl Collected {
    /// Adds a type that the entry at `key` needs.
    pub(super) fn push(&mut self, key: Key, ty: Type) -> Result<TypeId, Error> {
        self.keys.push(key);
        Ok(self.btf.push(ty)?)
    }

    /// Adds the type that the entry at `key` stands for.
    pub(super) fn define(&mut self, key: Key, ty: Type) -> Result<TypeId, Error> {
        let id = self.push(key, ty)?;
        self.meanings.push((key, Meaning::Type(id)));
        Ok(id)
    }

    pub(super) fn warn(&mut self, key: Key, problem: Problem) -> usize {
        self.warnings.push((key, problem));
        self.warnings.len() - 1
    }

    /// Notes that `ty` is not what the entry at `key` describes.
    pub(super) fn stand_in(&mut self, ty: TypeId, key: Key, problem: Problem) {
        let warning = self.warn(key, problem);
        self.stand_ins.push(StandIn { ty, warning });
    }

    /// The interned name of an entry; bytes that are not UTF-8 are replaced.
    pub(super) fn name(&mut self, name: Option<&[u8]>) -> Result<NameOffset, Error> {
        let name = String::from_utf8_lossy(name.unwrap_or_default());
        Ok(self.btf.intern(&name)?)
    }
}

/// Reads the entries of a run of units.
pub(super) fn collect(chunk: &Chunk<'_, '_>, functions: bool) -> Result<Collected, Error> {
    let units = chunk.all;
    let mut tables = HashMap::new();
    let mut out = Collected {
        big_endian: units.sections.endian == RunTimeEndian::Big,
        ..Collected::default()
    };
    let mut frames: Vec<Frame> = Vec::new();
    for unit in chunk.units {
        let at = |error| units.error(error, unit.start);
        let abbreviations = match tables.entry(unit.header.debug_abbrev_offset().0) {
            Entry::Occupied(table) => table.into_mut(),
            Entry::Vacant(table) => {
                let abbreviations = units.abbreviations(*table.key())?;
                table.insert(abbreviations)
            }
        };
        let mut raw = unit.header.entries_raw(abbreviations, None).map_err(at)?;
        let mut reader = Reader::new(units, unit);
        let mut root = true;
        while !raw.is_empty() {
            #[expect(clippy::cast_possible_truncation, reason = "units end below 2^31")]
            let offset = raw.next_offset().0 as u32;
            let key = unit.start + offset;
            let at = |error| units.error(error, key);
            let Some(abbrev) = raw.read_abbreviation().map_err(at)? else {
                if let Some(frame) = frames.pop() {
                    types::close(&mut out, frame)?;
                }
                continue;
            };
            let frame = if root {
                root = false;
                let attrs = reader.read(&mut raw, abbrev.attributes()).map_err(at)?;
                open_unit(&mut out, &mut reader, key, &attrs, units.sections.split_off);
                Frame::Other
            } else if matters(abbrev.tag(), frames.last(), functions) {
                let attrs = reader.read(&mut raw, abbrev.attributes()).map_err(at)?;
                types::open(&mut out, frames.last_mut(), key, abbrev.tag(), &attrs)?
            } else {
                raw.skip_attributes(abbrev.attributes()).map_err(at)?;
                Frame::Other
            };
            if abbrev.has_children() {
                if frames.len() == MAX_DEPTH {
                    let (section, offset) = units.place(key);
                    return Err(Error::TooDeep { section, offset });
                }
                frames.push(frame);
            } else {
                types::close(&mut out, frame)?;
            }
        }
        // A damaged unit may end before its last types do.
        while let Some(frame) = frames.pop() {
            types::close(&mut out, frame)?;
        }
    }
    Ok(out)
}

/// What a unit's root says about how to read the rest.
fn open_unit(
    out: &mut Collected,
    reader: &mut Reader<'_, '_>,
    key: Key,
    attrs: &Attrs<'_>,
    split_off: bool,
) {
    if let Some(base) = attrs.str_offsets_base {
        reader.str_offsets_base = base;
    }
    // The name of the split-off file is in that file too.
    if let Some(path) = attrs.dwo_name
        && !split_off
    {
        out.warn(key, Problem::Split);
        if out.split.is_none() {
            out.split = Some(String::from_utf8_lossy(path).into_owned());
        }
    }
}

/// Whether an entry has to do with types; all others are skipped unread.
fn matters(tag: DwTag, parent: Option<&Frame>, functions: bool) -> bool {
    match tag {
        // Nearly all of the entries of optimised code.
        dw::DW_TAG_variable
        | dw::DW_TAG_lexical_block
        | dw::DW_TAG_inlined_subroutine
        | dw::DW_TAG_call_site
        | dw::DW_TAG_call_site_parameter => false,
        dw::DW_TAG_subprogram => functions,
        _ => types::is_type(tag) || parent.is_some_and(|parent| parent.takes(tag)),
    }
}
