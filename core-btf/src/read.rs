//! The borrowed, bounds-checked decoder of a BTF blob.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::error::{Error, Result};
use crate::model::{
    CompositeKind, Enumerator, IntEncoding, Kind, Member, NameOffset, Param, SectionVar, Type,
    TypeId,
};

/// BTF's magic number, in the blob's own byte order.
pub(crate) const MAGIC: u16 = 0xeb9f;
/// Bytes of the first version of `struct btf_header`; later ones are longer.
pub(crate) const HEADER_BYTES: usize = 24;
/// Bytes of `struct btf_type`, which every type starts with.
pub(crate) const TYPE_BYTES: usize = 12;
/// Most types that are followed one to the next. Longer than any chain of typedefs or array
/// dimensions that a compiler writes; hostile ones must not cost more.
pub(crate) const MAX_CHAIN: usize = 256;

/// Byte order of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the two byte orders")]
pub enum Endian {
    Little,
    Big,
}

impl Endian {
    /// The byte order of the machine this runs on.
    pub const NATIVE: Self = if cfg!(target_endian = "little") {
        Self::Little
    } else {
        Self::Big
    };

    pub(crate) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    pub(crate) const fn i16(self, bytes: [u8; 2]) -> i16 {
        match self {
            Self::Little => i16::from_le_bytes(bytes),
            Self::Big => i16::from_be_bytes(bytes),
        }
    }

    pub(crate) const fn u32_bytes(self, word: u32) -> [u8; 4] {
        match self {
            Self::Little => word.to_le_bytes(),
            Self::Big => word.to_be_bytes(),
        }
    }

    pub(crate) const fn u16_bytes(self, half: u16) -> [u8; 2] {
        match self {
            Self::Little => half.to_le_bytes(),
            Self::Big => half.to_be_bytes(),
        }
    }

    /// The word at `offset`, or `None` past the end.
    pub(crate) fn word_at(self, data: &[u8], offset: usize) -> Option<u32> {
        let bytes = data.get(offset..)?.first_chunk()?;
        Some(self.u32(*bytes))
    }
}

/// A decoded BTF blob that borrows its bytes.
///
/// Shapes: an index of at most 4 bytes per type, and one of those that have a tag, is all that is
/// allocated. [`Btf::parse`] has checked the header and the extent of every type; references and
/// name offsets are checked where they are followed.
#[derive(Clone, Debug)]
pub struct Btf<'a> {
    endian: Endian,
    /// The type section.
    types: &'a [u8],
    strings: Strings<'a>,
    /// Offset of the type section in the blob, for error messages.
    types_offset: usize,
    /// Where in `types` the types are; number 0 is the first after the base's.
    index: Index,
    pointer_bytes: OnceLock<u32>,
    /// What searches have found, if that is to be remembered. Clones share it.
    found: Option<Arc<Found>>,
    /// The blob that a split one goes on from.
    base: Option<&'a Btf<'a>>,
}

/// The string sections of a blob: that of its base, and its own, whose offsets go on from there.
#[derive(Clone, Copy, Debug)]
struct Strings<'a> {
    base: &'a [u8],
    own: &'a [u8],
}

impl<'a> Strings<'a> {
    /// All bytes from an offset to the end of the section.
    fn from(self, offset: NameOffset) -> Option<&'a [u8]> {
        let offset = offset.0 as usize;
        match offset.checked_sub(self.base.len()) {
            None => self.base.get(offset..),
            Some(own) => self.own.get(own..),
        }
    }
}

/// By essential name: kinds that were searched for, and the types found, ascending.
type Found = Mutex<HashMap<Box<[u8]>, Vec<(Kind, Arc<[TypeId]>)>>>;

/// A section of the blob, with bounds checked.
fn section<'a>(
    data: &'a [u8],
    what: &'static str,
    header_len: usize,
    offset: u32,
    len: u32,
) -> Result<(&'a [u8], usize)> {
    // Both are 32-bit values, so the sums cannot overflow a 64-bit `usize`; saturating covers 32.
    let start = header_len.saturating_add(offset as usize);
    let bytes = data
        .get(start..)
        .and_then(|rest| rest.get(..len as usize))
        .ok_or(Error::Truncated {
            what,
            offset: start,
            need: len as usize,
            have: data.len().saturating_sub(start),
        })?;
    Ok((bytes, start))
}

