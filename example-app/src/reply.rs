//! What the server replies to each command.

use std::fmt::Write as _;

use crate::{
    cache::{Call, Command, Outcome, Reply, Stats},
    command::SPECS,
    resp::Writer,
};

/// Writes the reply of the commands that the cache runs. False for the others.
pub(crate) fn write_cached(out: &mut Writer, command: Command, reply: &Reply<'_>) -> bool {
    match (command, reply.outcome) {
        (_, Outcome::NotInteger) => out.error("ERR value is not an integer or out of range"),
        (_, Outcome::Overflow) => out.error("ERR increment or decrement would overflow"),
        (_, Outcome::NoRoom) => out.error("OOM the value does not fit into the cache"),
        (_, Outcome::Rejected) => out.error("ERR wrong number of arguments"),
        (Command::Get | Command::Set, Outcome::Miss) => out.nil(),
        (Command::Get, _) => out.bulk(reply.text),
        (Command::Set, _) => out.simple("OK"),
        (Command::Del | Command::Exists | Command::Incr | Command::DbSize, _) => {
            out.integer(reply.number);
        }
        _ => return false,
    }
    true
}

/// What `INFO` and `CONFIG` tell.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) port: u16,
    pub(crate) uptime_s: u64,
    pub(crate) clients: usize,
    pub(crate) connections: u64,
    pub(crate) entries: u32,
    pub(crate) bytes: usize,
    pub(crate) max_entries: u32,
    pub(crate) max_bytes: usize,
    pub(crate) stats: Stats,
}

/// Writes the reply of the commands that are about the server itself.
pub(crate) fn write_own(out: &mut Writer, call: &Call<'_>, client: &Named<'_>, status: &Status) {
    let first = call.args.first().copied();
    match call.command {
        Command::Ping | Command::Echo => match first {
            Some(message) => out.bulk(message),
            None => out.simple("PONG"),
        },
        Command::Info => out.bulk(info(first, status).as_bytes()),
        Command::Command => commands(out, first),
        Command::Config => settings(out, call.args.get(1..).unwrap_or_default(), status),
        Command::Client if is(first, "id") => out.integer(client.id.cast_signed()),
        Command::Client if is(first, "getname") => match client.name {
            Some(name) => out.bulk(name),
            None => out.nil(),
        },
        _ => out.simple("OK"),
    }
}

/// Who asks.
#[derive(Debug)]
pub(crate) struct Named<'a> {
    pub(crate) id: u64,
    pub(crate) name: Option<&'a [u8]>,
}

fn is(word: Option<&[u8]>, name: &str) -> bool {
    word.is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
}

fn info(section: Option<&[u8]>, status: &Status) -> String {
    let Stats {
        requests,
        hits,
        misses,
        evicted,
        expired,
    } = status.stats;
    let sections = [
        (
            "Server",
            format!(
                "server_name:{}\r\nserver_version:{}\r\nprocess_id:{}\r\ntcp_port:{}\r\nuptime_in_seconds:{}\r\n",
                env!("CARGO_PKG_NAME"),
                env!("CARGO_PKG_VERSION"),
                std::process::id(),
                status.port,
                status.uptime_s,
            ),
        ),
        (
            "Clients",
            format!("connected_clients:{}\r\n", status.clients),
        ),
        (
            "Memory",
            format!(
                "used_memory:{}\r\nmaxmemory:{}\r\nmaxmemory_policy:allkeys-lru\r\n",
                status.bytes, status.max_bytes
            ),
        ),
        (
            "Stats",
            format!(
                "total_connections_received:{}\r\ntotal_commands_processed:{requests}\r\nkeyspace_hits:{hits}\r\n\
                 keyspace_misses:{misses}\r\nevicted_keys:{evicted}\r\nexpired_keys:{expired}\r\n",
                status.connections,
            ),
        ),
        ("Keyspace", format!("db0:keys={}\r\n", status.entries)),
    ];
    let all = section.is_none()
        || ["all", "default", "everything"]
            .iter()
            .any(|all| is(section, all));
    let mut text = String::new();
    for (name, lines) in sections {
        if all || is(section, name) {
            let gap = if text.is_empty() { "" } else { "\r\n" };
            // Writing to a string can't fail.
            write!(text, "{gap}# {name}\r\n{lines}").unwrap_or_default();
        }
    }
    text
}

fn commands(out: &mut Writer, sub: Option<&[u8]>) {
    if is(sub, "count") {
        out.integer(SPECS.len().cast_signed() as i64);
    } else if is(sub, "docs") {
        out.array(SPECS.len() * 2);
        for spec in SPECS {
            out.bulk(spec.name.as_bytes());
            out.array(2);
            out.bulk(b"summary");
            out.bulk(spec.summary.as_bytes());
        }
    } else {
        out.array(SPECS.len());
        for spec in SPECS {
            let (first, last) = spec.keys;
            out.array(6);
            out.bulk(spec.name.as_bytes());
            out.integer(spec.arity);
            out.array(0);
            out.integer(first);
            out.integer(last);
            out.integer(i64::from(first != 0));
        }
    }
}

fn settings(out: &mut Writer, names: &[&[u8]], status: &Status) {
    let settings = [
        ("appendonly", "no".to_owned()),
        ("maxmemory", status.max_bytes.to_string()),
        ("maxentries", status.max_entries.to_string()),
        ("save", String::new()),
    ];
    let asked: Vec<_> = settings
        .iter()
        .filter(|(name, _)| {
            names
                .iter()
                .any(|asked| *asked == b"*" || asked.eq_ignore_ascii_case(name.as_bytes()))
        })
        .collect();
    out.array(asked.len() * 2);
    for (name, value) in asked {
        out.bulk(name.as_bytes());
        out.bulk(value.as_bytes());
    }
}
