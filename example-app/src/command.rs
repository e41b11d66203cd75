//! What the words of a command mean.

use std::{str::FromStr, time::Duration};

use core_runtime::bpf_traceable;

/// What a client asks for. Keys and values are in the buffer that they were received in.
#[bpf_traceable]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    Ping {
        message: Option<&'a [u8]>,
    },
    Echo {
        message: &'a [u8],
    },
    Set {
        key: &'a [u8],
        value: &'a [u8],
        condition: Option<Condition>,
        ttl: Option<Duration>,
    },
    Get {
        key: &'a [u8],
    },
    Del {
        keys: Vec<&'a [u8]>,
    },
    Exists {
        keys: Vec<&'a [u8]>,
    },
    Incr {
        key: &'a [u8],
    },
    DbSize,
    Info {
        section: Option<&'a [u8]>,
    },
    ListCommands,
    CountCommands,
    DescribeCommands,
    ConfigGet {
        names: Vec<&'a [u8]>,
    },
    ClientSetName {
        name: String,
    },
    ClientGetName,
    ClientId,
    ClientInfo,
    Quit,
    /// What makes no sense, with what the client is told.
    Invalid {
        error: String,
    },
}

/// When `SET` does something: if the key is not there (`NX`), if it is (`XX`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Absent,
    Present,
}

/// What `COMMAND` tells of a command.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    /// Words, the name included; -2 means two or more.
    pub(crate) arity: i64,
    /// Places of the first and the last key (-1 is the last word); 0 without keys.
    pub(crate) keys: (i64, i64),
    pub(crate) summary: &'static str,
}

macro_rules! specs {
    ($($name:literal, $arity:literal, $keys:expr, $summary:literal;)*) => {
        &[$(Spec { name: $name, arity: $arity, keys: $keys, summary: $summary }),*]
    };
}

pub(crate) const SPECS: &[Spec] = specs! {
    "ping", -1, (0, 0), "PING [message]: replies PONG or the message";
    "echo", 2, (0, 0), "ECHO message: replies the message";
    "set", -3, (1, 1), "SET key value [NX|XX] [EX seconds|PX milliseconds]: stores a value";
    "get", 2, (1, 1), "GET key: replies the value";
    "del", -2, (1, -1), "DEL key...: removes keys";
    "exists", -2, (1, -1), "EXISTS key...: counts how many of the keys there are";
    "incr", 2, (1, 1), "INCR key: adds one to an integer";
    "dbsize", 1, (0, 0), "DBSIZE: counts the keys";
    "info", -1, (0, 0), "INFO [section]: describes the server";
    "command", -1, (0, 0), "COMMAND [COUNT|DOCS]: describes the commands";
    "config", -3, (0, 0), "CONFIG GET name...: replies settings";
    "client", -2, (0, 0), "CLIENT SETNAME name|GETNAME|ID|INFO: names and describes the connection";
    "quit", 1, (0, 0), "QUIT: closes the connection";
};

impl<'a> Command<'a> {
    /// What a client's words ask for.
    pub(crate) fn new(words: &[&'a [u8]]) -> Self {
        let (name, args) = match words {
            [name, args @ ..] => (*name, args),
            [] => (&b""[..], words),
        };
        let mut specs = SPECS.iter();
        let spec = specs.find(|spec| name.eq_ignore_ascii_case(spec.name.as_bytes()));
        let command = match spec {
            Some(spec) => parse(spec.name, args),
            None => Err(format!("ERR unknown command '{}'", shown(name))),
        };
        command.unwrap_or_else(|error| Self::Invalid { error })
    }
}

fn parse<'a>(name: &str, args: &[&'a [u8]]) -> Result<Command<'a>, String> {
    let keys = || args.to_vec();
    Ok(match (name, args) {
        ("ping", []) => Command::Ping { message: None },
        ("ping", [message]) => Command::Ping {
            message: Some(message),
        },
        ("echo", [message]) => Command::Echo { message },
        ("set", [key, value, options @ ..]) => {
            let (condition, ttl) = set_options(options)?;
            Command::Set {
                key,
                value,
                condition,
                ttl,
            }
        }
        ("get", [key]) => Command::Get { key },
        ("del", [_, ..]) => Command::Del { keys: keys() },
        ("exists", [_, ..]) => Command::Exists { keys: keys() },
        ("incr", [key]) => Command::Incr { key },
        ("dbsize", []) => Command::DbSize,
        ("info", []) => Command::Info { section: None },
        ("info", [section]) => Command::Info {
            section: Some(section),
        },
        ("command", []) => Command::ListCommands,
        ("command" | "config" | "client", [sub, rest @ ..]) => subcommand(name, sub, rest)?,
        ("quit", []) => Command::Quit,
        _ => return Err(wrong(name)),
    })
}

