//! Packages of split-off units (`.dwp`): where the parts of each unit's sections are.

use std::collections::HashMap;

use gimli::{DebugCuIndex, DebugTuIndex, IndexSectionId, UnitIndex};

use super::error::Error;
use super::sections::{Sections, Slice};

/// Where a unit's parts of shared sections start, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Part {
    pub(super) abbreviations: usize,
    pub(super) str_offsets: usize,
}

/// The parts of all units of a package, by where the units start; none for other files.
#[derive(Debug, Default)]
pub(super) struct Package {
    /// Units in `.debug_info`.
    pub(super) info: HashMap<usize, Part>,
    /// Units in `.debug_types`.
    pub(super) types: HashMap<usize, Part>,
}

impl Package {
    /// Reads the indexes.
    pub(super) fn read(sections: &Sections<'_>) -> Result<Self, Error> {
        let [units, types] = sections.package_indexes();
        let mut out = Self::default();
        let at = |error| sections.error(error, ".debug_cu_index", 0);
        let index = DebugCuIndex::from(units).index().map_err(at)?;
        out.add(&index).map_err(at)?;
        let at = |error| sections.error(error, ".debug_tu_index", 0);
        let index = DebugTuIndex::from(types).index().map_err(at)?;
        out.add(&index).map_err(at)?;
        Ok(out)
    }

    fn add(&mut self, index: &UnitIndex<Slice<'_>>) -> gimli::Result<()> {
        for row in 1..=index.unit_count() {
            let mut part = Part::default();
            let (mut info, mut types) = (None, None);
            for section in index.sections(row)? {
                let offset = section.offset as usize;
                match section.section {
                    IndexSectionId::DebugInfo => info = Some(offset),
                    IndexSectionId::DebugTypes => types = Some(offset),
                    IndexSectionId::DebugAbbrev => part.abbreviations = offset,
                    IndexSectionId::DebugStrOffsets => part.str_offsets = offset,
                    _ => {}
                }
            }
            if let Some(start) = types {
                self.types.insert(start, part);
            } else if let Some(start) = info {
                self.info.insert(start, part);
            }
        }
        Ok(())
    }
}
