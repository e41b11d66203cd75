//! Entry to BTF type, one after the other from a queue.

use std::collections::{BTreeMap, HashMap, VecDeque};

use gimli::constants as dw;

use super::Described;
use super::dies::{DieId, Dies};
use super::members::unsized_pointer;
use super::naming::{Label, Part, name_all};
use super::roots::Root;
use crate::dedup::dedup;
use crate::dwarf::entries::Names as Stored;
use crate::dwarf::error::Error;
use crate::dwarf::units::Key;
use crate::hash::Seed;
use crate::model::{CompositeKind, NameOffset, Type as BtfType, TypeId};
use crate::rust::{Names, Primitive, Type, View, c_identifier};
use crate::strings::Strings;
use crate::write::BtfBuf;

/// The BTF types of `roots` and of what they are made of.
pub(super) fn convert(dies: &Dies<'_>, roots: &[Root]) -> Result<BtfBuf, Error> {
    let stored = Stored::new();
    let mut out = Converter::new(dies, roots, &stored);
    // What a deep root leads to is complete, whoever else leads to it.
    for deep in [true, false] {
        out.deep = deep;
        for root in roots.iter().filter(|root| root.deep == deep) {
            out.whole(root.die)?;
            out.drain()?;
        }
    }
    for root in roots {
        let ty = out.whole(root.die)?;
        out.tag_path(root.die, ty)?;
    }
    let given = roots
        .iter()
        .map(|root| (dies.ty(root.die), root.name.clone()));
    let owners = out.labels.iter().map(|label| &label.owner);
    let names = Names::new(given, owners, &out.local);
    let mut types = out.types.take_types();
    let mut kept = Strings::new();
    stored.with(|stored| {
        name_all(&mut types, stored, &out.labels, &names)?;
        kept.adopt(&mut types, stored)
    })?;
    // `&str` and `&mut str` are two entries.
    Ok(dedup(BtfBuf::from_types_and_names(types, kept))?)
}

/// The BTF types of everything that is described, whose names are in `stored`. With `paths`, each has
/// a `DECL_TAG` of its path.
pub(super) fn convert_all(
    dies: Dies<'_>,
    paths: bool,
    stored: &Stored,
) -> Result<Described, Error> {
    let mut out = Converter::new(&dies, &[], stored);
    out.deep = true;
    out.lenient = true;
    for die in dies.definitions() {
        // A `Box` or `Cell` is a pointer, or what it holds, wherever there is one.
        if let View::Pointer(_) | View::Same(_) | View::Primitive(_) = dies.ty(die).view() {
            continue;
        }
        let ty = out.whole(die)?;
        if paths {
            out.tag_path(die, ty)?;
        }
    }
    out.drain()?;
    let Converter {
        mut types,
        unknown,
        labels,
        ..
    } = out;
    // Names take room of their own.
    drop(dies);
    let owners = labels.iter().map(|label| &label.owner);
    let names = Names::new([], owners, "");
    let mut types = types.take_types();
    stored.with(|stored| name_all(&mut types, stored, &labels, &names))?;
    Ok(Described {
        types,
        unknown,
        damaged: Vec::new(),
    })
}

/// What was made of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) ty: TypeId,
    /// Whether it is, or will be, more than a forward declaration.
    whole: bool,
}

pub(super) struct Converter<'d> {
    pub(super) dies: &'d Dies<'d>,
    /// Whose names are in `stored`.
    pub(super) types: BtfBuf,
    stored: &'d Stored,
    /// The crate of the roots.
    pub(super) local: String,
    /// Whether types of other crates behind pointers are converted as a whole.
    pub(super) deep: bool,
    /// Whether types of an unknown layout get no members, and are noted in `unknown`.
    lenient: bool,
    unknown: Vec<(TypeId, Key)>,
    slots: HashMap<DieId, Slot, Seed>,
    queue: VecDeque<(DieId, TypeId)>,
    labels: Vec<Label>,
    /// The C identifiers of names of fields.
    pub(super) identifiers: HashMap<&'d str, NameOffset, Seed>,
    /// The types of values of an entry.
    pub(super) values: HashMap<DieId, TypeId, Seed>,
    pub(super) primitives: HashMap<Primitive, TypeId>,
    pub(super) pointers: HashMap<TypeId, TypeId, Seed>,
    pub(super) arrays: HashMap<(TypeId, u32), TypeId, Seed>,
    /// What is known of types while it is found out whether there can be a value of one.
    pub(super) inhabited: HashMap<DieId, bool, Seed>,
    pub(super) index: Option<TypeId>,
    pub(super) skipped: BTreeMap<DieId, &'d [String]>,
}

