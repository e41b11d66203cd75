//! Units that are damaged, in an object whose others are not: they are left out, with a warning.
//!
//! Nothing is known of damage until it is met, with half of a unit taken in. A run of units that fails is
//! therefore read once more without those that fail alone.

use super::error::{Error, Problem};
use super::units::{Key, Unit};

/// What `read` makes of `units`, or of those that are sound; and the others. The problem of the first is
/// the error if there is no sound one.
pub(super) fn read_sound<'a, T>(
    units: &[Unit<'a>],
    read: impl Fn(&[Unit<'a>]) -> Result<T, Error>,
) -> Result<(T, Vec<(Key, Problem)>), Error> {
    let failure = match read(units) {
        Ok(all) => return Ok((all, Vec::new())),
        Err(error) => error,
    };
    let mut sound = Vec::new();
    let mut damaged = Vec::new();
    for unit in units {
        match read(std::slice::from_ref(unit)).err() {
            None => sound.push(*unit),
            Some(error) => damaged.push((unit.start, damage(&error).ok_or(error)?)),
        }
    }
    if damaged.is_empty() {
        return Err(failure);
    }
    read(&sound).map(|all| (all, damaged))
}

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
