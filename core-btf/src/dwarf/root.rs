//! The root entry of a unit, alone.

use super::attrs::{Attrs, Reader};
use super::error::Error;
use super::units::{Unit, Units};

/// What the root entry of a unit says; `None` for a unit without entries.
pub(super) fn unit_root<'a>(
    units: &Units<'a>,
    unit: &Unit<'a>,
) -> Result<Option<Attrs<'a>>, Error> {
    let at = |error| units.error(error, unit.start);
    let abbreviations = units.abbreviations(unit)?;
    let mut raw = unit.header.entries_raw(&abbreviations, None).map_err(at)?;
    let Some(abbrev) = raw.read_abbreviation().map_err(at)? else {
        return Ok(None);
    };
    let mut reader = Reader::new(units, unit);
    // Names may need an attribute that comes behind them.
    let mut again = raw.clone();
    let attrs = reader.read(&mut raw, abbrev.attributes()).map_err(at)?;
    let Some(base) = attrs.str_offsets_base else {
        return Ok(Some(attrs));
    };
    reader.str_offsets_base = base;
    reader
        .read(&mut again, abbrev.attributes())
        .map(Some)
        .map_err(at)
}
