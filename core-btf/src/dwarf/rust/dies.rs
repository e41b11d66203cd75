//! The entries (DIEs) of Rust's types, as a tree in one array.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gimli::{DwAte, DwTag, RunTimeEndian, constants as dw};

use super::entries::{Die, Entries, Has, SCOPE, count};
use super::read::Reader;
use super::scopes::Scopes;
use crate::dwarf::entries::Discriminant;
use crate::dwarf::error::Error;
use crate::dwarf::threads;
use crate::dwarf::units::{Key, Units};
use crate::fingerprint::Seed;
use crate::rust::{Shared, Type};

/// Index of an entry in [`Dies`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DieId(u32);

impl DieId {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// Entries that have to do with types, in the order of the file.
#[derive(Debug)]
pub(super) struct Dies<'a> {
    list: Vec<Die<'a>>,
    wide: Vec<u128>,
    scopes: Scopes<'a>,
    /// Size of `.debug_info`, behind which keys are those of `.debug_types`.
    info_bytes: u64,
    pub(super) pointer_bytes: u32,
    pub(super) big_endian: bool,
    described: Mutex<Described>,
}

/// Descriptions made so far.
#[derive(Debug)]
struct Described {
    /// Of each entry, where its description is, from 1.
    places: Vec<u32>,
    list: Vec<Type>,
    shared: Shared,
}

impl Described {
    fn get(&self, id: DieId) -> Option<&Type> {
        let place = self.places.get(id.index())?.checked_sub(1)?;
        self.list.get(place as usize)
    }

    fn add(&mut self, id: DieId, ty: Type) {
        self.list.push(ty);
        if let Some(place) = self.places.get_mut(id.index()) {
            *place = count(&self.list);
        }
    }
}

impl<'a> Dies<'a> {
    /// All entries of the units in Rust, with variables and parameters.
    pub(super) fn read(units: &Units<'a>) -> Result<Self, Error> {
        let seed = Seed::random();
        let mut scopes = Scopes::new(&seed);
        let mut entries = Entries::new();
        let mut reader = Reader::new(units, &seed, true);
        for unit in units.list() {
            reader.read(unit, &mut scopes, &mut entries)?;
        }
        entries.resolve();
        Ok(Self::new(units, entries.list, entries.wide, scopes))
    }

    /// Entries whose references are to each other.
    pub(super) fn new(
        units: &Units<'a>,
        list: Vec<Die<'a>>,
        wide: Vec<u128>,
        scopes: Scopes<'a>,
    ) -> Self {
        Self {
            described: Mutex::new(Described {
                places: vec![0; list.len()],
                list: Vec::new(),
                shared: Shared::default(),
            }),
            list,
            wide,
            scopes,
            info_bytes: units.sections.info().len() as u64,
            pointer_bytes: units.pointer_bytes().into(),
            big_endian: units.sections.endian == RunTimeEndian::Big,
        }
    }

