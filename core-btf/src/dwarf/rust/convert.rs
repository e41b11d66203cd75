//! Entry to BTF type, one after the other from a queue.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

use gimli::constants as dw;

use super::canonical::locate;
use super::dies::{DieId, Dies};
use super::leaves::{Leaf, leaves, type_params, unwrap};
use super::naming::{Label, Part, name_all};
use super::roots::Root;
use crate::dedup::dedup;
use crate::dwarf::error::Error;
use crate::dwarf::units::Key;
use crate::hash::Seed;
use crate::model::{CompositeKind, IntEncoding, Member, NameOffset, Type as BtfType, TypeId};
use crate::rust::{
    Field, FieldType, Metadata, Names, Primitive, Storage, Type, View, identifier, member_names,
};
use crate::write::BtfBuf;

/// How many wrappers may be around a value.
const MAX_WRAPPERS: u32 = 64;

/// The BTF types of `roots` and of what they are made of.
pub(super) fn convert(dies: &Dies<'_>, roots: &[Root]) -> Result<BtfBuf, Error> {
    let mut out = Converter::new(dies, roots);
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
        .map(|root| ((*dies.ty(root.die)).clone(), root.name.clone()));
    let owners = out.labels.iter().map(|label| &*label.owner);
    let names = Names::new(given, owners, &out.local);
    name_all(&mut out.btf, &out.labels, &names)?;
    // `&str` and `&mut str` are two entries.
    Ok(dedup(out.btf)?)
}

/// The BTF types of everything that is described, and those of them that stand for a type of an
/// unknown layout, with the keys of their entries. With `paths`, each has a `DECL_TAG` of its path.
pub(super) fn convert_all(
    dies: Dies<'_>,
    paths: bool,
) -> Result<(BtfBuf, Vec<(TypeId, Key)>), Error> {
    let mut out = Converter::new(&dies, &[]);
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
        mut btf,
        unknown,
        labels,
        ..
    } = out;
    // Names take room of their own.
    drop(dies);
    let owners = labels.iter().map(|label| &*label.owner);
    let names = Names::new([], owners, "");
    name_all(&mut btf, &labels, &names)?;
    Ok((btf, unknown))
}

/// What was made of an entry.
#[derive(Clone, Copy, Debug)]
struct Slot {
    ty: TypeId,
    /// Whether it is, or will be, more than a forward declaration.
    whole: bool,
}

pub(super) struct Converter<'d> {
    pub(super) dies: &'d Dies<'d>,
    pub(super) btf: BtfBuf,
    /// The crate of the roots.
    local: String,
    /// Whether types of other crates behind pointers are converted as a whole.
    deep: bool,
    /// Whether types of an unknown layout get no members, and are noted in `unknown`.
    lenient: bool,
    unknown: Vec<(TypeId, Key)>,
    slots: HashMap<DieId, Slot, Seed>,
    queue: VecDeque<(DieId, TypeId)>,
    labels: Vec<Label>,
    primitives: HashMap<Primitive, TypeId>,
    pointers: HashMap<TypeId, TypeId, Seed>,
    arrays: HashMap<(TypeId, u32), TypeId, Seed>,
    /// What is known of types while it is found out whether there can be a value of one.
    pub(super) inhabited: HashMap<DieId, bool, Seed>,
    index: Option<TypeId>,
    skipped: BTreeMap<DieId, &'d [String]>,
}

/// A member of a composite that is being made.
pub(super) struct NewMember {
    pub(super) name: String,
    pub(super) ty: TypeId,
    pub(super) offset_bytes: u64,
    /// Size of its type in bytes.
    pub(super) size_bytes: u64,
}

