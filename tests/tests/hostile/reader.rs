//! A process that reads a hostile file, with limits.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Address space of the process: its own code takes some tens of MiB.
const LIMIT: u64 = 1 << 30;

/// What it may take, on a busy machine, in a build that is not optimised.
const TIME: Duration = Duration::from_secs(240);

/// What came of reading a file.
#[derive(Debug)]
pub(crate) struct Read {
    /// Types or error, in words.
    pub(crate) text: String,
    /// Most memory that the process had.
    pub(crate) peak_mib: u64,
}

/// Reads the types in `file`, and relocates `object` against them.
pub(crate) fn read(file: &Path, object: Option<&Path>) -> Read {
    read_within(LIMIT, file, object)
}

/// The same, with another limit.
#[track_caller]
pub(crate) fn read_within(bytes: u64, file: &Path, object: Option<&Path>) -> Read {
    let output = Command::new("timeout")
        .arg(TIME.as_secs().to_string())
        .args(["prlimit", &format!("--as={bytes}"), "--core=0", "--"])
        .arg(env!("CARGO_BIN_EXE_reader"))
        .arg(file)
        .args(object)
        .output()
        .unwrap();
    // A panic, a signal, an allocation that fails and the end of the time are all no success.
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (text, peak) = text.trim_end().rsplit_once('\n').unwrap();
    let peak: u64 = peak.parse().unwrap();
    Read {
        text: text.into(),
        peak_mib: peak >> 10,
    }
}
