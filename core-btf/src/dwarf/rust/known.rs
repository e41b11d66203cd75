//! Names, as they are in `.debug_str`.

use std::ffi::CStr;

use gimli::Reader as _;

use crate::dwarf::sections::Slice;
use crate::fingerprint::{Fingerprint, Seed};

/// Longest name that is looked for: without a limit, damaged input could make every one of many
/// entries scan megabytes.
const MAX_NAME_BYTES: usize = 1 << 14;

/// A name and its fingerprint.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Name<'a> {
    pub(super) text: &'a str,
    pub(super) print: Fingerprint,
}

/// Names that were read before, by their offsets in `.debug_str`. Of several that share a place, the
/// last one is known.
#[derive(Debug)]
pub(super) struct Known<'a> {
    names: Vec<(usize, Name<'a>)>,
}

/// Names that are known at a time; a power of two.
const KNOWN: usize = 1 << 14;

impl<'a> Known<'a> {
    pub(super) fn new() -> Self {
        Self {
            names: vec![(usize::MAX, Name::default()); KNOWN],
        }
    }

    /// The name at an offset.
    pub(super) fn get(
        &mut self,
        section: Slice<'a>,
        offset: usize,
        seed: &Seed,
    ) -> gimli::Result<Name<'a>> {
        let slot = (offset ^ offset >> 14) & (KNOWN - 1);
        if let Some((at, name)) = self.names.get(slot)
            && *at == offset
        {
            return Ok(*name);
        }
        let name = name_at(section, offset, seed)?;
        if let Some(known) = self.names.get_mut(slot) {
            *known = (offset, name);
        }
        Ok(name)
    }
}

/// The name at an offset in a section of names.
pub(super) fn name_at<'a>(
    section: Slice<'a>,
    offset: usize,
    seed: &Seed,
) -> gimli::Result<Name<'a>> {
    let mut rest = section;
    rest.skip(offset)?;
    let bytes = rest.slice();
    let bytes = bytes.get(..MAX_NAME_BYTES).unwrap_or(bytes);
    match CStr::from_bytes_until_nul(bytes) {
        Ok(name) => Ok(name_of(name.to_bytes(), seed)),
        Err(_) if bytes.len() == MAX_NAME_BYTES => Ok(name_of(&[], seed)),
        Err(_) => Err(gimli::Error::UnexpectedEof(rest.offset_id())),
    }
}

/// A name by its bytes: none if they are not UTF-8.
pub(super) fn name_of<'a>(bytes: &'a [u8], seed: &Seed) -> Name<'a> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    Name {
        text,
        print: seed.bytes(text.as_bytes()),
    }
}
