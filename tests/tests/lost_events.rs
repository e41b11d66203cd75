//! Events for which a ring buffer has no room are counted, every one. Needs root.

use std::collections::HashSet;
use std::mem::MaybeUninit;
use std::thread;

use core_runtime::{Error, Loader, LostEvents, RingBuffer, TypeInfo, Uprobe};
use tests::bpf_lost::LostSkelBuilder;
use tests::traced;

/// `struct number` of the BPF programs.
#[derive(Clone, Copy, bytemuck::AnyBitPattern)]
#[repr(C)]
struct Number {
    number: u64,
    _rest: [u64; 7],
}

/// Events of 64 bytes, with their headers, that 4096 bytes have room for. The kernel keeps one byte
/// free.
const ROOM: u64 = 4095 / 72;

#[test]
fn a_full_buffer_loses_what_is_more_than_it_holds() -> Result<(), Error> {
    let (reserve, reserved) = traced!(1);
    let (output, put_out) = traced!(2);
    let mut storage = MaybeUninit::uninit();
    let skeleton = Loader::new(TypeInfo::none()).load(LostSkelBuilder::default(), &mut storage)?;
    let _reserve = Uprobe::function(reserved).attach(&skeleton.progs.on_reserve)?;
    let _output = Uprobe::function(put_out).attach(&skeleton.progs.on_output)?;
    let lost = LostEvents::in_map(&skeleton.maps.events_lost)?;
    let mut seen = Vec::new();
    let mut ring = RingBuffer::new(&skeleton.maps.events, |e: &Number| seen.push(e.number))?;
    assert_eq!(lost.count()?, 0);
    for number in 0..ROOM {
        reserve(number);
    }
    assert_eq!(lost.count()?, 0);
    for number in ROOM..ROOM + 10 {
        reserve(number);
    }
    assert_eq!(lost.count()?, 10);
    for number in ROOM..ROOM + 7 {
        output(number);
    }
    assert_eq!(lost.count()?, 17);
    // With room again, nothing more is lost.
    assert_eq!(ring.consume()? as u64, ROOM);
    output(1000);
    assert_eq!(ring.consume()?, 1);
    assert_eq!(lost.count()?, 17);
    drop(ring);
    assert!(seen.iter().copied().eq((0..ROOM).chain([1000])));
    Ok(())
}

/// Threads that send while others do and one reads: each event comes once, or is counted.
#[test]
fn what_threads_send_is_read_or_counted() -> Result<(), Error> {
    const THREADS: u64 = 4;
    const EACH: u64 = 20_000;
    let (reserve, reserved) = traced!(3);
    let mut storage = MaybeUninit::uninit();
    let skeleton = Loader::new(TypeInfo::none()).load(LostSkelBuilder::default(), &mut storage)?;
    let attached = Uprobe::function(reserved).attach(&skeleton.progs.on_reserve)?;
    let lost = LostEvents::in_map(&skeleton.maps.events_lost)?;
    let mut seen = HashSet::new();
    let mut twice = 0;
    let mut ring = RingBuffer::new(&skeleton.maps.events, |event: &Number| {
        twice += u64::from(!seen.insert(event.number));
    })?;
    thread::scope(|scope| {
        let senders: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    for number in thread * EACH..(thread + 1) * EACH {
                        reserve(number);
                    }
                })
            })
            .collect();
        while !senders.iter().all(thread::ScopedJoinHandle::is_finished) {
            // Now and then, so that the buffer is full in between.
            ring.consume_at_most(20)?;
            thread::yield_now();
        }
        Ok::<_, Error>(())
    })?;
    ring.consume()?;
    drop((attached, ring));
    assert_eq!(twice, 0);
    let lost = lost.count()?;
    assert!(
        lost > 0 && !seen.is_empty(),
        "{lost} lost, {} seen",
        seen.len()
    );
    assert_eq!(seen.len() as u64 + lost, THREADS * EACH);
    Ok(())
}

#[test]
fn only_a_count_is_taken_for_one() -> Result<(), Error> {
    let mut storage = MaybeUninit::uninit();
    let skeleton = Loader::new(TypeInfo::none()).load(LostSkelBuilder::default(), &mut storage)?;
    let error = LostEvents::in_map(&skeleton.maps.events).map(drop);
    assert_eq!(
        error.map_err(|error| error.to_string()),
        Err("reading map `events` as a count of lost events failed".into())
    );
    Ok(())
}
