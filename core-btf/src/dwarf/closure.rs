//! Which types to keep, and which of them contain others by value.

use crate::model::{Type, TypeId};
use crate::write::BtfBuf;

/// A set of types of one buffer.
#[derive(Debug)]
pub(super) struct Marks(Vec<bool>);

impl Marks {
    pub(super) fn new(btf: &BtfBuf) -> Self {
        Self(vec![false; btf.len() + 1])
    }

    /// All types of a buffer.
    pub(super) fn all(btf: &BtfBuf) -> Self {
        Self(vec![true; btf.len() + 1])
    }

    pub(super) fn contains(&self, ty: TypeId) -> bool {
        self.0.get(ty.index()).copied().unwrap_or(false)
    }

    /// Adds a type, and says whether it is new.
    fn insert(&mut self, ty: TypeId) -> bool {
        match self.0.get_mut(ty.index()) {
            Some(mark) if !ty.is_void() => !std::mem::replace(mark, true),
            _ => false,
        }
    }

    /// Adds a type and all that it refers to, `through` which references.
    pub(super) fn add(&mut self, btf: &BtfBuf, ty: TypeId, through: Through) {
        let mut work = Vec::new();
        if self.insert(ty) {
            work.push(ty);
        }
        while let Some(ty) = work.pop() {
            let Some(ty) = btf.get(ty) else { continue };
            if through == Through::Values && !holds_values(ty) {
                continue;
            }
            ty.for_each_ref(|other| {
                if self.insert(other) {
                    work.push(other);
                }
            });
        }
    }
}

/// Which references lead from a type to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Through {
    /// All.
    References,
    /// Those of types that are stored in the type.
    Values,
}

/// Whether a type contains the types that it refers to.
fn holds_values(ty: &Type) -> bool {
    matches!(
        ty,
        Type::Array { .. }
            | Type::Composite { .. }
            | Type::Typedef { .. }
            | Type::Volatile(_)
            | Type::Const(_)
            | Type::Restrict(_)
            | Type::TypeTag { .. }
    )
}

/// A type that contains itself by value, if there is one; sizes and declarations of such types
/// cannot be computed.
pub(super) fn recursive(btf: &BtfBuf) -> Option<TypeId> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut states = vec![State::New; btf.len() + 1];
    let mut path = Vec::new();
    for start in 1..states.len() {
        path.push(TypeId::from_index(start));
        // Types are closed when they come up a second time, with all they contain done.
        while let Some(&id) = path.last() {
            let Some(state) = states.get_mut(id.index()) else {
                path.pop();
                continue;
            };
            let ty = btf.get(id).filter(|ty| holds_values(ty));
            if let (State::New, Some(ty)) = (*state, ty) {
                *state = State::Open;
                let mut cycle = false;
                ty.for_each_ref(|other| match states.get(other.index()) {
                    Some(State::New) => path.push(other),
                    Some(State::Open) => cycle = true,
                    _ => {}
                });
                if cycle {
                    return Some(id);
                }
            } else {
                *state = State::Done;
                path.pop();
            }
        }
    }
    None
}
