//! The entries (DIEs) of Rust's types, as a tree in one array.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use gimli::{DwAte, DwTag, RunTimeEndian, constants as dw};

use crate::dwarf::attrs::{Attrs, Discriminant, Number, Reader};
use crate::dwarf::error::Error;
use crate::dwarf::units::{BYTES_PER_ENTRY, Key, MAX_PATH_BYTES, Unit, Units};
use crate::rust::Type;

/// Index of an entry in [`Dies`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DieId(u32);

impl DieId {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// An entry.
#[derive(Debug)]
pub(super) struct Die<'a> {
    pub(super) tag: DwTag,
    pub(super) name: &'a str,
    /// `DW_AT_byte_size`.
    pub(super) size: Option<u64>,
    /// `DW_AT_data_member_location`, in bytes.
    pub(super) offset: u64,
    pub(super) const_value: Option<Number>,
    pub(super) discr_value: Option<Discriminant>,
    encoding: Option<DwAte>,
    count: Option<u64>,
    ty: Option<Key>,
    discr: Option<Key>,
    key: Key,
    parent: Option<DieId>,
    /// Index of the first entry that is not inside this one.
    end: u32,
}

/// All entries of an object that have to do with types, in the order of the file.
#[derive(Debug)]
pub(super) struct Dies<'a> {
    list: Vec<Die<'a>>,
    /// Size of `.debug_info`, behind which keys are those of `.debug_types`.
    info_bytes: u64,
    pub(super) pointer_bytes: u32,
    pub(super) big_endian: bool,
    /// Descriptions made so far.
    types: RefCell<HashMap<DieId, Rc<Type>>>,
}

