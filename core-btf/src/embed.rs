//! Puts BTF into the `.BTF` section of a linked ELF file, and leaves everything else as it is.
//!
//! The section is not loaded when the program runs: no segment, address or symbol changes. The
//! file keeps its bytes up to the end of its last section; behind them stand the BTF and a new table
//! of section headers.
//!
//! GNU strip and objcopy keep the section. `llvm-strip` drops every section that is in no segment,
//! and a linked file has no room for one more segment; it keeps it when
//! told `--keep-section=.BTF` or `--strip-all-gnu`. Or strip first.
//!
//! ```text
//! | ELF header * | program headers | sections ... | .BTF | .shstrtab | section headers |
//!   * its fields about section headers change
//! ```

use crate::elf::{Fields, slice, text_at};
use crate::error::{Error, Result};
use crate::read::Endian;

const NAME: &str = ".BTF";
/// What a `.BTF` section that the program itself reads, as it is loaded, is called afterwards.
const LOADED_NAME: &str = ".BTF.loaded";

const SHT_PROGBITS: u32 = 1;
const SHT_STRTAB: u32 = 3;
const SHT_NOTE: u32 = 7;
const SHT_NOBITS: u32 = 8;
const SHF_ALLOC: u64 = 2;
const PT_LOAD: u32 = 1;
const PN_XNUM: u64 = 0xffff;
const SHN_LORESERVE: usize = 0xff00;
const SHN_XINDEX: u16 = 0xffff;
const EM_BPF: u64 = 247;
const NT_GNU_BUILD_ID: u32 = 3;
/// Alignment of what is appended, in bytes.
const ALIGN: usize = 8;

/// The file `elf` with `btf` in its `.BTF` section, which is made or replaced.
///
/// A `.BTF` section that is loaded with the program (`core_runtime::embed!()` makes such) stays
/// where it is, under the name `.BTF.loaded`.
///
/// # Errors
/// Damaged headers; [`Error::Invalid`] for a BPF object, whose `.BTF.ext` belongs to the `.BTF` it
/// has, and for bytes behind the last section that no header describes: they would be lost.
pub fn embed(elf: &[u8], btf: &[u8]) -> Result<Vec<u8>> {
    let file = File::parse(elf)?;
    if file.machine == EM_BPF {
        return Err(Error::Invalid {
            what: "ELF machine",
            offset: 18,
            value: EM_BPF,
            expected: "that of a program; the .BTF section of a BPF object is the compiler's",
        });
    }
    let mut sections = file.sections.clone();
    if sections.is_empty() {
        // All headers were stripped: the first one is always empty, the second names them.
        sections.push(Section::default());
        sections.push(Section {
            kind: SHT_STRTAB,
            align: 1,
            ..Section::default()
        });
    }
    let names_at = file.names.unwrap_or(sections.len() - 1);
    let mut names = file.name_bytes()?.to_vec();
    if names.is_empty() {
        names.push(0);
    }
    let named = |section: &Section| text_at(&names, section.name).unwrap_or_default().to_owned();
    let old = sections
        .iter()
        .position(|it| named(it) == NAME && !it.is_loaded());
    let loaded = sections
        .iter()
        .position(|it| named(it) == NAME && it.is_loaded());
    let keep = file.end_of_all_but(old)?;
    file.check_rest(keep, old)?;

    let mut add_name = |name: &str| -> Result<u32> {
        let at = to_word(names.len(), "bytes of section names")?;
        names.extend_from_slice(name.as_bytes());
        names.push(0);
        Ok(at)
    };
    if let Some(section) = loaded.and_then(|at| sections.get_mut(at)) {
        section.name = add_name(LOADED_NAME)?;
    }
    if file.sections.is_empty()
        && let Some(section) = sections.get_mut(names_at)
    {
        section.name = add_name(".shstrtab")?;
    }
    let at = if let Some(at) = old {
        at
    } else {
        sections.push(Section {
            name: add_name(NAME)?,
            ..Section::default()
        });
        sections.len() - 1
    };

    let mut out = elf.get(..keep).unwrap_or(elf).to_vec();
    let mut append = |bytes: &[u8]| {
        out.resize(out.len().next_multiple_of(ALIGN), 0);
        let offset = out.len() as u64;
        out.extend_from_slice(bytes);
        (offset, bytes.len() as u64)
    };
    let (offset, size) = append(btf);
    if let Some(section) = sections.get_mut(at) {
        *section = Section {
            name: section.name,
            kind: SHT_PROGBITS,
            offset,
            size,
            align: ALIGN as u64,
            ..Section::default()
        };
    }
    let (offset, size) = append(&names);
    if let Some(section) = sections.get_mut(names_at) {
        // A loaded one stays where it is, and no header says so any more.
        (section.offset, section.size) = (offset, size);
    }
    // Counts that do not fit 16 bits stand in the first header.
    let count = u16::try_from(sections.len()).ok();
    let count = count.filter(|_| sections.len() < SHN_LORESERVE);
    let names_index = u16::try_from(names_at).ok();
    let names_index = names_index.filter(|_| names_at < SHN_LORESERVE);
    let (number, index) = (
        sections.len() as u64,
        to_word(names_at, "number of sections")?,
    );
    if let Some(first) = sections.first_mut() {
        first.size = if count.is_some() { 0 } else { number };
        first.link = if names_index.is_some() { 0 } else { index };
    }
    let mut table = Vec::new();
    for section in &sections {
        section.write(file.form, &mut table)?;
    }
    let (offset, _) = append(&table);

    let form = file.form;
    let (at, halves) = if form.wide { (40, 58) } else { (32, 46) };
    put(&mut out, at, &form.address(offset)?);
    let fields = [
        form.section_bytes(),
        count.unwrap_or(0),
        names_index.unwrap_or(SHN_XINDEX),
    ];
    for (n, field) in fields.into_iter().enumerate() {
        put(&mut out, halves + 2 * n, &form.endian.u16_bytes(field));
    }
    Ok(out)
}

