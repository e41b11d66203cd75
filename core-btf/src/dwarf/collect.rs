//! The one pass over a unit: every entry that is a type becomes BTF types.
//!
//! References cannot be followed yet, as an entry may refer to a later one, in another unit even.
//! Until [`resolve`](super::resolve) has run, a [`TypeId`] in a type is therefore a *pending*
//! reference: the key of an entry, or with [`LOCAL`] set the id of a type in the same buffer.

use gimli::{DwTag, RunTimeEndian, constants as dw};

use super::annotations;
use super::entries::{Attrs, Entries, Known, Names, Plans, Slot, Text, is_expanded_code};
use super::error::{Error, Problem};
use super::language::{is_flat, lower_bound};
use super::list::TypeList;
use super::spelling::{Scopes, is_scope};
use super::types::{self, Frame};
use super::units::{Key, MAX_PATH_BYTES, Tally, Unit, Units};
use crate::model::{Enumerator, Member, Param, Type, TypeId};

/// Marks a pending reference that is the id of a type made in this pass.
pub(super) const LOCAL: u32 = 1 << 31;

/// About as many bytes of entries as there are for a type.
const BYTES_PER_TYPE: usize = 40;

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
pub(super) struct Function<'a> {
    pub(super) key: Key,
    /// The FUNC, unless the entry has no name of its own.
    pub(super) ty: Option<TypeId>,
    /// `DW_AT_linkage_name`, by which the FUNC is to be called.
    pub(super) symbol: Option<Text<'a>>,
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

/// A virtual base class of a class.
#[derive(Clone, Copy, Debug)]
pub(super) struct VirtualBase {
    pub(super) class: TypeId,
    /// A pending reference.
    pub(super) base: TypeId,
    /// Where in the vtable its place is, in bytes.
    pub(super) vtable_offset: i32,
}

/// A type that stands in for something that could not be described.
#[derive(Clone, Copy, Debug)]
pub(super) struct StandIn {
    pub(super) ty: TypeId,
    /// Index of the reason in `warnings`.
    pub(super) warning: usize,
}

/// What a pass found.
#[derive(Debug)]
pub(super) struct Collected<'n> {
    /// The types, whose names are in `names`.
    pub(super) types: TypeList,
    pub(super) names: &'n Names,
    /// For each of `types` the entry that it was made for.
    pub(super) keys: Vec<Key>,
    /// By ascending key.
    pub(super) meanings: Vec<(Key, Meaning)>,
    /// Members of the structs and unions that are being read, those of inner ones last; likewise values
    /// of enums and parameters of functions.
    pub(super) members: Vec<Member>,
    pub(super) values: Vec<Enumerator>,
    pub(super) params: Vec<Param>,
    pub(super) functions: Vec<Function<'n>>,
    pub(super) late_bitfields: Vec<LateBitfield>,
    /// Enums whose sign is that of an underlying type, as a pending reference.
    pub(super) late_enums: Vec<(TypeId, TypeId)>,
    pub(super) warnings: Vec<(Key, Problem)>,
    pub(super) stand_ins: Vec<StandIn>,
    /// The index type of all arrays, once there is one.
    pub(super) index_type: Option<TypeId>,
    /// Pointers to members, whose form depends on what they lead to, a pending reference.
    pub(super) member_pointers: Vec<(TypeId, TypeId)>,
    pub(super) virtual_bases: Vec<VirtualBase>,
    /// Notes on members of types that are not finished.
    pub(super) member_tags: Vec<TypeId>,
    /// Typedefs inside of classes: kept only where they are used.
    pub(super) inner_typedefs: Vec<TypeId>,
    /// Whether there are classes with base classes.
    pub(super) has_bases: bool,
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

impl<'n> Collected<'n> {
    pub(super) fn new(names: &'n Names) -> Self {
        Self {
            names,
            types: TypeList::default(),
            keys: Vec::new(),
            meanings: Vec::new(),
            members: Vec::new(),
            values: Vec::new(),
            params: Vec::new(),
            functions: Vec::new(),
            late_bitfields: Vec::new(),
            late_enums: Vec::new(),
            warnings: Vec::new(),
            stand_ins: Vec::new(),
            index_type: None,
            member_pointers: Vec::new(),
            virtual_bases: Vec::new(),
            member_tags: Vec::new(),
            inner_typedefs: Vec::new(),
            has_bases: false,
            big_endian: false,
            pointer_bytes: 0,
            lower_bound: None,
            rust: false,
            split: None,
        }
    }

    /// Makes room for the types of some bytes of entries.
    fn reserve(&mut self, bytes: usize) {
        let types = bytes / BYTES_PER_TYPE;
        self.types.reserve(types);
        self.keys.reserve(types);
        self.meanings.reserve(types);
    }

