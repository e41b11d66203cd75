//! Joining and cutting down sets of owned types.

use crate::error::{Error, Result};
use crate::model::{Type, TypeId};
use crate::virtual_bases;
use crate::write::BtfBuf;

impl BtfBuf {
    /// Appends all types of `other`: its type 1 gets the next id, and so on. Nothing is
    /// deduplicated.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub fn extend(&mut self, other: &Self) -> Result<()> {
        let base = self.next_id()?.0 - 1;
        for ty in other.types() {
            self.push_from(other, ty, |id| {
                // The sum is at most the id of the last type, which `push` checks.
                TypeId(if id.is_void() {
                    0
                } else {
                    base.saturating_add(id.0)
                })
            })?;
        }
        Ok(())
    }

    /// The types that `roots` are made of and point to, and the tags on them, in the same order; with
    /// classes of C++ their virtual bases come along.
    ///
    /// # Errors
    /// [`Error::NoSuchType`] for a root or reference that is not there.
    pub fn closure(&self, roots: impl IntoIterator<Item = TypeId>) -> Result<Self> {
        let mut kept = vec![false; self.len() + 1];
        let mut todo: Vec<TypeId> = roots.into_iter().collect();
        let companions = virtual_bases::companions(self);
        while let Some(id) = todo.pop() {
            #[expect(clippy::cast_possible_truncation, reason = "push() keeps to 31 bits")]
            let slot = kept.get_mut(id.index()).ok_or(Error::NoSuchType {
                ty: id,
                last: self.len() as u32,
            })?;
            let new = !std::mem::replace(slot, true);
            if let Some(ty) = self.get(id).filter(|_| new) {
                ty.for_each_ref(|id| todo.push(id));
                if let Type::Composite { name, .. } = ty
                    && let Some(companions) = companions.get(self.name(*name))
                {
                    todo.extend(companions);
                }
            }
        }
        for (id, ty) in self.iter() {
            if let Type::DeclTag { ty, .. } = ty {
                let tagged = kept.get(ty.index()).copied().unwrap_or_default();
                if let Some(slot) = kept.get_mut(id.index()) {
                    *slot = tagged;
                }
            }
        }

        let mut new_ids = vec![TypeId::VOID; kept.len()];
        let ids = kept.iter().zip(&mut new_ids).skip(1);
        for (new, (_, id)) in (1..).zip(ids.filter(|(kept, _)| **kept)) {
            *id = TypeId(new);
        }
        let new_id = |id: TypeId| new_ids.get(id.index()).copied().unwrap_or_default();
        let mut out = Self::new();
        for (id, ty) in self.iter() {
            if !new_id(id).is_void() {
                out.push_from(self, ty, new_id)?;
            }
        }
        Ok(out)
    }

    /// Pushes a type of `other`, with its names interned here and its references mapped.
    fn push_from(
        &mut self,
        other: &Self,
        ty: &Type,
        map: impl Fn(TypeId) -> TypeId,
    ) -> Result<TypeId> {
        let mut ty = ty.clone();
        ty.for_each_ref_mut(|id| *id = map(*id));
        let mut failed = None;
        ty.for_each_name_mut(|name| match self.intern(other.name(*name)) {
            Ok(offset) => *name = offset,
            Err(error) => failed = Some(error),
        });
        match failed {
            Some(error) => Err(error),
            None => self.push(ty),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, NameOffset};
    use crate::testing::Types;

    /// `int`, `struct node { int value; struct node *next; }` with a tag, and `typedef int other`.
    fn node() -> BtfBuf {
        let mut t = Types::default();
        let int = t.int("int", 4);
        t.typedef("other", int);
        let pointer = t.push(Type::Ptr(TypeId(4)));
        let node = t.structure(
            "node",
            16,
            &[("value", int, 0, 0), ("next", pointer, 64, 0)],
        );
        t.tag(node);
        t.0
    }

    fn kinds(buf: &BtfBuf) -> Vec<(Kind, String)> {
        let name = |name: NameOffset| buf.name(name).to_owned();
        buf.types()
            .iter()
            .map(|ty| (ty.kind(), name(ty.name())))
            .collect()
    }

    #[test]
    fn extend_renumbers_what_comes_second() {
        let (one, mut two) = (node(), node());
        two.extend(&one).unwrap();
        assert_eq!(two.len(), 10);
        assert_eq!(kinds(&two)[5..], kinds(&one));
        assert_eq!(two.get(TypeId(8)), Some(&Type::Ptr(TypeId(9))));
    }

    #[test]
    fn closure_follows_references_and_keeps_tags() {
        let kept = node().closure([TypeId(4)]).unwrap();
        assert_eq!(
            kinds(&kept),
            [
                (Kind::Int, "int"),
                (Kind::Ptr, ""),
                (Kind::Struct, "node"),
                (Kind::DeclTag, crate::object::APP_TAG)
            ]
            .map(|(kind, name)| (kind, name.to_owned()))
        );
        assert_eq!(kept.get(TypeId(2)), Some(&Type::Ptr(TypeId(3))));
        assert_eq!(kinds(&node().closure([TypeId(2)]).unwrap()).len(), 2);
    }

    #[test]
    fn closure_of_a_type_that_is_not_there_is_an_error() {
        let error = node().closure([TypeId(6)]).unwrap_err();
        assert_eq!(
            error,
            Error::NoSuchType {
                ty: TypeId(6),
                last: 5
            }
        );
    }
}
