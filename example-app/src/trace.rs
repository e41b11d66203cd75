//! The server traces itself: BPF reads each request's structs, a ring buffer brings them here.

use std::{
    fmt,
    io::Write as _,
    mem::MaybeUninit,
    net::{IpAddr, SocketAddr},
    thread,
    time::Duration,
};

use core_runtime::{
    Attached, Loader, LostEvents, RingBuffer, TypeInfo, Uprobe, libbpf_rs::OpenObject,
};

use crate::{
    bpf::trace::{TraceSkel, TraceSkelBuilder, types},
    journal::Journal,
    record::{ClientRecord, CommandRecord, EntryRecord, Record, ReplyRecord, ServerRecord, Text},
    request::request_done,
    server::{Served, Server},
};

/// How long one wait for events is, at most.
const WAIT: Duration = Duration::from_millis(100);

/// What the ring buffer takes unless told otherwise, in bytes.
pub(crate) const BUFFER_BYTES: u32 = 16 << 20;

/// A probe on this program's own trace point; removed when dropped.
pub(crate) struct Tracer<'obj> {
    skel: TraceSkel<'obj>,
    attached: Attached,
}

/// What did not arrive, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Requests whose event found the ring buffer full.
    pub(crate) requests: u64,
    /// Reads of memory that was not there.
    pub(crate) reads: u64,
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, reads } = self;
        write!(f, "{requests} events lost, {reads} reads failed")
    }
}

impl<'obj> Tracer<'obj> {
    /// Loads the BPF program for the layouts of this very binary, and attaches it. `buffer_bytes`,
    /// a power of two, is for the events that are on their way.
    pub(crate) fn attach(
        storage: &'obj mut MaybeUninit<OpenObject>,
        buffer_bytes: u32,
    ) -> anyhow::Result<Self> {
        let types = TypeInfo::this_program()?;
        let mut open = Loader::new(types).open(TraceSkelBuilder::default(), storage)?;
        open.maps.events.set_max_entries(buffer_bytes)?;
        let skel = open.load()?;
        let trace_point = Uprobe::function(request_done as *const ());
        let attached = trace_point.attach(&skel.progs.on_request_done)?;
        Ok(Self { skel, attached })
    }

    /// Runs the server, in a thread of its own, until it stops. `on_record` gets every request,
    /// `on_pause` is called when those at hand are told, and at the end.
    pub(crate) fn follow(
        self,
        server: Server,
        journal: Option<Journal>,
        mut on_record: impl FnMut(Record) + Send,
        mut on_pause: impl FnMut(Losses) -> anyhow::Result<()>,
    ) -> anyhow::Result<Served> {
        let mut stopper = server.stopper()?;
        let Self { skel, attached } = self;
        let mut events =
            RingBuffer::new(&skel.maps.events, |event| on_record(Record::from(event)))?;
        let lost = LostEvents::in_map(&skel.maps.events_lost)?;
        let losses = || -> core_runtime::Result<_> {
            let counts = skel.maps.bss_data.as_ref();
            Ok(Losses {
                requests: lost.count()?,
                reads: counts.map_or(0, |counts| counts.failed),
            })
        };
        thread::scope(|scope| {
            let serving = scope.spawn(|| server.run(journal));
            let mut traced = Ok(());
            while traced.is_ok() && !serving.is_finished() {
                traced = events
                    .poll(WAIT)
                    .map_err(Into::into)
                    .and_then(|_| on_pause(losses()?));
            }
            // A server that has ended already does not listen to it.
            stopper.write_all(b"!").unwrap_or_default();
            let served = serving
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            traced?;
            drop(attached);
            events.consume()?;
            on_pause(losses()?)?;
            Ok(served)
        })
    }
}

impl From<&types::event> for Record {
    fn from(event: &types::event) -> Self {
        Self {
            id: event.id,
            typed: event.typed != 0,
            pipelined: event.pipelined != 0,
            took: Duration::new(event.took.secs, event.took.nanos),
            command: (&event.command).into(),
            reply: (&event.reply).into(),
            client: (&event.client).into(),
            server: ServerRecord {
                requests: event.server.requests,
                connections: event.server.connections,
                clients: event.server.clients,
                hits: event.server.hits,
                misses: event.server.misses,
                entries: event.server.entries,
            },
            entry: (event.entry.found != 0).then(|| (&event.entry).into()),
        }
    }
}

impl From<&types::command> for CommandRecord {
    fn from(command: &types::command) -> Self {
        Self {
            variant: word(&command.variant),
            key: text(&command.key),
            keys: (command.has_keys != 0).then_some(command.keys),
            value: text(&command.value),
            must_exist: (command.has_condition != 0).then_some(command.must_exist != 0),
            ttl: duration(&command.ttl),
            text: text(&command.text),
        }
    }
}

impl From<&types::reply> for ReplyRecord {
    fn from(reply: &types::reply) -> Self {
        let variant = word(&reply.variant);
        Self {
            text: text(&reply.text),
            integer: (variant == "Integer").then_some(reply.integer),
            elements: (variant == "Array").then_some(reply.elements),
            variant,
        }
    }
}

impl From<&types::client> for ClientRecord {
    fn from(client: &types::client) -> Self {
        let [a, b, c, d, ..] = client.address;
        let address = if client.is_v6 != 0 {
            IpAddr::from(client.address)
        } else {
            IpAddr::from([a, b, c, d])
        };
        Self {
            id: client.id,
            peer: SocketAddr::new(address, client.port),
            name: text(&client.name),
            requests: client.requests,
            errors: client.errors,
            last: duration(&client.last),
            slowest: Duration::new(client.slowest.secs, client.slowest.nanos),
        }
    }
}

impl From<&types::value_of_key> for EntryRecord {
    fn from(entry: &types::value_of_key) -> Self {
        let number = entry.number.to_string();
        let is_integer = entry.is_integer != 0;
        let value = if is_integer {
            number.as_bytes()
        } else {
            &entry.text.start
        };
        Self {
            key: Text::start(&entry.key.start, entry.key.len),
            is_integer,
            hits: entry.hits,
            expires_ms: entry.expires_ms,
            value: Text::start(value, entry.len.into()),
        }
    }
}

fn text(text: &types::text) -> Option<Text> {
    (text.there != 0).then(|| Text::start(&text.start, text.len))
}

fn duration(duration: &types::duration) -> Option<Duration> {
    (duration.there != 0).then(|| Duration::new(duration.secs, duration.nanos))
}

/// A C string.
fn word(bytes: &[u8]) -> String {
    let bytes = bytes.split(|byte| *byte == 0).next();
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}
