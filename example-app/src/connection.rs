//! One client: its socket, what it sent and what it is still to get.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use rustix::event::PollFlags;

use crate::{
    cache::{Client, Command},
    command,
    journal::Peer,
    reply,
    resp::{self, Frame, Writer},
    server::Service,
};

/// A client that does not fetch its replies is not read from.
const MAX_OUTPUT: usize = 1 << 20;
/// Bytes that one read takes, so that one client can't keep the others waiting.
const READ: usize = 16 << 10;
/// An empty buffer larger than this is given back.
const MAX_IDLE: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    client: Client,
    id: u64,
    address: SocketAddr,
    name: Option<Vec<u8>>,
    input: Vec<u8>,
    output: Writer,
    /// Bytes of the output that are sent.
    sent: usize,
    /// Nothing more is read; it ends when its replies are sent.
    closing: bool,
}

impl Connection {
    pub(crate) fn new(id: u64, stream: TcpStream, address: SocketAddr) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            client: Client::new(id, address)?,
            id,
            address,
            name: None,
            input: Vec::new(),
            output: Writer::default(),
            sent: 0,
            closing: false,
        })
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.stream
    }

    pub(crate) fn interest(&self) -> PollFlags {
        if self.output.bytes.is_empty() {
            PollFlags::IN
        } else {
            PollFlags::OUT
        }
    }

    /// Reads, runs and replies as far as it goes without waiting. False when the client is done.
    pub(crate) fn advance(&mut self, service: &mut Service) -> bool {
        self.try_advance(service).unwrap_or(false)
    }

    fn try_advance(&mut self, service: &mut Service) -> io::Result<bool> {
        if self.output.bytes.is_empty() {
            self.read()?;
        }
        // A full output stops the commands before the input is used up.
        while self.send()? && self.run(service) {}
        Ok(!(self.closing && self.output.bytes.is_empty()))
    }

    fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0; READ];
        match self.stream.read(&mut chunk) {
            Ok(0) => self.closing = true,
            Ok(len) => self
                .input
                .extend_from_slice(chunk.get(..len).unwrap_or_default()),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Sends what there is. True when all is sent.
    fn send(&mut self) -> io::Result<bool> {
        while let Some(rest @ [_, ..]) = self.output.bytes.get(self.sent..) {
            match self.stream.write(rest) {
                Ok(len) => self.sent += len,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.output.bytes.clear();
        self.output.bytes.shrink_to(MAX_IDLE);
        self.sent = 0;
        Ok(true)
    }

    /// Runs the commands at hand. False when there is none.
    fn run(&mut self, service: &mut Service) -> bool {
        let input = std::mem::take(&mut self.input);
        let mut rest = input.as_slice();
        while self.output.bytes.len() < MAX_OUTPUT {
            match resp::parse(rest) {
                Ok(Some(frame)) => {
                    rest = rest.get(frame.len..).unwrap_or_default();
                    let quit = self.execute(service, &frame, !rest.is_empty());
                    if quit {
                        self.closing = true;
                        rest = &[];
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    self.output.error(&format!("ERR Protocol error: {error}"));
                    self.closing = true;
                    rest = &[];
                }
            }
        }
        let used = input.len() - rest.len();
        self.input = input;
        self.input.drain(..used);
        if self.input.is_empty() {
            self.input.shrink_to(MAX_IDLE);
        }
        used > 0
    }

    /// Runs one command. True when the client wants to leave.
    fn execute(&mut self, service: &mut Service, frame: &Frame<'_>, pipelined: bool) -> bool {
        if frame.words.is_empty() {
            return false;
        }
        let (mut call, error) = command::resolve(&frame.words);
        call.typed = frame.typed;
        call.pipelined = pipelined;
        if let (Command::Client, None, [_, name]) = (call.command, &error, call.args.as_slice())
            && self.client.rename(name).is_ok()
        {
            self.name = Some(name.to_vec());
        }
        let reply = service.cache.run(&mut self.client, &call);
        if let Some(journal) = &mut service.journal {
            let peer = Peer {
                id: self.id,
                address: self.address,
                name: self.name.as_deref(),
            };
            journal.note(peer, service.now_ms, &call, &reply);
        }
        if let Some(error) = &error {
            self.output.error(error);
        } else if !reply::write_cached(&mut self.output, call.command, &reply) {
            let who = reply::Named {
                id: self.id,
                name: self.name.as_deref(),
            };
            reply::write_own(&mut self.output, &call, &who, &service.status());
        }
        call.command == Command::Quit && error.is_none()
    }
}