/// Whether `described`, a file with debug information, is of the same build as `program`: same
/// build-id, or where one of them has none, same segments.
///
/// # Errors
/// Damaged headers.
pub fn is_same_build(program: &[u8], described: &[u8]) -> Result<bool> {
    let (program, described) = (File::parse(program)?, File::parse(described)?);
    if program.form != described.form || program.machine != described.machine {
        return Ok(false);
    }
    Ok(match (program.build_id(), described.build_id()) {
        (Some(one), Some(other)) => one == other,
        _ => program.segments()?.eq(described.segments()?),
    })
}

/// Word size and byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Form {
    endian: Endian,
    wide: bool,
}

impl Form {
    const fn section_bytes(self) -> u16 {
        if self.wide { 64 } else { 40 }
    }

    const fn segment_bytes(self) -> u16 {
        if self.wide { 56 } else { 32 }
    }

    /// A field of the size of an address.
    fn address(self, value: u64) -> Result<Vec<u8>> {
        Ok(match (self.wide, self.endian) {
            (true, Endian::Little) => value.to_le_bytes().to_vec(),
            (true, Endian::Big) => value.to_be_bytes().to_vec(),
            (false, endian) => {
                let value = u32::try_from(value).map_err(|_| Error::Limit {
                    what: "bytes of a 32-bit ELF file",
                    value,
                    limit: u32::MAX.into(),
                })?;
                endian.u32_bytes(value).to_vec()
            }
        })
    }
}

/// Writes a field of the header.
fn put(out: &mut [u8], at: usize, field: &[u8]) {
    if let Some(place) = out
        .get_mut(at..)
        .and_then(|rest| rest.get_mut(..field.len()))
    {
        place.copy_from_slice(field);
    }
}

/// A section header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Section {
    name: u32,
    kind: u32,
    flags: u64,
    address: u64,
    offset: u64,
    size: u64,
    link: u32,
    info: u32,
    align: u64,
    entry: u64,
}

impl Section {
    fn read(fields: Fields<'_>) -> Option<Self> {
        let link = if fields.wide { 40 } else { 24 };
        Some(Self {
            name: fields.word(0)?,
            kind: fields.word(4)?,
            flags: fields.address(8, 8)?,
            address: fields.address(12, 16)?,
            offset: fields.address(16, 24)?,
            size: fields.address(20, 32)?,
            link: fields.word(link)?,
            info: fields.word(link + 4)?,
            align: fields.address(32, 48)?,
            entry: fields.address(36, 56)?,
        })
    }

