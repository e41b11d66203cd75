//! Whether units have to be taken together.

use gimli::{Reader as _, UnitType, constants as dw};

use super::sections::Slice;
use super::units::{Unit, Units};

/// Whether entries of a unit may refer to types of other units, as those of type units, of what dwz
/// and link-time optimisation make do.
///
/// Judged by the forms that abbreviations give to references: no entry is read. Without units there is
/// nothing to be taken one by one.
pub(super) fn are_linked(units: &Units<'_>) -> bool {
    let alone = |unit: &Unit<'_>| {
        matches!(
            unit.header.type_(),
            UnitType::Compilation | UnitType::Skeleton(_) | UnitType::SplitCompilation(_)
        )
    };
    units.list().is_empty()
        || !units.list().iter().all(alone)
        || units
            .tables()
            .iter()
            .any(|table| has_links(units.table(*table)).unwrap_or(true))
}

/// Whether a table of abbreviations has a reference to other units; it ends where one does not know.
fn has_links(table: Slice<'_>) -> gimli::Result<bool> {
    let mut table = table;
    while !table.is_empty() && table.read_uleb128()? != 0 {
        let _tag = table.read_uleb128()?;
        let _has_children = table.read_u8()?;
        loop {
            let name = table.read_uleb128_u16()?;
            let form = dw::DwForm(table.read_uleb128_u16()?);
            if (name, form.0) == (0, 0) {
                break;
            }
            if form == dw::DW_FORM_implicit_const {
                table.read_sleb128()?;
            }
            let leads = matches!(
                dw::DwAt(name),
                dw::DW_AT_type
                    | dw::DW_AT_abstract_origin
                    | dw::DW_AT_specification
                    | dw::DW_AT_signature
            );
            let away = matches!(
                form,
                dw::DW_FORM_ref_addr
                    | dw::DW_FORM_ref_sig8
                    | dw::DW_FORM_ref_sup4
                    | dw::DW_FORM_ref_sup8
                    | dw::DW_FORM_GNU_ref_alt
                    | dw::DW_FORM_indirect
            );
            if leads && away {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
