//! `.BTF.ext`: line and relocation records of a BPF object. (Its function records name what the
//! symbol table names too.)
//!
//! The header and the records are read by the lengths that they state themselves, so that longer
//! ones of later compilers pass; bytes beyond those known here are ignored.

use crate::error::{Error, Result};
use crate::model::{NameOffset, TypeId};
use crate::read::{Endian, MAGIC};

/// What a CO-RE relocation asks for (`enum bpf_core_relo_kind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RelocationKind {
    /// Offset of a field, in bytes; of its storage unit for a bitfield.
    FieldByteOffset = 0,
    /// Size of a field, in bytes; of its storage unit for a bitfield.
    FieldByteSize = 1,
    /// Whether a field exists.
    FieldExists = 2,
    /// Whether a field is signed.
    FieldSigned = 3,
    /// Left shift that puts a field's highest bit into bit 63.
    FieldLshiftU64 = 4,
    /// Right shift that then puts its lowest bit into bit 0.
    FieldRshiftU64 = 5,
    /// Id of a type in the object's own BTF.
    TypeIdLocal = 6,
    /// Id of a type in the target BTF.
    TypeIdTarget = 7,
    /// Whether a type exists.
    TypeExists = 8,
    /// Size of a type, in bytes.
    TypeSize = 9,
    /// Whether an enumerator exists.
    EnumvalExists = 10,
    /// Value of an enumerator.
    EnumvalValue = 11,
    /// Whether a type exists that has all that the local one has.
    TypeMatches = 12,
}

impl RelocationKind {
    const ALL: [Self; 13] = [
        Self::FieldByteOffset,
        Self::FieldByteSize,
        Self::FieldExists,
        Self::FieldSigned,
        Self::FieldLshiftU64,
        Self::FieldRshiftU64,
        Self::TypeIdLocal,
        Self::TypeIdTarget,
        Self::TypeExists,
        Self::TypeSize,
        Self::EnumvalExists,
        Self::EnumvalValue,
        Self::TypeMatches,
    ];

    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }

    /// libbpf's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FieldByteOffset => "byte_off",
            Self::FieldByteSize => "byte_sz",
            Self::FieldExists => "field_exists",
            Self::FieldSigned => "signed",
            Self::FieldLshiftU64 => "lshift_u64",
            Self::FieldRshiftU64 => "rshift_u64",
            Self::TypeIdLocal => "local_type_id",
            Self::TypeIdTarget => "target_type_id",
            Self::TypeExists => "type_exists",
            Self::TypeSize => "type_size",
            Self::EnumvalExists => "enumval_exists",
            Self::EnumvalValue => "enumval_value",
            Self::TypeMatches => "type_matches",
        }
    }

    /// Whether it is about a field.
    #[must_use]
    pub const fn is_field(self) -> bool {
        matches!(
            self,
            Self::FieldByteOffset
                | Self::FieldByteSize
                | Self::FieldExists
                | Self::FieldSigned
                | Self::FieldLshiftU64
                | Self::FieldRshiftU64
        )
    }

    /// Whether it is about an enumerator.
    #[must_use]
    pub const fn is_enumval(self) -> bool {
        matches!(self, Self::EnumvalExists | Self::EnumvalValue)
    }

    /// Whether it is about a type as a whole.
    #[must_use]
    pub const fn is_type(self) -> bool {
        !self.is_field() && !self.is_enumval()
    }

    /// Whether it asks about existence, and so cannot fail.
    #[must_use]
    pub const fn is_question(self) -> bool {
        matches!(
            self,
            Self::FieldExists | Self::TypeExists | Self::TypeMatches | Self::EnumvalExists
        )
    }
}

/// The records about one section of instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk<'a> {
    /// Name of the section, in the object's BTF.
    pub(crate) section: NameOffset,
    record_bytes: usize,
    records: &'a [u8],
    endian: Endian,
}

impl<'a> Chunk<'a> {
    pub(crate) fn len(&self) -> usize {
        self.records.len() / self.record_bytes
    }