/// Bytes that follow the common `struct btf_type` of a type of this kind.
const fn extra_bytes(kind: Kind, vlen: usize) -> usize {
    match kind {
        Kind::Void
        | Kind::Ptr
        | Kind::Fwd
        | Kind::Typedef
        | Kind::Volatile
        | Kind::Const
        | Kind::Restrict
        | Kind::Func
        | Kind::Float
        | Kind::TypeTag => 0,
        Kind::Int | Kind::Var | Kind::DeclTag => 4,
        Kind::Array => 12,
        Kind::Struct | Kind::Union | Kind::Datasec | Kind::Enum64 => 12 * vlen,
        Kind::Enum | Kind::FuncProto => 8 * vlen,
    }
}

impl<'a> Btf<'a> {
    /// Checks the header and indexes the types of the blob at the start of `data`.
    ///
    /// # Errors
    /// [`Error::Magic`], [`Error::Version`], [`Error::Truncated`] and [`Error::Invalid`] with the
    /// place in `data`.
    pub fn parse(data: &'a [u8]) -> Result<Self> {
        Self::parse_prefix(data).map(|(btf, _)| btf)
    }

    /// Like [`Btf::parse`], and also says how many bytes the blob takes. Several blobs may stand
    /// one after the other in a linked `.BTF` section.
    ///
    /// # Errors
    /// As [`Btf::parse`].
    pub fn parse_prefix(data: &'a [u8]) -> Result<(Self, usize)> {
        Self::parse_on(data, None)
    }

    /// Like [`Btf::parse`], for a split blob such as a kernel module's: its ids and name offsets go
    /// on from those of `base`. [`Btf::len`], [`Btf::ids`] and [`Btf::iter`] are about its own
    /// types; what those refer to may be in either.
    ///
    /// # Errors
    /// As [`Btf::parse`], and [`Error::Mixed`] when `base` is split itself or of the other byte
    /// order.
    pub fn parse_split(data: &'a [u8], base: &'a Btf<'a>) -> Result<Self> {
        let (btf, _) = Self::parse_on(data, Some(base))?;
        if base.base.is_some() {
            return Err(Error::Mixed("bases"));
        }
        if base.endian != btf.endian {
            return Err(Error::Mixed("byte orders"));
        }
        Ok(btf)
    }

    fn parse_on(data: &'a [u8], base: Option<&'a Btf<'a>>) -> Result<(Self, usize)> {
        let header = data.first_chunk::<HEADER_BYTES>().ok_or(Error::Truncated {
            what: "BTF header",
            offset: 0,
            need: HEADER_BYTES,
            have: data.len(),
        })?;
        let [m0, m1, version, _flags, ..] = *header;
        let endian = match u16::from_le_bytes([m0, m1]) {
            MAGIC => Endian::Little,
            other if other.swap_bytes() == MAGIC => Endian::Big,
            other => return Err(Error::Magic(other)),
        };
        if version != 1 {
            return Err(Error::Version(version));
        }
        let field = |at: usize| endian.word_at(header, at).unwrap_or_default();
        let header_len = field(4) as usize;
        if header_len < HEADER_BYTES || header_len > data.len() {
            return Err(Error::Invalid {
                what: "BTF header length",
                offset: 4,
                value: header_len as u64,
                expected: "at least 24 and within the data",
            });
        }
        let (types, types_offset) = section(data, "type section", header_len, field(8), field(12))?;
        let (strings, strings_offset) =
            section(data, "string section", header_len, field(16), field(20))?;
        // A split blob goes on where its base ends, and may have no names of its own.
        let starts = base.is_some() || strings.first() == Some(&0);
        let ends = strings.last().map_or(base.is_some(), |&last| last == 0);
        if !starts || !ends {
            return Err(Error::Invalid {
                what: "string section",
                offset: strings_offset,
                value: strings.len() as u64,
                expected: "bytes that start and end with NUL",
            });
        }
        let index = Index::new(types, types_offset, endian)?;
        let btf = Self {
            endian,
            types,
            strings: Strings {
                base: base.map_or(&[], |base| base.strings.own),
                own: strings,
            },
            types_offset,
            index,
            pointer_bytes: OnceLock::new(),
            found: None,
            base,
        };
        let end = (types_offset + types.len()).max(strings_offset + strings.len());
        Ok((btf, end))
    }

    /// Remembers from now on, here and in clones, what relocation has searched for by name. That
    /// pays for a large blob against which many objects are relocated: the kernel's.
    #[must_use]
    pub fn remember_searches(mut self) -> Self {
        self.found.get_or_insert_default();
        self
    }

