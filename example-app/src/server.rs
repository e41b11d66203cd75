//! The server: a thread that waits for clients, and one for each of them.

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixStream,
    sync::{Arc, Mutex},
    thread::{self, Scope},
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{
    cache::Limits,
    connection::Connection,
    journal::Journal,
    shared::{Settings, Shared},
};

/// Above it, clients wait until another one leaves.
const MAX_CLIENTS: usize = 1000;
/// How often expired entries are looked for.
const TICK: Duration = Duration::from_millis(100);

/// A server that listens, and does not serve yet.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    stop: UnixStream,
    stopper: UnixStream,
    limits: Limits,
}

/// What is left of a server that has stopped.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) requests: u64,
    pub(crate) journal: Option<Journal>,
}

impl Server {
    pub(crate) fn bind(address: SocketAddr, limits: Limits) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let (stop, stopper) = UnixStream::pair()?;
        Ok(Self {
            listener,
            stop,
            stopper,
            limits,
        })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The server stops when something is written to it, or when all copies of it are dropped.
    pub(crate) fn stopper(&self) -> io::Result<UnixStream> {
        self.stopper.try_clone()
    }

    /// Serves until it is stopped. A journal gets every request.
    pub(crate) fn run(self, journal: Option<Journal>) -> io::Result<Served> {
        let settings = Settings {
            port: self.address()?.port(),
            limits: self.limits,
        };
        let shared = Arc::new(Mutex::new(Shared::new(settings, journal)?));
        // The copies given out decide.
        drop(self.stopper);
        thread::scope(|scope| {
            let ended = accept(&self.listener, &self.stop, scope, &shared);
            // Threads that wait for their clients wake up, and end.
            Shared::lock(&shared).shut_down();
            ended
        })?;
        let mut shared = Shared::lock(&shared);
        Ok(Served {
            requests: shared.requests,
            journal: shared.journal.take(),
        })
    }
}

/// Starts a thread for each client that comes, until the server is to stop.
fn accept<'scope>(
    listener: &TcpListener,
    stop: &UnixStream,
    scope: &'scope Scope<'scope, '_>,
    shared: &Arc<Mutex<Shared>>,
) -> io::Result<()> {
    let mut room = true;
    while !wait(stop, Some(listener).filter(|_| room))? {
        room = Shared::lock(shared).sweep() < MAX_CLIENTS;
        if !room {
            continue;
        }
        let started = listener
            .accept()
            .and_then(|(stream, peer)| Connection::open(stream, peer, shared))
            // Why a client leaves is its own affair.
            .and_then(|client| {
                let serve = || client.serve().unwrap_or_default();
                thread::Builder::new().spawn_scoped(scope, serve)
            });
        if let Err(error) = started {
            // Of other kinds: files, memory or threads are out, and the clients wait a while.
            room = matches!(
                error.kind(),
                ErrorKind::WouldBlock | ErrorKind::ConnectionAborted
            );
        }
    }
    Ok(())
}

/// Waits for clients, for a tick at most. True when the server is to stop.
fn wait(stop: &UnixStream, listener: Option<&TcpListener>) -> io::Result<bool> {
    let mut waits = vec![PollFd::new(stop, PollFlags::IN)];
    waits.extend(listener.map(|listener| PollFd::new(listener, PollFlags::IN)));
    let tick = Timespec::try_from(TICK).map_err(io::Error::other)?;
    match poll(&mut waits, Some(&tick)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(waits.first().is_some_and(|stop| !stop.revents().is_empty()))
}

#[cfg(test)]
mod tests;
