//! The one pass over a unit: every entry that is a type becomes BTF types.
//!
//! References cannot be followed yet, as an entry may refer to a later one, in another unit even.
//! Until [`resolve`](super::resolve) has run, a [`TypeId`] in a type is therefore a *pending*
//! reference: the key of an entry, or with [`LOCAL`] set the id of a type in the same buffer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use gimli::{Abbreviations, DwTag, RunTimeEndian, constants as dw};

use super::annotations;
use super::attrs::{Attrs, KnownNames, Reader};
use super::error::{Error, Problem};
use super::language::{is_flat, lower_bound};
use super::spelling::{Scopes, is_scope, symbol};
use super::types::{self, Frame};
use super::units::{Key, MAX_PATH_BYTES, Table, Unit, Units};
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
    /// Pointers to members, whose form depends on what they lead to, a pending reference.
    pub(super) member_pointers: Vec<(TypeId, TypeId)>,
    /// Notes on members of types that are not finished.
    pub(super) member_tags: Vec<TypeId>,
    /// Typedefs inside of classes: kept only where they are used.
    pub(super) inner_typedefs: Vec<TypeId>,
    /// Byte order, which old bitfields depend on.
    pub(super) big_endian: bool,
    /// Size of a pointer, in bytes.
    pub(super) pointer_bytes: u8,
    /// Number of the first element of arrays that do not say it, if that is known.
    pub(super) lower_bound: Option<u64>,
    /// Whether there are units in Rust, which are passed over.
    pub(super) rust: bool,
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

    /// What the entry at `key` stands for, right after it was opened.
    fn defined(&self, key: Key) -> Option<TypeId> {
        match self.meanings.last() {
            Some((last, Meaning::Type(ty))) if *last == key => Some(*ty),
            _ => None,
        }
    }

    /// Lets what refers to a declaration refer to its definition at `key`.
    fn complete(&mut self, declaration: Key, key: Key) {
        let found = self
            .meanings
            .binary_search_by_key(&declaration, |(key, _)| *key);
        if let Some((_, meaning)) = found.ok().and_then(|at| self.meanings.get_mut(at))
            && declaration < key
        {
            *meaning = Meaning::SameAs(key);
        }
    }

    /// Notes what a type is called in its source.
    fn tag(&mut self, key: Key, ty: TypeId, text: &str) -> Result<(), Error> {
        let name = self.btf.intern(text)?;
        self.push(
            key,
            Type::DeclTag {
                name,
                ty: local(ty),
                component: -1,
                attribute: false,
            },
        )?;
        Ok(())
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
        Ok(self.btf.intern_again(name.unwrap_or_default())?)
    }
}

/// What neighbouring units have in common.
#[derive(Debug)]
pub(super) struct Shared {
    /// Tables of abbreviations, by their places.
    tables: HashMap<Table, Abbreviations>,
    names: KnownNames,
}

impl Shared {
    /// For units of some bytes.
    pub(super) fn of_bytes(bytes: usize) -> Self {
        Self {
            tables: HashMap::new(),
            names: KnownNames::of_bytes(bytes),
        }
    }
}

/// Reads the entries of a unit into `out`, which has no types yet. An error leaves it half full.
///
/// With `spellings`, types that are not called what their source calls them get a `DECL_TAG` of it.
pub(super) fn collect<'a>(
    units: &Units<'a>,
    unit: &Unit<'a>,
    shared: &mut Shared,
    functions: bool,
    spellings: bool,
    out: &mut Collected,
) -> Result<(), Error> {
    out.big_endian = units.sections.endian == RunTimeEndian::Big;
    out.pointer_bytes = units.pointer_bytes();
    let mut frames: Vec<Frame> = Vec::new();
    let at = |error| units.error(error, unit.start);
    let abbreviations = match shared.tables.entry(unit.table()) {
        Entry::Occupied(table) => table.into_mut(),
        Entry::Vacant(table) => table.insert(units.abbreviations(unit)?),
    };
    let mut raw = unit.header.entries_raw(abbreviations, None).map_err(at)?;
    let mut reader = Reader::new(units, unit);
    reader.known = Some(&shared.names);
    let mut root = true;
    let mut scopes = Scopes::default();
    while !raw.is_empty() {
        #[expect(clippy::cast_possible_truncation, reason = "units end below 2^31")]
        let offset = raw.next_offset().0 as u32;
        let key = unit.start + offset;
        let at = |error| units.error(error, key);
        let Some(abbrev) = raw.read_abbreviation().map_err(at)? else {
            if let Some(frame) = frames.pop() {
                scopes.leave(frames.len());
                types::close(out, frame)?;
            }
            continue;
        };
        let frame = if root {
            root = false;
            let attrs = reader.read(&mut raw, abbrev.attributes()).map_err(at)?;
            open_unit(out, &mut reader, key, &attrs, units.sections.split_off);
            if attrs.language == Some(dw::DW_LANG_Rust) {
                out.rust = true;
                return Ok(());
            }
            scopes.flat = attrs.language.map_or_else(|| units.is_flat(), is_flat);
            out.lower_bound = match attrs.language {
                Some(language) => Some(lower_bound(language)),
                None => units.lower_bound(),
            };
            Frame::Other
        } else if matters(abbrev.tag(), frames.last(), functions) {
            let mut attrs = reader.read(&mut raw, abbrev.attributes()).map_err(at)?;
            let tag = abbrev.tag();
            if tag == dw::DW_TAG_subprogram {
                attrs.name = symbol(&attrs);
            }
            let annotated = attrs.annotation.is_some();
            let spelling = scopes.spell(tag, key, &attrs);
            let spelled = spelling.as_ref().map_or(0, |it| it.original.len());
            units.count(key, spelled)?;
            if abbrev.has_children() && is_scope(tag) {
                scopes.enter(frames.len(), tag, &attrs);
                if scopes.path_bytes() > MAX_PATH_BYTES {
                    let (section, offset) = units.place(key);
                    return Err(Error::TooDeep { section, offset });
                }
            }
            let frame = match &spelling {
                None => types::open(out, frames.last_mut(), key, tag, &attrs)?,
                Some(spelling) => {
                    let attrs = Attrs {
                        name: Some(spelling.identifier.as_bytes()),
                        ..attrs
                    };
                    let frame = types::open(out, frames.last_mut(), key, tag, &attrs)?;
                    if let Some(ty) = out.defined(key) {
                        if let Some(declaration) = attrs.origin.filter(|_| is_scope(tag)) {
                            out.complete(declaration, key);
                        }
                        if spellings && is_scope(tag) {
                            out.tag(key, ty, &format!("c++:{}", spelling.original))?;
                        }
                        if tag == dw::DW_TAG_typedef && scopes.in_type() {
                            out.inner_typedefs.push(ty);
                        }
                    }
                    frame
                }
            };
            if annotated {
                let place = (&reader, unit, &*abbreviations);
                annotations::referred(out, &frame, key, &attrs, place)?;
            }
            frame
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
            types::close(out, frame)?;
        }
    }
    // A damaged unit may end before its last types do.
    while let Some(frame) = frames.pop() {
        types::close(out, frame)?;
    }
    Ok(())
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
        dw::DW_TAG_namespace => true,
        _ => types::is_type(tag) || parent.is_some_and(|parent| parent.takes(tag)),
    }
}
