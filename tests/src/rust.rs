//! Rust types that a BPF program of the tests reads in this very process.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use core_runtime::bpf_traceable;

/// What a connection is doing.
#[derive(Debug)]
#[bpf_traceable]
pub enum State {
    /// Nothing.
    Idle,
    /// A request is being answered.
    Busy {
        /// Its number.
        id: u64,
        /// What it is called; its pointer is where `Idle` hides.
        name: String,
    },
    /// All is said.
    Done(Result<u32, String>),
}

/// How a request came.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// By itself.
    Plain,
    /// With others.
    Pipelined = 7,
}

/// Counters that threads share.
#[derive(Debug, Default)]
pub struct Stats {
    /// Requests so far.
    pub hits: u64,
    /// How long the last one took.
    pub last: Option<Duration>,
}

/// A request with members of every canonical view.
#[derive(Debug)]
#[bpf_traceable]
pub struct Request {
    /// Number.
    pub id: u64,
    /// Who asks.
    pub peer: SocketAddr,
    /// What is being done about it.
    pub state: State,
    /// What is asked for.
    pub path: String,
    /// Numbers that came along.
    pub sizes: Vec<u16>,
    /// How earlier ones came.
    pub kinds: Vec<Kind>,
    /// The connection's counters.
    pub stats: Arc<Mutex<Stats>>,
    /// The one before it.
    pub previous: Option<Box<Request>>,
    /// How often it was tried.
    pub tries: AtomicU32,
    /// How long it may take.
    pub timeout: Duration,
}

impl Request {
    /// A request in this state.
    #[must_use]
    pub fn new(id: u64, state: State) -> Self {
        Self {
            id,
            peer: SocketAddr::from(([192, 0, 2, 7], 8080)),
            state,
            path: "/index.html".to_owned(),
            sizes: vec![10, 11, 12],
            kinds: vec![Kind::Plain, Kind::Pipelined],
            stats: Arc::new(Mutex::new(Stats {
                hits: 1234,
                last: Some(Duration::new(5, 600)),
            })),
            previous: None,
            tries: AtomicU32::new(3),
            timeout: Duration::from_millis(1500),
        }
    }
}

/// The trace point.
#[inline(never)]
pub extern "C" fn handle(request: &Request) -> u32 {
    request.tries.fetch_add(1, Ordering::Relaxed)
}
