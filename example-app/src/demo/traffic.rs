//! What the demo asks the server: every command, every kind of outcome.

use std::{net::SocketAddr, thread, time::Duration};

use anyhow::{Context as _, ensure};

use super::client::Client;

/// Connections that work at the same time, and rounds of each.
const CONNECTIONS: usize = 6;
const ROUNDS: usize = 40;

/// Sends it all; an error when a reply is not what it should be.
pub(crate) fn send(address: SocketAddr) -> anyhow::Result<()> {
    every_command(address).context("a command was answered wrong")?;
    thread::scope(|scope| {
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|number| scope.spawn(move || many_commands(address, number)))
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| anyhow::bail!("a client panicked"))
        })
    })
}

/// One after the other, each with the reply that it must get.
fn every_command(address: SocketAddr) -> anyhow::Result<()> {
    let mut client = Client::connect(address)?;
    let long_key = "a-key-that-is-longer-than-what-the-trace-shows-of-it";
    let cases: &[(&[&str], &str)] = &[
        (&["PING"], "PONG"),
        (&["ECHO", "hello"], "hello"),
        (&["CLIENT", "SETNAME", "guide"], "OK"),
        (&["CLIENT", "GETNAME"], "guide"),
        (&["SET", "user:1", "alice"], "OK"),
        (&["GET", "user:1"], "alice"),
        (&["SET", "user:1", "bob", "NX"], "nil"),
        (&["SET", "user:1", "bob", "XX", "EX", "100"], "OK"),
        (&["GET", "user:1"], "bob"),
        (&["GET", "user:2"], "nil"),
        (&["SET", "visits", "41"], "OK"),
        (&["INCR", "visits"], ":42"),
        (&["GET", "visits"], "42"),
        (
            &["INCR", "user:1"],
            "-ERR value is not an integer or out of range",
        ),
        (&["SET", "last", "9223372036854775807"], "OK"),
        (
            &["INCR", "last"],
            "-ERR increment or decrement would overflow",
        ),
        (
            &[
                "SET",
                long_key,
                "a value that is longer than what the trace shows, too",
            ],
            "OK",
        ),
        (&["SET", "", "of the empty key"], "OK"),
        (&["SET", "binary", "\r\n\0\u{fc}"], "OK"),
        (&["EXISTS", "user:1", "user:2", "visits"], ":2"),
        (&["DEL", "user:1", "user:2"], ":1"),
        (&["DBSIZE"], ":5"),
        (&["COMMAND", "COUNT"], ":13"),
        (&["CONFIG", "GET", "save"], "save"),
        (&["SET", "brief", "x", "PX", "1"], "OK"),
        (&["GET"], "-ERR wrong number of arguments for 'get' command"),
        (
            &["SET", "user:1", "x", "EX", "soon"],
            "-ERR value is not an integer or out of range",
        ),
        (&["FLUSHALL"], "-ERR unknown command 'FLUSHALL'"),
    ];
    for (words, expected) in cases {
        let reply = client.command(words)?;
        ensure!(
            reply == *expected,
            "{words:?}: {reply:?} instead of {expected:?}"
        );
    }
    thread::sleep(Duration::from_millis(5));
    ensure!(
        client.command(&["GET", "brief"])? == "nil",
        "a key outlived its time"
    );
    ensure!(
        client
            .command(&["INFO"])?
            .contains("total_commands_processed:"),
        "INFO tells nothing"
    );
    ensure!(
        client.typed("set  typed  by-hand")? == "OK",
        "an inline SET failed"
    );
    ensure!(
        client.typed("GET typed")? == "by-hand",
        "an inline GET failed"
    );
    ensure!(client.command(&["QUIT"])? == "OK", "QUIT failed");
    Ok(())
}

/// Pipelines of what a cache is asked most.
fn many_commands(address: SocketAddr, number: usize) -> anyhow::Result<()> {
    let mut client = Client::connect(address)?;
    if number % 2 == 1 {
        client.command(&["CLIENT", "SETNAME", &format!("worker-{number}")])?;
    }
    let (key, counter) = (
        format!("worker:{number}:key"),
        format!("worker:{number}:counter"),
    );
    for round in 1..=ROUNDS {
        let value = format!("value {round} of worker {number}");
        let replies = client.pipeline(&[
            &["SET", &key, &value, "EX", "60"],
            &["GET", &key],
            &["INCR", &counter],
            &["INCR", "worker:all"],
            &["GET", &counter],
            &["EXISTS", &key, "nothing"],
            &["PING"],
        ])?;
        let count = round.to_string();
        let expected = ["OK", &value, &format!(":{count}"), "", &count, ":1", "PONG"];
        for (reply, expected) in replies.iter().zip(expected) {
            ensure!(
                expected.is_empty() || reply == expected,
                "{reply:?} instead of {expected:?}"
            );
        }
    }
    Ok(())
}
