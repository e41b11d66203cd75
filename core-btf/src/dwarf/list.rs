//! Types in the making, numbered from 1.

use crate::error::Result;
use crate::model::{Type, TypeId};
use crate::write::number;

/// Types whose names are elsewhere; one may refer to a later one.
#[derive(Debug, Default)]
pub(super) struct TypeList(Vec<Type>);

impl TypeList {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn reserve(&mut self, more: usize) {
        self.0.reserve(more);
    }

    pub(super) fn all(&self) -> &[Type] {
        &self.0
    }

    pub(super) fn all_mut(&mut self) -> &mut [Type] {
        &mut self.0
    }

    pub(super) fn into_all(self) -> Vec<Type> {
        self.0
    }

    /// The types with their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (TypeId, &Type)> {
        (1..).map(TypeId).zip(&self.0)
    }

    pub(super) fn get(&self, id: TypeId) -> Option<&Type> {
        get(&self.0, id)
    }

    pub(super) fn get_mut(&mut self, id: TypeId) -> Option<&mut Type> {
        self.0.get_mut(id.index().checked_sub(1)?)
    }

    /// Appends a type.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit).
    pub(super) fn push(&mut self, ty: Type) -> Result<TypeId> {
        self.0.push(ty);
        self.last()
    }

    /// Moves all types of `other` behind these, as they are.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit).
    pub(super) fn append(&mut self, other: Self) -> Result<()> {
        if self.0.is_empty() {
            self.0 = other.0;
        } else {
            self.0.extend(other.0);
        }
        self.last().map(|_| ())
    }

    fn last(&self) -> Result<TypeId> {
        number(self.0.len())
    }
}

/// The type with this number among `types`.
pub(super) fn get(types: &[Type], id: TypeId) -> Option<&Type> {
    types.get(id.index().checked_sub(1)?)
}
