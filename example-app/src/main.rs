//! A key-value server that traces itself.
//!
//! It speaks the Redis protocol and keeps its data in a cache written in C. Every request triggers a
//! BPF program, which reads the server's Rust structs and those of the cache.
//!
//! | file | what it is |
//! | --- | --- |
//! | `server`, `connection` | a thread for each client |
//! | `resp`, `command`, `reply` | the protocol: from bytes to commands, from replies to bytes |
//! | `shared`, `describe` | the state behind the `Mutex`, which runs the commands |
//! | `cache`, `lru.c` | the cache in C |
//! | `request` | what is traced of a request, and the trace point |
//! | `bpf/trace.bpf.c`, `trace` | the BPF program, and what brings its events here |
//! | `record`, `journal`, `demo` | what BPF read, what the server knows, and the comparison |

mod cache;
mod command;
mod connection;
mod demo;
mod describe;
mod journal;
mod record;
mod reply;
mod request;
mod resp;
mod server;
mod shared;
mod trace;

use std::{
    io::{self, BufWriter, Write as _},
    mem::MaybeUninit,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::ExitCode,
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use signal_hook::consts::{SIGINT, SIGTERM};

use cache::Limits;
use server::{Served, Server};
use trace::{BUFFER_BYTES, Losses, Tracer};

core_runtime::embed!();

/// A key-value server that speaks the Redis protocol, and traces itself with BPF.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  example-app demo              prove that BPF reads the server's structs right
  example-app serve --trace     then, elsewhere: redis-cli set user:1 alice

Tracing needs CAP_BPF and CAP_PERFMON, which root has; `example-app preflight` says what is missing.";

#[derive(Debug, Subcommand)]
enum Action {
    /// Serve until SIGINT or SIGTERM.
    Serve(Serve),
    /// Serve real traffic, trace it, and compare what BPF read with what the server knows.
    Demo,
    /// Tell what tracing takes, and what of it this process and kernel have.
    Preflight,
}

#[derive(Debug, Args)]
struct Serve {
    /// The address to listen on; there is no authentication.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, short, default_value_t = 6379)]
    port: u16,
    /// Entries that the cache holds; the least recently used one makes room.
    #[arg(long, value_name = "N", default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u32).range(1..))]
    max_entries: u32,
    /// MiB of entries, keys and values that the cache holds.
    #[arg(long, value_name = "MIB", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    max_memory: u32,
    /// Print what BPF reads of every request from the server's own structs.
    #[arg(long)]
    trace: bool,
    /// KiB for traced requests that are not yet printed; more than fit are lost, and counted.
    #[arg(long, value_name = "KIB", default_value_t = BUFFER_BYTES >> 10, requires = "trace",
          value_parser = clap::value_parser!(u32).range(4..=1 << 20))]
    trace_buffer: u32,
}

fn main() -> ExitCode {
    let Cli { action } = Cli::parse();
    let done = match action {
        Action::Serve(serve) => serve.run(),
        Action::Demo => demo::run(),
        Action::Preflight => {
            writeln!(io::stdout(), "{}", core_runtime::preflight()).map_err(Into::into)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell it to when stderr is gone.
            writeln!(io::stderr(), "example-app: {error:#}").unwrap_or_default();
            ExitCode::FAILURE
        }
    }
}

impl Serve {
    /// The kernel wants a power of two.
    fn trace_buffer_bytes(&self) -> u32 {
        (self.trace_buffer << 10).next_power_of_two()
    }

    fn run(&self) -> anyhow::Result<()> {
        let address = SocketAddr::new(self.bind, self.port);
        let limits = Limits {
            entries: self.max_entries,
            bytes: (self.max_memory as usize) << 20,
        };
        let server =
            Server::bind(address, limits).with_context(|| format!("can't listen on {address}"))?;
        for signal in [SIGINT, SIGTERM] {
            signal_hook::low_level::pipe::register(signal, server.stopper()?)
                .context("can't handle signals")?;
        }
        let mut storage = MaybeUninit::uninit();
        let tracer = self
            .trace
            .then(|| Tracer::attach(&mut storage, self.trace_buffer_bytes()))
            .transpose()
            .context("can't trace this program")?;
        writeln!(io::stdout(), "listening on {}", server.address()?)?;
        let served = match tracer {
            Some(tracer) => print_trace(tracer, server)?,
            None => server.run(None).context("the server failed")?,
        };
        writeln!(io::stdout(), "served {} requests", served.requests)?;
        Ok(())
    }
}

/// Prints a line per request to stdout; losses to stderr, as they happen.
fn print_trace(tracer: Tracer<'_>, server: Server) -> anyhow::Result<Served> {
    let out = Mutex::new(BufWriter::new(io::stdout()));
    let lock = || out.lock().unwrap_or_else(PoisonError::into_inner);
    let mut traced = 0_u64;
    let mut told = Losses::default();
    let served = tracer.follow(
        server,
        None,
        |record| {
            traced += 1;
            // What can't be written stays in the buffer, and flushing it fails.
            writeln!(lock(), "{record}").unwrap_or_default();
        },
        |losses| {
            if losses != told {
                writeln!(io::stderr(), "{losses}")?;
                told = losses;
            }
            lock().flush().context("can't print the trace")
        },
    )?;
    writeln!(io::stdout(), "traced {traced} requests, {told}")?;
    Ok(served)
}
