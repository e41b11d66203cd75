//! Whether units have to be taken together.

use gimli::{DwAt, DwForm, DwTag, UnitType, constants as dw};

use super::abbrev::declaration;
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
        || have_links(units, |_, name| leads(name))
}

/// Whether the entries that say which types there are in Rust may refer to those of other units, as
/// those of functions often do.
pub(super) fn rust_is_linked(units: &Units<'_>, says_types: impl Fn(DwTag) -> bool) -> bool {
    have_links(units, |tag, name| leads(name) && says_types(tag))
}

/// Whether an attribute leads to a type, or to what says more of one.
fn leads(name: DwAt) -> bool {
    matches!(
        name,
        dw::DW_AT_type | dw::DW_AT_abstract_origin | dw::DW_AT_specification | dw::DW_AT_signature
    )
}

fn have_links(units: &Units<'_>, leads: impl Fn(DwTag, DwAt) -> bool) -> bool {
    let mut tables = units.tables().iter();
    tables.any(|table| has_links(units.table(*table), &leads).unwrap_or(true))
}

/// Whether a table of abbreviations has a reference to other units.
fn has_links(table: Slice<'_>, leads: impl Fn(DwTag, DwAt) -> bool) -> gimli::Result<bool> {
    let mut table = table;
    while let Some(declaration) = declaration(&mut table)? {
        let mut away = declaration.attributes().filter(|it| is_away(it.form()));
        if away.any(|it| leads(declaration.tag, it.name())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether references of this form may lead to other units.
fn is_away(form: DwForm) -> bool {
    matches!(
        form,
        dw::DW_FORM_ref_addr
            | dw::DW_FORM_ref_sig8
            | dw::DW_FORM_ref_sup4
            | dw::DW_FORM_ref_sup8
            | dw::DW_FORM_GNU_ref_alt
            | dw::DW_FORM_indirect
    )
}