    /// The structs, unions and enums that are defined, other than those that are part of another.
    pub(super) fn definitions(&self) -> impl Iterator<Item = DieId> {
        self.iter()
            .filter(|(_, die)| {
                let is_type = matches!(
                    die.tag,
                    dw::DW_TAG_structure_type | dw::DW_TAG_union_type | dw::DW_TAG_enumeration_type
                );
                is_type && die.has == Has::Value && !die.name.is_empty() && die.parent & SCOPE != 0
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

    /// The type of a member, pointer, parameter or variable; the member that is the tag of a variant
    /// part.
    pub(super) fn type_of(&self, id: DieId) -> Option<DieId> {
        self.get(id)?.ty.checked_sub(1).map(DieId)
    }

    /// The value that selects a variant, unless it is the one that is there otherwise.
    pub(super) fn discr_value(&self, variant: DieId) -> Option<Discriminant> {
        let die = self.get(variant)?;
        let bits = match die.has {
            Has::Nothing => return None,
            Has::Value => die.value.into(),
            Has::Wide => die.wide(&self.wide)?,
        };
        Some(Discriminant {
            bits,
            bytes: die.detail,
        })
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
            .and_then(|(_, die)| die.value())
    }

    /// Size of a type in bytes.
    pub(super) fn size(&self, id: DieId) -> Option<u64> {
        let mut id = id;
        let mut elements: u64 = 1;
        // Only the units' length bounds how deep arrays nest.
        for _ in 0..MAX_NESTING {
            let die = self.get(id)?;
            let size = match die.tag {
                dw::DW_TAG_pointer_type => die.value().or(Some(self.pointer_bytes.into())),
                dw::DW_TAG_array_type => {
                    elements = elements.checked_mul(self.array_len(id)?)?;
                    id = self.type_of(id)?;
                    continue;
                }
                dw::DW_TAG_structure_type
                | dw::DW_TAG_union_type
                | dw::DW_TAG_enumeration_type
                | dw::DW_TAG_base_type => die.value(),
                _ => None,
            };
            return size?.checked_mul(elements);
        }
        None
    }

    /// Whether a number is a signed one.
    pub(super) fn is_signed(&self, id: DieId) -> bool {
        let encoding = self.get(id).map(|die| DwAte(die.detail));
        self.tag(id) == dw::DW_TAG_base_type
            && matches!(encoding, Some(dw::DW_ATE_signed | dw::DW_ATE_signed_char))
    }

    /// The path of an entry, as Rust writes it.
    pub(super) fn path(&self, id: DieId) -> String {
        let mut names = Vec::new();
        let mut scope = 0;
        let mut next = Some(id);
        while let Some(die) = next.and_then(|id| self.get(id)) {
            names.push(die.name);
            next = (die.parent & SCOPE == 0).then_some(DieId(die.parent));
            scope = die.parent & !SCOPE;
        }
        while let Some(inner) = self.scopes.get(scope).filter(|_| scope != 0) {
            names.push(inner.name);
            scope = inner.parent;
        }
        names.reverse();
        names.join("::")
    }

    /// The description of a type.
    pub(super) fn ty(&self, id: DieId) -> Type {
        let described = &mut *self.described();
        if let Some(known) = described.get(id) {
            return known.clone();
        }
        let ty = self.describe(id, MAX_NESTING, &mut described.shared);
        described.add(id, ty.clone());
        ty
    }

    /// Describes all [`definitions`](Self::definitions), each thread some.
    pub(super) fn describe_definitions(&self, threads: usize) -> Result<(), Error> {
        let definitions: Vec<DieId> = self.definitions().collect();
        let chunks: Vec<&[DieId]> = definitions.chunks(CHUNK).collect();
        threads::in_order(
            &chunks,
            threads,
            Shared::default,
            |shared, chunk| {
                let types = chunk
                    .iter()
                    .map(|id| self.describe(*id, MAX_NESTING, shared));
                (*chunk, types.collect::<Vec<Type>>())
            },
            |(chunk, types)| {
                let mut described = self.described();
                for (id, ty) in chunk.iter().zip(types) {
                    described.add(*id, ty);
                }
                Ok(())
            },
        )
    }

    fn described(&self) -> MutexGuard<'_, Described> {
        // They are only added to.
        self.described
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn describe(&self, id: DieId, levels: u32, shared: &mut Shared) -> Type {
        let Some(levels) = levels.checked_sub(1) else {
            return Type::unparsed("...");
        };
        let mut inner = |id: DieId| {
            self.type_of(id)
                .map_or(Type::UNIT, |inner| self.describe(inner, levels, shared))
        };
        let Some(die) = self.get(id) else {
            return Type::UNIT;
        };
        let ty = match die.tag {
            dw::DW_TAG_array_type => {
                Type::Array(Arc::new(inner(id)), self.array_len(id).unwrap_or(0))
            }
            dw::DW_TAG_pointer_type if die.name.is_empty() => {
                if self.type_of(id).map(|to| self.tag(to)) == Some(dw::DW_TAG_subroutine_type) {
                    Type::Fn
                } else {
                    Type::RawPtr(Arc::new(inner(id)))
                }
            }
            dw::DW_TAG_base_type | dw::DW_TAG_pointer_type => Type::parse_shared(die.name, shared),
            _ => Type::parse_shared(&self.path(id), shared),
        };
        shared.share(ty)
    }
}

/// How deep arrays and unnamed pointers may nest in each other.
const MAX_NESTING: u32 = 64;

/// Types that one thread describes at a time.
const CHUNK: usize = 1 << 10;