    /// The first four words of record `n`, of which shorter records have fewer.
    pub(crate) fn record(&self, n: usize) -> Option<[u32; 4]> {
        let start = n.checked_mul(self.record_bytes)?;
        let record = self.records.get(start..)?.get(..self.record_bytes)?;
        let word = |n: usize| self.endian.word_at(record, 4 * n).unwrap_or_default();
        Some([word(0), word(1), word(2), word(3)])
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = [u32; 4]> + use<'a> {
        (0..self.len()).filter_map(move |n| self.record(n))
    }
}

/// The tables of `.BTF.ext` that relocation needs. Records: `insn_off, file_off, line_off,
/// line_col` of lines, `insn_off, type_id, access_str_off, kind` of relocations.
#[derive(Clone, Debug, Default)]
pub(crate) struct BtfExt<'a> {
    pub(crate) lines: Vec<Chunk<'a>>,
    pub(crate) relocations: Vec<Chunk<'a>>,
}

fn chunks<'a>(
    data: &'a [u8],
    endian: Endian,
    what: &'static str,
    start: usize,
    len: usize,
    least: usize,
) -> Result<Vec<Chunk<'a>>> {
    let mut out = Vec::new();
    if len == 0 {
        return Ok(out);
    }
    let truncated = |offset: usize, need: usize, have: usize| Error::Truncated {
        what,
        offset,
        need,
        have,
    };
    let have = data.len().saturating_sub(start);
    let table = data
        .get(start..)
        .and_then(|rest| rest.get(..len))
        .ok_or_else(|| truncated(start, len, have))?;
    let word = |at: usize| {
        endian
            .word_at(table, at)
            .ok_or_else(|| truncated(start + at, 4, table.len().saturating_sub(at)))
    };
    let record_bytes = word(0)? as usize;
    if record_bytes < least || !record_bytes.is_multiple_of(4) {
        return Err(Error::Invalid {
            what: "size of records",
            offset: start,
            value: record_bytes as u64,
            expected: "a multiple of 4, not below what the record has",
        });
    }
    let mut at = 4;
    while at < table.len() {
        let section = NameOffset(word(at)?);
        let count = word(at + 4)? as usize;
        at += 8;
        let need = count.saturating_mul(record_bytes);
        let rest = table.get(at..).unwrap_or_default();
        let records = rest
            .get(..need)
            .ok_or_else(|| truncated(start + at, need, rest.len()))?;
        out.push(Chunk {
            section,
            record_bytes,
            records,
            endian,
        });
        at += need;
    }
    Ok(out)
}

impl<'a> BtfExt<'a> {
    /// Checks the header and the extent of all records.
    pub(crate) fn parse(data: &'a [u8]) -> Result<Self> {
        const HEADER_BYTES: usize = 24;
        let header = data.get(..HEADER_BYTES).ok_or(Error::Truncated {
            what: "header",
            offset: 0,
            need: HEADER_BYTES,
            have: data.len(),
        })?;
        let magic = header.first_chunk().map_or(0, |b| u16::from_le_bytes(*b));
        let endian = match magic {
            MAGIC => Endian::Little,
            other if other.swap_bytes() == MAGIC => Endian::Big,
            other => return Err(Error::Magic(other)),
        };
        if let Some(&version) = header.get(2)
            && version != 1
        {
            return Err(Error::Version(version));
        }
        let header_len = endian.word_at(header, 4).unwrap_or_default() as usize;
        let header = data
            .get(..header_len)
            .filter(|header| header.len() >= HEADER_BYTES)
            .ok_or(Error::Invalid {
                what: "header length",
                offset: 4,
                value: header_len as u64,
                expected: "at least 24 and within the section",
            })?;
        let table = |at: usize, what, least| {
            // Relocations came later: a short header has no such table.
            let field = |at| endian.word_at(header, at).unwrap_or_default() as usize;
            let start = header_len.saturating_add(field(at));
            chunks(data, endian, what, start, field(at + 4), least)
        };
        Ok(Self {
            lines: table(16, "line records", 16)?,
            relocations: table(24, "relocation records", 16)?,
        })
    }
}

/// One CO-RE relocation record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) offset_bytes: u32,
    pub(crate) root: TypeId,
    pub(crate) access: NameOffset,
    pub(crate) kind: u32,
}

impl From<[u32; 4]> for Record {
    fn from([offset_bytes, root, access, kind]: [u32; 4]) -> Self {
        Self {
            offset_bytes,
            root: TypeId(root),
            access: NameOffset(access),
            kind,
        }
    }
}
