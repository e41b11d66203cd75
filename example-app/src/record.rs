//! What is told about one request: by the server's own journal, or by what BPF read.

use std::fmt;

use crate::{
    cache::{Condition, Outcome},
    command::SPECS,
};

/// Bytes of a key and of a value that are told; of a client's name.
pub(crate) const TEXT_SHOWN: usize = 32;
pub(crate) const NAME_SHOWN: usize = 16;

/// One request, when its reply was known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: u64,
    /// `enum command`
    pub(crate) command: u32,
    /// `enum outcome`
    pub(crate) outcome: i32,
    /// `enum condition`
    pub(crate) condition: u32,
    pub(crate) result: i64,
    pub(crate) typed: bool,
    pub(crate) pipelined: bool,
    pub(crate) args: u32,
    /// The first argument.
    pub(crate) key: Text,
    pub(crate) client: ClientRecord,
    /// Entries in the whole cache.
    pub(crate) entries: u32,
    pub(crate) entry: Option<EntryRecord>,
}

/// Who asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientRecord {
    pub(crate) id: u64,
    pub(crate) address: String,
    pub(crate) port: u16,
    pub(crate) name: String,
    /// Requests of this client, and those with this command.
    pub(crate) requests: u64,
    pub(crate) same: u32,
}

/// The entry that the request found or stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EntryRecord {
    pub(crate) key: String,
    pub(crate) integer: bool,
    pub(crate) hits: u32,
    pub(crate) expires_ms: u64,
    pub(crate) value: Text,
}

/// The printable start of some bytes, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) start: String,
    pub(crate) len: u64,
}

impl Text {
    /// Of `len` bytes that `bytes` begins with, or is the start of.
    pub(crate) fn new(bytes: &[u8], len: u64) -> Self {
        let shown = usize::try_from(len).unwrap_or(usize::MAX).min(TEXT_SHOWN);
        let start = bytes.get(..shown).unwrap_or(bytes);
        Self {
            start: start.escape_ascii().to_string(),
            len,
        }
    }
}

/// What is printable of a C string, or of bytes copied as one into `room` bytes.
pub(crate) fn c_string(bytes: &[u8], room: usize) -> String {
    bytes
        .iter()
        .take(room - 1)
        .take_while(|byte| **byte != 0)
        .flat_map(|byte| byte.escape_ascii())
        .map(char::from)
        .collect()
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.len > TEXT_SHOWN as u64 {
            "..."
        } else {
            ""
        };
        write!(f, "\"{}\"{more}", self.start)
    }
}

/// One value of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// As C says it, from the request on.
    pub(crate) path: &'static str,
    pub(crate) kind: &'static str,
    /// `None` when the record has no such thing: it tells of no entry.
    pub(crate) value: Option<String>,
}

fn field(path: &'static str, kind: &'static str, value: impl fmt::Display) -> Field {
    Field {
        path,
        kind,
        value: Some(value.to_string()),
    }
}

impl Record {
    /// Every value: the C expression that it comes from, what kind of thing that is, and the
    /// value. Always the same fields in the same order.
    pub(crate) fn fields(&self) -> Vec<Field> {
        let client = &self.client;
        let mut fields = vec![
            field("id", "integer", self.id),
            field("command", "enum", self.command_name()),
            field("outcome", "signed enum", self.outcome_name()),
            field("condition:2", "enum in a bitfield", self.condition_name()),
            field("typed:1", "bitfield", self.typed),
            field("pipelined:1", "bitfield", self.pipelined),
            field("args:12", "bitfield", self.args),
            field("result", "signed integer", self.result),
            field("key.data", "bytes by pointer and length", &self.key.start),
            field("key.len", "integer in a nested struct", self.key.len),
            field("client->id", "integer behind a pointer", client.id),
            field("client->name", "char *", &client.name),
            field("client->peer.address", "char array", &client.address),
            field("client->peer.port", "16-bit integer", client.port),
            field("client->stats.requests", "integer", client.requests),
            field(
                "client->stats.by_command[command]",
                "array element",
                client.same,
            ),
            field("cache->table.used", "integer", self.entries),
            field(
                "entry",
                "pointer",
                if self.entry.is_some() { "set" } else { "NULL" },
            ),
        ];
        let entry = self.entry.as_ref();
        let mut of_entry = |path, kind, value: fn(&EntryRecord) -> String| {
            let value = entry.map(value);
            fields.push(Field { path, kind, value });
        };
        of_entry(
            "cache->table.buckets[bucket].first->key",
            "flexible array",
            |entry| entry.key.clone(),
        );
        of_entry("first->expires_ms", "integer", |entry| {
            entry.expires_ms.to_string()
        });
        of_entry("first->value.encoding:2", "enum in a bitfield", |entry| {
            if entry.integer { "integer" } else { "text" }.into()
        });
        of_entry("first->value.hits:30", "bitfield", |entry| {
            entry.hits.to_string()
        });
        of_entry("first->value.len", "integer", |entry| {
            entry.value.len.to_string()
        });
        of_entry(
            "first->value.text or .number",
            "member of a union",
            |entry| entry.value.start.clone(),
        );
        fields
    }

    fn condition_name(&self) -> String {
        name_of(
            &Condition::ALL,
            |condition| *condition as i64,
            self.condition.into(),
        )
    }

    pub(crate) fn command_name(&self) -> String {
        SPECS
            .iter()
            .find(|spec| spec.command as u32 == self.command)
            .map_or_else(|| "unknown".into(), |spec| spec.name.to_uppercase())
    }

    fn outcome_name(&self) -> String {
        name_of(
            &Outcome::ALL,
            |outcome| *outcome as i64,
            self.outcome.into(),
        )
    }
}

/// The name of a C enumerator by its Rust twin; the number when there is none.
fn name_of<T: fmt::Debug>(all: &[T], number_of: fn(&T) -> i64, number: i64) -> String {
    all.iter()
        .find(|twin| number_of(twin) == number)
        .map_or_else(
            || number.to_string(),
            |twin| format!("{twin:?}").to_lowercase(),
        )
}

/// One line: `#7 GET "user:1" -> hit "alice", 3 reads | client 2 127.0.0.1:40112 (cli), request 5`
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {}", self.id, self.command_name())?;
        if self.args > 0 {
            write!(f, " {}", self.key)?;
        }
        write!(f, " -> {}", self.outcome_name())?;
        if let Some(entry) = &self.entry {
            let kind = if entry.integer { "integer" } else { "text" };
            write!(f, " {kind} {} read {} times", entry.value, entry.hits)?;
            if entry.expires_ms > 0 {
                write!(f, " expires at {} ms", entry.expires_ms)?;
            }
        }
        let client = &self.client;
        write!(
            f,
            " | client {} {}:{}",
            client.id, client.address, client.port
        )?;
        if !client.name.is_empty() {
            write!(f, " {}", client.name)?;
        }
        write!(f, ", request {}", client.requests)?;
        if self.typed {
            write!(f, ", typed")?;
        }
        if self.pipelined {
            write!(f, ", pipelined")?;
        }
        write!(f, " | {} entries", self.entries)
    }
}
