//! The root entry of a unit, alone.

use super::entries::{Attrs, Entries, Plans};
use super::error::Error;
use super::units::{Unit, Units};

/// What the root entry of a unit says; `None` for a unit without entries.
pub(super) fn unit_root<'a>(
    units: &Units<'a>,
    unit: &Unit<'a>,
) -> Result<Option<Attrs<'a>>, Error> {
    let mut plans = Plans::default();
    let mut entries = Entries::of(units, unit, &mut plans)?;
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
