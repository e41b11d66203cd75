//! The server traces itself: BPF reads each request's structs, a ring buffer brings them here.

use std::{fmt, io::Write as _, mem::MaybeUninit, thread, time::Duration};

use core_runtime::{Attached, Loader, RingBuffer, TypeInfo, Uprobe, libbpf_rs::OpenObject};

use crate::{
    bpf::trace::{TraceSkel, TraceSkelBuilder, types},
    cache,
    journal::Journal,
    record::{ClientRecord, EntryRecord, NAME_SHOWN, Record, TEXT_SHOWN, Text, c_string},
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
        let attached =
            Uprobe::function(cache::trace_point()).attach(&skel.progs.on_request_done)?;
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
        let losses = || {
            let counts = skel.maps.bss_data.as_ref();
            counts.map_or(Losses::default(), |counts| Losses {
                requests: counts.lost,
                reads: counts.failed,
            })
        };
        thread::scope(|scope| {
            let serving = scope.spawn(|| server.run(journal));
            let mut traced = Ok(());
            while traced.is_ok() && !serving.is_finished() {
                traced = events
                    .poll(WAIT)
                    .map_err(Into::into)
                    .and_then(|_| on_pause(losses()));
            }
            // A server that has ended already does not listen to it.
            stopper.write_all(b"!").unwrap_or_default();
            let served = serving
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            traced?;
            drop(attached);
            events.consume()?;
            on_pause(losses())?;
            Ok(served)
        })
    }
}

impl From<&types::event> for Record {
    fn from(event: &types::event) -> Self {
        let entry = (event.found != 0).then(|| {
            let value_len = u64::from(event.value_len);
            EntryRecord {
                key: c_string(&event.entry_key, TEXT_SHOWN),
                integer: event.integer != 0,
                hits: event.hits,
                expires_ms: event.expires_ms,
                value: if event.integer != 0 {
                    Text::new(event.number.to_string().as_bytes(), value_len)
                } else {
                    Text::new(&event.text, value_len)
                },
            }
        });
        Self {
            id: event.id,
            command: event.command,
            outcome: event.outcome,
            condition: event.condition,
            result: event.result,
            typed: event.typed != 0,
            pipelined: event.pipelined != 0,
            args: event.args,
            key: Text::new(&event.key, event.key_len),
            client: ClientRecord {
                id: event.client,
                address: c_string(&event.address, usize::MAX),
                port: event.port,
                name: c_string(&event.name, NAME_SHOWN),
                requests: event.requests,
                same: event.by_command,
            },
            entries: event.entries,
            entry,
        }
    }
}