impl<'a> Dies<'a> {
    /// Reads the entries of those units among `of_units` whose language is Rust.
    pub(super) fn read(units: &Units<'a>, of_units: &[Unit<'a>]) -> Result<Self, Error> {
        let mut list: Vec<Die<'a>> = Vec::new();
        let mut tables = HashMap::new();
        'units: for unit in of_units {
            let at = |error| units.error(error, unit.start);
            let abbreviations = match tables.entry(unit.table()) {
                Entry::Occupied(table) => table.into_mut(),
                Entry::Vacant(table) => table.insert(units.abbreviations(unit)?),
            };
            let first = list.len();
            let mut raw = unit.header.entries_raw(abbreviations, None).map_err(at)?;
            let mut reader = Reader::new(units, unit);
            // Entries whose children are being read; `None` for one that is not kept.
            let mut open: Vec<Option<DieId>> = Vec::new();
            // Bytes in the names of those, which are in the path of each type inside.
            let mut path = 0_usize;
            let mut root = true;
            while !raw.is_empty() {
                #[expect(clippy::cast_possible_truncation, reason = "units end below 2^31")]
                let offset = raw.next_offset().0 as u32;
                let key = unit.start + offset;
                let at = |error| units.error(error, key);
                let Some(abbrev) = raw.read_abbreviation().map_err(at)? else {
                    let die = open.pop().flatten();
                    path = path.saturating_sub(name_bytes(&list, die));
                    close(&mut list, die);
                    continue;
                };
                // Inside what is not kept nothing is.
                let kept = keeps(abbrev.tag()) && !matches!(open.last(), Some(None));
                let die = if kept {
                    let attrs = reader.read(&mut raw, abbrev.attributes()).map_err(at)?;
                    if root && let Some(base) = attrs.str_offsets_base {
                        reader.str_offsets_base = base;
                    }
                    if root && attrs.language.is_some_and(|it| it != dw::DW_LANG_Rust) {
                        list.truncate(first);
                        continue 'units;
                    }
                    let parent = open.last().copied().flatten();
                    #[expect(clippy::cast_possible_truncation, reason = "fewer than keys")]
                    let id = DieId(list.len() as u32);
                    list.push(die(key, abbrev.tag(), parent, &attrs));
                    units.count(key, 1 + path as u64 / BYTES_PER_ENTRY)?;
                    Some(id)
                } else {
                    raw.skip_attributes(abbrev.attributes()).map_err(at)?;
                    None
                };
                root = false;
                if abbrev.has_children() {
                    path += name_bytes(&list, die);
                    if path > MAX_PATH_BYTES || open.len() == MAX_DEPTH {
                        let (section, offset) = units.place(key);
                        return Err(Error::TooDeep { section, offset });
                    }
                    open.push(die);
                } else {
                    close(&mut list, die);
                }
            }
            // A damaged unit may end before its last entries do.
            while let Some(die) = open.pop() {
                close(&mut list, die);
            }
        }
        Ok(Self {
            list,
            pointer_bytes: units.pointer_bytes().into(),
            big_endian: units.sections.endian == RunTimeEndian::Big,
            info_bytes: units.sections.info().len() as u64,
            types: RefCell::default(),
        })
    }

    /// The structs, unions and enums that are defined, other than those that are part of another.
    pub(super) fn definitions(&self) -> impl Iterator<Item = DieId> {
        self.iter()
            .filter(|(_, die)| {
                let is_type = matches!(
                    die.tag,
                    dw::DW_TAG_structure_type | dw::DW_TAG_union_type | dw::DW_TAG_enumeration_type
                );
                let around = die.parent.map(|parent| self.tag(parent));
                is_type
                    && die.size.is_some()
                    && !die.name.is_empty()
                    && matches!(around, Some(dw::DW_TAG_namespace | dw::DW_TAG_compile_unit))
            })
            .map(|(id, _)| id)
    }

    /// The key of an entry.
    pub(super) fn key(&self, id: DieId) -> Key {
        self.get(id).map_or(0, |die| die.key)
    }

    /// Section and offset of an entry, for messages.
    pub(super) fn place(&self, id: DieId) -> (&'static str, u64) {
        let key = self.get(id).map_or(0, |die| u64::from(die.key));
        match key.checked_sub(self.info_bytes) {
            Some(offset) => (".debug_types", offset),
            None => (".debug_info", key),
        }
    }

    pub(super) fn get(&self, id: DieId) -> Option<&Die<'a>> {
        self.list.get(id.index())
    }

    pub(super) fn tag(&self, id: DieId) -> DwTag {
        self.get(id).map_or(dw::DW_TAG_null, |die| die.tag)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (DieId, &Die<'a>)> {
        (0..).map(DieId).zip(&self.list)
    }

    /// The entries right inside another.
    pub(super) fn children(&self, id: DieId) -> impl Iterator<Item = (DieId, &Die<'a>)> {
        let end = self.get(id).map_or(0, |die| die.end);
        let mut next = id.0 + 1;
        std::iter::from_fn(move || {
            let child = DieId(next);
            let die = self.get(child).filter(|_| next < end)?;
            next = die.end;
            Some((child, die))
        })
    }

    /// The children with this tag.
    pub(super) fn children_of(
        &self,
        id: DieId,
        tag: DwTag,
    ) -> impl Iterator<Item = (DieId, &Die<'a>)> {
        self.children(id).filter(move |(_, die)| die.tag == tag)
    }

    fn by_key(&self, key: Key) -> Option<DieId> {
        let index = self.list.binary_search_by_key(&key, |die| die.key).ok()?;
        u32::try_from(index).ok().map(DieId)
    }

    /// The type of a member, pointer, parameter or variable.
    pub(super) fn type_of(&self, id: DieId) -> Option<DieId> {
        self.by_key(self.get(id)?.ty?)
    }

    /// The member that is the tag of a variant part.
    pub(super) fn discr(&self, variant_part: DieId) -> Option<DieId> {
        self.by_key(self.get(variant_part)?.discr?)
    }

    /// The variant part of an enum with data.
    pub(super) fn variant_part(&self, id: DieId) -> Option<DieId> {
        self.children_of(id, dw::DW_TAG_variant_part)
            .next()
            .map(|(id, _)| id)
    }

    /// Number of elements of an array.
    pub(super) fn array_len(&self, id: DieId) -> Option<u64> {
        self.children_of(id, dw::DW_TAG_subrange_type)
            .next()
            .and_then(|(_, die)| die.count)
    }

    /// Size of a type in bytes.
    pub(super) fn size(&self, id: DieId) -> Option<u64> {
        let mut id = id;
        let mut elements: u64 = 1;
        // Only the units' length bounds how deep arrays nest.
        for _ in 0..MAX_NESTING {
            let die = self.get(id)?;
            let size = match die.tag {
                dw::DW_TAG_pointer_type => die.size.or(Some(self.pointer_bytes.into())),
                dw::DW_TAG_array_type => {
                    elements = elements.checked_mul(self.array_len(id)?)?;
                    id = self.type_of(id)?;
                    continue;
                }
                _ => die.size,
            };
            return size?.checked_mul(elements);
        }
        None
    }

    /// Whether a number is a signed one.
    pub(super) fn is_signed(&self, id: DieId) -> bool {
        let encoding = self.get(id).and_then(|die| die.encoding);
        matches!(encoding, Some(dw::DW_ATE_signed | dw::DW_ATE_signed_char))
    }

    /// The path of an entry, as Rust writes it.
    pub(super) fn path(&self, id: DieId) -> String {
        let mut names = Vec::new();
        let mut next = Some(id);
        while let Some(die) = next.and_then(|id| self.get(id)) {
            if die.tag == dw::DW_TAG_compile_unit {
                break;
            }
            names.push(die.name);
            next = die.parent;
        }
        names.reverse();
        names.join("::")
    }

    /// The description of a type.
    pub(super) fn ty(&self, id: DieId) -> Rc<Type> {
        if let Some(ty) = self.types.borrow().get(&id) {
            return Rc::clone(ty);
        }
        let ty = Rc::new(self.describe(id, MAX_NESTING));
        self.types.borrow_mut().insert(id, Rc::clone(&ty));
        ty
    }

    fn describe(&self, id: DieId, levels: u32) -> Type {
        let Some(levels) = levels.checked_sub(1) else {
            return Type::unparsed("...");
        };
        let inner = |id: DieId| {
            self.type_of(id)
                .map_or(Type::UNIT, |inner| self.describe(inner, levels))
        };
        let Some(die) = self.get(id) else {
            return Type::UNIT;
        };
        match die.tag {
            dw::DW_TAG_array_type => {
                Type::Array(Box::new(inner(id)), self.array_len(id).unwrap_or(0))
            }
            dw::DW_TAG_pointer_type if die.name.is_empty() => {
                if self.type_of(id).map(|to| self.tag(to)) == Some(dw::DW_TAG_subroutine_type) {
                    Type::Fn
                } else {
                    Type::RawPtr(Box::new(inner(id)))
                }
            }
            dw::DW_TAG_base_type | dw::DW_TAG_pointer_type => {
                Type::parse_debug(die.name).unwrap_or_else(|_| Type::unparsed(die.name))
            }
            _ => {
                let path = self.path(id);
                Type::parse_debug(&path).unwrap_or_else(|_| Type::unparsed(&path))
            }
        }
    }
}

