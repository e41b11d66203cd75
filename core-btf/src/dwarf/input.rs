//! The objects in a file: itself, or the members of an archive.

use object::read::archive::ArchiveFile;

use super::error::Error;
use super::extract::Elsewhere;

/// One object of the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a> {
    /// Name of the archive member.
    pub(super) member: Option<&'a [u8]>,
    /// Bytes of the object.
    pub(super) data: &'a [u8],
    /// Bytes of the file that has what it shares with others.
    pub(super) alternate: Option<&'a [u8]>,
    /// It is a file with split-off units.
    pub(super) split_off: bool,
}

impl Input<'_> {
    /// The member's name for messages.
    pub(super) fn member_name(&self) -> Option<String> {
        self.member
            .map(|name| String::from_utf8_lossy(name).into_owned())
    }

    /// Says which member an error is about.
    pub(super) fn locate(&self, error: Error) -> Error {
        match self.member_name() {
            Some(path) if self.split_off => Error::SplitFile {
                path,
                source: Box::new(error),
            },
            Some(name) => Error::Member {
                name,
                source: Box::new(error),
            },
            None => error,
        }
    }
}

/// The objects of `data`: one ELF file, or the ELF members of an archive (others, such as a Rust
/// library's metadata, are passed over).
pub(super) fn objects<'a>(
    data: &'a [u8],
    elsewhere: &'a Elsewhere<'_>,
) -> Result<Vec<Input<'a>>, Error> {
    if is_elf(data) {
        let mut inputs = vec![Input {
            member: None,
            data,
            alternate: elsewhere.alternate,
            split_off: false,
        }];
        inputs.extend(elsewhere.split.iter().map(|(path, data)| Input {
            member: Some(path.as_bytes()),
            data,
            alternate: None,
            split_off: true,
        }));
        return Ok(inputs);
    }
    if !data.starts_with(b"!<arch>\n") && !data.starts_with(b"!<thin>\n") {
        return Err(Error::Object {
            what: "file".to_owned(),
            problem: "neither ELF nor an ar archive".to_owned(),
        });
    }
    let broken = |error: object::Error| Error::Object {
        what: "archive".to_owned(),
        problem: error.to_string(),
    };
    let archive = ArchiveFile::parse(data).map_err(broken)?;
    if archive.is_thin() {
        return Err(Error::Object {
            what: "archive".to_owned(),
            problem: "thin archives hold no objects; give the objects themselves".to_owned(),
        });
    }
    let mut inputs = Vec::new();
    for member in archive.members() {
        let member = member.map_err(broken)?;
        let data = member.data(data).map_err(broken)?;
        if is_elf(data) {
            inputs.push(Input {
                member: Some(member.name()),
                data,
                alternate: None,
                split_off: false,
            });
        }
    }
    Ok(inputs)
}

fn is_elf(data: &[u8]) -> bool {
    data.starts_with(b"\x7fELF")
}