    /// What an earlier search for a kind and essential name has found, if it is remembered.
    pub(crate) fn found(&self, kind: Kind, name: &[u8]) -> Option<Arc<[TypeId]>> {
        // Whoever panicked while holding the lock has left a map that lacks an entry at worst.
        let found = self.found.as_ref()?.lock();
        let found = found.unwrap_or_else(PoisonError::into_inner);
        let of_name = found.get(name)?;
        let (_, types) = of_name.iter().find(|(k, _)| *k == kind)?;
        Some(Arc::clone(types))
    }

    /// Remembers what a search has found, if that is wanted.
    pub(crate) fn remember(&self, kind: Kind, name: &[u8], types: impl Iterator<Item = TypeId>) {
        if let Some(found) = &self.found {
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            let of_name = found.entry(name.into()).or_default();
            of_name.push((kind, types.collect()));
        }
    }

    /// Byte order of the blob.
    #[must_use]
    pub const fn endian(&self) -> Endian {
        self.endian
    }

    /// Bytes of types and names, those of the base too.
    #[cfg(feature = "make")]
    pub(crate) fn bytes_len(&self) -> usize {
        self.types.len() + self.strings.own.len() + self.base.map_or(0, Btf::bytes_len)
    }

    /// Number of types, without `void`: ids run from 1 to this number, those of a split blob from
    /// the base's last.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len
    }

    /// Whether the blob has no types.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.len == 0
    }

    /// The type section as it stands in the blob.
    #[must_use]
    pub const fn type_bytes(&self) -> &'a [u8] {
        self.types
    }

    /// The string section as it stands in the blob, from its leading NUL to its last.
    #[must_use]
    pub const fn string_bytes(&self) -> &'a [u8] {
        self.strings.own
    }

    /// Whether ids and names go on from those of another blob.
    #[must_use]
    pub const fn is_split(&self) -> bool {
        self.base.is_some()
    }

    /// Id of the last type of the base.
    fn base_last(&self) -> u32 {
        // The type section is below 4 GiB and a type takes 12 bytes, so the count fits.
        #[expect(clippy::cast_possible_truncation, reason = "at most 2^32 / 12 types")]
        self.base.map_or(0, |base| base.index.len as u32)
    }

    /// The ids of all types, ascending, `void` excluded.
    #[must_use]
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = TypeId> + ExactSizeIterator + use<> {
        // The type section is below 4 GiB and a type takes 12 bytes, so the count fits.
        #[expect(clippy::cast_possible_truncation, reason = "at most 2^32 / 12 types")]
        let len = self.index.len as u32;
        let base = self.base_last();
        (base..base.saturating_add(len)).map(|i| TypeId(i + 1))
    }

    /// All types, ascending by id, `void` excluded.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = TypeRef<'a>> + '_ {
        self.ids().filter_map(|id| self.get(id).ok())
    }

    /// The type with this id; `void` has [`Kind::Void`].
    ///
    /// # Errors
    /// [`Error::NoSuchType`].
    pub fn get(&self, id: TypeId) -> Result<TypeRef<'a>> {
        let no_such_type = || Error::NoSuchType {
            ty: id,
            #[expect(clippy::cast_possible_truncation, reason = "at most 2^32 / 12 types")]
            last: self.base_last().saturating_add(self.index.len as u32),
        };
        if id.is_void() {
            return Ok(TypeRef {
                id,
                endian: self.endian,
                kind: Kind::Void,
                words: [0; 3],
                extra: &[],
                strings: self.strings,
                offset: self.types_offset,
            });
        }
        let base_last = self.base_last() as usize;
        if let Some(base) = self.base.filter(|_| id.index() <= base_last) {
            return base.get(id);
        }
        let own = id.index() - 1 - base_last;
        let place = self.index.place(self.types, self.endian, own);
        let offset = place.ok_or_else(no_such_type)?;
        decode_type(self.types, offset, self.endian)
            .map(|(kind, words, extra)| TypeRef {
                id,
                endian: self.endian,
                kind,
                words,
                extra,
                strings: self.strings,
                offset: self.types_offset + offset,
            })
            .ok_or_else(no_such_type)
    }

    /// Id, kind and name of the types whose kinds are bits of `kinds`. A name runs on to the end of
    /// the string section: who looks at few of them saves looking for the end of most.
    pub(crate) fn names_of_kinds(
        &self,
        kinds: u32,
    ) -> impl Iterator<Item = (TypeId, Kind, &'a [u8])> + '_ {
        let all = kinds & !TAGGED != 0;
        let every = 0..if all { self.index.len } else { 0 };
        let every = every.filter_map(|number| {
            let offset = self.index.place(self.types, self.endian, number)?;
            Some((number, offset))
        });
        let tagged: &[_] = if all { &[] } else { &self.index.tagged };
        let tagged = tagged.iter();
        let tagged = tagged.map(|&(number, offset)| (number as usize, offset as usize));
        let base = self.base_last();
        every.chain(tagged).filter_map(move |(number, offset)| {
            #[expect(clippy::cast_possible_truncation, reason = "at most 2^32 / 12 types")]
            let id = TypeId(base + 1 + number as u32);
            let head: &[u8; 8] = self.types.get(offset..)?.first_chunk()?;
            let [n0, n1, n2, n3, i0, i1, i2, i3] = *head;
            let number = kind_number(self.endian.u32([i0, i1, i2, i3]));
            if kinds.checked_shr(number).unwrap_or_default() & 1 == 0 {
                return None;
            }
            let name = NameOffset(self.endian.u32([n0, n1, n2, n3]));
            let name = self.strings.from(name)?;
            Some((id, Kind::from_number(number)?, name))
        })
    }

    /// Kind of each type and the bytes that it takes, in the order of the type section.
    pub(crate) fn extents(&self) -> impl Iterator<Item = (Kind, usize)> + '_ {
        self.iter().map(|ty| (ty.kind, TYPE_BYTES + ty.extra.len()))
    }

    /// Where a type starts in the type section.
    pub(crate) fn type_offset(&self, id: TypeId) -> Result<usize> {
        Ok(self.get(id)?.offset - self.types_offset)
    }

    /// The string at this offset, without its NUL.
    ///
    /// # Errors
    /// [`Error::Name`] when the offset is outside the section or the string is not UTF-8.
    pub fn name(&self, offset: NameOffset) -> Result<&'a str> {
        name_at(self.strings, offset)
    }

    /// The same string as bytes; empty when the offset is outside the section.
    #[must_use]
    pub fn name_bytes(&self, offset: NameOffset) -> &'a [u8] {
        name_bytes_at(self.strings, offset).unwrap_or_default()
    }

    /// Follows `const`, `volatile`, `restrict`, type tags and typedefs to the type they stand for.
    ///
    /// # Errors
    /// [`Error::NoSuchType`], and [`Error::Type`] for a chain that does not end.
    pub fn resolve(&self, id: TypeId) -> Result<TypeRef<'a>> {
        let mut ty = self.get(id)?;
        for _ in 0..MAX_CHAIN {
            if ty.kind().is_modifier() || ty.kind() == Kind::Typedef {
                ty = self.get(ty.target())?;
            } else {
                return Ok(ty);
            }
        }
        Err(Error::Type {
            ty: id,
            problem: "is a typedef or qualifier of itself, or of too many others",
        })
    }

    /// Size of the type in bytes, as `sizeof` has it; `None` for functions, `void` and other types
    /// without one.
    ///
    /// # Errors
    /// [`Error::NoSuchType`], [`Error::Type`] for endless nesting, [`Error::Limit`] for an array
    /// beyond 4 GiB.
    pub fn size_of(&self, id: TypeId, pointer_bytes: u32) -> Result<Option<u32>> {
        let mut count = 1_u64;
        let mut ty = self.resolve(id)?;
        for _ in 0..MAX_CHAIN {
            let size = match ty.kind() {
                Kind::Ptr => pointer_bytes,
                Kind::Array => {
                    let (element, _, len) = ty.array();
                    count = count.saturating_mul(u64::from(len));
                    ty = self.resolve(element)?;
                    continue;
                }
                Kind::Int
                | Kind::Struct
                | Kind::Union
                | Kind::Enum
                | Kind::Enum64
                | Kind::Float
                | Kind::Datasec => ty.size_bytes(),
                _ => return Ok(None),
            };
            let total = count.saturating_mul(u64::from(size));
            return u32::try_from(total).map(Some).map_err(|_| Error::Limit {
                what: "array size in bytes",
                value: total,
                limit: u64::from(u32::MAX),
            });
        }
        Err(Error::Type {
            ty: id,
            problem: "is an array of itself, or of too many dimensions",
        })
    }

    /// Bytes of a pointer, found as libbpf does (`determine_ptr_size`): the size of the first
    /// `long` of 4 or 8 bytes; 8 when no `long` is described. Found once.
    #[must_use]
    pub fn pointer_bytes(&self) -> u32 {
        const LONGS: [&[u8]; 11] = [
            b"long",
            b"long int",
            b"int long",
            b"unsigned long",
            b"long unsigned",
            b"unsigned long int",
            b"unsigned int long",
            b"long unsigned int",
            b"long int unsigned",
            b"int unsigned long",
            b"int long unsigned",
        ];
        *self.pointer_bytes.get_or_init(|| {
            if let Some(base) = self.base {
                return base.pointer_bytes();
            }
            self.iter()
                .filter(|ty| ty.kind() == Kind::Int && matches!(ty.size_bytes(), 4 | 8))
                .find(|ty| LONGS.contains(&ty.name_bytes()))
                .map_or(8, |ty| ty.size_bytes())
        })
    }
}

