//! Tables of abbreviations (`.debug_abbrev`): which attributes entries have, and in which form.

use gimli::{AttributeSpecification, DwAt, DwForm, DwTag, Error, Reader as _, constants as dw};

use super::sections::Slice;

/// An abbreviation as its table has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declaration<'a> {
    /// What entries refer to it by.
    pub(super) code: u64,
    pub(super) tag: DwTag,
    pub(super) has_children: bool,
    /// All of it but the code.
    pub(super) bytes: &'a [u8],
    attributes: Slice<'a>,
}

impl Declaration<'_> {
    /// The attributes, in their order.
    pub(super) fn attributes(&self) -> impl Iterator<Item = AttributeSpecification> {
        let mut rest = self.attributes;
        // They have been read before.
        std::iter::from_fn(move || attribute(&mut rest).ok().flatten())
    }
}

/// Reads the next abbreviation of a table; `None` behind the last.
pub(super) fn declaration<'a>(table: &mut Slice<'a>) -> gimli::Result<Option<Declaration<'a>>> {
    // The zero behind the last may be missing.
    if table.is_empty() {
        return Ok(None);
    }
    let code = table.read_uleb128()?;
    if code == 0 {
        return Ok(None);
    }
    let start = *table;
    let tag = DwTag(table.read_uleb128_u16()?);
    if tag.0 == 0 {
        return Err(Error::AbbreviationTagZero);
    }
    let has_children = match dw::DwChildren(table.read_u8()?) {
        dw::DW_CHILDREN_no => false,
        dw::DW_CHILDREN_yes => true,
        other => return Err(Error::InvalidAbbreviationChildren(other)),
    };
    let attributes = *table;
    loop {
        table.skip(short_attributes(table.slice()))?;
        if attribute(table)?.is_none() {
            break;
        }
    }
    let len = start.len() - table.len();
    Ok(Some(Declaration {
        code,
        tag,
        has_children,
        bytes: start.slice().get(..len).unwrap_or_default(),
        attributes,
    }))
}

/// The bytes of the attributes up to the first that does not take two, as nearly all do.
fn short_attributes(bytes: &[u8]) -> usize {
    let (pairs, _) = bytes.as_chunks::<2>();
    let is_short = |pair: &[u8; 2]| {
        let [name, form] = *pair;
        let is_short = (1..0x80).contains(&name) && (1..0x80).contains(&form);
        is_short && u16::from(form) != dw::DW_FORM_implicit_const.0
    };
    2 * pairs.iter().take_while(|pair| is_short(pair)).count()
}

/// Reads the next attribute of an abbreviation; `None` behind the last.
#[inline]
fn attribute(rest: &mut Slice<'_>) -> gimli::Result<Option<AttributeSpecification>> {
    let name = DwAt(rest.read_uleb128_u16()?);
    let form = DwForm(rest.read_uleb128_u16()?);
    match (name.0, form.0) {
        (0, 0) => return Ok(None),
        (0, _) => return Err(Error::AttributeNameZero),
        (_, 0) => return Err(Error::AttributeFormZero),
        _ => {}
    }
    let value = match form {
        dw::DW_FORM_implicit_const => Some(rest.read_sleb128()?),
        _ => None,
    };
    Ok(Some(AttributeSpecification::new(name, form, value)))
}
