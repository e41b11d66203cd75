//! Whether a program that takes an application's field at its relocated offset reads right data.
//!
//! libbpf relocates *where* a field is. How many bytes the program copies from there, what it takes
//! them for and how far apart it thinks array elements are remains as it was compiled. A relocation
//! of kind `byte_off` on an application's type is refused in these cases, and in no others:
//!
//! 1. **Scalars.** A copy of the local size from a number, enum, float or pointer of another size,
//!    of another sign, or of a number that the program takes for a `bool`; from a pointer to a
//!    number of another size or sign, or to a struct of another name (`void *` says nothing, and
//!    the sign of `char` is not looked at behind pointers and in arrays: it is text).
//! 2. **Bitfields.** A field that is a bitfield on either side, unless both have the same bits of a
//!    storage unit of the same size, wherever that is, and the same sign.
//! 3. **Arrays.** Elements that differ as in 1, or in size; a copy of the whole array if its length
//!    differs; of a part, or an access by index, if the target's array ends before. A string copy
//!    with room for the longer of the two is right for both.
//! 4. **Structs by value.** A copy of a struct whose size or any local member differs in place or
//!    nature. Its address alone is no copy: the members read through it have offsets of their own.
//! 5. **Several members at once.** A copy that is longer than the field, unless all members that it
//!    covers keep their distances and natures.
//! 6. **Steps.** An address that contains a multiple of the local size of an array's elements, or
//!    of the root (`p[i].x`, `(p + 1)->x`, an unrolled loop), where the target's size differs; or
//!    any other constant (`(char *)&p->a + 4`, `container_of`), unless the root has not changed.
//! 7. **Copies on the stack.** A load from a local copy of the struct (there is no helper in
//!    between: the load instruction itself is relocated, or its address is) that lies beyond the
//!    local struct's end, of another sign, or wider.
//!
//! They do not apply where the program takes size and interpretation from the target itself:
//! `FIELD_BYTE_SIZE` of the same member as the size of the copy allows other lengths of arrays,
//! pointers and unsigned numbers; with `FIELD_LSHIFT_U64` and `FIELD_RSHIFT_U64` in the same
//! function, all widths and bitfields; with `FIELD_SIGNED` too, other signs. `TYPE_SIZE` as the
//! size of the copy, or times the index, allows structs of other sizes.
//!
//! Which copy belongs to which relocation is read from the instructions ([`flow`](super::flow)):
//! a plain and a sized read of one field in one function are told apart. An offset that is not
//! seen to be used, or goes to another function, is judged as a plain copy of the whole field
//! unless the function has the relocations named above for it; the address of a struct may go
//! anywhere.
//!
//! Not seen, as no relocation tells of it: a copy of a whole struct from a bare pointer
//! (`bpf_probe_read_user(&copy, sizeof(copy), p)`) that is then passed on raw, and pointer
//! arithmetic (`p + 1`) whose result is passed to another function before a member is accessed.

mod rules;
mod site;

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use crate::ext::RelocationKind;
use crate::model::TypeId;
use crate::object::{BpfObject, INSTRUCTION_BYTES, Relocation};
use crate::relo::candidates::{Candidate, Origin, Sources};
use crate::relo::evaluate::{Decision, Evaluated, Hit};
use crate::relo::flow::{self, How, Number, Use};
use crate::relo::name::essential_name;
use crate::relo::outcome::Outcome;
use crate::relo::spec::Fail;
use site::{Part, Site};

/// The first reason to refuse.
type Verdict = Result<Option<Outcome>, Fail>;

/// All accesses of an object.
pub(crate) struct Accesses<'x, 's, 'o, 't> {
    object: &'x BpfObject<'o>,
    sources: &'x Sources<'s, 't>,
    evaluated: &'x [Evaluated<'x, 't>],
    /// Uses of each function's offsets, found when first asked for; `None` where they cannot be.
    flows: Vec<OnceCell<Option<Vec<Use>>>>,
    /// Pairs of local and target root that have been compared, and whether they differ.
    roots: RefCell<HashMap<(TypeId, Origin, TypeId), bool>>,
}

impl<'x, 's, 'o, 't> Accesses<'x, 's, 'o, 't> {
    pub(crate) fn new(
        object: &'x BpfObject<'o>,
        sources: &'x Sources<'s, 't>,
        evaluated: &'x [Evaluated<'x, 't>],
    ) -> Self {
        Self {
            object,
            sources,
            evaluated,
            flows: object.functions().iter().map(|_| OnceCell::new()).collect(),
            roots: RefCell::default(),
        }
    }

    /// Why relocation `n` must be refused, if it is an access to an application's type. Several
    /// target types may agree in the offset and still differ in what is there.
    pub(crate) fn verdict(&self, n: usize) -> Verdict {
        let (Some(relocation), Some(evaluated)) =
            (self.object.relocations().get(n), self.evaluated.get(n))
        else {
            return Ok(None);
        };
        let Decision::Found(hit, agreeing) = &evaluated.decision else {
            return Ok(None);
        };
        for hit in std::iter::once(hit).chain(agreeing) {
            let Some(site) = self.site_of(relocation, evaluated, hit)? else {
                continue;
            };
            if let Some(outcome) = self.judge(&site, n, hit.candidate)? {
                return Ok(Some(outcome));
            }
        }
        Ok(None)
    }

    /// The first enumerator of the field's type that means another number in the application,
    /// unless the function asks for numbers of that enum.
    pub(crate) fn renumbered(&self, n: usize) -> Result<Option<String>, Fail> {
        let Some(site) = self.site(n)? else {
            return Ok(None);
        };
        let asks = self.object.relocations().iter().any(|other| {
            let same = self.object.btf().resolve(other.root).map(|ty| ty.id());
            other.function == site.relocation.function
                && other.kind == RelocationKind::EnumvalValue
                && same.ok() == site.core_type()
        });
        Ok(if asks { None } else { site.renumbered() })
    }

