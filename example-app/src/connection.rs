//! One client: who it is, and the thread that serves it.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use core_runtime::bpf_traceable;

use crate::{
    cache::Entry,
    command::Command,
    reply::Reply,
    request::{Request, request_done},
    resp::{self, Frame},
    shared::Shared,
};

/// Bytes that one read takes.
const READ: usize = 16 << 10;
/// Replies are sent before they grow beyond it: a client that does not fetch them has to wait.
const MAX_OUTPUT: usize = 1 << 20;
/// An empty buffer larger than this is given back.
const MAX_IDLE: usize = 1 << 20;

/// A client, as long as it is connected.
#[bpf_traceable]
#[derive(Debug)]
pub(crate) struct Connection {
    /// Counts from 1.
    pub(crate) id: u64,
    pub(crate) peer: SocketAddr,
    /// What `CLIENT SETNAME` has called it.
    pub(crate) name: Option<String>,
    pub(crate) stats: ClientStats,
    pub(crate) shared: Arc<Mutex<Shared>>,
    stream: TcpStream,
}

/// What a client has done so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientStats {
    pub(crate) requests: u64,
    /// Requests that were answered with an error.
    pub(crate) errors: u32,
    /// How long the request before took.
    pub(crate) last: Option<Duration>,
    pub(crate) slowest: Duration,
}

impl Connection {
    pub(crate) fn open(
        stream: TcpStream,
        peer: SocketAddr,
        shared: &Arc<Mutex<Shared>>,
    ) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        let id = Shared::lock(shared).connect(stream.try_clone()?);
        Ok(Self {
            id,
            peer,
            name: None,
            stats: ClientStats::default(),
            shared: Arc::clone(shared),
            stream,
        })
    }

    /// Serves the client until it leaves, or the socket is shut down.
    pub(crate) fn serve(mut self) -> io::Result<()> {
        let (mut input, mut output) = (Vec::new(), Vec::new());
        let mut chunk = [0; READ];
        let mut open = true;
        while open {
            let len = match self.stream.read(&mut chunk) {
                Ok(0) => break,
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            input.extend_from_slice(chunk.get(..len).unwrap_or_default());
            let mut rest = input.as_slice();
            while open {
                match resp::parse(rest) {
                    Ok(Some(frame)) => {
                        rest = rest.get(frame.len..).unwrap_or_default();
                        open = self.execute(&frame, !rest.is_empty(), &mut output);
                    }
                    Ok(None) => break,
                    Err(error) => {
                        let error = format!("ERR Protocol error: {error}");
                        Reply::Error(error).write(&mut output);
                        open = false;
                    }
                }
                if output.len() > MAX_OUTPUT {
                    self.send(&mut output)?;
                }
            }
            self.send(&mut output)?;
            let used = input.len() - rest.len();
            input.drain(..used);
            if input.is_empty() {
                input.shrink_to(MAX_IDLE);
            }
        }
        Ok(())
    }

    fn send(&mut self, output: &mut Vec<u8>) -> io::Result<()> {
        self.stream.write_all(output)?;
        output.clear();
        output.shrink_to(MAX_IDLE);
        Ok(())
    }

    /// Runs one command. False when the client wants to leave.
    fn execute(&mut self, frame: &Frame<'_>, pipelined: bool, output: &mut Vec<u8>) -> bool {
        if frame.words.is_empty() {
            return true;
        }
        let begun = Instant::now();
        let command = Command::new(&frame.words);
        self.stats.requests += 1;
        let own_reply = self.reply(&command);
        let mut shared = Shared::lock(&self.shared);
        let id = shared.begin();
        let (reply, entry) = match own_reply {
            Some(reply) => (reply, None),
            None => shared.run(&command),
        };
        let entry = entry.map(Entry::address);
        if matches!(reply, Reply::Error(_)) {
            self.stats.errors += 1;
        }
        let request = Request {
            id,
            connection: self,
            command,
            typed: frame.typed,
            pipelined,
            entry,
            reply,
            took: begun.elapsed(),
        };
        request_done(&request);
        if let Some(mut journal) = shared.journal.take() {
            journal.note(&request, &shared);
            shared.journal = Some(journal);
        }
        drop(shared);
        request.reply.write(output);
        let (took, stay) = (request.took, request.command != Command::Quit);
        self.stats.last = Some(took);
        self.stats.slowest = self.stats.slowest.max(took);
        stay
    }

    /// Replies to what concerns the connection alone.
    fn reply(&mut self, command: &Command<'_>) -> Option<Reply> {
        Some(match command {
            Command::ClientSetName { name } => {
                self.name = Some(name.clone());
                Reply::OK
            }
            Command::ClientGetName => self.name.clone().map_or(Reply::Nil, Reply::bulk),
            Command::ClientId => Reply::Integer(self.id.cast_signed()),
            Command::ClientInfo => Reply::bulk(self.describe()),
            Command::Quit => Reply::OK,
            Command::Invalid { error } => Reply::Error(error.clone()),
            _ => return None,
        })
    }

    fn describe(&self) -> String {
        let Self { id, peer, .. } = self;
        let ClientStats {
            requests,
            errors,
            last,
            slowest,
        } = &self.stats;
        format!(
            "id={id} addr={peer} name={} tot-cmds={requests} errors={errors} last-us={} slowest-us={}\n",
            self.name.as_deref().unwrap_or_default(),
            last.unwrap_or_default().as_micros(),
            slowest.as_micros(),
        )
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        Shared::lock(&self.shared).disconnect(self.id);
    }
}
