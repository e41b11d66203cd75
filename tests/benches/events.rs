//! Reading a full ring buffer: typed events beside libbpf's reader as C uses it. Needs root.
//!
//! `cargo bench -p tests --bench events`
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run has nothing to say"
)]
#![expect(clippy::print_stdout, reason = "the figures")]

use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use core_runtime::{Loader, RingBuffer, TypeInfo};
use libbpf_rs::{MapCore as _, Object, ProgramInput};
use tests::{clang, libbpf};

/// Fills the ring buffer with numbered events.
const SENDER: &str = r#"
struct event { __u64 number; __u64 rest[7]; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 24); } events SEC(".maps");
static long send(__u32 number, void *unused)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return 1;
	e->number = number;
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
	return 0;
}
SEC("syscall") int fill(void *ctx)
{
	bpf_loop(EVENTS, send, 0, 0);
	return 0;
}
"#;
const EVENTS: usize = 200_000;
const ROUNDS: usize = 41;

#[derive(Clone, Copy, bytemuck::AnyBitPattern)]
#[repr(C)]
struct Event {
    number: u64,
    _rest: [u64; 7],
}

fn main() {
    let source = format!("#define EVENTS {EVENTS}\n{SENDER}");
    let object = clang::bpf_object(&source).unwrap();
    let loader = Loader::new(TypeInfo::none());
    let object = loader.open_object(object).unwrap().load().unwrap();
    let events = object.maps().find(|map| map.name() == "events").unwrap();

    let mut c = libbpf::Adder::new(events.as_fd()).unwrap();
    let mut sum = 0;
    let mut ours = RingBuffer::new(&events, |event: &Event| sum += event.number).unwrap();
    let mut in_c = Vec::new();
    let mut typed = Vec::new();
    // In turns, so that what disturbs the machine disturbs both.
    for _ in 0..ROUNDS {
        in_c.push(time(&object, || c.consume().0));
        typed.push(time(&object, || ours.consume().unwrap()));
    }
    drop(ours);
    assert_eq!(sum, c.consume().1, "both have seen every event");
    let [in_c, typed] = [in_c, typed].map(|mut times| {
        times.sort_unstable();
        let median = times.get(ROUNDS / 2).copied().unwrap_or_default();
        median.as_secs_f64() * 1e9 / 200_000.0
    });
    println!("Reading events of 64 bytes from a ring buffer:");
    println!("  libbpf in C   {in_c:6.1} ns an event");
    println!(
        "  typed events  {typed:6.1} ns an event, {:.2} times the time",
        typed / in_c
    );
}

/// The time that `consume` takes for a full ring buffer, all of whose events it must give.
fn time(object: &Object, consume: impl FnOnce() -> usize) -> Duration {
    let program = object.progs_mut().next().unwrap();
    program.test_run(ProgramInput::default()).unwrap();
    let start = Instant::now();
    let count = consume();
    let time = start.elapsed();
    assert_eq!(count, EVENTS);
    time
}