impl<'d> Converter<'d> {
    fn new(dies: &'d Dies<'d>, roots: &'d [Root]) -> Self {
        let local = roots.first().map_or_else(String::new, |root| {
            let path = dies.path(root.die);
            path.split("::").next().unwrap_or_default().to_owned()
        });
        Self {
            dies,
            btf: BtfBuf::new(),
            local,
            deep: false,
            lenient: false,
            unknown: Vec::new(),
            slots: HashMap::with_hasher(Seed::random()),
            queue: VecDeque::new(),
            labels: Vec::new(),
            primitives: HashMap::new(),
            pointers: HashMap::with_hasher(Seed::random()),
            arrays: HashMap::with_hasher(Seed::random()),
            inhabited: HashMap::with_hasher(Seed::random()),
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
            if let Some(place) = self.btf.get_mut(id) {
                *place = ty;
            }
        }
        Ok(())
    }

    /// The slot of a struct, union or enum, a forward declaration as yet.
    fn slot(&mut self, die: DieId) -> Result<Slot, Error> {
        if let Some(slot) = self.slots.get(&die) {
            return Ok(*slot);
        }
        let union =
            self.dies.tag(die) == dw::DW_TAG_union_type || self.dies.variant_part(die).is_some();
        let ty = self.btf.push(BtfType::Fwd {
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

    pub(super) fn label(&mut self, ty: TypeId, owner: &Rc<Type>, part: Part) {
        self.labels.push(Label {
            ty,
            owner: Rc::clone(owner),
            part,
        });
    }

    /// Keeps the Rust path of an entry with its type.
    fn tag_path(&mut self, die: DieId, ty: TypeId) -> Result<(), Error> {
        let path = format!("rust:{}", self.dies.path(die));
        let name = self.btf.intern(&path)?;
        self.btf.push(BtfType::DeclTag {
            name,
            ty,
            component: -1,
            attribute: false,
        })?;
        Ok(())
    }

    /// The struct, union or enum that an entry is, defined sooner or later.
    fn whole(&mut self, die: DieId) -> Result<TypeId, Error> {
        let slot = self.slot(die)?;
        if !slot.whole {
            self.slots.insert(
                die,
                Slot {
                    whole: true,
                    ..slot
                },
            );
            self.queue.push_back((die, slot.ty));
        }
        Ok(slot.ty)
    }

    /// The type that a value of this entry has.
    pub(super) fn value(&mut self, die: DieId) -> Result<TypeId, Error> {
        let die = self.without_wrappers(die)?;
        let ty = self.dies.ty(die);
        match ty.unwrapped().view() {
            View::Primitive(primitive) => {
                let bytes = u64::from(primitive.size_bytes(self.dies.pointer_bytes));
                if self.dies.size(die) == Some(bytes) {
                    self.primitive(primitive)
                } else {
                    Err(self.error(die, format!("does not have {bytes} bytes")))
                }
            }
            View::Pointer(_) => self.pointer(die),
            View::Array(..) => self.array(die),
            _ => self.whole(die),
        }
    }

    /// What is inside all wrappers that show what they hold.
    fn without_wrappers(&self, die: DieId) -> Result<DieId, Error> {
        let mut die = die;
        for _ in 0..MAX_WRAPPERS {
            let ty = self.dies.ty(die);
            let View::Same(inner) = ty.view() else {
                return Ok(die);
            };
            // Primitives are made without their entry.
            if let Type::Primitive(_) = inner {
                return Ok(die);
            }
            let found = unwrap(self.dies, die, &inner).or_else(|| {
                type_params(self.dies, die)
                    .into_iter()
                    .find_map(|(param, ty)| (*ty == inner).then_some(param))
            });
            let found = found.filter(|found| self.dies.size(*found) == self.dies.size(die));
            die = found.ok_or_else(|| self.error(die, "does not wrap its value as expected"))?;
        }
        Err(self.error(die, "has too many wrappers"))
    }

    pub(super) fn primitive(&mut self, primitive: Primitive) -> Result<TypeId, Error> {
        if let Some(id) = self.primitives.get(&primitive) {
            return Ok(*id);
        }
        let name = self.btf.intern(primitive.c_name(self.dies.pointer_bytes))?;
        let size_bytes = primitive.size_bytes(self.dies.pointer_bytes);
        let int = |encoding| BtfType::Int {
            name,
            size_bytes,
            encoding,
            offset_bits: 0,
            #[expect(clippy::cast_possible_truncation, reason = "at most 128")]
            bits: size_bytes as u8 * 8,
        };
        let id = self.btf.push(match primitive.storage() {
            Storage::Float => BtfType::Float { name, size_bytes },
            Storage::Signed => int(IntEncoding::SIGNED),
            Storage::Unsigned => int(IntEncoding::UNSIGNED),
            Storage::Bool => int(IntEncoding::BOOL),
        })?;
        self.primitives.insert(primitive, id);
        Ok(id)
    }

    fn pointer_to(&mut self, to: TypeId) -> Result<TypeId, Error> {
        if let Some(id) = self.pointers.get(&to) {
            return Ok(*id);
        }
        let id = self.btf.push(BtfType::Ptr(to))?;
        self.pointers.insert(to, id);
        Ok(id)
    }

    fn array_of(&mut self, element: TypeId, len: u32) -> Result<TypeId, Error> {
        if let Some(id) = self.arrays.get(&(element, len)) {
            return Ok(*id);
        }
        let index = if let Some(index) = self.index {
            index
        } else {
            let name = self.btf.intern("__ARRAY_SIZE_TYPE__")?;
            self.btf.push(BtfType::Int {
                name,
                size_bytes: 4,
                encoding: IntEncoding::UNSIGNED,
                offset_bits: 0,
                bits: 32,
            })?
        };
        self.index = Some(index);
        let id = self.btf.push(BtfType::Array {
            element,
            index,
            len,
        })?;
        self.arrays.insert((element, len), id);
        Ok(id)
    }

    fn array(&mut self, die: DieId) -> Result<TypeId, Error> {
        let (Some(element), Some(len)) = (self.dies.type_of(die), self.dies.array_len(die)) else {
            return Err(self.error(die, "is not an array"));
        };
        let len = u32::try_from(len).map_err(|_| self.error(die, "has more than 2^32 elements"))?;
        let element = self.value(element)?;
        self.array_of(element, len)
    }

    /// A pointer, in whatever it is wrapped.
    fn pointer(&mut self, die: DieId) -> Result<TypeId, Error> {
        if self.dies.size(die) != Some(self.dies.pointer_bytes.into()) {
            // To a type of the user's that turns out to be unsized.
            return self.whole(die);
        }
        let pointer =
            address(self.dies, die).ok_or_else(|| self.error(die, "does not hold one pointer"))?;
        let to = self.pointee(self.dies.type_of(pointer))?;
        self.pointer_to(to)
    }

    /// The type behind a pointer.
    fn pointee(&mut self, die: Option<DieId>) -> Result<TypeId, Error> {
        let Some(die) = die else {
            return Ok(TypeId::VOID);
        };
        if self.dies.tag(die) == dw::DW_TAG_subroutine_type {
            return Ok(TypeId::VOID);
        }
        let die = self.without_wrappers(die)?;
        let ty = self.dies.ty(die);
        let is_opaque = match &*ty {
            Type::Dyn(_) => true,
            ty => *ty == Type::UNIT || ty.as_std() == Some(("ffi", "c_void")),
        };
        if is_opaque {
            return Ok(TypeId::VOID);
        }
        if let Metadata::Length(Type::Primitive(element)) = ty.metadata()
            && ty.view() == View::Unknown
        {
            return self.primitive(element);
        }
        // An enum without data is no longer than its declaration.
        let is_enum = self.dies.tag(die) == dw::DW_TAG_enumeration_type;
        if self.is_declared(&ty) && !is_enum {
            return Ok(self.slot(die)?.ty);
        }
        self.value(die)
    }

    /// Whether a type is only declared where a pointer leads to it: those of other crates are,
    /// unless they have a view or all is wanted.
    fn is_declared(&self, ty: &Type) -> bool {
        let foreign = match ty {
            Type::Path(path) => path.segments().first() != Some(&self.local),
            _ => false,
        };
        foreign && ty.view() == View::Unknown && !self.deep
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
            View::Struct(_) if matches!(*ty, Type::Tuple(_) | Type::Never) => {
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

    /// The fields of a struct, union or variant, without those that the root `owner` was to be
    /// left without: `prefix` and the field's name.
    pub(super) fn members(
        &mut self,
        die: DieId,
        owner: DieId,
        prefix: &str,
    ) -> Result<Vec<NewMember>, Error> {
        let mut fields: Vec<(DieId, &'d str, u64)> = Vec::new();
        for (member, field) in self.dies.children_of(die, dw::DW_TAG_member) {
            let Some(ty) = self.dies.type_of(member) else {
                return Err(self.error(die, format!("field {} has no type", field.name)));
            };
            // A state of an `async fn` may list a variable twice.
            let field = (ty, field.name, field.value);
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        let names = member_names(fields.iter().map(|(_, name, _)| *name));
        let skipped = self.skipped.get(&owner).copied().unwrap_or_default();
        let mut members = Vec::new();
        for ((ty, field, offset_bytes), name) in fields.into_iter().zip(names) {
            if !skipped.iter().any(|skipped| {
                skipped
                    .strip_prefix(prefix)
                    .is_some_and(|rest| rest == field)
            }) {
                members.push(NewMember {
                    name,
                    ty: self.value(ty)?,
                    offset_bytes,
                    size_bytes: self.dies.size(ty).unwrap_or(0),
                });
            }
        }
        Ok(members)
    }

    /// The members of one of std's canonical views.
    fn canonical(
        &mut self,
        die: DieId,
        ty: &Type,
        fields: &[Field],
    ) -> Result<Vec<NewMember>, Error> {
        let located = locate(self.dies, die, ty, fields)
            .map_err(|field| self.error(die, format!("no {} was found in it", field.name)))?;
        let is_counted = matches!(ty.as_std(), Some((_, "RcInner" | "ArcInner")));
        let mut members = Vec::new();
        for (field, leaf) in located {
            // `Arc<T>` is a pointer to T, although what it points to begins with the counts.
            if let FieldType::Value(value) = &field.ty
                && is_counted
                && self.is_declared(&value.unwrapped())
            {
                continue;
            }
            let found = match &field.ty {
                FieldType::Pointer(to) => self.canonical_pointer(die, &leaf, to.as_ref())?,
                FieldType::Value(value) => self.canonical_value(&leaf, value)?,
            };
            let ty = found.ok_or_else(|| {
                self.error(
                    die,
                    format!("its {} is not of the type expected", field.name),
                )
            })?;
            members.push(NewMember {
                name: identifier(&field.name),
                ty,
                offset_bytes: leaf.offset,
                size_bytes: self.dies.size(leaf.die).unwrap_or(0),
            });
        }
        Ok(members)
    }

    fn canonical_pointer(
        &mut self,
        whole: DieId,
        leaf: &Leaf,
        to: Option<&Type>,
    ) -> Result<Option<TypeId>, Error> {
        let to = match to {
            None => TypeId::VOID,
            Some(Type::Primitive(to)) => self.primitive(*to)?,
            Some(to) => {
                // std's own pointer may be one to bytes; the type argument says to what.
                let params = type_params(self.dies, whole)
                    .into_iter()
                    .map(|(param, _)| param);
                let found = self
                    .dies
                    .type_of(leaf.die)
                    .into_iter()
                    .chain(params)
                    .find(|die| *self.dies.ty(*die) == *to);
                match found {
                    Some(die) => self.pointee(Some(die))?,
                    None => return Ok(None),
                }
            }
        };
        self.pointer_to(to).map(Some)
    }

    fn canonical_value(&mut self, leaf: &Leaf, value: &Type) -> Result<Option<TypeId>, Error> {
        let tail = match value {
            Type::Primitive(primitive) => return self.primitive(*primitive).map(Some),
            Type::Str => Some(&Type::U8),
            Type::Slice(element) => Some(&**element),
            _ => None,
        };
        let Some(die) = unwrap(self.dies, leaf.die, tail.unwrap_or(value)) else {
            return Ok(None);
        };
        let ty = self.value(die)?;
        match tail {
            Some(_) => self.array_of(ty, 0).map(Some),
            None => Ok(Some(ty)),
        }
    }

    /// A struct or union; members are put in the order that BTF asks for.
    pub(super) fn composite(
        &mut self,
        die: DieId,
        kind: CompositeKind,
        members: Vec<NewMember>,
    ) -> Result<BtfType, Error> {
        let size = self.dies.size(die).unwrap_or(0);
        let size_bytes =
            u32::try_from(size).map_err(|_| self.error(die, "is larger than 4 GiB"))?;
        let mut members = members;
        for member in &mut members {
            // The tail of an unsized type is described as one element, unless its view is an array.
            if member.offset_bytes >= size && member.size_bytes != 0 {
                let tail = self.btf.get(member.ty);
                if !matches!(tail, Some(BtfType::Array { len: 0, .. })) {
                    member.ty = self.array_of(member.ty, 0)?;
                }
                member.size_bytes = 0;
            }
        }
        if kind == CompositeKind::Struct {
            members.sort_by_key(|member| (member.offset_bytes, member.size_bytes != 0));
        }
        let members = members
            .into_iter()
            .map(|member| {
                let offset_bits = member.offset_bytes.checked_mul(8);
                Ok(Member {
                    name: self.btf.intern(&member.name)?,
                    ty: member.ty,
                    offset_bits: offset_bits
                        .and_then(|bits| u32::try_from(bits).ok())
                        .ok_or_else(|| self.error(die, "is larger than 512 MiB"))?,
                    bitfield_bits: 0,
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(BtfType::Composite {
            kind,
            name: NameOffset::ANONYMOUS,
            size_bytes,
            members,
        })
    }
}

/// The pointer that a non-null pointer, or an option of one, is.
fn address(dies: &Dies<'_>, die: DieId) -> Option<DieId> {
    let mut die = die;
    for _ in 0..MAX_WRAPPERS {
        if dies.tag(die) == dw::DW_TAG_pointer_type {
            return Some(die);
        }
        let Some(variants) = dies.variant_part(die) else {
            let mut pointers = leaves(dies, die, &[])?
                .into_iter()
                .filter(|leaf| dies.tag(leaf.die) == dw::DW_TAG_pointer_type);
            return pointers
                .next()
                .filter(|_| pointers.next().is_none())
                .map(|leaf| leaf.die);
        };
        die = dies
            .children_of(variants, dw::DW_TAG_variant)
            .find_map(|(variant, _)| {
                let (variant, _) = dies.children_of(variant, dw::DW_TAG_member).next()?;
                let (value, _) = dies
                    .children_of(dies.type_of(variant)?, dw::DW_TAG_member)
                    .next()?;
                dies.type_of(value)
            })?;
    }
    None
}

/// What a pointer to an unsized type of the user's looks like.
fn unsized_pointer(vtable: bool) -> Vec<Field> {
    let pointer = |name: &'static str, to: Option<Type>| Field {
        name: name.into(),
        ty: FieldType::Pointer(to),
    };
    if vtable {
        vec![pointer("data", None), pointer("vtable", Some(Type::USIZE))]
    } else {
        let len = Field {
            name: "len".into(),
            ty: FieldType::Value(Type::USIZE),
        };
        vec![pointer("ptr", None), len]
    }
}