/// Most bytes of a name that are looked at; the kernel takes 511. A name without an end, which every
/// member of a hostile blob has, must not be read to its end for each of them.
pub(crate) const MAX_NAME_BYTES: usize = 1 << 12;

/// The bytes of a name; the first [`MAX_NAME_BYTES`] of a longer one.
fn name_bytes_at(strings: Strings<'_>, offset: NameOffset) -> Option<&[u8]> {
    let rest = strings.from(offset)?;
    let rest = rest.get(..=MAX_NAME_BYTES).unwrap_or(rest);
    // The section ends with a NUL, so one that is not found is further on.
    let len = rest.iter().position(|&b| b == 0);
    rest.get(..len.unwrap_or(MAX_NAME_BYTES))
}

fn name_at(strings: Strings<'_>, offset: NameOffset) -> Result<&str> {
    let bytes = name_bytes_at(strings, offset).ok_or(Error::Name {
        offset: offset.0,
        problem: "outside the string section",
    })?;
    if bytes.len() == MAX_NAME_BYTES {
        return Err(Error::Name {
            offset: offset.0,
            problem: "the start of more than 4095 bytes",
        });
    }
    std::str::from_utf8(bytes).map_err(|_| Error::Name {
        offset: offset.0,
        problem: "not UTF-8",
    })
}

