use std::collections::{HashMap, VecDeque};

use super::*;

struct Bench {
    cache: Cache,
    client: Client,
}

impl Bench {
    fn new(max_entries: u32, max_bytes: usize) -> Self {
        let peer = "[::1]:6379".parse().unwrap();
        Self {
            cache: Cache::new(max_entries, max_bytes, 7).unwrap(),
            client: Client::new(1, peer).unwrap(),
        }
    }

    fn run(&mut self, command: Command, args: &[&[u8]]) -> Reply<'_> {
        let call = Call {
            command,
            args: args.to_vec(),
            ..Call::default()
        };
        self.cache.run(&mut self.client, &call)
    }

    fn set(&mut self, key: &str, value: &str, ttl_ms: u64, condition: Condition) -> Outcome {
        let call = Call {
            command: Command::Set,
            args: vec![key.as_bytes(), value.as_bytes()],
            ttl_ms,
            condition,
            ..Call::default()
        };
        self.cache.run(&mut self.client, &call).outcome
    }

    fn get(&mut self, key: &str) -> Option<String> {
        let reply = self.run(Command::Get, &[key.as_bytes()]);
        (reply.outcome == Outcome::Hit).then(|| String::from_utf8(reply.text.to_vec()).unwrap())
    }
}

#[test]
fn what_is_stored_is_found_until_it_is_deleted() {
    let mut bench = Bench::new(10, 1 << 20);
    assert_eq!(bench.get("a"), None);
    for value in [
        "",
        "text",
        "42",
        "-1",
        "007",
        "+7",
        "7 ",
        "-0",
        "9223372036854775807",
        "9223372036854775808",
    ] {
        bench.set("a", value, 0, Condition::None);
        assert_eq!(bench.get("a").as_deref(), Some(value));
    }
    assert_eq!(bench.run(Command::Exists, &[b"a", b"a", b"b"]).number, 2);
    assert_eq!(bench.run(Command::Del, &[b"a", b"a", b"b"]).number, 1);
    assert_eq!(bench.get("a"), None);
    assert_eq!((bench.cache.entries(), bench.cache.bytes()), (0, 0));
}

#[test]
fn keys_and_values_are_any_bytes() {
    let mut bench = Bench::new(10, 1 << 20);
    let (key, value) = (&b"\0\xff\r\n"[..], &b"\0\0"[..]);
    bench.run(Command::Set, &[key, value]);
    bench.run(Command::Set, &[b"", b"of the empty key"]);
    assert_eq!(bench.run(Command::Get, &[key]).text, value);
    assert_eq!(bench.run(Command::Get, &[b""]).text, b"of the empty key");
}

#[test]
fn set_honours_its_condition() {
    let mut bench = Bench::new(10, 1 << 20);
    assert_eq!(bench.set("a", "1", 0, Condition::Present), Outcome::Miss);
    assert_eq!(bench.set("a", "2", 0, Condition::Absent), Outcome::Done);
    assert_eq!(bench.set("a", "3", 0, Condition::Absent), Outcome::Miss);
    assert_eq!(bench.get("a").as_deref(), Some("2"));
    assert_eq!(bench.set("a", "4", 0, Condition::Present), Outcome::Done);
    assert_eq!(bench.get("a").as_deref(), Some("4"));
}

#[test]
fn incr_counts_up_to_the_last_integer() {
    let mut bench = Bench::new(10, 1 << 20);
    assert_eq!(bench.run(Command::Incr, &[b"n"]).number, 1);
    bench.set("n", "9223372036854775806", 0, Condition::None);
    assert_eq!(bench.run(Command::Incr, &[b"n"]).number, i64::MAX);
    assert_eq!(bench.run(Command::Incr, &[b"n"]).outcome, Outcome::Overflow);
    assert_eq!(bench.get("n").as_deref(), Some("9223372036854775807"));
    bench.set("n", "-10", 0, Condition::None);
    bench.run(Command::Incr, &[b"n"]);
    assert_eq!(bench.get("n").as_deref(), Some("-9"), "one digit less");
    bench.set("n", "text", 0, Condition::None);
    assert_eq!(
        bench.run(Command::Incr, &[b"n"]).outcome,
        Outcome::NotInteger
    );
}

