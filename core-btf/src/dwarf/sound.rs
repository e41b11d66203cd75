//! Units that are damaged, in an object whose others are not: they are left out, with a warning.

use super::error::{Error, Problem};

/// The problem of a unit that the error is about; `None` if it is about more than a unit.
pub(super) fn damage(error: &Error) -> Option<Problem> {
    match error {
        Error::Dwarf {
            section,
            offset,
            source,
        } => Some(Problem::Unit {
            section,
            offset: *offset,
            source: *source,
        }),
        Error::TooDeep { section, offset } => Some(Problem::TooDeep {
            section,
            offset: *offset,
        }),
        _ => None,
    }
}

/// The error that a unit was left out for.
pub(super) fn failure(problem: Problem) -> Option<Error> {
    match problem {
        Problem::Unit {
            section,
            offset,
            source,
        } => Some(Error::Dwarf {
            section,
            offset,
            source,
        }),
        Problem::TooDeep { section, offset } => Some(Error::TooDeep { section, offset }),
        _ => None,
    }
}