    /// Adds a type that the entry at `key` needs.
    pub(super) fn push(&mut self, key: Key, ty: Type) -> Result<TypeId, Error> {
        self.keys.push(key);
        Ok(self.types.push(ty)?)
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
        let name = self.names.intern(text)?;
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

    /// Types, each with a pending reference that is not part of it.
    pub(super) fn late_references(&mut self) -> impl Iterator<Item = (&mut TypeId, &mut TypeId)> {
        let late = self.late_enums.iter_mut().chain(&mut self.member_pointers);
        let bases = self.virtual_bases.iter_mut();
        late.map(|(ty, reference)| (ty, reference))
            .chain(bases.map(|it| (&mut it.class, &mut it.base)))
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
}

/// What a thread has for the units that it reads.
#[derive(Debug)]
pub(super) struct Shelf<'n, 'a> {
    known: Known<'n>,
    plans: Plans<'a>,
}

impl<'n> Shelf<'n, '_> {
    /// For units of some bytes.
    pub(super) fn new(names: &'n Names, bytes: usize) -> Self {
        Self {
            known: Known::new(names, bytes),
            plans: Plans::default(),
        }
    }
}

/// What to take in of a unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) functions: bool,
    /// Types that are not called what their source calls them get a `DECL_TAG` of it.
    pub(super) spellings: bool,
}

/// Reads the entries of a unit into `out`, which has no types yet. An error leaves it half full.
pub(super) fn collect<'n, 'a: 'n>(
    units: &Units<'a>,
    unit: &Unit<'a>,
    shelf: &mut Shelf<'_, 'a>,
    wanted: Wanted,
    out: &mut Collected<'n>,
) -> Result<(), Error> {
    out.big_endian = units.sections.endian == RunTimeEndian::Big;
    out.pointer_bytes = units.pointer_bytes();
    let Shelf { known, plans } = shelf;
    let mut entries = Entries::of(units, unit, plans)?;
    let mut attrs = Attrs::default();
    let mut frames: Vec<Frame> = Vec::new();
    let mut scopes = Scopes::default();
    let mut tally = Tally::new(units);
    let mut root = true;
    while !entries.is_empty() {
        let Some(plan) = entries.begin()? else {
            if let Some(frame) = frames.pop() {
                scopes.leave(frames.len());
                types::close(out, frame)?;
            }
            continue;
        };
        if is_expanded_code(plan.tag) {
            entries.pass_code(plan, &mut attrs)?;
            continue;
        }
        let key = entries.key();
        let frame = if root {
            root = false;
            entries.read_root(plan, &mut attrs)?;
            open_unit(out, units, key, &attrs);
            if out.rust {
                return Ok(());
            }
            out.reserve(unit.keys().len());
            scopes.flat = attrs.language().map_or_else(|| units.is_flat(), is_flat);
            Frame::Other
        } else if matters(plan.tag, frames.last(), wanted.functions) {
            entries.read(plan, &mut attrs)?;
            let stored = known.store(&mut attrs);
            stored.map_err(|error| units.error(error, key))?;
            let spelling = scopes.spell(plan.tag, key, &attrs);
            let spelled = spelling.as_ref().map_or(0, |it| it.original.len());
            tally.add(key, spelled)?;
            if plan.has_children && is_scope(plan.tag) {
                scopes.enter(frames.len(), plan.tag, &attrs);
                if scopes.path_bytes() > MAX_PATH_BYTES {
                    let (section, offset) = units.place(key);
                    return Err(Error::TooDeep { section, offset });
                }
            }
            if let Some(spelling) = &spelling {
                attrs.store(out.names.intern(&spelling.identifier)?, true);
            }
            let frame = types::open(out, frames.last_mut(), key, plan.tag, &attrs)?;
            if let Some(spelling) = spelling
                && let Some(ty) = out.defined(key)
            {
                if is_scope(plan.tag) {
                    if let Some(declaration) = attrs.key(Slot::Origin) {
                        out.complete(declaration, key);
                    }
                    if wanted.spellings {
                        out.tag(key, ty, &format!("c++:{}", spelling.original))?;
                    }
                }
                if plan.tag == dw::DW_TAG_typedef && scopes.in_type() {
                    out.inner_typedefs.push(ty);
                }
            }
            if attrs.has(Slot::Annotation) {
                annotations::referred(out, &frame, key, &attrs, &mut entries)?;
            }
            frame
        } else {
            entries.pass(plan)?;
            Frame::Other
        };
        if plan.has_children {
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
    tally.flush(entries.key())
}

/// What a unit's root says.
fn open_unit(out: &mut Collected<'_>, units: &Units<'_>, key: Key, attrs: &Attrs<'_>) {
    out.rust = attrs.language() == Some(dw::DW_LANG_Rust);
    out.lower_bound = match attrs.language() {
        Some(language) => Some(lower_bound(language)),
        None => units.lower_bound(),
    };
    // The name of the split-off file is in that file too.
    if let Some(path) = attrs.text(Slot::DwoName)
        && !units.sections.split_off
    {
        out.warn(key, Problem::Split);
        out.split = Some(String::from_utf8_lossy(path.bytes()).into_owned());
    }
}

/// Whether an entry has to do with types; all others are skipped unread.
fn matters(tag: DwTag, parent: Option<&Frame>, functions: bool) -> bool {
    match tag {
        // Nearly all of the entries of optimised code.
        dw::DW_TAG_variable | dw::DW_TAG_lexical_block => false,
        dw::DW_TAG_subprogram => functions,
        dw::DW_TAG_namespace => true,
        _ => types::is_type(tag) || parent.is_some_and(|parent| parent.takes(tag)),
    }
}