impl<'d> Converter<'d> {
    fn new(dies: &'d Dies<'d>, roots: &'d [Root], stored: &'d Stored) -> Self {
        let local = roots.first().map_or_else(String::new, |root| {
            let path = dies.path(root.die);
            path.split("::").next().unwrap_or_default().to_owned()
        });
        Self {
            dies,
            types: BtfBuf::new(),
            stored,
            local,
            deep: false,
            lenient: false,
            unknown: Vec::new(),
            slots: HashMap::default(),
            queue: VecDeque::new(),
            labels: Vec::new(),
            identifiers: HashMap::default(),
            values: HashMap::default(),
            primitives: HashMap::new(),
            pointers: HashMap::default(),
            arrays: HashMap::default(),
            inhabited: HashMap::default(),
            index: None,
            skipped: roots
                .iter()
                .map(|root| (root.die, root.skipped.as_slice()))
                .collect(),
        }
    }

    /// An error about the type of an entry.
    pub(super) fn error(&self, die: DieId, problem: impl Into<String>) -> Error {
        let (section, offset) = self.dies.place(die);
        Error::RustType {
            ty: self.dies.path(die),
            section,
            offset,
            problem: problem.into(),
        }
    }

    fn drain(&mut self) -> Result<(), Error> {
        while let Some((die, id)) = self.queue.pop_front() {
            let ty = match self.define(die, id) {
                Err(Error::RustType { .. }) if self.lenient => {
                    self.unknown.push((id, self.dies.key(die)));
                    self.composite(die, CompositeKind::Struct, Vec::new())?
                }
                ty => ty?,
            };
            if let Some(place) = self.types.get_mut(id) {
                *place = ty;
            }
        }
        Ok(())
    }

    /// The slot of a struct, union or enum, a forward declaration as yet.
    pub(super) fn slot(&mut self, die: DieId) -> Result<Slot, Error> {
        if let Some(slot) = self.slots.get(&die) {
            return Ok(*slot);
        }
        let union =
            self.dies.tag(die) == dw::DW_TAG_union_type || self.dies.variant_part(die).is_some();
        let ty = self.types.push(BtfType::Fwd {
            name: NameOffset::ANONYMOUS,
            kind: if union {
                CompositeKind::Union
            } else {
                CompositeKind::Struct
            },
        })?;
        self.label(ty, &self.dies.ty(die), Part::Whole);
        let slot = Slot { ty, whole: false };
        self.slots.insert(die, slot);
        Ok(slot)
    }

    pub(super) fn label(&mut self, ty: TypeId, owner: &Type, part: Part) {
        self.labels.push(Label {
            ty,
            owner: owner.clone(),
            part,
        });
    }

    /// The offset of a name.
    pub(super) fn intern(&self, name: &str) -> Result<NameOffset, Error> {
        Ok(self.stored.intern(name)?)
    }

    /// Keeps the Rust path of an entry with its type.
    fn tag_path(&mut self, die: DieId, ty: TypeId) -> Result<(), Error> {
        let path = format!("rust:{}", self.dies.path(die));
        let name = self.intern(&path)?;
        self.types.push(BtfType::DeclTag {
            name,
            ty,
            component: -1,
            attribute: false,
        })?;
        Ok(())
    }

    /// The struct, union or enum that an entry is, defined sooner or later.
    pub(super) fn whole(&mut self, die: DieId) -> Result<TypeId, Error> {
        let slot = self.slot(die)?;
        if !slot.whole {
            let whole = Slot {
                whole: true,
                ..slot
            };
            self.slots.insert(die, whole);
            self.queue.push_back((die, slot.ty));
        }
        Ok(slot.ty)
    }

    /// The C identifier of the name of a field.
    pub(super) fn identifier(&mut self, name: &'d str) -> Result<NameOffset, Error> {
        if let Some(known) = self.identifiers.get(name) {
            return Ok(*known);
        }
        let offset = self.intern(&c_identifier(name))?;
        self.identifiers.insert(name, offset);
        Ok(offset)
    }

    /// What an entry is in BTF, with all references in place.
    fn define(&mut self, die: DieId, id: TypeId) -> Result<BtfType, Error> {
        let ty = self.dies.ty(die);
        match self.dies.tag(die) {
            dw::DW_TAG_enumeration_type => return self.fieldless(die, id, &ty),
            dw::DW_TAG_union_type => {
                let members = self.members(die, die, "")?;
                return self.composite(die, CompositeKind::Union, members);
            }
            _ => {}
        }
        let members = match ty.view() {
            View::Enum(_) | View::Unknown | View::Pointer(_)
                if self.dies.variant_part(die).is_some() =>
            {
                return self.variants(die, &ty);
            }
            View::Enum(_) | View::Fieldless(_) => {
                return Err(self.error(die, "is not an enum"));
            }
            View::Struct(_) if matches!(ty, Type::Tuple(_) | Type::Never) => {
                self.members(die, die, "")?
            }
            View::Struct(fields) => self.canonical(die, &ty, &fields)?,
            View::Pointer(_) => {
                let members = self.dies.children_of(die, dw::DW_TAG_member);
                let members: Vec<&str> = members.map(|(_, member)| member.name).collect();
                let fields = unsized_pointer(members.contains(&"vtable"));
                self.canonical(die, &ty, &fields)?
            }
            _ => self.members(die, die, "")?,
        };
        self.composite(die, CompositeKind::Struct, members)
    }
}
