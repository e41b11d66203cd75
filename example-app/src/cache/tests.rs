use std::collections::{HashMap, VecDeque};

use super::*;

fn cache(entries: u32, bytes: usize) -> Cache {
    Cache::new(Limits { entries, bytes }, 7).unwrap()
}

fn set(cache: &mut Cache, key: &str, value: &str) -> Result<(), Refusal> {
    cache.set(key.as_bytes(), value.as_bytes(), 0).map(drop)
}

fn get(cache: &mut Cache, key: &str) -> Option<String> {
    let entry = cache.get(key.as_bytes())?;
    Some(String::from_utf8(entry.text()).unwrap())
}

fn increment(cache: &mut Cache, key: &str) -> Result<i64, Refusal> {
    let (number, entry) = cache.increment(key.as_bytes())?;
    assert_eq!(entry.text(), number.to_string().as_bytes());
    Ok(number)
}

#[test]
fn what_is_stored_is_found_until_it_is_deleted() {
    let mut cache = cache(10, 1 << 20);
    assert_eq!(get(&mut cache, "a"), None);
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
        set(&mut cache, "a", value).unwrap();
        assert_eq!(get(&mut cache, "a").as_deref(), Some(value));
    }
    assert!(cache.find(b"a").is_some() && cache.find(b"b").is_none());
    assert!(cache.delete(b"a") && !cache.delete(b"a") && !cache.delete(b"b"));
    assert_eq!(get(&mut cache, "a"), None);
    assert_eq!((cache.entries(), cache.bytes()), (0, 0));
}

#[test]
fn keys_and_values_are_any_bytes() {
    let mut cache = cache(10, 1 << 20);
    let (key, value) = (&b"\0\xff\r\n"[..], &b"\0\0"[..]);
    cache.set(key, value, 0).unwrap();
    cache.set(b"", b"of the empty key", 0).unwrap();
    assert_eq!(cache.get(key).unwrap().text(), value);
    assert_eq!(cache.get(b"").unwrap().text(), b"of the empty key");
}

#[test]
fn integers_count_up_to_the_last() {
    let mut cache = cache(10, 1 << 20);
    assert_eq!(increment(&mut cache, "n"), Ok(1));
    set(&mut cache, "n", "9223372036854775806").unwrap();
    assert_eq!(increment(&mut cache, "n"), Ok(i64::MAX));
    assert_eq!(increment(&mut cache, "n"), Err(Refusal::Overflow));
    assert_eq!(get(&mut cache, "n").as_deref(), Some("9223372036854775807"));
    set(&mut cache, "n", "-10").unwrap();
    assert_eq!(increment(&mut cache, "n"), Ok(-9), "one digit less");
    set(&mut cache, "n", "text").unwrap();
    assert_eq!(increment(&mut cache, "n"), Err(Refusal::NotAnInteger));
}

#[test]
fn entries_expire_when_touched_and_when_swept() {
    let mut cache = cache(10, 1 << 20);
    cache.set_time(1000);
    for key in ["touched", "swept", "renewed"] {
        cache.set(key.as_bytes(), b"x", 1050).unwrap();
    }
    set(&mut cache, "renewed", "y").unwrap();
    cache.set_time(1049);
    assert!(get(&mut cache, "touched").is_some());
    cache.set_time(1050);
    assert_eq!(get(&mut cache, "touched"), None);
    assert_eq!(cache.entries(), 2);
    cache.sweep(16);
    assert_eq!(cache.entries(), 1);
    assert_eq!(get(&mut cache, "renewed").as_deref(), Some("y"));
    assert_eq!(cache.stats().expired, 2);
}

#[test]
fn what_can_never_fit_is_refused_and_nothing_is_evicted_for_it() {
    let mut small = cache(10, 1000);
    set(&mut small, "a", "1").unwrap();
    assert_eq!(
        set(&mut small, "a", &"x".repeat(1000)),
        Err(Refusal::NoRoom)
    );
    assert_eq!(get(&mut small, "a").as_deref(), Some("1"));
    let mut none = cache(10, 0);
    assert_eq!(set(&mut none, "a", "1"), Err(Refusal::NoRoom));
    assert_eq!(increment(&mut none, "a"), Err(Refusal::NoRoom));
}

/// Random commands, against a map and a list that do the same slowly.
#[test]
fn it_does_what_a_plain_model_does() {
    const ENTRIES: usize = 50;
    let mut cache = cache(u32::try_from(ENTRIES).unwrap(), 1 << 20);
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
                set(&mut cache, &key, &value).unwrap();
                values.insert(key.clone(), value);
                touch(&mut used);
            }
            3..6 => {
                assert_eq!(
                    get(&mut cache, &key),
                    values.get(&key).cloned(),
                    "step {step}"
                );
                if values.contains_key(&key) {
                    touch(&mut used);
                }
            }
            _ => {
                let deleted = cache.delete(key.as_bytes());
                assert_eq!(deleted, values.remove(&key).is_some(), "step {step}");
                used.retain(|other| *other != key);
            }
        }
        if used.len() > ENTRIES {
            values.remove(&used.pop_back().unwrap());
        }
        assert_eq!(cache.entries() as usize, values.len(), "step {step}");
    }
    assert!(cache.stats().evicted > 1000);
}

#[test]
fn memory_stays_within_its_limit() {
    let mut cache = cache(1_000_000, 100_000);
    for number in 0..10_000_usize {
        let value = "v".repeat(number % 2000);
        let key = format!("key:{number}");
        set(&mut cache, &key, &value).unwrap();
        assert!(cache.bytes() <= 100_000);
        assert_eq!(get(&mut cache, &key), Some(value));
    }
}
