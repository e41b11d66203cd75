//! The server: one thread, one `poll` loop.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{cache::Cache, connection::Connection, journal::Journal, reply::Status};

/// Above it, clients wait until another one leaves.
const MAX_CLIENTS: usize = 10_000;
/// How often expired entries are looked for, and how many buckets each time.
const TICK: Duration = Duration::from_millis(100);
const SWEEP_BUCKETS: u32 = 1024;

/// How much the cache may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) entries: u32,
    pub(crate) bytes: usize,
}

/// A server that listens, and does not serve yet.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    stop: UnixStream,
    stopper: UnixStream,
    limits: Limits,
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
        // The copies given out decide.
        drop(self.stopper);
        let mut service = Service::new(self.limits, self.listener.local_addr()?.port(), journal)?;
        let mut connections = Vec::new();
        let mut next_tick = Instant::now();
        let mut accepting = true;
        loop {
            service.connected = connections.len();
            let listener = Some(&self.listener).filter(|_| accepting);
            let ready = wait(&self.stop, listener, &connections)?;
            service.set_time();
            if ready.stop {
                break;
            }
            if next_tick <= Instant::now() {
                service.cache.sweep(SWEEP_BUCKETS);
                next_tick = Instant::now() + TICK;
                accepting = true;
            }
            for place in ready.connections.into_iter().rev() {
                if let Some(connection) = connections.get_mut(place)
                    && !connection.advance(&mut service)
                {
                    connections.swap_remove(place);
                }
            }
            if ready.accept {
                accepting = accept(&self.listener, &mut connections, &mut service);
            }
        }
        Ok(Served {
            requests: service.cache.stats().requests,
            journal: service.journal,
        })
    }
}

/// What is left of a server that has stopped.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) requests: u64,
    pub(crate) journal: Option<Journal>,
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) cache: Cache,
    pub(crate) journal: Option<Journal>,
    pub(crate) now_ms: u64,
    started: Instant,
    limits: Limits,
    port: u16,
    connected: usize,
    connections: u64,
}

impl Service {
    pub(crate) fn new(limits: Limits, port: u16, journal: Option<Journal>) -> io::Result<Self> {
        let [a, b, c, d, ..] = RandomState::new().build_hasher().finish().to_ne_bytes();
        let seed = u32::from_ne_bytes([a, b, c, d]);
        let mut service = Self {
            cache: Cache::new(limits.entries, limits.bytes, seed)?,
            journal,
            now_ms: 0,
            started: Instant::now(),
            limits,
            port,
            connected: 0,
            connections: 0,
        };
        service.set_time();
        Ok(service)
    }

    fn set_time(&mut self) {
        self.now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.cache.set_time(self.now_ms);
    }

    pub(crate) fn status(&self) -> Status {
        Status {
            port: self.port,
            uptime_s: self.started.elapsed().as_secs(),
            clients: self.connected,
            connections: self.connections,
            entries: self.cache.entries(),
            bytes: self.cache.bytes(),
            max_entries: self.limits.entries,
            max_bytes: self.limits.bytes,
            stats: self.cache.stats(),
        }
    }
}

struct Ready {
    stop: bool,
    accept: bool,
    /// Places of the connections to advance.
    connections: Vec<usize>,
}

fn wait(
    stop: &UnixStream,
    listener: Option<&TcpListener>,
    connections: &[Connection],
) -> io::Result<Ready> {
    let mut waits = Vec::with_capacity(connections.len() + 2);
    waits.push(PollFd::new(stop, PollFlags::IN));
    for connection in connections {
        waits.push(PollFd::new(connection.socket(), connection.interest()));
    }
    waits.extend(listener.map(|listener| PollFd::new(listener, PollFlags::IN)));
    let tick = Timespec::try_from(TICK).map_err(io::Error::other)?;
    match poll(&mut waits, Some(&tick)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let mut ready = waits.iter().map(|wait| !wait.revents().is_empty());
    Ok(Ready {
        stop: ready.next().unwrap_or(false),
        connections: (0..connections.len())
            .zip(ready.by_ref())
            .filter_map(|(place, ready)| ready.then_some(place))
            .collect(),
        accept: ready.next().unwrap_or(false),
    })
}

/// Takes the clients that wait. False when it had better not be tried again at once.
fn accept(
    listener: &TcpListener,
    connections: &mut Vec<Connection>,
    service: &mut Service,
) -> bool {
    while connections.len() < MAX_CLIENTS {
        let opened = listener.accept().and_then(|(stream, peer)| {
            service.connections += 1;
            Connection::new(service.connections, stream, peer)
        });
        match opened {
            Ok(connection) => connections.push(connection),
            Err(error) => {
                // Anything else: files or memory are out, and the client waits on.
                return matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::ConnectionAborted
                );
            }
        }
    }
    false
}

#[cfg(test)]
mod tests;
