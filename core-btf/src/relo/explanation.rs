//! What becomes of each relocation of an object, for people to read.

use std::fmt;

use crate::error::Result;
use crate::merge::conflict;
use crate::object::BpfObject;
use crate::relo::candidates::{Origin, Sources};
use crate::relo::check::check;
use crate::relo::outcome::{Outcome, Row, Verdict};

/// What people call the blobs of [`Sources`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The application's, one for each blob.
    pub app: Vec<String>,
    /// The kernel's: vmlinux, then the modules.
    pub kernel: Vec<String>,
}

impl Names {
    /// The name of the blob that an origin means; empty if it has none.
    #[must_use]
    pub fn of(&self, origin: Origin) -> &str {
        let name = match origin {
            Origin::Kernel => self.kernel.first(),
            Origin::Module(n) => self.kernel.get(n),
            Origin::App(n) => self.app.get(n),
        };
        name.map_or("", String::as_str)
    }
}

/// Every relocation of an object: what it asks for, what it gets, from where.
///
/// `Display` is a table of it: a line for each relocation after one with the names of the columns,
/// which are aligned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    rows: Vec<Row>,
    names: Names,
}

impl Explanation {
    /// Explains the relocations of `object` against `sources`, whose blobs are called `names`.
    ///
    /// # Errors
    /// As [`check`].
    pub fn new(object: &BpfObject<'_>, sources: &Sources<'_, '_>, names: Names) -> Result<Self> {
        let mut rows = check(object, sources)?;
        // What keeps the types from being put together is no more right than what is read wrong.
        if let Some(conflict) = conflict(object, sources) {
            conflict.mark(&mut rows);
        }
        Ok(Self { rows, names })
    }

    /// The relocations, in the order in which libbpf applies them.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Says something else of a relocation, given by its place among the rows.
    pub fn set_outcome(&mut self, row: usize, outcome: Outcome) {
        if let Some(row) = self.rows.get_mut(row) {
            row.outcome = outcome;
        }
    }

    /// Where the target of a row is from: the application's file, `vmlinux` or a module; empty for
    /// one that has no target.
    #[must_use]
    pub fn from(&self, row: &Row) -> &str {
        row.origin.map_or("", |origin| self.names.of(origin))
    }

    /// The rows for which the programs cannot be loaded, unless the verifier finds that their
    /// instructions are not reached.
    pub fn failing(&self) -> impl Iterator<Item = &Row> {
        let rows = self.rows.iter();
        rows.filter(|row| row.verdict() == Verdict::Fails)
    }
}

/// What is said of a row; a note comes with some that are fine.
fn remark(row: &Row) -> String {
    let remark = match row.verdict() {
        Verdict::Ok => return row.outcome.to_string(),
        Verdict::Guarded => "ok, the program asks first",
        Verdict::Fails => "FAILS",
    };
    match &row.source {
        Some((file, line)) => format!("{remark}: {} ({file}:{line})", row.outcome),
        None => format!("{remark}: {}", row.outcome),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEAD: [&str; 9] = [
            "PROGRAM", "INSN", "KIND", "LOCAL", "TARGET", "FROM", "OLD", "NEW", "RESULT",
        ];
        let or_dash = |text: &str| if text.is_empty() { "-" } else { text }.to_owned();
        let mut lines = vec![HEAD.map(str::to_owned)];
        lines.extend(self.rows.iter().map(|row| {
            [
                or_dash(&row.function),
                row.instruction.to_string(),
                row.kind.name().to_owned(),
                row.local.clone(),
                or_dash(row.target.as_deref().unwrap_or_default()),
                or_dash(self.from(row)),
                row.old.to_string(),
                row.new.map_or_else(|| or_dash(""), |new| new.to_string()),
                remark(row),
            ]
        }));
        let mut widths = [0; HEAD.len()];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = cell.chars().count().max(*width);
            }
        }
        for line in &lines {
            let cells = line.iter().zip(widths).zip(HEAD);
            let cells: Vec<String> = cells
                .map(|((cell, width), head)| match head {
                    "INSN" | "OLD" | "NEW" => format!("{cell:>width$}"),
                    "RESULT" => cell.clone(),
                    _ => format!("{cell:<width$}"),
                })
                .collect();
            writeln!(f, "{}", cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}