/// Kind, the three common words and the kind's own bytes of the type at `offset`.
fn decode_type(types: &[u8], offset: usize, endian: Endian) -> Option<(Kind, [u32; 3], &[u8])> {
    let rest = types.get(offset..)?;
    let words = [
        endian.word_at(rest, 0)?,
        endian.word_at(rest, 4)?,
        endian.word_at(rest, 8)?,
    ];
    let kind = Kind::from_number(kind_number(words[1]))?;
    let extra = rest
        .get(TYPE_BYTES..)?
        .get(..extra_bytes(kind, vlen(words[1])))?;
    Some((kind, words, extra))
}

/// Kind in `info`: 5 bits in the first format, 7 in later ones, which left the upper two 0.
const fn kind_number(info: u32) -> u32 {
    (info >> 24) & 0x7f
}

/// Number of records in `info`: 16 bits in the first format, 24 in later ones.
const fn vlen(info: u32) -> usize {
    (info & 0x00ff_ffff) as usize
}

/// Bytes of a type by kind number: the fixed part, and the part for each record. 0 for numbers that
/// no kind has.
const SIZES: [(u32, u32); 128] = {
    let mut sizes = [(0, 0); 128];
    let mut number = 1;
    while let Some(kind) = Kind::from_number(number) {
        let fixed = TYPE_BYTES + extra_bytes(kind, 0);
        let record = extra_bytes(kind, 1) - extra_bytes(kind, 0);
        #[expect(
            clippy::indexing_slicing,
            reason = "kinds are below 20; checked by the compiler"
        )]
        #[expect(clippy::cast_possible_truncation, reason = "at most 24")]
        {
            sizes[number as usize] = (fixed as u32, record as u32);
        }
        number += 1;
    }
    sizes
};

/// Bits of the kinds that relocations mostly search for: those whose names C writes behind a
/// keyword.
const TAGGED: u32 = 1 << Kind::Struct as u32
    | 1 << Kind::Union as u32
    | 1 << Kind::Enum as u32
    | 1 << Kind::Enum64 as u32;

/// Bytes of the type at `offset`, if it has a kind and lies within the section.
fn type_size(types: &[u8], offset: usize, endian: Endian) -> Option<(u32, usize)> {
    let info = endian.word_at(types, offset + 4)?;
    let (fixed, record) = *SIZES.get(kind_number(info) as usize)?;
    // Below 2^29, as a count has 24 bits.
    #[expect(clippy::cast_possible_truncation, reason = "24 bits")]
    let size = (fixed + record * vlen(info) as u32) as usize;
    (fixed != 0 && size <= types.len() - offset).then_some((info, size))
}

