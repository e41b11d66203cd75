//! How much of each target type a relocation can see.

use std::collections::BTreeMap;

use crate::ext::RelocationKind;
use crate::model::{Kind, TypeId};
use crate::read::Btf;
use crate::relo::candidates::{Candidate, Origin};
use crate::relo::essential_name;
use crate::relo::matching::find_member;
use crate::relo::spec::{Fail, Spec};

/// What of a type is to be kept; by default only its kind, name and size.
#[derive(Clone, Debug, Default)]
pub(crate) struct Need {
    /// Members or enumerators, by number, sorted.
    pub(crate) parts: Vec<usize>,
    /// All members or enumerators.
    pub(crate) whole: bool,
    /// What a pointer points to and what a function takes and returns.
    pub(crate) follow: bool,
    /// The name counts in a comparison, not only in the search for candidates.
    pub(crate) named: bool,
}

/// What is to be kept of all types.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    needs: BTreeMap<(Origin, TypeId), Need>,
}

impl Cut {
    pub(crate) fn need(&self, origin: Origin, ty: TypeId) -> Option<&Need> {
        self.needs.get(&(origin, ty))
    }

    fn at(&mut self, origin: Origin, ty: TypeId) -> &mut Need {
        self.needs.entry((origin, ty)).or_default()
    }

    fn part(&mut self, origin: Origin, ty: TypeId, part: usize) {
        let parts = &mut self.at(origin, ty).parts;
        if let Err(place) = parts.binary_search(&part) {
            parts.insert(place, part);
        }
    }

    /// Keeps what a relocation looks at in a candidate.
    pub(crate) fn keep(
        &mut self,
        local: &Spec<'_>,
        btf: &Btf<'_>,
        candidate: Candidate,
    ) -> Result<(), Fail> {
        let Candidate { origin, ty, .. } = candidate;
        match local.kind {
            RelocationKind::TypeIdLocal => Ok(()),
            RelocationKind::TypeMatches => self.keep_whole(btf, origin, ty),
            kind if kind.is_type() => self.keep_shape(btf, origin, ty),
            kind if kind.is_enumval() => {
                let ty = btf.resolve(ty).map_err(|_| "a target type is broken")?;
                let name = local.last().and_then(|a| a.name).unwrap_or_default();
                let name = essential_name(name);
                let same = |name_at| essential_name(btf.name_bytes(name_at)) == name;
                if let Some(n) = ty.enumerators().position(|e| same(e.name)) {
                    self.part(origin, ty.id(), n);
                }
                Ok(())
            }
            _ => self.keep_path(local, btf, candidate),
        }
    }

    /// The members that an access passes through.
    fn keep_path(
        &mut self,
        local: &Spec<'_>,
        btf: &Btf<'_>,
        candidate: Candidate,
    ) -> Result<(), Fail> {
        let resolve = |id| btf.resolve(id).map_err(|_| "a target type is broken");
        let origin = candidate.origin;
        let mut ty = resolve(candidate.ty)?;
        for (n, accessor) in local.accessors.iter().enumerate() {
            if let Some(name) = accessor.name {
                let mut path = Spec::new(local.kind, ty.id());
                let Some(member) = find_member(btf, &ty, name, &mut path)? else {
                    return Ok(());
                };
                let mut outer = ty;
                for &index in &path.raw {
                    let index = index as usize;
                    self.part(origin, outer.id(), index);
                    let inner = outer.members().nth(index).ok_or("a member is gone")?;
                    let inner = resolve(inner.ty)?;
                    // Only the last member can be a flexible array: no other may become the last.
                    if inner.kind() == Kind::Array && inner.array().2 == 0 {
                        self.part(origin, outer.id(), outer.vlen().saturating_sub(1));
                    }
                    outer = inner;
                }
                ty = resolve(member)?;
            } else if n > 0 {
                if ty.kind() != Kind::Array {
                    return Ok(());
                }
                ty = resolve(ty.array().0)?;
            }
        }
        Ok(())
    }

    /// The chain of pointers, arrays and parameters that compatibility follows.
    fn keep_shape(&mut self, btf: &Btf<'_>, origin: Origin, ty: TypeId) -> Result<(), Fail> {
        let mut open = vec![ty];
        while let Some(id) = open.pop() {
            let ty = btf.resolve(id).map_err(|_| "a target type is broken")?;
            let need = self.at(origin, ty.id());
            if need.follow {
                continue;
            }
            need.follow = true;
            match ty.kind() {
                Kind::Ptr => open.push(ty.target()),
                Kind::Array => open.push(ty.array().0),
                Kind::FuncProto => {
                    open.push(ty.target());
                    open.extend(ty.params().map(|p| p.ty));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// All members, and theirs; behind a pointer only kind and name of a struct or union count.
    fn keep_whole(&mut self, btf: &Btf<'_>, origin: Origin, ty: TypeId) -> Result<(), Fail> {
        let mut open = vec![(ty, false)];
        let mut seen = std::collections::BTreeSet::new();
        while let Some((id, behind_pointer)) = open.pop() {
            let ty = btf.resolve(id).map_err(|_| "a target type is broken")?;
            if !seen.insert((ty.id(), behind_pointer)) {
                continue;
            }
            let composite = ty.kind().is_composite();
            let need = self.at(origin, ty.id());
            need.named = true;
            need.follow = true;
            need.whole |= !(composite && behind_pointer);
            match ty.kind() {
                Kind::Struct | Kind::Union if !behind_pointer => {
                    open.extend(ty.members().map(|m| (m.ty, false)));
                }
                Kind::Ptr => open.push((ty.target(), true)),
                Kind::Array => open.push((ty.array().0, behind_pointer)),
                Kind::FuncProto => {
                    open.push((ty.target(), behind_pointer));
                    open.extend(ty.params().map(|p| (p.ty, behind_pointer)));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