/// Deepest nesting of entries; rustc stays below a hundred.
const MAX_DEPTH: usize = 512;

/// How deep arrays and unnamed pointers may nest in each other.
const MAX_NESTING: u32 = 64;

fn die<'a>(key: Key, tag: DwTag, parent: Option<DieId>, attrs: &Attrs<'a>) -> Die<'a> {
    let length = |number: Number| (!number.is_negative()).then_some(number.bits);
    Die {
        tag,
        name: attrs
            .name
            .and_then(|name| std::str::from_utf8(name).ok())
            .unwrap_or_default(),
        size: attrs.byte_size,
        offset: attrs.location.unwrap_or(0),
        const_value: attrs.const_value,
        discr_value: attrs.discr_value,
        encoding: attrs.encoding,
        count: attrs.count.and_then(length).or_else(|| {
            let last = attrs.upper_bound.and_then(length)?;
            last.checked_add(1)
        }),
        ty: attrs.ty,
        discr: attrs.discr,
        key,
        parent,
        end: 0,
    }
}

/// Bytes that an entry adds to the paths of those inside.
fn name_bytes(list: &[Die<'_>], id: Option<DieId>) -> usize {
    let die = id.and_then(|id| list.get(id.index()));
    die.map_or(0, |die| die.name.len() + "::".len())
}

/// Notes where an entry ends.
fn close(list: &mut [Die<'_>], id: Option<DieId>) {
    #[expect(clippy::cast_possible_truncation, reason = "fewer than keys")]
    let end = list.len() as u32;
    if let Some(die) = id.and_then(|id| list.get_mut(id.index())) {
        die.end = end;
    }
}

/// Whether an entry has to do with types. Types are never inside functions: a function that has
/// some also has a namespace.
fn keeps(tag: DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_compile_unit
            | dw::DW_TAG_namespace
            | dw::DW_TAG_structure_type
            | dw::DW_TAG_union_type
            | dw::DW_TAG_enumeration_type
            | dw::DW_TAG_enumerator
            | dw::DW_TAG_base_type
            | dw::DW_TAG_pointer_type
            | dw::DW_TAG_subroutine_type
            | dw::DW_TAG_array_type
            | dw::DW_TAG_subrange_type
            | dw::DW_TAG_member
            | dw::DW_TAG_variant_part
            | dw::DW_TAG_variant
            | dw::DW_TAG_template_type_parameter
            | dw::DW_TAG_formal_parameter
            | dw::DW_TAG_variable
    )
}