fn subcommand<'a>(name: &str, sub: &[u8], args: &[&'a [u8]]) -> Result<Command<'a>, String> {
    let lower = sub.to_ascii_lowercase();
    Ok(match (name, lower.as_slice(), args) {
        ("command", b"count", _) => Command::CountCommands,
        ("command", b"docs", _) => Command::DescribeCommands,
        ("config", b"get", [_, ..]) => Command::ConfigGet {
            names: args.to_vec(),
        },
        ("client", b"getname", []) => Command::ClientGetName,
        ("client", b"id", []) => Command::ClientId,
        ("client", b"info", []) => Command::ClientInfo,
        ("client", b"setname", [name]) => Command::ClientSetName {
            name: client_name(name)?,
        },
        ("config", b"get", _) | ("client", b"getname" | b"id" | b"info" | b"setname", _) => {
            return Err(wrong(name));
        }
        _ => {
            let sub = shown(sub);
            return Err(format!("ERR unknown subcommand '{sub}' of '{name}'"));
        }
    })
}

fn wrong(name: &str) -> String {
    format!("ERR wrong number of arguments for '{name}' command")
}

fn client_name(name: &[u8]) -> Result<String, String> {
    let name = str::from_utf8(name).ok();
    name.filter(|name| name.bytes().all(|byte| byte.is_ascii_graphic()))
        .map(str::to_owned)
        .ok_or_else(|| {
            "ERR Client names cannot contain spaces, newlines or special characters.".to_owned()
        })
}

fn set_options(options: &[&[u8]]) -> Result<(Option<Condition>, Option<Duration>), String> {
    let syntax = || "ERR syntax error".to_owned();
    let (mut condition, mut ttl) = (None, None);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match option.to_ascii_lowercase().as_slice() {
            b"nx" if condition.is_none() => condition = Some(Condition::Absent),
            b"xx" if condition.is_none() => condition = Some(Condition::Present),
            unit @ (b"ex" | b"px") if ttl.is_none() => {
                let number: i64 = number(options.next().ok_or_else(syntax)?)?;
                let number = u64::try_from(number)
                    .ok()
                    .and_then(|number| number.checked_mul(if unit == b"ex" { 1000 } else { 1 }));
                ttl = number
                    .map(Duration::from_millis)
                    .filter(|ttl| !ttl.is_zero() && *ttl <= MAX_TTL);
                ttl.ok_or("ERR invalid expire time in 'set' command")?;
            }
            _ => return Err(syntax()),
        }
    }
    Ok((condition, ttl))
}

/// A thousand years: added to the clock it can't overflow.
const MAX_TTL: Duration = Duration::from_secs(1000 * 366 * 24 * 3600);

fn number<T: FromStr>(text: &[u8]) -> Result<T, String> {
    str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| "ERR value is not an integer or out of range".into())
}

/// A client's bytes in a message: no line ends, and not too long.
fn shown(bytes: &[u8]) -> impl std::fmt::Display {
    bytes.get(..64).unwrap_or(bytes).escape_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> Command<'_> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        Command::new(&words)
    }

    #[test]
    fn names_and_options_are_read_in_either_case() {
        let expected = Command::Set {
            key: b"key",
            value: b"value",
            condition: Some(Condition::Absent),
            ttl: Some(Duration::from_millis(1500)),
        };
        assert_eq!(command("sEt key value Px 1500 nX"), expected);
        assert_eq!(command("Client GETNAME"), Command::ClientGetName);
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_redis_words() {
        for (line, expected) in [
            ("nonsense", "ERR unknown command 'nonsense'"),
            ("get", "ERR wrong number of arguments for 'get' command"),
            ("get a b", "ERR wrong number of arguments for 'get' command"),
            (
                "ping a b",
                "ERR wrong number of arguments for 'ping' command",
            ),
            ("set a", "ERR wrong number of arguments for 'set' command"),
            ("set a b c", "ERR syntax error"),
            ("set a b ex", "ERR syntax error"),
            ("set a b nx xx", "ERR syntax error"),
            ("set a b ex 1 px 1", "ERR syntax error"),
            (
                "set a b ex x",
                "ERR value is not an integer or out of range",
            ),
            (
                "set a b ex 99999999999999999999",
                "ERR value is not an integer or out of range",
            ),
            ("set a b ex 0", "ERR invalid expire time in 'set' command"),
            ("set a b px -5", "ERR invalid expire time in 'set' command"),
            (
                "set a b ex 9223372036854775807",
                "ERR invalid expire time in 'set' command",
            ),
            ("config set a b", "ERR unknown subcommand 'set' of 'config'"),
            (
                "client setname",
                "ERR wrong number of arguments for 'client' command",
            ),
            (
                "client id x",
                "ERR wrong number of arguments for 'client' command",
            ),
        ] {
            let error = expected.to_owned();
            assert_eq!(command(line), Command::Invalid { error }, "{line}");
        }
    }

    /// An error reply is one line, whatever the client sent.
    #[test]
    fn a_clients_bytes_can_not_forge_a_reply() {
        let Command::Invalid { error } = Command::new(&[b"x\r\n+OK\r\n"]) else {
            panic!("not invalid");
        };
        assert_eq!(error, r"ERR unknown command 'x\r\n+OK\r\n'");
    }
}
