//! What goes wrong, and with which file.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a subcommand could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A file that cannot be opened, read or written.
    Io(PathBuf, io::Error),
    /// A file that is not what it should be.
    File(PathBuf, Box<dyn Error>),
    /// What was asked for makes no sense.
    Usage(String),
}

impl Failure {
    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        Self::Io(path.to_owned(), error)
    }

    pub(crate) fn file(path: &Path, error: impl Into<Box<dyn Error>>) -> Self {
        Self::File(path.to_owned(), error.into())
    }

    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io(_, error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::File(path, error) => {
                write!(f, "{}: {error}", path.display())?;
                let mut source = error.source();
                while let Some(error) = source {
                    write!(f, ": {error}")?;
                    source = error.source();
                }
                Ok(())
            }
            Self::Usage(problem) => f.write_str(problem),
        }
    }
}
