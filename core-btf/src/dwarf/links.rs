//! Where the debug information of a file is, if not in it: what the file says. Finding the files and
//! reading them is left to others; see [`Elsewhere`](super::Elsewhere).

use gimli::{EndianSlice, Reader as _, RunTimeEndian, constants as dw};
use object::{Object, ObjectSection};

use super::abbrev::declaration;
use super::entries::Slot;
use super::error::Error;
use super::root::unit_root;
use super::sections::{self, MAX_BYTES, Sections, check_names};
use super::units::Units;

/// What a file says of other files that have debug information of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Whether the file has debug information itself.
    pub has_debug_info: bool,
    /// Its GNU build-id, by which separate files are found.
    pub build_id: Option<Vec<u8>>,
    /// Name of a separate file, and the [`crc32`] of that file (`.gnu_debuglink`).
    pub debug_link: Option<(String, u32)>,
    /// Path of the file with what several files share, and its build-id (`.gnu_debugaltlink`); dwz
    /// makes such.
    pub alternate: Option<(String, Vec<u8>)>,
    /// Units whose debug information is in a file of their own (`-gsplit-dwarf`).
    pub split: Vec<Split>,
}

/// A unit whose debug information is split off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Directory that the path starts from.
    pub directory: String,
    /// Path of the `.dwo` file.
    pub path: String,
    /// Its identity, which the file repeats.
    pub id: u64,
}

/// What an ELF file says of other files with debug information.
///
/// # Errors
/// Damaged headers, and damaged debug information as in [`extract`](super::extract()).
pub fn links(data: &[u8]) -> Result<Links, Error> {
    let broken = |error: object::Error| Error::Object {
        what: "ELF headers".to_owned(),
        problem: error.to_string(),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let file = object::File::parse(data).map_err(broken)?;
    check_names(&file)?;
    let debug_link = file.gnu_debuglink().map_err(broken)?;
    let alternate = file.gnu_debugaltlink().map_err(broken)?;
    let mut out = Links {
        has_debug_info: true,
        build_id: file.build_id().map_err(broken)?.map(<[u8]>::to_vec),
        debug_link: debug_link.map(|(name, crc)| (text(name), crc)),
        alternate: alternate.map(|(path, id)| (text(path), id.to_vec())),
        split: Vec::new(),
    };
    if !may_be_split(&file, data.len()) {
        out.has_debug_info = file.sections().any(|section| is_debug_info(&section));
        return Ok(out);
    }
    let sections = match Sections::load(data, MAX_BYTES) {
        Err(Error::NoDebugInfo) => {
            out.has_debug_info = false;
            return Ok(out);
        }
        sections => sections?,
    };
    out.has_debug_info = !sections.info().is_empty();
    if sections.split_off {
        return Ok(out);
    }
    let units = Units::read(&sections, u64::MAX)?;
    for unit in units.list() {
        // Only what a unit of its own says matters, and that is little.
        let Some(root) = unit_root(&units, unit)? else {
            continue;
        };
        if let Some(path) = root.text(Slot::DwoName) {
            out.split.push(Split {
                directory: text(root.text(Slot::CompDir).unwrap_or_default().bytes()),
                path: text(path.bytes()),
                id: unit.dwo_id().or(root.get(Slot::DwoId)).unwrap_or_default(),
            });
        }
    }
    Ok(out)
}

/// Whether a section has entries, or is damaged.
fn is_debug_info<'a>(section: &impl ObjectSection<'a>) -> bool {
    let is_it = matches!(section.name_bytes(), Ok(b".debug_info" | b".zdebug_info"));
    let data = section.compressed_data();
    is_it && data.map_or(true, |data| !data.data.is_empty())
}

/// Whether a unit may say that it is split off. Judged by the abbreviations alone, which need no
/// relocations: few files have such units.
fn may_be_split<'a>(file: &impl Object<'a>, bytes: usize) -> bool {
    let mut left = bytes;
    file.sections().any(|section| {
        let name = section.name_bytes().unwrap_or_default();
        if !matches!(name, b".debug_abbrev" | b".zdebug_abbrev") {
            return name.ends_with(b".dwo");
        }
        let Ok(tables) = sections::read(&section, MAX_BYTES) else {
            return true;
        };
        // Headers of many sections may be about the same bytes.
        let Some(rest) = left.checked_sub(tables.len()) else {
            return true;
        };
        left = rest;
        name_split_files(&tables).unwrap_or(true)
    })
}

/// Whether tables of abbreviations, one after the other, have an attribute that names a split-off
/// file.
fn name_split_files(tables: &[u8]) -> gimli::Result<bool> {
    // Single bytes, so that their order is none.
    let mut rest = EndianSlice::new(tables, RunTimeEndian::Little);
    while !rest.is_empty() {
        while let Some(declaration) = declaration(&mut rest)? {
            let mut names = declaration.attributes().map(|it| it.name());
            if names.any(|it| matches!(it, dw::DW_AT_dwo_name | dw::DW_AT_GNU_dwo_name)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The checksum of a file that `.gnu_debuglink` has.
#[must_use]
pub fn crc32(data: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            #[expect(clippy::cast_possible_truncation, reason = "below 256")]
            let mut crc = byte as u32;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 0 {
                    crc >> 1
                } else {
                    crc >> 1 ^ 0xedb8_8320
                };
                bit += 1;
            }
            #[expect(clippy::indexing_slicing, reason = "below 256, when compiled")]
            {
                table[byte] = crc;
            }
            byte += 1;
        }
        table
    };
    let crc = data.iter().fold(u32::MAX, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        let entry = TABLE.get(usize::from(low ^ byte)).copied();
        crc >> 8 ^ entry.unwrap_or_default()
    });
    !crc
}

#[cfg(test)]
mod tests {
    use super::crc32;

    /// The check value of this checksum, as all that have it state it.
    #[test]
    fn crc32_is_the_common_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }
}
