//! Another Rust application, traced by BPF programs that were compiled once, against its first
//! version: what they read is what the traced process prints, however that was built.
//!
//! | file | what it traces |
//! | --- | --- |
//! | `views` | a value of every type of std that has a view of its own, at each optimisation level |
//! | `versions` | the first version by other compilers and with shuffled layouts, and the second |
//!
//! The application is in `fixtures/rust-app`, the programs are `rust_views.bpf.c` and
//! `rust_order.bpf.c`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that fails fails the test"
)]

mod compiler;
#[path = "../scratch/mod.rs"]
mod scratch;
mod versions;
mod views;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::Command;

/// What there is to know of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Is(String),
    /// The BPF program says that the application does not have it.
    DoesNotExist,
}

type Values = BTreeMap<String, Value>;

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(value) => write!(f, "{value:?}"),
            Self::DoesNotExist => f.write_str("does not exist"),
        }
    }
}

/// Runs the application, and gives what it prints.
fn truth(program: &Path, args: &[&str]) -> Values {
    let printed = scratch::output_of(Command::new(program).args(args));
    let lines = printed.lines().map(|line| {
        let (name, value) = line.split_once('=').unwrap();
        (name.to_owned(), Value::Is(value.to_owned()))
    });
    lines.collect()
}

/// What a BPF program said in `say.h`'s array, of one of its two skeletons.
macro_rules! said {
    ($said:expr) => {{
        let mut values = $crate::Values::new();
        for said in $said.iter().filter(|said| said.kind != 0) {
            let name = $crate::text(&said.name);
            let value = match said.kind {
                1 => $crate::Value::Is(said.value.to_string()),
                2 => $crate::Value::Is($crate::text(
                    &said.text[..usize::try_from(said.value).unwrap()],
                )),
                3 => $crate::Value::DoesNotExist,
                kind => panic!("{name} is of kind {kind}"),
            };
            let before = values.insert(name.clone(), value);
            assert_eq!(before, None, "{name} was said twice");
        }
        values
    }};
}
use said;

/// A text, which may be padded with NULs.
fn text(bytes: &[i8]) -> String {
    let bytes: Vec<u8> = bytes.iter().map(|byte| byte.cast_unsigned()).collect();
    let text = String::from_utf8(bytes).unwrap();
    text.trim_end_matches('\0').to_owned()
}

/// The differences, a line each.
fn differences(said: &Values, expected: &Values) -> Vec<String> {
    let names = said.keys().chain(expected.keys());
    let mut lines: Vec<String> = names
        .filter(|name| said.get(*name) != expected.get(*name))
        .map(|name| {
            let show = |value: Option<&Value>| value.map_or("nothing".into(), Value::to_string);
            let (said, expected) = (said.get(name), expected.get(name));
            format!("{name}: BPF said {}, it is {}", show(said), show(expected))
        })
        .collect();
    lines.sort();
    lines.dedup();
    lines
}
