//! The targeted merge: what libbpf must see to relocate one object, and nothing else.

use std::collections::HashMap;

use crate::RelocationKind;
use crate::error::{Error, Result};
use crate::merge::append::append;
use crate::merge::cut::{Cut, Need};
use crate::model::{CompositeKind, Enumerator, IntEncoding, Kind, NameOffset, Type, TypeId};
use crate::object::{APP_MARK, BpfObject};
use crate::read::{Btf, TypeRef};
use crate::relo::candidates::{Candidate, Origin, Roots, Sources};
use crate::relo::evaluate::{local_spec, relocation_error};
use crate::relo::{Outcome, Row};
use crate::write::BtfBuf;

/// A BTF blob against which libbpf relocates `object` as it would against everything in `sources`,
/// each local type looked up only where it belongs.
///
/// It holds every candidate of every root, cut down to what relocations look at. An object that
/// asks for the ids of kernel types ([`Needs::kernel_ids`](crate::object::Needs)) gets the whole
/// vmlinux, ids unchanged, with the rest appended; there a kernel type that has the name of an
/// application's root loses its name, so that it is no candidate.
///
/// # Errors
/// [`Error::NameClash`] when one name is a root of both worlds, [`Error::Relocation`] for a
/// relocation that libbpf would refuse whatever the target is, [`Error::Mixed`] when types with
/// pointers of different sizes would have to share one blob, and malformed names.
pub fn targeted(object: &BpfObject<'_>, sources: &Sources<'_, '_>) -> Result<Vec<u8>> {
    merge(object, sources).map_err(|conflict| conflict.source)
}

/// Why types cannot be put together, and for which relocations.
#[derive(Clone, Debug)]
pub(crate) struct Conflict {
    /// By their places in [`BpfObject::relocations`].
    relocations: Vec<usize>,
    source: Error,
}

impl Conflict {
    /// Says so in the rows of all relocations, if nothing worse is said there.
    pub(crate) fn mark(&self, rows: &mut [Row]) {
        for &n in &self.relocations {
            if let Some(row) = rows.get_mut(n).filter(|row| !row.outcome.is_refused()) {
                row.outcome = Outcome::NoMerge(self.source.to_string());
                row.new = None;
            }
        }
    }
}

/// What keeps [`targeted`] from making a blob, if anything does.
pub(crate) fn conflict(object: &BpfObject<'_>, sources: &Sources<'_, '_>) -> Option<Conflict> {
    merge(object, sources).err()
}

fn merge(object: &BpfObject<'_>, sources: &Sources<'_, '_>) -> Result<Vec<u8>, Conflict> {
    let roots = Roots::find(object, sources);
    let of = |wanted: &dyn Fn(usize) -> bool| {
        let all = 0..object.relocations().len();
        all.filter(|n| roots.index_of(*n).is_some_and(wanted))
            .collect::<Vec<_>>()
    };
    let of_all = |source| Conflict {
        relocations: of(&|_| true),
        source,
    };
    if let Some(name) = &roots.clash {
        return Err(of_all(Error::NameClash { name: name.clone() }));
    }
    let base = if object.needs().kernel_ids {
        sources.kernel.first()
    } else {
        None
    };
    let cut = cut(object, sources, &roots)?;
    let mut emit = Emit {
        roots: &roots,
        sources,
        cut: &cut,
        out: BtfBuf::new(),
        ids: HashMap::new(),
        open: Vec::new(),
    };
    emit.pointer_size(base).map_err(of_all)?;
    for (n, root) in roots.all.iter().enumerate() {
        for candidate in &root.candidates {
            if base.is_none() || candidate.origin != Origin::Kernel {
                let emitted = emit.candidate(n, *candidate).and_then(|()| emit.finish());
                emitted.map_err(|source| Conflict {
                    relocations: of(&|root| root == n),
                    source,
                })?;
            }
        }
    }
    emit.or_anything().map_err(of_all)?;
    let blob = emit.out.encode(object.endian()).map_err(of_all)?;
    match base {
        None => Ok(blob),
        Some(base) => {
            let blob = Btf::parse(&blob).map_err(of_all)?;
            let mut all = append(base, &[&blob]).map_err(of_all)?;
            unname(&mut all, base, &roots).map_err(of_all)?;
            Ok(all)
        }
    }
}

