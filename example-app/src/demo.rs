//! A server, real traffic, and what BPF read beside what the server knows.

mod client;
mod compare;
mod traffic;

use std::{
    io::{self, Write as _},
    mem::MaybeUninit,
    net::{Ipv4Addr, SocketAddr},
    thread,
};

use anyhow::{Context as _, ensure};

use crate::{
    cache::Limits,
    journal::Journal,
    record::Record,
    server::Server,
    trace::{BUFFER_BYTES, Losses, Tracer},
};
use compare::Comparison;

/// Large enough that nothing is evicted, which the journal does not follow.
const LIMITS: Limits = Limits {
    entries: 10_000,
    bytes: 64 << 20,
};
/// Mismatches that are told.
const TOLD: usize = 20;

/// Runs it all; an error when a single value differs or a single event is missing.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut storage = MaybeUninit::uninit();
    let tracer = Tracer::attach(&mut storage, BUFFER_BYTES).context("can't trace this program")?;
    let server = Server::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), LIMITS)?;
    let address = server.address()?;
    let mut stopper = server.stopper()?;
    let mut traced = Vec::new();
    let mut losses = Losses::default();
    let served = thread::scope(|scope| {
        let traffic = scope.spawn(move || {
            let sent = traffic::send(address);
            stopper.write_all(b"!")?;
            sent
        });
        let served = tracer.follow(
            server,
            Some(Journal::default()),
            |record| traced.push(record),
            |now| {
                losses = now;
                Ok(())
            },
        );
        traffic
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        served
    })?;
    let journal = served.journal.unwrap_or_default().records;
    let comparison = Comparison::new(&journal, &traced);
    report(address, &traced, losses, &comparison).context("can't write the report")?;
    ensure!(comparison.passed(), "BPF and the server do not agree");
    Ok(())
}

fn report(
    address: SocketAddr,
    traced: &[Record],
    losses: Losses,
    comparison: &Comparison,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "A server on {address} answered real clients; as BPF saw some of the requests:\n"
    )?;
    for record in examples(traced) {
        writeln!(out, "  {record}")?;
    }
    writeln!(out)?;
    for mismatch in comparison.mismatches.iter().take(TOLD) {
        writeln!(out, "MISMATCH {mismatch}")?;
    }
    if losses != Losses::default() {
        writeln!(out, "{losses}")?;
    }
    writeln!(out, "{comparison}")
}

/// The last request of each command: most has happened before it.
fn examples(records: &[Record]) -> Vec<&Record> {
    let mut examples: Vec<&Record> = Vec::new();
    for record in records.iter().rev() {
        if examples
            .iter()
            .all(|example| example.command.variant != record.command.variant)
        {
            examples.push(record);
        }
    }
    examples.sort_by_key(|record| record.id);
    examples
}