    fn write(&self, form: Form, out: &mut Vec<u8>) -> Result<()> {
        let word = |value| form.endian.u32_bytes(value);
        out.extend_from_slice(&word(self.name));
        out.extend_from_slice(&word(self.kind));
        for field in [self.flags, self.address, self.offset, self.size] {
            out.extend_from_slice(&form.address(field)?);
        }
        out.extend_from_slice(&word(self.link));
        out.extend_from_slice(&word(self.info));
        for field in [self.align, self.entry] {
            out.extend_from_slice(&form.address(field)?);
        }
        Ok(())
    }

    const fn is_loaded(&self) -> bool {
        self.flags & SHF_ALLOC != 0
    }

    /// Bytes in the file, from where to where.
    const fn extent(&self) -> (u64, u64) {
        if self.kind == 0 || self.kind == SHT_NOBITS {
            return (0, 0);
        }
        (self.offset, self.offset.saturating_add(self.size))
    }
}

/// The headers of an ELF file.
struct File<'a> {
    data: &'a [u8],
    form: Form,
    machine: u64,
    /// Where the section headers are.
    table: (u64, u64),
    /// Where the program headers are.
    segments: (u64, u64),
    sections: Vec<Section>,
    /// The section that has the names of sections.
    names: Option<usize>,
}

impl<'a> File<'a> {
    fn parse(data: &'a [u8]) -> Result<Self> {
        // Checks all that is common to all readers: classes, bounds, numbering.
        crate::elf::Elf::parse(data)?;
        let form = Form {
            wide: data.get(4) == Some(&2),
            endian: match data.get(5) {
                Some(2) => Endian::Big,
                _ => Endian::Little,
            },
        };
        let fields = |data| Fields {
            data,
            endian: form.endian,
            wide: form.wide,
        };
        let header = fields(data);
        let half = |at32, at64| {
            let at = if form.wide { at64 } else { at32 };
            header.half(at).unwrap_or_default()
        };
        let start = header.address(32, 40).unwrap_or_default();
        let mut sections = Vec::new();
        let mut table = (0, 0);
        let mut names = None;
        let mut segment_count = half(44, 56);
        if start != 0 {
            let entry = u64::from(form.section_bytes());
            let headers = |count: u64| {
                let len = count.saturating_mul(entry);
                let bytes = slice(data, "ELF section headers", start, len)?;
                let all = bytes.chunks_exact(usize::from(form.section_bytes()));
                Ok::<_, Error>(all.filter_map(|bytes| Section::read(fields(bytes))))
            };
            let first = headers(1)?.next().unwrap_or_default();
            let count = match half(48, 60) {
                0 => first.size,
                count => count,
            };
            sections = headers(count)?.collect();
            table = (start, start.saturating_add(count.saturating_mul(entry)));
            let index = match half(50, 62) {
                index if index == u64::from(SHN_XINDEX) => u64::from(first.link),
                index => index,
            };
            names = usize::try_from(index).ok();
            names = names.filter(|&at| at != 0 && at < sections.len());
            if segment_count == PN_XNUM {
                segment_count = first.info.into();
            }
            if names.is_none() {
                return Err(Error::Invalid {
                    what: "ELF number of the section with names",
                    offset: if form.wide { 62 } else { 50 },
                    value: index,
                    expected: "the number of a section",
                });
            }
        }
        let start = header.address(28, 32).unwrap_or_default();
        let len = segment_count.saturating_mul(form.segment_bytes().into());
        slice(data, "ELF program headers", start, len)?;
        Ok(Self {
            data,
            form,
            machine: header.half(18).unwrap_or_default(),
            table,
            segments: (start, start.saturating_add(len)),
            sections,
            names,
        })
    }

