//! Events through a ring buffer, on the running kernel. Needs root.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use std::time::{Duration, Instant};

use core_runtime::{Attached, Error, Loader, RingBuffer, TypeInfo, Uprobe};
use libbpf_rs::{Map, MapCore as _, Object};
use rustix::event::{PollFd, PollFlags, poll};
use tests::{clang, traced};

/// Sends an event for each call, of the size that the argument says when it is large.
const SENDER: &str = r#"
struct event { __u64 argument; __u32 size; __s32 sign; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 16); } events SEC(".maps");
SEC("uprobe") int send(struct pt_regs *ctx)
{
	struct event e = { .argument = PT_REGS_PARM1(ctx), .size = sizeof(e), .sign = -1 };
	if (e.argument == 1000)
		bpf_ringbuf_output(&events, &e, 12, 0);
	else
		bpf_ringbuf_output(&events, &e, sizeof(e), 0);
	return 0;
}
"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::AnyBitPattern)]
#[repr(C)]
struct Event {
    argument: u64,
    size: u32,
    sign: i32,
}

fn load() -> Object {
    let object = clang::bpf_object(SENDER).unwrap();
    let loader = Loader::new(TypeInfo::none());
    loader.open_object(object).unwrap().load().unwrap()
}

fn attach(object: &Object, function: *const ()) -> Attached {
    let program = object.progs_mut().next().unwrap();
    Uprobe::function(function).attach(&program).unwrap()
}

fn events(object: &Object) -> Map<'_> {
    object.maps().find(|map| map.name() == "events").unwrap()
}

#[test]
fn events_come_as_values_in_order() {
    let (call, traced) = traced!(1);
    let object = load();
    let _attached = attach(&object, traced);
    let mut seen = Vec::new();
    let mut ring = RingBuffer::new(&events(&object), |event: &Event| seen.push(*event)).unwrap();
    assert_eq!(ring.consume().unwrap(), 0);
    for argument in 0..5 {
        call(argument);
    }
    assert_eq!(ring.consume_at_most(2).unwrap(), 2);
    assert_eq!(ring.poll(Duration::from_secs(5)).unwrap(), 3);
    drop(ring);
    let expected: Vec<_> = (0..5)
        .map(|argument| Event {
            argument,
            size: 16,
            sign: -1,
        })
        .collect();
    assert_eq!(seen, expected);
}

/// Versions that do not fit are an error, and what comes after is not lost.
#[test]
fn an_event_of_another_size_is_an_error_and_not_an_event() {
    let (call, traced) = traced!(2);
    let object = load();
    let _attached = attach(&object, traced);
    let mut seen = Vec::new();
    let mut ring = RingBuffer::new(&events(&object), |e: &Event| seen.push(e.argument)).unwrap();
    for argument in [1, 1000, 2] {
        call(argument);
    }
    let error = ring.consume().unwrap_err();
    assert!(
        matches!(
            error,
            Error::EventSize {
                expected: 16,
                size: 12,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "ring buffer `events` has an event of 12 bytes, `events::Event` takes 16"
    );
    assert_eq!(ring.consume().unwrap(), 1);
    drop(ring);
    assert_eq!(seen, [1, 2]);
}

/// A timeout is waited for, even one that is less than libbpf can count.
#[test]
fn polling_waits_until_the_timeout() {
    let object = load();
    let mut ring = RingBuffer::new(&events(&object), |_: &Event| ()).unwrap();
    for timeout in [Duration::from_micros(300), Duration::from_millis(30)] {
        let start = Instant::now();
        assert_eq!(ring.poll(timeout).unwrap(), 0);
        assert!(start.elapsed() >= timeout);
    }
}

/// An event loop that waits for other things too waits for the descriptor.
#[test]
fn the_descriptor_tells_of_events() {
    let (call, traced) = traced!(3);
    let object = load();
    let _attached = attach(&object, traced);
    let mut ring = RingBuffer::new(&events(&object), |_: &Event| ()).unwrap();
    let ready = |ring: &RingBuffer<'_, Event>| {
        let now = rustix::event::Timespec::default();
        poll(&mut [PollFd::new(ring, PollFlags::IN)], Some(&now)).unwrap() == 1
    };
    assert!(!ready(&ring));
    call(1);
    assert!(ready(&ring));
    assert_eq!(ring.consume().unwrap(), 1);
    assert!(!ready(&ring));
}

#[test]
fn a_map_of_another_kind_is_refused() {
    let object = clang::bpf_object(tests::counter::COUNTER).unwrap();
    let object = Loader::new(TypeInfo::none())
        .open_object(object)
        .unwrap()
        .load()
        .unwrap();
    let map = object.maps().find(|map| map.name() == "seen").unwrap();
    let error = RingBuffer::new(&map, |_: &Event| ()).unwrap_err();
    assert_eq!(
        format!("{error:?}"),
        "reading map `seen` as a ring buffer failed\n  \
         because: it is not of the type BPF_MAP_TYPE_RINGBUF"
    );
}
