//! The root entry of a unit, alone.

use super::entries::{Attrs, Entries, Names, Shelf};
use super::error::Error;
use super::units::{Unit, Units};

/// What the root entry of a unit says; `None` for a unit without entries.
pub(super) fn unit_root<'a>(
    units: &Units<'a>,
    unit: &Unit<'a>,
) -> Result<Option<Attrs<'a>>, Error> {
    let names = Names::new();
    let mut shelf = Shelf::new(&names, 0);
    let mut entries = Entries::of(units, unit, &mut shelf)?;
    if entries.is_empty() {
        return Ok(None);
    }
    let Some(plan) = entries.begin()? else {
        return Ok(None);
    };
    let mut attrs = Attrs::default();
    entries.read_root(plan, &mut attrs)?;
    Ok(Some(attrs))
}