    fn bytes(&self, what: &'static str, (start, end): (u64, u64)) -> Result<&'a [u8]> {
        slice(self.data, what, start, end.saturating_sub(start))
    }

    fn name_bytes(&self) -> Result<&'a [u8]> {
        match self.names.and_then(|at| self.sections.get(at)) {
            Some(section) => self.bytes("ELF section names", section.extent()),
            None => Ok(&[]),
        }
    }

    fn segment_fields(&self) -> Result<impl Iterator<Item = Fields<'a>>> {
        let (form, bytes) = (self.form, self.bytes("ELF program headers", self.segments)?);
        let all = bytes.chunks_exact(usize::from(form.segment_bytes()));
        Ok(all.map(move |data| Fields {
            data,
            endian: form.endian,
            wide: form.wide,
        }))
    }

    /// Address and size in memory of the loaded segments: what stripping does not change.
    fn segments(&self) -> Result<impl Iterator<Item = (u64, u64)>> {
        let loaded = self.segment_fields()?;
        let loaded = loaded.filter(|fields| fields.word(0) == Some(PT_LOAD));
        Ok(loaded.filter_map(|fields| Some((fields.address(8, 16)?, fields.address(20, 40)?))))
    }

    fn build_id(&self) -> Option<&'a [u8]> {
        let notes = self.sections.iter().filter(|it| it.kind == SHT_NOTE);
        notes
            .filter_map(|it| self.bytes("ELF note", it.extent()).ok())
            .find_map(|data| build_id_in(data, self.form.endian))
    }

    /// Whether a section is written anew: the names, or the `.BTF` section that there is.
    fn is_rewritten(&self, at: usize, old: Option<usize>) -> bool {
        let loaded = self.sections.get(at).is_some_and(Section::is_loaded);
        !loaded && (Some(at) == old || Some(at) == self.names)
    }

    /// Where everything ends that stays.
    fn end_of_all_but(&self, old: Option<usize>) -> Result<usize> {
        let header = if self.form.wide { 64 } else { 52 };
        let mut end = self.segments.1.max(header);
        for fields in self.segment_fields()? {
            let offset = fields.address(4, 8).unwrap_or_default();
            let size = fields.address(16, 32).unwrap_or_default();
            if size != 0 {
                end = end.max(offset.saturating_add(size));
            }
        }
        for (at, section) in self.sections.iter().enumerate() {
            if !self.is_rewritten(at, old) {
                end = end.max(section.extent().1);
            }
        }
        let what = "ELF segment or section";
        slice(self.data, what, 0, end).map(<[u8]>::len)
    }

    /// Sees to it that nothing is lost behind `keep`.
    fn check_rest(&self, keep: usize, old: Option<usize>) -> Result<()> {
        let mut known: Vec<(u64, u64)> = vec![self.table];
        for (at, section) in self.sections.iter().enumerate() {
            if self.is_rewritten(at, old) {
                known.push(section.extent());
            }
        }
        let is_known = |at: usize| {
            let at = at as u64;
            known
                .iter()
                .any(|(start, end)| (*start..*end).contains(&at))
        };
        let rest = self.data.get(keep..).unwrap_or_default();
        let stray = (keep..)
            .zip(rest)
            .find(|(at, byte)| **byte != 0 && !is_known(*at));
        match stray {
            None => Ok(()),
            Some((offset, byte)) => Err(Error::Invalid {
                what: "byte behind the last section",
                offset,
                value: u64::from(*byte),
                expected: "0, and no header describes it; embed before data is appended to the program",
            }),
        }
    }
}

/// The GNU build-id among notes.
fn build_id_in(notes: &[u8], endian: Endian) -> Option<&[u8]> {
    let mut rest = notes;
    loop {
        let word = |at| {
            endian
                .word_at(rest, at)
                .and_then(|it| usize::try_from(it).ok())
        };
        let (name, size, kind) = (word(0)?, word(4)?, word(8)?);
        let start = 12_usize.checked_add(name.checked_next_multiple_of(4)?)?;
        let end = start.checked_add(size)?;
        if kind == NT_GNU_BUILD_ID as usize && rest.get(12..16) == Some(b"GNU\0") && name == 4 {
            return rest.get(start..end);
        }
        rest = rest.get(end.checked_next_multiple_of(4)?..)?;
    }
}

