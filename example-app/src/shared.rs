//! What all connections share.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io,
    net::{Shutdown, TcpStream},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use core_runtime::bpf_traceable;

use crate::{
    cache::{Cache, Entry, Limits},
    command::{Command, Condition},
    describe,
    journal::Journal,
    reply::Reply,
};

/// How many buckets one look for expired entries takes.
const SWEEP_BUCKETS: u32 = 1024;

/// The state of the server, in an `Arc<Mutex<_>>` that each connection has.
#[bpf_traceable]
#[derive(Debug)]
pub(crate) struct Shared {
    /// Requests of all clients.
    pub(crate) requests: u64,
    /// Clients that have ever connected.
    pub(crate) connections: u64,
    /// The sockets of those that are connected, by their number.
    pub(crate) clients: HashMap<u64, TcpStream>,
    pub(crate) cache: Cache,
    /// The cache's clock.
    pub(crate) now_ms: u64,
    pub(crate) started: Instant,
    pub(crate) settings: Settings,
    #[bpf(skip)]
    pub(crate) journal: Option<Journal>,
}

/// What was asked for at the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) port: u16,
    pub(crate) limits: Limits,
}

impl Shared {
    pub(crate) fn new(settings: Settings, journal: Option<Journal>) -> io::Result<Self> {
        let [a, b, c, d, ..] = RandomState::new().build_hasher().finish().to_ne_bytes();
        let seed = u32::from_ne_bytes([a, b, c, d]);
        Ok(Self {
            requests: 0,
            connections: 0,
            clients: HashMap::new(),
            cache: Cache::new(settings.limits, seed)?,
            now_ms: 0,
            started: Instant::now(),
            settings,
            journal,
        })
    }

    /// A thread that panics leaves nothing half done that others could not go on with.
    pub(crate) fn lock(shared: &Mutex<Self>) -> MutexGuard<'_, Self> {
        shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a client, and gives its number.
    pub(crate) fn connect(&mut self, stream: TcpStream) -> u64 {
        self.connections += 1;
        self.clients.insert(self.connections, stream);
        self.connections
    }

    pub(crate) fn disconnect(&mut self, client: u64) {
        self.clients.remove(&client);
    }

    /// Ends all connections.
    pub(crate) fn shut_down(&mut self) {
        let streams = self.clients.values();
        // One may be closed already.
        streams.for_each(|stream| stream.shutdown(Shutdown::Both).unwrap_or_default());
    }

    fn set_time(&mut self) {
        self.now_ms = millis(self.started.elapsed());
        self.cache.set_time(self.now_ms);
    }

    /// Looks for entries that have expired, and gives the number of clients.
    pub(crate) fn sweep(&mut self) -> usize {
        self.set_time();
        self.cache.sweep(SWEEP_BUCKETS);
        self.clients.len()
    }

    /// Counts a request, and gives its number.
    pub(crate) fn begin(&mut self) -> u64 {
        self.set_time();
        self.requests += 1;
        self.requests
    }

    /// Runs a command that is not about a connection: the reply, and what was found or stored.
    pub(crate) fn run(&mut self, command: &Command<'_>) -> (Reply, Option<Entry<'_>>) {
        let reply = match command {
            Command::Get { key } => match self.cache.get(key) {
                Some(entry) => return (Reply::Bulk(entry.text()), Some(entry)),
                None => Reply::Nil,
            },
            Command::Set {
                key,
                value,
                condition,
                ttl,
            } => {
                let wanted = condition.map(|condition| condition == Condition::Present);
                if wanted.is_some_and(|wanted| wanted != self.cache.find(key).is_some()) {
                    return (Reply::Nil, None);
                }
                let expires_ms = ttl.map_or(0, |ttl| self.now_ms + millis(ttl));
                match self.cache.set(key, value, expires_ms) {
                    Ok(entry) => return (Reply::OK, Some(entry)),
                    Err(refusal) => refusal.into(),
                }
            }
            Command::Incr { key } => match self.cache.increment(key) {
                Ok((number, entry)) => return (Reply::Integer(number), Some(entry)),
                Err(refusal) => refusal.into(),
            },
            Command::Del { keys } => {
                let deleted = keys.iter().filter(|key| self.cache.delete(key));
                Reply::count(deleted.count())
            }
            Command::Exists { keys } => {
                let found = keys.iter().filter(|key| self.cache.find(key).is_some());
                Reply::count(found.count())
            }
            Command::DbSize => Reply::Integer(self.cache.entries().into()),
            Command::Ping { message: None } => Reply::Simple("PONG"),
            Command::Ping {
                message: Some(message),
            }
            | Command::Echo { message } => Reply::bulk(*message),
            Command::Info { section } => Reply::bulk(describe::info(self, *section)),
            Command::ConfigGet { names } => describe::settings(self, names),
            Command::ListCommands => describe::commands(),
            Command::CountCommands => describe::command_count(),
            Command::DescribeCommands => describe::command_docs(),
            _ => Reply::Error("ERR not a command of the server".to_owned()),
        };
        (reply, None)
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
