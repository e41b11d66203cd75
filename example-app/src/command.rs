//! What the words of a command mean.

use std::str::FromStr;

use crate::cache::{Call, Command, Condition};

/// What is known about a command, and told by `COMMAND`.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) command: Command,
    pub(crate) name: &'static str,
    /// Words, the name included; -2 means two or more.
    pub(crate) arity: i64,
    /// Places of the first and the last key (-1 is the last word); 0 without keys.
    pub(crate) keys: (i64, i64),
    pub(crate) summary: &'static str,
}

macro_rules! specs {
    ($($command:ident, $name:literal, $arity:literal, $keys:expr, $summary:literal;)*) => {
        &[$(Spec {
            command: Command::$command,
            name: $name,
            arity: $arity,
            keys: $keys,
            summary: $summary,
        }),*]
    };
}

pub(crate) const SPECS: &[Spec] = specs! {
    Ping, "ping", -1, (0, 0), "PING [message]: replies PONG or the message";
    Echo, "echo", 2, (0, 0), "ECHO message: replies the message";
    Set, "set", -3, (1, 1), "SET key value [NX|XX] [EX seconds|PX milliseconds]: stores a value";
    Get, "get", 2, (1, 1), "GET key: replies the value";
    Del, "del", -2, (1, -1), "DEL key...: removes keys";
    Exists, "exists", -2, (1, -1), "EXISTS key...: counts how many of the keys there are";
    Incr, "incr", 2, (1, 1), "INCR key: adds one to an integer";
    DbSize, "dbsize", 1, (0, 0), "DBSIZE: counts the keys";
    Info, "info", -1, (0, 0), "INFO [section]: describes the server";
    Command, "command", -1, (0, 0), "COMMAND [COUNT|DOCS]: describes the commands";
    Config, "config", -3, (0, 0), "CONFIG GET name...: replies settings";
    Client, "client", -2, (0, 0), "CLIENT SETNAME name|GETNAME|ID: names the connection";
    Quit, "quit", 1, (0, 0), "QUIT: closes the connection";
};

/// What a client's words ask for; the text of the error reply if they make no sense.
///
/// Such a call is still counted and traced, as rejected.
pub(crate) fn resolve<'a>(words: &[&'a [u8]]) -> (Call<'a>, Option<String>) {
    let mut call = Call::default();
    let Some((name, args)) = words.split_first() else {
        return (call, None);
    };
    call.args = args.to_vec();
    let error = match SPECS
        .iter()
        .find(|spec| name.eq_ignore_ascii_case(spec.name.as_bytes()))
    {
        None => Err(format!("ERR unknown command '{}'", shown(name))),
        Some(spec) => {
            call.command = spec.command;
            check(spec, &mut call)
        }
    }
    .err();
    call.rejected = error.is_some();
    (call, error)
}

fn check(spec: &Spec, call: &mut Call<'_>) -> Result<(), String> {
    let words = i64::try_from(call.args.len()).unwrap_or(i64::MAX) + 1;
    if words != spec.arity && (spec.arity > 0 || words < -spec.arity) {
        return Err(wrong_number(spec.name));
    }
    match (spec.command, call.args.as_slice()) {
        (Command::Ping | Command::Info, [_, _, ..]) => Err(wrong_number(spec.name)),
        (Command::Set, [_, _, options @ ..]) => {
            (call.condition, call.ttl_ms) = set_options(options)?;
            Ok(())
        }
        (Command::Config, [sub, ..]) => subcommand(spec, sub, &["get"]),
        (Command::Command, [sub, ..]) => subcommand(spec, sub, &["count", "docs"]),
        (Command::Client, [sub, rest @ ..]) => {
            subcommand(spec, sub, &["setname", "getname", "id"])?;
            let naming = sub.eq_ignore_ascii_case(b"setname");
            match rest {
                [name] if naming && !name.iter().all(u8::is_ascii_graphic) => Err(
                    "ERR Client names cannot contain spaces, newlines or special characters."
                        .into(),
                ),
                [_] if naming => Ok(()),
                [] if !naming => Ok(()),
                _ => Err(wrong_number(spec.name)),
            }
        }
        _ => Ok(()),
    }
}

fn set_options(options: &[&[u8]]) -> Result<(Condition, u64), String> {
    let syntax = || "ERR syntax error".to_owned();
    let (mut condition, mut ttl_ms) = (Condition::None, 0);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match option.to_ascii_lowercase().as_slice() {
            b"nx" if condition == Condition::None => condition = Condition::Absent,
            b"xx" if condition == Condition::None => condition = Condition::Present,
            unit @ (b"ex" | b"px") if ttl_ms == 0 => {
                let number: i64 = number(options.next().ok_or_else(syntax)?)?;
                ttl_ms = u64::try_from(number)
                    .ok()
                    .and_then(|ttl| ttl.checked_mul(if unit == b"ex" { 1000 } else { 1 }))
                    .filter(|ttl| (1..=MAX_TTL_MS).contains(ttl))
                    .ok_or("ERR invalid expire time in 'set' command")?;
            }
            _ => return Err(syntax()),
        }
    }
    Ok((condition, ttl_ms))
}

/// A thousand years: added to the clock it can't overflow.
const MAX_TTL_MS: u64 = 1000 * 366 * 24 * 3600 * 1000;

fn number<T: FromStr>(text: &[u8]) -> Result<T, String> {
    str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| "ERR value is not an integer or out of range".into())
}

fn subcommand(spec: &Spec, given: &[u8], known: &[&str]) -> Result<(), String> {
    if known
        .iter()
        .any(|known| given.eq_ignore_ascii_case(known.as_bytes()))
    {
        return Ok(());
    }
    Err(format!(
        "ERR unknown subcommand '{}' of '{}'",
        shown(given),
        spec.name
    ))
}

fn wrong_number(name: &str) -> String {
    format!("ERR wrong number of arguments for '{name}' command")
}

/// A client's bytes in a message: no line ends, and not too long.
fn shown(bytes: &[u8]) -> impl std::fmt::Display {
    bytes.get(..64).unwrap_or(bytes).escape_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: &str) -> Result<Call<'_>, String> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let (call, error) = resolve(&words);
        assert_eq!(call.rejected, error.is_some());
        error.map_or(Ok(call), Err)
    }

    #[test]
    fn names_and_options_are_read_in_either_case() {
        let call = call("sEt key value Px 1500 nX").unwrap();
        assert_eq!(call.command, Command::Set);
        assert_eq!(call.condition, Condition::Absent);
        assert_eq!(call.ttl_ms, 1500);
        assert_eq!(call.args[..2], [&b"key"[..], b"value"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_redis_words() {
        for (line, error) in [
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
            assert_eq!(call(line).unwrap_err(), error, "{line}");
        }
    }

    /// An error reply is one line, whatever the client sent.
    #[test]
    fn a_clients_bytes_can_not_forge_a_reply() {
        let (_, error) = resolve(&[b"x\r\n+OK\r\n"]);
        assert_eq!(error.unwrap(), r"ERR unknown command 'x\r\n+OK\r\n'");
    }
}
