//! The record's bytes.

use crate::error::{Error, Result};

/// The section of the program that holds the records.
pub const SECTION: &str = "core_layout";

/// What every record starts with; its last byte is the version of the format.
pub const MAGIC: [u8; 8] = *b"CORELAY\x01";

/// What rustc says about one root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The module that the root is declared in, from its crate on: `myapp::net`.
    pub module: &'a str,
    /// The root's name in BTF and C.
    pub name: &'a str,
    /// `size_of`.
    pub size_bytes: u64,
    /// `align_of`. BTF knows no alignment, so nothing can be compared with it.
    pub align_bytes: u64,
    /// Each member's name in BTF and C, and its `offset_of!` in bytes.
    pub members: Vec<(&'a str, u64)>,
}

/// A text as it stands in a record, for the writer.
#[must_use]
pub fn text(text: &str) -> Vec<u8> {
    // No identifier comes near the limit; one beyond it is cut, and the reader finds no such name.
    let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
    let mut bytes = len.to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes().get(..len.into()).unwrap_or_default());
    bytes
}

/// The records of a program's [`SECTION`].
///
/// # Errors
/// [`Error::Truncated`] and [`Error::Invalid`] with the place in `section`.
pub fn records(section: &[u8]) -> Result<Vec<Record<'_>>> {
    let mut records = Vec::new();
    let mut rest = Reader {
        bytes: section,
        offset: 0,
    };
    loop {
        let padding = rest.bytes.iter().take_while(|&&byte| byte == 0).count();
        rest.take(padding)?;
        if rest.bytes.is_empty() {
            return Ok(records);
        }
        records.push(rest.record()?);
    }
}

/// What is left of the section, and where it starts.
struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or(Error::Truncated {
            what: "layout record",
            offset: self.offset,
            need: len,
            have: self.bytes.len(),
        })?;
        self.bytes = rest;
        self.offset += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<&'a str> {
        let offset = self.offset;
        let len = u16::from_le_bytes(self.array()?);
        let bytes = self.take(len.into())?;
        std::str::from_utf8(bytes).map_err(|error| Error::Invalid {
            what: "name in a layout record",
            offset,
            value: error.valid_up_to() as u64,
            expected: "valid UTF-8 beyond that byte",
        })
    }

    fn record(&mut self) -> Result<Record<'a>> {
        const HEAD: usize = MAGIC.len() + 4;
        let start = self.offset;
        let magic: [u8; 8] = self.array()?;
        if magic != MAGIC {
            return Err(Error::Invalid {
                what: "magic number of a layout record",
                offset: start,
                value: u64::from_le_bytes(magic),
                expected: "that of the version this program's runtime reads",
            });
        }
        let len = u32::from_le_bytes(self.array()?);
        let body_len = (len as usize).checked_sub(HEAD).ok_or(Error::Invalid {
            what: "length of a layout record",
            offset: start + MAGIC.len(),
            value: len.into(),
            expected: "at least 12",
        })?;
        let offset = self.offset;
        let mut body = Reader {
            bytes: self.take(body_len)?,
            offset,
        };
        let mut record = Record {
            module: body.text()?,
            name: body.text()?,
            size_bytes: body.u64()?,
            align_bytes: body.u64()?,
            members: Vec::new(),
        };
        while !body.bytes.is_empty() {
            record.members.push((body.text()?, body.u64()?));
        }
        Ok(record)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A record as `#[bpf_traceable]` writes it.
    pub(in crate::layout) fn encode(record: &Record<'_>) -> Vec<u8> {
        let mut body = [text(record.module), text(record.name)].concat();
        body.extend(record.size_bytes.to_le_bytes());
        body.extend(record.align_bytes.to_le_bytes());
        for (name, offset) in &record.members {
            body.extend(text(name));
            body.extend(offset.to_le_bytes());
        }
        let len = u32::try_from(MAGIC.len() + 4 + body.len()).unwrap();
        [&MAGIC[..], &len.to_le_bytes(), &body].concat()
    }

    pub(in crate::layout) fn request() -> Record<'static> {
        Record {
            module: "myapp::net",
            name: "Request",
            size_bytes: 24,
            align_bytes: 8,
            members: vec![("id", 16), ("path", 0)],
        }
    }

    #[test]
    fn records_are_read_across_padding() {
        let empty = Record {
            name: "Empty",
            members: Vec::new(),
            ..request()
        };
        let section = [
            &encode(&request())[..],
            &[0; 5],
            &encode(&empty),
            &encode(&request()),
            &[0; 3],
        ]
        .concat();
        assert_eq!(
            records(&section).unwrap(),
            [request(), empty, request()],
            "in the order of the section"
        );
        assert_eq!(records(&[]).unwrap(), []);
    }

    /// Every cut is an error, and none a panic; a cut between members is found by the length.
    #[test]
    fn a_truncated_record_is_an_error() {
        let bytes = encode(&request());
        for len in 1..bytes.len() {
            let error = records(&bytes[..len]).unwrap_err();
            assert!(
                matches!(error, Error::Truncated { .. }),
                "{len} bytes: {error}"
            );
        }
    }

    #[test]
    fn malformed_records_are_errors() {
        let good = encode(&request());
        let with = |at: usize, bytes: &[u8]| {
            let mut bad = good.clone();
            bad[at..at + bytes.len()].copy_from_slice(bytes);
            records(&bad).unwrap_err().to_string()
        };
        assert!(with(7, &[2]).contains("magic number"));
        assert!(with(8, &[3, 0]).contains("length of a layout record"));
        assert!(with(8, &[0xff; 4]).contains("needs"));
        assert!(with(12, &[0xff, 0xff]).contains("needs 65535 bytes"));
        assert!(with(14, &[0xff]).contains("UTF-8"));
    }
}
