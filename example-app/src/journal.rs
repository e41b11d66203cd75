//! What the server itself knows about each request: the truth that the demo compares with.
//!
//! Rust's side is read from the structs as Rust reads them. What the cache in C must hold is kept
//! beside it, in a map of the journal's own.

use std::{collections::HashMap, net::SocketAddr};

use crate::{
    command::{Command, Condition},
    connection::{ClientStats, Connection},
    record::{ClientRecord, CommandRecord, EntryRecord, Record, ReplyRecord, ServerRecord, Text},
    reply::Reply,
    request::Request,
    shared::{Shared, millis},
};

/// All requests, in the order in which they ran.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) records: Vec<Record>,
    stored: HashMap<Vec<u8>, Stored>,
    hits: u64,
    misses: u64,
}

/// What a key must hold.
#[derive(Clone, Debug, Default)]
struct Stored {
    text: Vec<u8>,
    hits: u32,
    expires_ms: u64,
}

impl Journal {
    /// Writes a request down.
    pub(crate) fn note(&mut self, request: &Request<'_>, shared: &Shared) {
        let entry = self.apply(&request.command, &request.reply, shared.now_ms);
        self.records.push(Record {
            id: request.id,
            typed: request.typed,
            pipelined: request.pipelined,
            took: request.took,
            command: command(&request.command),
            reply: reply(&request.reply),
            client: client(request.connection),
            server: ServerRecord {
                requests: shared.requests,
                connections: shared.connections,
                clients: shared.clients.len() as u64,
                hits: self.hits,
                misses: self.misses,
                entries: shared.cache.entries(),
            },
            entry,
        });
    }

    /// Does to the journal's own map what the command did to the cache.
    fn apply(&mut self, command: &Command<'_>, reply: &Reply, now_ms: u64) -> Option<EntryRecord> {
        self.stored
            .retain(|_, entry| entry.expires_ms == 0 || entry.expires_ms > now_ms);
        let key = match (command, reply) {
            (Command::Get { .. }, Reply::Nil) => {
                self.misses += 1;
                return None;
            }
            (Command::Get { key }, _) => {
                self.hits += 1;
                self.stored.entry(key.to_vec()).or_default().hits += 1;
                key
            }
            (
                Command::Set {
                    key, value, ttl, ..
                },
                Reply::Simple(_),
            ) => {
                let entry = Stored {
                    text: value.to_vec(),
                    hits: 0,
                    expires_ms: ttl.map_or(0, |ttl| now_ms + millis(ttl)),
                };
                self.stored.insert(key.to_vec(), entry);
                key
            }
            (Command::Incr { key }, Reply::Integer(number)) => {
                self.stored.entry(key.to_vec()).or_default().text = number.to_string().into();
                key
            }
            (Command::Del { keys }, _) => {
                for key in keys {
                    self.stored.remove(*key);
                }
                return None;
            }
            _ => return None,
        };
        let stored = self.stored.get(*key)?;
        Some(EntryRecord {
            key: Text::new(key),
            is_integer: is_integer(&stored.text),
            hits: stored.hits,
            expires_ms: stored.expires_ms,
            value: Text::new(&stored.text),
        })
    }
}

fn command(command: &Command<'_>) -> CommandRecord {
    // `Set { .. }` and `Quit` begin with their names.
    let debug = format!("{command:?}");
    let variant = debug.split(' ').next().unwrap_or_default().to_owned();
    let mut record = CommandRecord {
        variant,
        ..CommandRecord::default()
    };
    match command {
        Command::Get { key } | Command::Incr { key } => record.key = Some(Text::new(key)),
        Command::Set {
            key,
            value,
            condition,
            ttl,
        } => {
            record.key = Some(Text::new(key));
            record.value = Some(Text::new(value));
            record.must_exist = condition.map(|condition| condition == Condition::Present);
            record.ttl = *ttl;
        }
        Command::Del { keys } | Command::Exists { keys } => {
            record.key = keys.first().map(Text::new);
            record.keys = Some(keys.len() as u64);
        }
        Command::Ping { message } => record.text = message.map(Text::new),
        Command::Echo { message } => record.text = Some(Text::new(message)),
        Command::ClientSetName { name: text } | Command::Invalid { error: text } => {
            record.text = Some(Text::new(text));
        }
        _ => {}
    }
    record
}

fn reply(reply: &Reply) -> ReplyRecord {
    let (variant, text, integer, elements) = match reply {
        Reply::Simple(text) => ("Simple", Some(Text::new(text)), None, None),
        Reply::Bulk(bytes) => ("Bulk", Some(Text::new(bytes)), None, None),
        Reply::Error(text) => ("Error", Some(Text::new(text)), None, None),
        Reply::Integer(number) => ("Integer", None, Some(*number), None),
        Reply::Array(elements) => ("Array", None, None, Some(elements.len() as u64)),
        Reply::Nil => ("Nil", None, None, None),
    };
    ReplyRecord {
        variant: variant.to_owned(),
        text,
        integer,
        elements,
    }
}

fn client(connection: &Connection) -> ClientRecord {
    let ClientStats {
        requests,
        errors,
        last,
        slowest,
    } = connection.stats;
    ClientRecord {
        id: connection.id,
        peer: SocketAddr::new(connection.peer.ip(), connection.peer.port()),
        name: connection.name.as_ref().map(Text::new),
        requests,
        errors,
        last,
        slowest,
    }
}

/// Whether the cache keeps it as a number: an `i64`, written the usual way.
fn is_integer(text: &[u8]) -> bool {
    str::from_utf8(text).is_ok_and(|text| {
        text.parse()
            .is_ok_and(|number: i64| number.to_string() == text)
    })
}
