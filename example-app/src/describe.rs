//! What the server tells about itself.

use std::fmt::Write as _;

use crate::{cache::Stats, command::SPECS, reply::Reply, shared::Shared};

pub(crate) fn info(shared: &Shared, section: Option<&[u8]>) -> String {
    let Stats {
        hits,
        misses,
        evicted,
        expired,
    } = shared.cache.stats();
    let sections = [
        (
            "Server",
            format!(
                "server_name:{}\r\nserver_version:{}\r\nprocess_id:{}\r\ntcp_port:{}\r\nuptime_in_seconds:{}\r\n",
                env!("CARGO_PKG_NAME"),
                env!("CARGO_PKG_VERSION"),
                std::process::id(),
                shared.settings.port,
                shared.started.elapsed().as_secs(),
            ),
        ),
        (
            "Clients",
            format!("connected_clients:{}\r\n", shared.clients.len()),
        ),
        (
            "Memory",
            format!(
                "used_memory:{}\r\nmaxmemory:{}\r\nmaxmemory_policy:allkeys-lru\r\n",
                shared.cache.bytes(),
                shared.settings.limits.bytes,
            ),
        ),
        (
            "Stats",
            format!(
                "total_connections_received:{}\r\ntotal_commands_processed:{}\r\nkeyspace_hits:{hits}\r\n\
                 keyspace_misses:{misses}\r\nevicted_keys:{evicted}\r\nexpired_keys:{expired}\r\n",
                shared.connections, shared.requests,
            ),
        ),
        (
            "Keyspace",
            format!("db0:keys={}\r\n", shared.cache.entries()),
        ),
    ];
    let is = |name: &str| section.is_some_and(|it| it.eq_ignore_ascii_case(name.as_bytes()));
    let all = section.is_none() || is("all") || is("default") || is("everything");
    let mut text = String::new();
    for (name, lines) in sections {
        if all || is(name) {
            let gap = if text.is_empty() { "" } else { "\r\n" };
            // Writing to a string can't fail.
            write!(text, "{gap}# {name}\r\n{lines}").unwrap_or_default();
        }
    }
    text
}

pub(crate) fn settings(shared: &Shared, names: &[&[u8]]) -> Reply {
    let limits = shared.settings.limits;
    let settings = [
        ("appendonly", "no".to_owned()),
        ("maxmemory", limits.bytes.to_string()),
        ("maxentries", limits.entries.to_string()),
        ("save", String::new()),
    ];
    let is_asked = |name: &str| {
        let mut names = names.iter();
        names.any(|asked| *asked == b"*" || asked.eq_ignore_ascii_case(name.as_bytes()))
    };
    let asked = settings.into_iter().filter(|(name, _)| is_asked(name));
    Reply::Array(
        asked
            .flat_map(|(name, value)| [Reply::bulk(name), Reply::bulk(value)])
            .collect(),
    )
}

pub(crate) fn command_count() -> Reply {
    Reply::count(SPECS.len())
}

pub(crate) fn command_docs() -> Reply {
    let docs = SPECS.iter().flat_map(|spec| {
        let doc = vec![Reply::bulk("summary"), Reply::bulk(spec.summary)];
        [Reply::bulk(spec.name), Reply::Array(doc)]
    });
    Reply::Array(docs.collect())
}

pub(crate) fn commands() -> Reply {
    let specs = SPECS.iter().map(|spec| {
        let (first, last) = spec.keys;
        Reply::Array(vec![
            Reply::bulk(spec.name),
            Reply::Integer(spec.arity),
            Reply::Array(Vec::new()),
            Reply::Integer(first),
            Reply::Integer(last),
            Reply::Integer(i64::from(first != 0)),
        ])
    });
    Reply::Array(specs.collect())
}