/// What relocations look at in each candidate.
fn cut(
    object: &BpfObject<'_>,
    sources: &Sources<'_, '_>,
    roots: &Roots<'_>,
) -> Result<Cut, Conflict> {
    let mut cut = Cut::default();
    for (n, relocation) in object.relocations().iter().enumerate() {
        let conflict = |source| Conflict {
            relocations: vec![n],
            source,
        };
        let local = local_spec(object, relocation).map_err(conflict)?;
        let candidates = roots.of(n).map_or(&[][..], |root| &root.candidates);
        let from_module = |c: &Candidate| matches!(c.origin, Origin::Module(_));
        if relocation.kind == RelocationKind::TypeIdTarget && candidates.iter().any(from_module) {
            return Err(conflict(relocation_error(
                object,
                relocation,
                "asks for the id of a type that only a kernel module has",
            )));
        }
        for &candidate in candidates {
            let Some(btf) = sources.get(candidate.origin) else {
                continue;
            };
            let kept = cut.keep(&local, btf, candidate);
            kept.map_err(|problem| Error::Type {
                ty: candidate.ty,
                problem,
            })
            .map_err(conflict)?;
        }
    }
    Ok(cut)
}

/// Takes the names of those types of `base` that libbpf would take for an application's root.
fn unname(all: &mut [u8], base: &Btf<'_>, roots: &Roots<'_>) -> Result<()> {
    for (id, ty) in roots.namesakes(base) {
        if !ty.kind().is_composite() {
            return Err(Error::NameClash {
                name: crate::relo::spec::type_name(base, id),
            });
        }
        let at = crate::read::HEADER_BYTES + base.type_offset(id)?;
        if let Some(name) = all.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<4>) {
            *name = [0; 4];
        }
    }
    Ok(())
}

/// A type to write: where it is from, and the root whose name it goes by if it has none itself.
type Key = (Origin, TypeId, Option<usize>);

struct Emit<'x, 's, 'a> {
    roots: &'x Roots<'x>,
    sources: &'x Sources<'s, 'a>,
    cut: &'x Cut,
    out: BtfBuf,
    ids: HashMap<Key, TypeId>,
    /// Types that have an id but are not written yet.
    open: Vec<(Key, TypeId)>,
}

impl<'a> Emit<'_, '_, 'a> {
    /// Sees to it that libbpf takes pointers for as long as they are: it goes by the size of `long`.
    fn pointer_size(&mut self, base: Option<&Btf<'_>>) -> Result<()> {
        let used = self.roots.all.iter().flat_map(|root| &root.candidates);
        let sizes = used.filter_map(|c| self.sources.get(c.origin));
        let mut sizes = sizes.chain(base).map(Btf::pointer_bytes);
        let Some(size) = sizes.next() else {
            return Ok(());
        };
        if sizes.any(|other| other != size) {
            return Err(Error::Mixed("pointer sizes"));
        }
        if size != 8 {
            let name = self.out.intern("long")?;
            self.out.push(Type::Int {
                name,
                size_bytes: size,
                encoding: IntEncoding::SIGNED,
                offset_bits: 0,
                bits: u8::try_from(8 * size).unwrap_or(u8::MAX),
            })?;
        }
        Ok(())
    }

    fn candidate(&mut self, root: usize, candidate: Candidate) -> Result<()> {
        let Candidate {
            origin,
            ty,
            by_typedef,
        } = candidate;
        self.id((origin, ty, by_typedef.then_some(root)))?;
        Ok(())
    }

    /// The id that a type has in the new blob.
    fn id(&mut self, key: Key) -> Result<TypeId> {
        if let Some(id) = self.ids.get(&key) {
            return Ok(*id);
        }
        // Its place is taken now, as types may refer to each other in circles.
        let id = self.out.push(Type::Ptr(TypeId::VOID))?;
        self.ids.insert(key, id);
        self.open.push((key, id));
        Ok(id)
    }

    /// Writes all that is open.
    fn finish(&mut self) -> Result<()> {
        while let Some((key, id)) = self.open.pop() {
            let ty = self.type_(key)?;
            if let Some(place) = self.out.get_mut(id) {
                *place = ty;
            }
        }
        Ok(())
    }

    /// Sees to it that there is a type: libbpf wants one.
    fn or_anything(&mut self) -> Result<()> {
        if self.out.is_empty() {
            self.out.push(Type::Int {
                name: NameOffset::ANONYMOUS,
                size_bytes: 4,
                encoding: IntEncoding::SIGNED,
                offset_bits: 0,
                bits: 32,
            })?;
        }
        Ok(())
    }

    /// The new id of a type that another one mentions: qualifiers and typedefs never count there.
    fn inner(&mut self, origin: Origin, btf: &Btf<'a>, id: TypeId) -> Result<TypeId> {
        let ty = btf.resolve(id)?;
        match ty.kind() {
            // Nothing that a relocation could match.
            Kind::Void | Kind::Func | Kind::Var | Kind::Datasec | Kind::DeclTag => Ok(TypeId::VOID),
            _ => self.id((origin, ty.id(), None)),
        }
    }