#[test]
fn entries_expire_when_touched_and_when_swept() {
    let mut bench = Bench::new(10, 1 << 20);
    bench.cache.set_time(1000);
    bench.set("touched", "x", 50, Condition::None);
    bench.set("swept", "x", 50, Condition::None);
    bench.set("renewed", "x", 50, Condition::None);
    bench.set("renewed", "y", 0, Condition::None);
    bench.cache.set_time(1049);
    assert!(bench.get("touched").is_some());
    bench.cache.set_time(1050);
    assert_eq!(bench.get("touched"), None);
    assert_eq!(bench.cache.entries(), 2);
    bench.cache.sweep(16);
    assert_eq!(bench.cache.entries(), 1);
    assert_eq!(bench.get("renewed").as_deref(), Some("y"));
    assert_eq!(bench.cache.stats().expired, 2);
}

#[test]
fn what_can_never_fit_is_refused_and_nothing_is_evicted_for_it() {
    let mut bench = Bench::new(10, 1000);
    bench.set("a", "1", 0, Condition::None);
    assert_eq!(
        bench.set("a", &"x".repeat(1000), 0, Condition::None),
        Outcome::NoRoom
    );
    assert_eq!(bench.get("a").as_deref(), Some("1"));
    let mut none = Bench::new(10, 0);
    assert_eq!(none.set("a", "1", 0, Condition::None), Outcome::NoRoom);
    assert_eq!(none.run(Command::Incr, &[b"a"]).outcome, Outcome::NoRoom);
}

/// The C side checks it again: a call with too few arguments must not read beyond them.
#[test]
fn a_call_without_its_arguments_is_rejected() {
    let mut bench = Bench::new(10, 1 << 20);
    for command in [Command::Set, Command::Get, Command::Incr] {
        assert_eq!(bench.run(command, &[]).outcome, Outcome::Rejected);
    }
    assert_eq!(bench.run(Command::Set, &[b"a"]).outcome, Outcome::Rejected);
}

/// Random commands, against a map and a list that do the same slowly.
#[test]
fn it_does_what_a_plain_model_does() {
    const ENTRIES: usize = 50;
    let mut bench = Bench::new(u32::try_from(ENTRIES).unwrap(), 1 << 20);
    let mut values: HashMap<String, String> = HashMap::new();
    // Most recently used first.
    let mut used: VecDeque<String> = VecDeque::new();
    let mut state = 42_u64;
    for step in 0..100_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let key = format!("key:{}", (state >> 33) % 120);
        let touch = |used: &mut VecDeque<String>| {
            used.retain(|other| *other != key);
            used.push_front(key.clone());
        };
        match state >> 61 {
            0..3 => {
                let value = "v".repeat(usize::try_from(state >> 40).unwrap() % 40);
                bench.set(&key, &value, 0, Condition::None);
                values.insert(key.clone(), value);
                touch(&mut used);
            }
            3..6 => {
                assert_eq!(bench.get(&key), values.get(&key).cloned(), "step {step}");
                if values.contains_key(&key) {
                    touch(&mut used);
                }
            }
            _ => {
                let deleted = bench.run(Command::Del, &[key.as_bytes()]).number;
                assert_eq!(deleted == 1, values.remove(&key).is_some(), "step {step}");
                used.retain(|other| *other != key);
            }
        }
        if used.len() > ENTRIES {
            values.remove(&used.pop_back().unwrap());
        }
        assert_eq!(bench.cache.entries() as usize, values.len(), "step {step}");
    }
    assert!(bench.cache.stats().evicted > 1000);
}

#[test]
fn memory_stays_within_its_limit() {
    let mut bench = Bench::new(1_000_000, 100_000);
    for number in 0..10_000_usize {
        let value = "v".repeat(number % 2000);
        assert_eq!(
            bench.set(&format!("key:{number}"), &value, 0, Condition::None),
            Outcome::Done
        );
        assert!(bench.cache.bytes() <= 100_000);
        assert_eq!(bench.get(&format!("key:{number}")), Some(value));
    }
}
