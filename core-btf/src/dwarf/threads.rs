//! Work spread over threads, with results in the order of the items.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Results that wait for those before them.
struct Turn<R, C, E> {
    waiting: BTreeMap<usize, R>,
    next: usize,
    consume: C,
    done: Result<(), E>,
}

/// `work` applied to every item, on at most `threads` threads, each with what `tools` gives it, and
/// `consume` to every result, in the order of the items and by one thread at a time.
///
/// Results are consumed as soon as those before them are: what is finished out of turn waits, and
/// nothing else is kept.
///
/// # Errors
/// The first one of `consume`, after which no more is consumed.
pub(super) fn in_order<T: Sync, S, R: Send, E: Send>(
    items: &[T],
    threads: usize,
    tools: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
    mut consume: impl FnMut(R) -> Result<(), E> + Send,
) -> Result<(), E> {
    let threads = threads.min(items.len());
    if threads < 2 {
        let mut tools = tools();
        let mut items = items.iter();
        return items.try_for_each(|item| consume(work(&mut tools, item)));
    }
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let turn = Mutex::new(Turn {
        waiting: BTreeMap::new(),
        next: 0,
        consume,
        done: Ok(()),
    });
    let run = || {
        let mut tools = tools();
        while !failed.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return };
            let result = work(&mut tools, item);
            // A panic of another thread, which the scope passes on.
            let Ok(mut turn) = turn.lock() else { return };
            let turn = &mut *turn;
            turn.waiting.insert(at, result);
            while turn.done.is_ok()
                && let Some(result) = turn.waiting.remove(&turn.next)
            {
                turn.next += 1;
                turn.done = (turn.consume)(result);
            }
            if turn.done.is_err() {
                failed.store(true, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    turn.into_inner().map_or(Ok(()), |turn| turn.done)
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn results_come_in_order_whatever_the_threads() {
        let items: Vec<u32> = (0..1000).collect();
        for threads in [1, 2, 7] {
            let mut seen = Vec::new();
            let done = in_order(
                &items,
                threads,
                || (),
                |(), item| item * 2,
                |it| {
                    seen.push(it);
                    if it == 1000 { Err(it) } else { Ok(()) }
                },
            );
            assert_eq!(done, Err(1000), "{threads} threads");
            let expected: Vec<u32> = (0..=500).map(|it| 2 * it).collect();
            assert_eq!(seen, expected, "{threads} threads");
        }
    }
}