    /// Whether the root differs in any member.
    fn root_differs(&self, site: &Site<'x, 'o, 't>, candidate: Candidate) -> Result<bool, Fail> {
        let key = (site.relocation.root, candidate.origin, candidate.ty);
        if let Some(&differs) = self.roots.borrow().get(&key) {
            return Ok(differs);
        }
        let differs = site.root_difference()?.is_some();
        self.roots.borrow_mut().insert(key, differs);
        Ok(differs)
    }

    fn judge(&self, site: &Site<'x, 'o, 't>, n: usize, candidate: Candidate) -> Verdict {
        if let Some(offset) = self.loaded_offset(site.relocation) {
            return site.loaded(offset);
        }
        if !self.root_differs(site, candidate)? && site.field_difference()?.is_none() {
            return Ok(None);
        }
        let Some(uses) = self.flow(site.relocation.function) else {
            return site.unknown_copy(&Number::unknown());
        };
        let mut used = false;
        for found in uses.iter().filter(|u| u.address.offsets.contains(&n)) {
            used = true;
            if let Some(outcome) = self.used(site, n, found)? {
                return Ok(Some(outcome));
            }
        }
        if used { Ok(None) } else { site.unseen() }
    }

    /// Relocation `n`, if it is the offset of a field that the application has.
    fn site(&self, n: usize) -> Result<Option<Site<'x, 'o, 't>>, Fail> {
        let (Some(relocation), Some(evaluated)) =
            (self.object.relocations().get(n), self.evaluated.get(n))
        else {
            return Ok(None);
        };
        match &evaluated.decision {
            Decision::Found(hit, _) => self.site_of(relocation, evaluated, hit),
            _ => Ok(None),
        }
    }

    /// The root of relocation `n`, if that is the offset of a field that the application does not
    /// have. No program gets to read there: libbpf makes the instruction an invalid one.
    fn missing(&self, n: usize) -> Option<TypeId> {
        let relocation = self.object.relocations().get(n)?;
        let missing = matches!(self.evaluated.get(n)?.decision, Decision::Missing(_));
        (missing && relocation.kind == RelocationKind::FieldByteOffset).then_some(relocation.root)
    }

    fn site_of(
        &self,
        relocation: &'x Relocation<'o>,
        evaluated: &Evaluated<'_, 't>,
        hit: &Hit<'_>,
    ) -> Result<Option<Site<'x, 'o, 't>>, Fail> {
        let origin = hit.candidate.origin;
        match self.sources.get(origin) {
            Some(target)
                if relocation.kind == RelocationKind::FieldByteOffset
                    && matches!(origin, Origin::App(_)) =>
            {
                Site::new(self.object, relocation, &evaluated.local, target, hit).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn flow(&self, function: usize) -> Option<&[Use]> {
        let found = self.flows.get(function)?.get_or_init(|| {
            let relocations = self.object.relocations().iter().enumerate();
            let relocations = relocations
                .filter(|(_, relocation)| relocation.function == function)
                .map(|(n, relocation)| (relocation.instruction, (n, relocation.kind)))
                .collect();
            let code = self.object.functions().get(function)?.code;
            flow::uses(code, self.object.endian(), &relocations)
        });
        found.as_deref()
    }

    /// The offset in a relocated instruction that itself loads or stores.
    fn loaded_offset(&self, relocation: &Relocation<'_>) -> Option<i16> {
        let code = self.object.function(relocation)?.code;
        let code = code.get(relocation.instruction * INSTRUCTION_BYTES..)?;
        let [class, _, o0, o1] = *code.first_chunk()?;
        matches!(class & 7, 1..=3).then(|| self.object.endian().i16([o0, o1]))
    }

    /// One use of the offset.
    fn used(&self, site: &Site<'x, 'o, 't>, n: usize, found: &Use) -> Verdict {
        let address = &found.address;
        let mut others = Vec::new();
        for &other in &address.offsets {
            if other != n {
                others.extend(self.site(other)?);
            }
        }
        if let Some(outcome) = site.steps(address, &others)? {
            return Ok(Some(outcome));
        }
        let missing = address.offsets.iter().filter_map(|&n| self.missing(n));
        let mut roots = others.iter().map(|other| other.local_root).chain(missing);
        if roots.any(|root| site.leads_to(root)) {
            return Ok(site.indexed(address));
        }
        match &found.how {
            How::Copied { size, string } => match self.size_part(site, &size.sizes) {
                Some(part) => site.sized(part),
                None => site.copied(address, size.constant, *string),
            },
            How::Loaded { bytes } => site.loaded_by(address, *bytes),
            How::Passed { sizes } => match self.size_part(site, sizes) {
                Some(part) => site.sized(part),
                None => site.unseen(),
            },
        }
    }

    /// Which size of the field is among these, if any.
    fn size_part(&self, site: &Site<'_, '_, '_>, sizes: &[usize]) -> Option<Part> {
        let all = self.object.relocations();
        sizes.iter().filter_map(|&n| all.get(n)).find_map(|size| {
            if size.kind == RelocationKind::FieldByteSize {
                return site.part_of(size);
            }
            let name = |id| {
                let ty = self.object.btf().resolve(id).ok()?;
                Some(essential_name(ty.name_bytes()))
            };
            (name(size.root)? == name(site.core_type()?)?).then_some(Part::Type)
        })
    }
}
