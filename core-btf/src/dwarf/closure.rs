//! Which types to keep, and which of them contain others by value.

use super::list::get;
use crate::model::{Type, TypeId};

/// A set of types of one buffer.
#[derive(Debug)]
pub(super) struct Marks {
    marks: Vec<bool>,
    /// Types whose references are still to be followed.
    work: Vec<TypeId>,
}

impl Marks {
    pub(super) fn new(types: &[Type]) -> Self {
        Self {
            marks: vec![false; types.len() + 1],
            work: Vec::new(),
        }
    }

    /// All types of a buffer.
    pub(super) fn all(types: &[Type]) -> Self {
        Self {
            marks: vec![true; types.len() + 1],
            work: Vec::new(),
        }
    }

    pub(super) fn contains(&self, ty: TypeId) -> bool {
        self.marks.get(ty.index()).copied().unwrap_or(false)
    }

    /// Adds a type and all that it refers to, `through` which references.
    pub(super) fn add(&mut self, types: &[Type], ty: TypeId, through: Through) {
        let Self { marks, work } = self;
        // What is new has its references followed.
        let mut insert = |work: &mut Vec<TypeId>, ty: TypeId| match marks.get_mut(ty.index()) {
            Some(mark @ false) if !ty.is_void() => {
                *mark = true;
                work.push(ty);
            }
            _ => {}
        };
        insert(work, ty);
        while let Some(ty) = work.pop() {
            let Some(ty) = get(types, ty) else { continue };
            if through == Through::References || holds_values(ty) {
                ty.for_each_ref(|other| insert(work, other));
            }
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
pub(super) fn recursive(types: &[Type]) -> Option<TypeId> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut states = vec![State::New; types.len() + 1];
    let mut path = Vec::new();
    for start in 1..states.len() {
        path.push(TypeId::from_index(start));
        // Types are closed when they come up a second time, with all they contain done.
        while let Some(&id) = path.last() {
            let Some(state) = states.get_mut(id.index()) else {
                path.pop();
                continue;
            };
            let ty = get(types, id).filter(|ty| holds_values(ty));
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