    fn type_(&mut self, key: Key) -> Result<Type> {
        let (origin, id, root) = key;
        let Some(btf) = self.sources.get(origin) else {
            return Ok(Type::Ptr(TypeId::VOID));
        };
        let ty = btf.get(id)?;
        let none = Need::default();
        let cut = self.cut;
        let need = cut.need(origin, id).unwrap_or(&none);
        let name = self.name(&ty, origin, root, need)?;
        let kept = |n: usize| need.whole || need.parts.binary_search(&n).is_ok();
        let mut out = match ty.kind() {
            Kind::Typedef => {
                let ty = self.inner(origin, btf, ty.target())?;
                return Ok(Type::Typedef { name, ty });
            }
            Kind::Ptr => {
                let ty = if need.follow {
                    self.inner(origin, btf, ty.target())?
                } else {
                    TypeId::VOID
                };
                return Ok(Type::Ptr(ty));
            }
            Kind::Array => {
                let (element, _, len) = ty.array();
                return Ok(Type::Array {
                    element: self.inner(origin, btf, element)?,
                    index: TypeId::VOID,
                    len,
                });
            }
            Kind::Struct | Kind::Union => {
                let mut members = Vec::new();
                for (_, mut member) in ty.members().enumerate().filter(|(n, _)| kept(*n)) {
                    member.name = self.out.intern(btf.name(member.name)?)?;
                    member.ty = self.inner(origin, btf, member.ty)?;
                    members.push(member);
                }
                return Ok(Type::Composite {
                    kind: if ty.kind() == Kind::Struct {
                        CompositeKind::Struct
                    } else {
                        CompositeKind::Union
                    },
                    name,
                    size_bytes: ty.size_bytes(),
                    members,
                });
            }
            Kind::Enum | Kind::Enum64 => {
                let mut values = Vec::new();
                for (_, mut value) in ty.enumerators().enumerate().filter(|(n, _)| kept(*n)) {
                    value.name = self.out.intern(btf.name(value.name)?)?;
                    values.push(value);
                }
                if need.whole && matches!(origin, Origin::App(_)) {
                    // libbpf counts: the local enum has one more, the header's mark.
                    if let Some(first) = ty.enumerators().next() {
                        let name = format!("{}{APP_MARK}", btf.name(first.name)?);
                        let name = self.out.intern(&name)?;
                        values.push(Enumerator { name, ..first });
                    }
                }
                return Ok(Type::Enum {
                    name,
                    size_bytes: ty.size_bytes(),
                    signed: ty.kind_flag(),
                    wide: ty.kind() == Kind::Enum64,
                    values,
                });
            }
            Kind::FuncProto => {
                if !need.follow {
                    return Ok(Type::FuncProto {
                        returns: TypeId::VOID,
                        params: Vec::new(),
                    });
                }
                let returns = self.inner(origin, btf, ty.target())?;
                let mut params = Vec::new();
                for mut param in ty.params() {
                    param.name = NameOffset::ANONYMOUS;
                    param.ty = self.inner(origin, btf, param.ty)?;
                    params.push(param);
                }
                return Ok(Type::FuncProto { returns, params });
            }
            _ => ty.to_type()?,
        };
        let mut first = true;
        out.for_each_name_mut(|place| {
            if std::mem::take(&mut first) {
                *place = name;
            }
        });
        Ok(out)
    }

    /// The name to write. One that would make a type a candidate for a root that it is no
    /// candidate for is left out; where the name itself is compared, it cannot be.
    fn name(
        &mut self,
        ty: &TypeRef<'a>,
        origin: Origin,
        root: Option<usize>,
        need: &Need,
    ) -> Result<NameOffset> {
        if let Some(root) = root.and_then(|n| self.roots.all.get(n)) {
            let name = String::from_utf8_lossy(root.name);
            return self.out.intern(&name);
        }
        let name = ty.name()?;
        let intruder = self.roots.all.iter().any(|root| {
            root.is(ty.kind(), name.as_bytes())
                && !root
                    .candidates
                    .iter()
                    .any(|c| c.origin == origin && c.ty == ty.id() && !c.by_typedef)
        });
        if !intruder {
            return self.out.intern(name);
        }
        if need.named || matches!(ty.kind(), Kind::Enum | Kind::Enum64 | Kind::Fwd) {
            return Err(Error::NameClash { name: name.into() });
        }
        Ok(NameOffset::ANONYMOUS)
    }
}
