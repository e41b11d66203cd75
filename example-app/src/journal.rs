//! What the server itself knows about each request: the truth that the demo compares with.
//!
//! It is made from what went over the wire alone, never from the C structs that BPF reads.

use std::{collections::HashMap, net::SocketAddr};

use crate::{
    cache::{Call, Command, Outcome, Reply},
    record::{ClientRecord, EntryRecord, NAME_SHOWN, Record, TEXT_SHOWN, Text, c_string},
};

/// Who asks, as the network side knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer<'a> {
    pub(crate) id: u64,
    pub(crate) address: SocketAddr,
    pub(crate) name: Option<&'a [u8]>,
}

/// All requests, in the order in which they ran.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) records: Vec<Record>,
    stored: HashMap<Vec<u8>, Stored>,
    requests: HashMap<u64, HashMap<Command, u32>>,
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
    pub(crate) fn note(&mut self, peer: Peer<'_>, now_ms: u64, call: &Call<'_>, reply: &Reply<'_>) {
        let requests = self.requests.entry(peer.id).or_default();
        *requests.entry(call.command).or_default() += 1;
        let client = ClientRecord {
            id: peer.id,
            address: peer.address.ip().to_string(),
            port: peer.address.port(),
            name: c_string(peer.name.unwrap_or_default(), NAME_SHOWN),
            requests: requests.values().map(|count| u64::from(*count)).sum(),
            same: requests.get(&call.command).copied().unwrap_or_default(),
        };
        let key = call.args.first().copied().unwrap_or_default();
        let entry = self.apply(key, now_ms, call, reply);
        self.records.push(Record {
            id: self.records.len() as u64 + 1,
            command: call.command as u32,
            outcome: reply.outcome as i32,
            condition: call.condition as u32,
            result: reply.number,
            typed: call.typed,
            pipelined: call.pipelined,
            args: u32::try_from(call.args.len()).unwrap_or(u32::MAX),
            key: Text::new(key, key.len() as u64),
            client,
            entries: reply.entries,
            entry: entry.map(|entry| EntryRecord {
                key: c_string(key, TEXT_SHOWN),
                integer: is_integer(&entry.text),
                hits: entry.hits,
                expires_ms: entry.expires_ms,
                value: Text::new(&entry.text, entry.text.len() as u64),
            }),
        });
    }

    /// Does to the journal's own map what the call did to the cache.
    fn apply(
        &mut self,
        key: &[u8],
        now_ms: u64,
        call: &Call<'_>,
        reply: &Reply<'_>,
    ) -> Option<Stored> {
        self.stored
            .retain(|_, entry| entry.expires_ms == 0 || entry.expires_ms > now_ms);
        match (call.command, reply.outcome) {
            (Command::Set, Outcome::Done) => {
                let text = call.args.get(1).map(|text| text.to_vec());
                let entry = Stored {
                    text: text.unwrap_or_default(),
                    hits: 0,
                    expires_ms: if call.ttl_ms == 0 {
                        0
                    } else {
                        now_ms + call.ttl_ms
                    },
                };
                self.stored.insert(key.to_vec(), entry.clone());
                Some(entry)
            }
            (Command::Get, Outcome::Hit) => {
                let entry = self.stored.entry(key.to_vec()).or_default();
                entry.hits += 1;
                Some(entry.clone())
            }
            (Command::Incr, Outcome::Done) => {
                let entry = self.stored.entry(key.to_vec()).or_default();
                entry.text = reply.number.to_string().into_bytes();
                Some(entry.clone())
            }
            (Command::Incr, _) => self.stored.get(key).cloned(),
            (Command::Del, Outcome::Done) => {
                for key in &call.args {
                    self.stored.remove(*key);
                }
                None
            }
            _ => None,
        }
    }
}

/// Whether the cache keeps it as a number: an `i64`, written the usual way.
fn is_integer(text: &[u8]) -> bool {
    str::from_utf8(text).is_ok_and(|text| {
        text.parse()
            .is_ok_and(|number: i64| number.to_string() == text)
    })
}