fn to_word(value: usize, what: &'static str) -> Result<u32> {
    u32::try_from(value).map_err(|_| Error::Limit {
        what,
        value: value as u64,
        limit: u32::MAX.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::Elf;
    use crate::testing::Builder;

    /// What the builder made, not for BPF but for any machine.
    fn program(builder: Builder) -> Vec<u8> {
        let mut file = builder.finish();
        file[18..20].fill(0);
        file
    }

    fn sample(endian: Endian, wide: bool, extended: bool) -> Vec<u8> {
        let mut builder = Builder::new(endian, wide);
        builder.extended = extended;
        builder.section(".text", 1, 6, 0, &[0x90; 32]);
        builder.section(".bss", 8, 3, 0, &[]);
        builder.functions(&[("first", 1, 0, 16)]);
        program(builder)
    }

    /// Names and bytes of all sections but the one that names them.
    fn contents(file: &[u8]) -> Vec<(String, Vec<u8>)> {
        let elf = Elf::parse(file).unwrap();
        let sections = elf.sections().iter().filter(|it| it.name != ".shstrtab");
        sections
            .map(|it| (it.name.to_owned(), it.data.to_vec()))
            .collect()
    }

    /// Class, byte order and numbering differ in where things stand, not in what happens.
    #[test]
    fn only_one_section_comes_in_every_form_of_file() {
        for endian in [Endian::Little, Endian::Big] {
            for (wide, extended) in [(false, false), (true, false), (false, true), (true, true)] {
                let file = sample(endian, wide, extended);
                let mut expected = contents(&file);
                let with = embed(&file, b"first").unwrap();
                expected.push((".BTF".to_owned(), b"first".to_vec()));
                assert_eq!(contents(&with), expected);
                // Replacing leaves nothing of the first behind.
                let again = embed(&with, b"second, longer").unwrap();
                expected.last_mut().unwrap().1 = b"second, longer".to_vec();
                assert_eq!(contents(&again), expected);
                let back = embed(&again, b"first").unwrap();
                assert_eq!(back, with);
            }
        }
    }

    /// A program without section headers can get one.
    #[test]
    fn headers_are_made_where_there_are_none() {
        let mut file = sample(Endian::Little, true, false);
        file[40..48].fill(0);
        file[58..64].fill(0);
        file.truncate(64);
        let with = embed(&file, b"types").unwrap();
        assert_eq!(
            crate::elf::section(&with, ".BTF").unwrap(),
            Some(&b"types"[..])
        );
    }

    /// What a program carries behind its sections (an archive, say) must not be lost.
    #[test]
    fn appended_data_is_refused() {
        let mut file = sample(Endian::Little, true, false);
        let end = file.len();
        file.extend_from_slice(b"\0\0PK");
        let error = embed(&file, b"types").unwrap_err().to_string();
        assert!(error.contains(&format!("offset {:#x}", end + 2)), "{error}");
    }

    /// What is loaded with the program stays in its place.
    #[test]
    fn a_loaded_section_is_renamed() {
        let mut builder = Builder::new(Endian::Little, true);
        builder.section(".BTF", 1, 2, 0, b"loaded");
        builder.section(".data", 1, 3, 0, b"data");
        let file = program(builder);
        let with = embed(&file, b"types").unwrap();
        for (name, bytes) in [
            (".BTF", &b"types"[..]),
            (".BTF.loaded", b"loaded"),
            (".data", b"data"),
        ] {
            let found = crate::elf::section(&with, name).unwrap();
            assert_eq!(found, Some(bytes), "{name}");
        }
        assert_eq!(embed(&with, b"types").unwrap(), with);
    }

    /// Any byte of a file may be wrong.
    #[test]
    fn damaged_files_do_not_panic() {
        for wide in [false, true] {
            let file = sample(Endian::Little, wide, false);
            for at in 0..file.len() {
                for bit in 0..8 {
                    let mut damaged = file.clone();
                    damaged[at] ^= 1 << bit;
                    if let Ok(with) = embed(&damaged, b"types") {
                        assert!(with.len() < 4 * file.len());
                    }
                    is_same_build(&damaged, &file).unwrap_or(true);
                }
            }
        }
    }
}
