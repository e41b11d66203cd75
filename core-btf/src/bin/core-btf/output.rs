//! Where results go.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A line for whoever watches.
#[expect(clippy::print_stderr, reason = "the command speaks to its user")]
pub(crate) fn note(line: &str) {
    eprintln!("core-btf: {line}");
}

/// Writes to stdout.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| Failure::io(Path::new("stdout"), error))
}

/// Writes text to a file, or to stdout.
pub(crate) fn text(to: Option<&Path>, text: &str) -> Result<(), Failure> {
    match to {
        Some(path) => replace(path, text.as_bytes(), None),
        None => print(text.as_bytes()),
    }
}

/// Writes what is not text to a file, or to stdout if that is no terminal.
pub(crate) fn binary(to: Option<&Path>, bytes: &[u8]) -> Result<(), Failure> {
    match to {
        Some(path) => replace(path, bytes, None),
        None if io::stdout().is_terminal() => Err(Failure::Usage(
            "BTF is not text: name a file with --output, or redirect stdout".to_owned(),
        )),
        None => print(bytes),
    }
}

/// Writes a file as a whole: whoever has the old one open, or runs it, keeps the old one, and no
/// half-written file stays behind.
pub(crate) fn replace(
    path: &Path,
    bytes: &[u8],
    permissions: Option<Permissions>,
) -> Result<(), Failure> {
    let failure = |error| Failure::io(path, error);
    // A link stays one.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let existing = target.metadata().ok();
    if existing.as_ref().is_some_and(|it| !it.is_file()) {
        // `/dev/null`, a pipe.
        let mut file = OpenOptions::new()
            .write(true)
            .open(&target)
            .map_err(failure)?;
        return file.write_all(bytes).map_err(failure);
    }
    let permissions = permissions.or(existing.map(|it| it.permissions()));
    let (draft, mut file) = draft(&target).map_err(failure)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| permissions.map_or(Ok(()), |it| file.set_permissions(it)))
        .and_then(|()| std::fs::rename(&draft, &target));
    written.map_err(|error| {
        // Of the two errors the first is worth telling.
        std::fs::remove_file(&draft).unwrap_or_default();
        failure(error)
    })
}

/// A new file beside `target`.
fn draft(target: &Path) -> io::Result<(PathBuf, File)> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let name = format!(".{name}.{}.tmp", std::process::id());
    let draft = target.with_file_name(name);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&draft)?;
    Ok((draft, file))
}
