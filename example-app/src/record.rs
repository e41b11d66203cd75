//! What is told about one request: by the server's own journal, or by what BPF read.

use std::{fmt, net::SocketAddr, time::Duration};

/// Bytes of a text that are told.
const SHOWN: usize = 32;

/// One request, when its reply was known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: u64,
    pub(crate) typed: bool,
    pub(crate) pipelined: bool,
    pub(crate) took: Duration,
    pub(crate) command: CommandRecord,
    pub(crate) reply: ReplyRecord,
    pub(crate) client: ClientRecord,
    pub(crate) server: ServerRecord,
    pub(crate) entry: Option<EntryRecord>,
}

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CommandRecord {
    pub(crate) variant: String,
    /// The first key.
    pub(crate) key: Option<Text>,
    /// How many keys a command of several has.
    pub(crate) keys: Option<u64>,
    pub(crate) value: Option<Text>,
    /// Whether the key must exist, if it matters.
    pub(crate) must_exist: Option<bool>,
    pub(crate) ttl: Option<Duration>,
    /// A message, a name, or what is wrong.
    pub(crate) text: Option<Text>,
}

/// What was replied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReplyRecord {
    pub(crate) variant: String,
    pub(crate) text: Option<Text>,
    pub(crate) integer: Option<i64>,
    pub(crate) elements: Option<u64>,
}

/// Who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientRecord {
    pub(crate) id: u64,
    pub(crate) peer: SocketAddr,
    pub(crate) name: Option<Text>,
    pub(crate) requests: u64,
    pub(crate) errors: u32,
    pub(crate) last: Option<Duration>,
    pub(crate) slowest: Duration,
}

/// The server as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerRecord {
    pub(crate) requests: u64,
    pub(crate) connections: u64,
    pub(crate) clients: u64,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) entries: u32,
}

/// The entry that the request found or stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EntryRecord {
    pub(crate) key: Text,
    pub(crate) is_integer: bool,
    pub(crate) hits: u32,
    pub(crate) expires_ms: u64,
    pub(crate) value: Text,
}

/// The printable start of some bytes, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    start: String,
    len: u64,
}

impl Text {
    /// Of bytes, all of them.
    pub(crate) fn new(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        Self::start(bytes, bytes.len() as u64)
    }

    /// Of `len` bytes that `bytes` begins with, or is the start of.
    pub(crate) fn start(bytes: &[u8], len: u64) -> Self {
        let shown = usize::try_from(len).unwrap_or(usize::MAX).min(SHOWN);
        let start = bytes.get(..shown).unwrap_or(bytes);
        Self {
            start: start.escape_ascii().to_string(),
            len,
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.len > SHOWN as u64 { "..." } else { "" };
        write!(f, "\"{}\"{more}", self.start)
    }
}

/// One value of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Where it is, from the request on, or from what the request leads to.
    pub(crate) path: &'static str,
    pub(crate) ty: &'static str,
    /// `None` when the request has no such thing.
    pub(crate) value: Option<String>,
}

/// A value that may be missing.
fn maybe(path: &'static str, ty: &'static str, value: Option<impl fmt::Debug>) -> Field {
    let value = value.map(|value| format!("{value:?}"));
    Field { path, ty, value }
}

fn field(path: &'static str, ty: &'static str, value: impl fmt::Debug) -> Field {
    maybe(path, ty, Some(value))
}

