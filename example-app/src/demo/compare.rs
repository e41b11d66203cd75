//! What BPF read against what the server wrote down.

use std::{collections::HashMap, fmt};

use crate::record::{Field, Record};

/// What came of the comparison.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    traced: usize,
    matched: usize,
    /// Requests in the journal that no event told of.
    untraced: usize,
    rows: Vec<Row>,
    pub(crate) mismatches: Vec<String>,
}

/// How often a field was compared.
#[derive(Debug)]
struct Row {
    /// With an example of its value.
    field: Field,
    compared: usize,
    matched: usize,
}

impl Comparison {
    pub(crate) fn new(journal: &[Record], traced: &[Record]) -> Self {
        let mut comparison = Self::default();
        let mut untraced: HashMap<u64, &Record> =
            journal.iter().map(|known| (known.id, known)).collect();
        for seen in traced {
            comparison.traced += 1;
            match untraced.remove(&seen.id) {
                Some(known) => comparison.add(known, seen),
                None => comparison
                    .mismatches
                    .push(format!("not in the journal, or traced twice: {seen}")),
            }
        }
        comparison.untraced = untraced.len();
        comparison
    }

    fn add(&mut self, known: &Record, seen: &Record) {
        let known_fields = known.fields();
        if self.rows.is_empty() {
            self.rows = known_fields.iter().cloned().map(Row::new).collect();
        }
        let mismatches_before = self.mismatches.len();
        for ((row, known_field), seen_field) in
            self.rows.iter_mut().zip(known_fields).zip(seen.fields())
        {
            if known_field.value.is_none() && seen_field.value.is_none() {
                continue;
            }
            row.compared += 1;
            if known_field == seen_field {
                row.matched += 1;
            } else {
                self.mismatches.push(format!(
                    "request {}, {}: the server has {:?}, BPF read {:?}",
                    known.id, row.field.path, known_field.value, seen_field.value
                ));
            }
            if seen_field.says_something() || !row.field.says_something() {
                row.field = seen_field;
            }
        }
        self.matched += usize::from(self.mismatches.len() == mismatches_before);
    }

    /// Every request was traced and every value was right.
    pub(crate) fn passed(&self) -> bool {
        self.traced > 0 && self.untraced == 0 && self.mismatches.is_empty()
    }
}

impl Field {
    /// Whether it is worth to be the example.
    fn says_something(&self) -> bool {
        let dull = ["\"\"", "0", "false"];
        self.value
            .as_deref()
            .is_some_and(|value| !dull.contains(&value))
    }
}

impl Row {
    fn new(field: Field) -> Self {
        Self {
            field,
            compared: 0,
            matched: 0,
        }
    }
}

/// The table of fields, and the sum in the last line.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<34} {:<24} {:>8} {:>8}  example",
            "what BPF read", "type", "compared", "matched"
        )?;
        for Row {
            field,
            compared,
            matched,
        } in &self.rows
        {
            let example = field.value.as_deref().unwrap_or_default();
            writeln!(
                f,
                "{:<34} {:<24} {compared:>8} {matched:>8}  {example}",
                field.path, field.ty
            )?;
        }
        if self.untraced > 0 {
            writeln!(f, "\n{} requests were not traced", self.untraced)?;
        }
        write!(
            f,
            "\n{} traced, {} matched, {} mismatched",
            self.traced,
            self.matched,
            self.traced - self.matched
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::record::{
        ClientRecord, CommandRecord, EntryRecord, ReplyRecord, ServerRecord, Text,
    };

    fn record(id: u64) -> Record {
        Record {
            id,
            typed: false,
            pipelined: false,
            took: Duration::ZERO,
            command: CommandRecord::default(),
            reply: ReplyRecord::default(),
            client: ClientRecord {
                id: 1,
                peer: ([127, 0, 0, 1], 6379).into(),
                name: None,
                requests: id,
                errors: 0,
                last: None,
                slowest: Duration::ZERO,
            },
            server: ServerRecord::default(),
            entry: Some(EntryRecord::default()),
        }
    }

    #[test]
    fn equal_records_pass() {
        let journal = [record(1), record(2)];
        let comparison = Comparison::new(&journal, &journal);
        assert!(comparison.passed());
        assert!(
            comparison
                .to_string()
                .ends_with("\n2 traced, 2 matched, 0 mismatched")
        );
    }

    /// A demo that can't fail shows nothing: each kind of difference must be found.
    #[test]
    fn every_difference_is_found() {
        let mut other_value = record(1);
        other_value.client.peer.set_port(7);
        let mut value_too_many = record(1);
        value_too_many.client.name = Some(Text::default());
        let mut other_in_entry = record(1);
        other_in_entry.entry = Some(EntryRecord {
            hits: 1,
            ..EntryRecord::default()
        });
        let mut no_entry = record(1);
        no_entry.entry = None;
        for seen in [
            other_value,
            value_too_many,
            other_in_entry,
            no_entry,
            record(2),
        ] {
            let comparison = Comparison::new(&[record(1)], &[seen]);
            assert!(!comparison.passed(), "{comparison:?}");
            assert!(
                comparison
                    .to_string()
                    .ends_with("\n1 traced, 0 matched, 1 mismatched")
            );
        }
        let twice = Comparison::new(&[record(1)], &[record(1), record(1)]);
        assert!(!twice.passed());
        let untraced = Comparison::new(&[record(1), record(2)], &[record(1)]);
        assert!(!untraced.passed());
        assert!(!Comparison::new(&[], &[]).passed(), "nothing was shown");
    }
}