/// Type sections of more bytes than this have an index of every fourth type only: that of vmlinux
/// then takes 130 KB instead of 500, in pages that a first load does not have to wait for.
const DENSE_BYTES: usize = 1 << 20;

/// Where types start.
#[derive(Clone, Debug, Default)]
struct Index {
    /// Offsets of the types whose number, counted from 0, is a multiple of two to this power.
    places: Vec<u32>,
    sparse_bits: u32,
    /// Number of types.
    len: usize,
    /// Numbers and offsets of the types of [`TAGGED`] kinds, ascending.
    tagged: Vec<(u32, u32)>,
}

impl Index {
    /// Indexes a type section. vmlinux has 130 000 types: the loop is a chain of loads, each of which
    /// waits for the one before, so that it does little else; errors are told afterwards.
    fn new(types: &[u8], types_offset: usize, endian: Endian) -> Result<Self> {
        let sparse_bits = if types.len() > DENSE_BYTES { 2 } else { 0 };
        let skipped = (1_usize << sparse_bits) - 1;
        // 20 bytes is a low average, so this rarely grows and never reserves more than the input.
        let mut places = Vec::with_capacity((types.len() / 20) >> sparse_bits);
        // The kernel gives pages of zeros when they are written to, and few are.
        let mut tagged = vec![(0, 0); types.len() / TYPE_BYTES];
        let mut tagged_len = 0;
        let mut len = 0_usize;
        let mut offset = 0_usize;
        while let Some((info, size)) = type_size(types, offset, endian) {
            // A section has less than 4 GiB, and so fewer types.
            #[expect(clippy::cast_possible_truncation, reason = "its length has 32 bits")]
            {
                if let Some(next) = tagged.get_mut(tagged_len) {
                    *next = (len as u32, offset as u32);
                }
                if len & skipped == 0 {
                    places.push(offset as u32);
                }
            }
            tagged_len += (TAGGED >> kind_number(info) & 1) as usize;
            len += 1;
            offset += size;
        }
        if offset != types.len() {
            return Err(broken_type(types, types_offset, offset, endian));
        }
        tagged.truncate(tagged_len);
        Ok(Self {
            places,
            sparse_bits,
            len,
            tagged,
        })
    }

    /// Offset of a type by its number.
    fn place(&self, types: &[u8], endian: Endian, number: usize) -> Option<usize> {
        if number >= self.len {
            return None;
        }
        let mut offset = *self.places.get(number >> self.sparse_bits)? as usize;
        for _ in 0..number & ((1 << self.sparse_bits) - 1) {
            offset += type_size(types, offset, endian)?.1;
        }
        Some(offset)
    }
}

/// Why there is no type at `offset`.
fn broken_type(types: &[u8], types_offset: usize, offset: usize, endian: Endian) -> Error {
    let have = types.len() - offset;
    let at = types_offset + offset;
    let Some(info) = endian.word_at(types, offset + 4) else {
        return Error::Truncated {
            what: "type",
            offset: at,
            need: TYPE_BYTES,
            have,
        };
    };
    match Kind::from_number(kind_number(info)) {
        None | Some(Kind::Void) => Error::Invalid {
            what: "type kind",
            offset: at + 4,
            value: u64::from(kind_number(info)),
            expected: "a kind from 1 to 19",
        },
        Some(kind) => Error::Truncated {
            what: "type",
            offset: at,
            need: TYPE_BYTES + extra_bytes(kind, vlen(info)),
            have,
        },
    }
}

/// A type in a [`Btf`]. Accessors that do not fit the kind answer zero or nothing.
#[derive(Clone, Copy, Debug)]
pub struct TypeRef<'a> {
    id: TypeId,
    endian: Endian,
    kind: Kind,
    /// `name_off`, `info`, and `size` or `type`.
    words: [u32; 3],
    /// The kind's own bytes, whole records only.
    extra: &'a [u8],
    strings: Strings<'a>,
    /// Offset in the blob, for error messages.
    offset: usize,
}

impl<'a> TypeRef<'a> {
    /// Id.
    #[must_use]
    pub const fn id(&self) -> TypeId {
        self.id
    }