impl Record {
    /// Every value, with its place and type. Always the same fields in the same order.
    pub(crate) fn fields(&self) -> Vec<Field> {
        let Self {
            command,
            reply,
            client,
            server,
            entry,
            ..
        } = self;
        let start = |text: &Option<Text>| text.as_ref().map(|text| text.start.clone());
        let len = |text: &Option<Text>| text.as_ref().map(|text| text.len);
        let entry = entry.as_ref();
        vec![
            field("request.id", "u64", self.id),
            field("request.typed", "bool", self.typed),
            field("request.pipelined", "bool", self.pipelined),
            field("request.took", "Duration", self.took),
            field("request.entry", "Option<NonNull<_>>", entry.is_some()),
            field("request.command", "enum with data", Word(&command.variant)),
            maybe("command.*.key", "&[u8]", start(&command.key)),
            maybe("command.*.key.len", "usize", len(&command.key)),
            maybe("command.*.keys.len", "Vec<&[u8]>", command.keys),
            maybe("command.Set.value", "&[u8]", start(&command.value)),
            maybe("command.Set.value.len", "usize", len(&command.value)),
            maybe("command.Set.condition", "Option<enum>", command.must_exist),
            maybe("command.Set.ttl", "Option<Duration>", command.ttl),
            maybe(
                "command.*.message, .name, .error",
                "&[u8], String",
                start(&command.text),
            ),
            field("request.reply", "enum with data", Word(&reply.variant)),
            maybe(
                "reply.Simple, .Bulk, .Error",
                "&str, Vec<u8>, String",
                start(&reply.text),
            ),
            maybe("reply.Bulk.len", "usize", len(&reply.text)),
            maybe("reply.Integer", "i64", reply.integer),
            maybe("reply.Array.len", "Vec<Reply>", reply.elements),
            field("connection.id", "u64", client.id),
            field("connection.peer", "SocketAddr", client.peer),
            maybe("connection.name", "Option<String>", start(&client.name)),
            field("connection.stats.requests", "u64", client.requests),
            field("connection.stats.errors", "u32", client.errors),
            maybe("connection.stats.last", "Option<Duration>", client.last),
            field("connection.stats.slowest", "Duration", client.slowest),
            field(
                "connection.shared.requests",
                "u64 in Arc<Mutex<_>>",
                server.requests,
            ),
            field("connection.shared.connections", "u64", server.connections),
            field(
                "connection.shared.clients.len",
                "HashMap<u64, _>",
                server.clients,
            ),
            field("cache->stats.hits", "C: uint64_t", server.hits),
            field("cache->stats.misses", "C: uint64_t", server.misses),
            field("cache->table.used", "C: uint32_t", server.entries),
            maybe(
                "entry->key",
                "C: char[]",
                entry.map(|entry| &entry.key.start),
            ),
            maybe(
                "entry->key_len",
                "C: uint32_t",
                entry.map(|entry| entry.key.len),
            ),
            maybe(
                "entry->expires_ms",
                "C: uint64_t",
                entry.map(|entry| entry.expires_ms),
            ),
            maybe(
                "entry->value.encoding",
                "C: enum in a bitfield",
                entry.map(|entry| entry.is_integer),
            ),
            maybe(
                "entry->value.hits",
                "C: bitfield",
                entry.map(|entry| entry.hits),
            ),
            maybe(
                "entry->value.len",
                "C: uint32_t",
                entry.map(|entry| entry.value.len),
            ),
            maybe(
                "entry->value.text, .number",
                "C: union",
                entry.map(|entry| &entry.value.start),
            ),
        ]
    }
}

/// A name, without quotes.
struct Word<'a>(&'a str);

impl fmt::Debug for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// One line: `#7 Get "user:1" -> Bulk "alice", read 3 times | client 2 127.0.0.1:40112 "cli" ...`
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command,
            reply,
            client,
            server,
            ..
        } = self;
        write!(f, "#{} {}", self.id, command.variant)?;
        for text in [&command.key, &command.value, &command.text] {
            text.iter().try_for_each(|text| write!(f, " {text}"))?;
        }
        if let Some(more @ 1..) = command.keys.map(|keys| keys.saturating_sub(1)) {
            write!(f, " and {more} more")?;
        }
        if let Some(must_exist) = command.must_exist {
            f.write_str(if must_exist {
                " if present"
            } else {
                " if absent"
            })?;
        }
        if let Some(ttl) = command.ttl {
            write!(f, " for {ttl:?}")?;
        }
        write!(f, " -> {}", reply.variant)?;
        if let Some(text) = &reply.text {
            write!(f, " {text}")?;
        }
        if let Some(integer) = reply.integer {
            write!(f, " {integer}")?;
        }
        if let Some(elements) = reply.elements {
            write!(f, " of {elements}")?;
        }
        write!(f, " in {:?}", self.took)?;
        if let Some(entry) = &self.entry {
            let kind = if entry.is_integer { "integer" } else { "text" };
            write!(f, " | {kind} {} read {} times", entry.value, entry.hits)?;
            if entry.expires_ms > 0 {
                write!(f, " expires at {} ms", entry.expires_ms)?;
            }
        }
        write!(f, " | client {} {}", client.id, client.peer)?;
        if let Some(name) = &client.name {
            write!(f, " {name}")?;
        }
        write!(f, ", request {}", client.requests)?;
        for (is, word) in [(self.typed, "typed"), (self.pipelined, "pipelined")] {
            if is {
                write!(f, ", {word}")?;
            }
        }
        write!(
            f,
            " | {} clients, {} entries",
            server.clients, server.entries
        )
    }
}
