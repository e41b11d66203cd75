//! Which files a process has mapped, and where.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};

/// Most bytes that are read of a process's maps. A process may have 65530 by default.
const MAX_MAPS_BYTES: u64 = 256 << 20;

/// What the kernel puts behind the name of a file that has it no more.
const DELETED: &str = " (deleted)";

/// One line of `/proc/PID/maps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping<'a> {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) executable: bool,
    /// In bytes from the start of the file.
    pub(crate) offset: u64,
    /// Major and minor number of the device that the file is on.
    pub(crate) device: (u32, u32),
    /// The file's number there; 0 when no file is mapped.
    pub(crate) inode: u64,
    /// As the kernel prints it: an octal escape for a newline, something behind it for a file
    /// that is gone.
    pub(crate) path: Cow<'a, str>,
}

impl<'a> Mapping<'a> {
    /// `start-end perms offset dev inode path`, numbers in hex but for the inode.
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let hex = |text| u64::from_str_radix(text, 16).ok();
        let hex_u32 = |text| u32::from_str_radix(text, 16).ok();
        let mut rest = line;
        let mut field = || {
            let (field, after) = rest.split_once(' ').unwrap_or((rest, ""));
            rest = after;
            field
        };
        let (start, end) = field().split_once('-')?;
        let executable = field().contains('x');
        let offset = hex(field())?;
        let (major, minor) = field().split_once(':')?;
        let inode = field().parse().ok()?;
        Some(Self {
            start: hex(start)?,
            end: hex(end)?,
            executable,
            offset,
            device: (hex_u32(major)?, hex_u32(minor)?),
            inode,
            path: rest.trim_start().into(),
        })
    }

    fn into_owned(self) -> Mapping<'static> {
        Mapping {
            path: self.path.into_owned().into(),
            ..self
        }
    }

    /// The path that the file has, or had.
    pub(crate) fn name(&self) -> &str {
        self.path.strip_suffix(DELETED).unwrap_or(&self.path)
    }

    /// The last part of that.
    pub(crate) fn file_name(&self) -> &str {
        let name = self.name();
        name.rsplit_once('/').map_or(name, |(_, last)| last)
    }
}

/// The mappings that `keep` picks out of a process's maps.
pub(crate) fn select(
    maps: File,
    mut keep: impl FnMut(&Mapping<'_>) -> bool,
) -> io::Result<Vec<Mapping<'static>>> {
    let mut maps = BufReader::new(maps).take(MAX_MAPS_BYTES);
    let mut kept = Vec::new();
    let mut line = Vec::new();
    while maps.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        let mapping = Mapping::parse(text.trim_end_matches('\n'));
        kept.extend(mapping.filter(|it| keep(it)).map(Mapping::into_owned));
        line.clear();
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_maps_has_all_of_a_mapping() {
        let line =
            "7f0000000000-7f0000001000 r-xp 00002000 fe:00 99      /usr/l b/libx.so (deleted)";
        let mapping = Mapping::parse(line).unwrap();
        assert_eq!(
            mapping.start..mapping.end,
            0x7f00_0000_0000..0x7f00_0000_1000
        );
        assert!(mapping.executable);
        assert_eq!(
            (mapping.offset, mapping.device, mapping.inode),
            (0x2000, (0xfe, 0), 99)
        );
        assert_eq!(mapping.name(), "/usr/l b/libx.so");
        assert_eq!(mapping.file_name(), "libx.so");
        assert_eq!(Mapping::parse("nonsense"), None);
    }
}