    /// Where the type starts in the blob, in bytes.
    #[cfg(feature = "make")]
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    /// Kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Offset of the name.
    #[must_use]
    pub const fn name_offset(&self) -> NameOffset {
        NameOffset(self.words[0])
    }

    /// Name; empty for an anonymous type.
    ///
    /// # Errors
    /// [`Error::Name`].
    pub fn name(&self) -> Result<&'a str> {
        name_at(self.strings, self.name_offset())
    }

    /// Name as bytes; empty as well when its offset is outside the string section.
    #[must_use]
    pub fn name_bytes(&self) -> &'a [u8] {
        name_bytes_at(self.strings, self.name_offset()).unwrap_or_default()
    }

    /// `kind_flag`: bitfields (composites), signed (enums), union (forward declarations), general
    /// attribute (tags).
    #[must_use]
    pub const fn kind_flag(&self) -> bool {
        self.words[1] >> 31 != 0
    }

    /// Number of members, enumerators, parameters or variables; a function's linkage.
    #[must_use]
    pub const fn vlen(&self) -> usize {
        vlen(self.words[1])
    }

    /// Size in bytes of the kinds that store one.
    #[must_use]
    pub const fn size_bytes(&self) -> u32 {
        match self.kind {
            Kind::Int
            | Kind::Struct
            | Kind::Union
            | Kind::Enum
            | Kind::Enum64
            | Kind::Float
            | Kind::Datasec => self.words[2],
            _ => 0,
        }
    }

    /// The type that a pointer, qualifier, typedef, tag, variable, function or prototype refers to
    /// first.
    #[must_use]
    pub const fn target(&self) -> TypeId {
        match self.kind {
            Kind::Ptr
            | Kind::Typedef
            | Kind::Volatile
            | Kind::Const
            | Kind::Restrict
            | Kind::Func
            | Kind::FuncProto
            | Kind::Var
            | Kind::DeclTag
            | Kind::TypeTag => TypeId(self.words[2]),
            _ => TypeId::VOID,
        }
    }

    /// Word `n` of the kind's own bytes.
    fn word(&self, n: usize) -> u32 {
        self.endian.word_at(self.extra, 4 * n).unwrap_or_default()
    }

    /// Encoding, bit offset and bits of an `INT`.
    #[must_use]
    pub fn int(&self) -> (IntEncoding, u8, u8) {
        if self.kind != Kind::Int {
            return (IntEncoding::UNSIGNED, 0, 0);
        }
        let [bits, _, offset, encoding] = self.word(0).to_le_bytes();
        (IntEncoding(encoding & 0xf), offset, bits)
    }

    /// Whether values of this integer or enum are signed.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        match self.kind {
            Kind::Int => self.int().0.is_signed(),
            Kind::Enum | Kind::Enum64 => self.kind_flag(),
            _ => false,
        }
    }

    /// Element type, index type and length of an `ARRAY`.
    #[must_use]
    pub fn array(&self) -> (TypeId, TypeId, u32) {
        if self.kind == Kind::Array {
            (TypeId(self.word(0)), TypeId(self.word(1)), self.word(2))
        } else {
            (TypeId::VOID, TypeId::VOID, 0)
        }
    }

    fn records<const BYTES: usize>(
        &self,
    ) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a, BYTES> {
        self.extra.chunks_exact(BYTES)
    }

    /// Members of a struct or union.
    pub fn members(&self) -> impl Iterator<Item = Member> + use<'a> {
        let (endian, bitfields) = (self.endian, self.kind_flag());
        let records = self.records::<12>();
        let count = if self.kind.is_composite() {
            records.len()
        } else {
            0
        };
        records.take(count).map(move |record| {
            let word = |n: usize| endian.word_at(record, 4 * n).unwrap_or_default();
            let offset = word(2);
            Member {
                name: NameOffset(word(0)),
                ty: TypeId(word(1)),
                offset_bits: if bitfields {
                    offset & 0x00ff_ffff
                } else {
                    offset
                },
                bitfield_bits: if bitfields {
                    offset.to_be_bytes()[0]
                } else {
                    0
                },
            }
        })
    }

    /// Enumerators of an enum.
    pub fn enumerators(&self) -> impl Iterator<Item = Enumerator> + use<'a> {
        let (endian, signed, wide) = (self.endian, self.kind_flag(), self.kind == Kind::Enum64);
        let size = if wide { 12 } else { 8 };
        let extra = if self.kind.is_enum() { self.extra } else { &[] };
        extra.chunks_exact(size).map(move |record| {
            let word = |n: usize| endian.word_at(record, 4 * n).unwrap_or_default();
            let value = if wide {
                (u64::from(word(2)) << 32 | u64::from(word(1))).cast_signed()
            } else if signed {
                i64::from(word(1).cast_signed())
            } else {
                i64::from(word(1))
            };
            Enumerator {
                name: NameOffset(word(0)),
                value,
            }
        })
    }

    /// Parameters of a function prototype.
    pub fn params(&self) -> impl Iterator<Item = Param> + use<'a> {
        let endian = self.endian;
        let extra = if self.kind == Kind::FuncProto {
            self.extra
        } else {
            &[]
        };
        extra.chunks_exact(8).map(move |record| {
            let word = |n: usize| endian.word_at(record, 4 * n).unwrap_or_default();
            Param {
                name: NameOffset(word(0)),
                ty: TypeId(word(1)),
            }
        })
    }

    /// Variables of a data section.
    pub fn section_vars(&self) -> impl Iterator<Item = SectionVar> + use<'a> {
        let endian = self.endian;
        let extra = if self.kind == Kind::Datasec {
            self.extra
        } else {
            &[]
        };
        extra.chunks_exact(12).map(move |record| {
            let word = |n: usize| endian.word_at(record, 4 * n).unwrap_or_default();
            SectionVar {
                ty: TypeId(word(0)),
                offset_bytes: word(1),
                size_bytes: word(2),
            }
        })
    }

    /// Component of a `DECL_TAG`: a member or parameter number, -1 for the type itself.
    #[must_use]
    pub fn component(&self) -> i32 {
        if self.kind == Kind::DeclTag {
            self.word(0).cast_signed()
        } else {
            -1
        }
    }

    /// The type as an owned value; ids and name offsets stay those of this blob. `void` has no
    /// owned form.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a field that no valid type has.
    pub fn to_type(&self) -> Result<Type> {
        let name = self.name_offset();
        let ty = self.target();
        let composite = |kind| Type::Composite {
            kind,
            name,
            size_bytes: self.size_bytes(),
            members: self.members().collect(),
        };
        Ok(match self.kind {
            Kind::Void => {
                return Err(Error::Type {
                    ty: self.id,
                    problem: "is void, which is not stored",
                });
            }
            Kind::Int => {
                let (encoding, offset_bits, bits) = self.int();
                Type::Int {
                    name,
                    size_bytes: self.size_bytes(),
                    encoding,
                    offset_bits,
                    bits,
                }
            }
            Kind::Ptr => Type::Ptr(ty),
            Kind::Array => {
                let (element, index, len) = self.array();
                Type::Array {
                    element,
                    index,
                    len,
                }
            }
            Kind::Struct => composite(CompositeKind::Struct),
            Kind::Union => composite(CompositeKind::Union),
            Kind::Enum | Kind::Enum64 => Type::Enum {
                name,
                size_bytes: self.size_bytes(),
                signed: self.kind_flag(),
                wide: self.kind == Kind::Enum64,
                values: self.enumerators().collect(),
            },
            Kind::Fwd => Type::Fwd {
                name,
                kind: if self.kind_flag() {
                    CompositeKind::Union
                } else {
                    CompositeKind::Struct
                },
            },
            Kind::Typedef => Type::Typedef { name, ty },
            Kind::Volatile => Type::Volatile(ty),
            Kind::Const => Type::Const(ty),
            Kind::Restrict => Type::Restrict(ty),
            Kind::Func => Type::Func {
                name,
                proto: ty,
                linkage: u16::try_from(self.vlen()).map_err(|_| Error::Invalid {
                    what: "function linkage",
                    offset: self.offset + 4,
                    value: self.vlen() as u64,
                    expected: "0, 1 or 2",
                })?,
            },
            Kind::FuncProto => Type::FuncProto {
                returns: ty,
                params: self.params().collect(),
            },
            Kind::Var => Type::Var {
                name,
                ty,
                linkage: self.word(0),
            },
            Kind::Datasec => Type::Datasec {
                name,
                size_bytes: self.size_bytes(),
                vars: self.section_vars().collect(),
            },
            Kind::Float => Type::Float {
                name,
                size_bytes: self.size_bytes(),
            },
            Kind::DeclTag => Type::DeclTag {
                name,
                ty,
                component: self.component(),
                attribute: self.kind_flag(),
            },
            Kind::TypeTag => Type::TypeTag {
                name,
                ty,
                attribute: self.kind_flag(),
            },
        })
    }
}
