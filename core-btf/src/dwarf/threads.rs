//! Work spread over threads, with results in the order of the items.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Results for each thread that wait before threads wait, too.
const WAITING: usize = 4;

/// Who takes results, in their order.
struct Consumer<C, E> {
    consume: C,
    next: usize,
    done: Result<(), E>,
}

impl<C, E> Consumer<C, E> {
    /// Consumes the results whose turn it is.
    fn drain<R>(&mut self, waiting: &Mutex<BTreeMap<usize, R>>)
    where
        C: FnMut(R) -> Result<(), E>,
    {
        while self.done.is_ok() {
            // A panic of another thread, which the scope passes on.
            let Ok(mut results) = waiting.lock() else {
                return;
            };
            let Some(result) = results.remove(&self.next) else {
                return;
            };
            drop(results);
            self.next += 1;
            self.done = (self.consume)(result);
        }
    }
}

/// `work` applied to every item, on at most `threads` threads, each with what `tools` gives it, and
/// `consume` to every result, in the order of the items and by one thread at a time.
///
/// Results are consumed soon after those before them are: what is finished out of turn, or while
/// another is consumed, waits, and nothing else is kept.
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
    let waiting = Mutex::new(BTreeMap::new());
    let consumer = Mutex::new(Consumer {
        consume,
        next: 0,
        done: Ok(()),
    });
    let run = || {
        let mut tools = tools();
        while !failed.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return };
            let result = work(&mut tools, item);
            let Ok(mut results) = waiting.lock() else {
                return;
            };
            results.insert(at, result);
            let is_full = results.len() >= WAITING * threads;
            drop(results);
            // Whoever is at it takes this one too, or the last thread does.
            let consumer = if is_full {
                consumer.lock().ok()
            } else {
                consumer.try_lock().ok()
            };
            let Some(mut consumer) = consumer else {
                continue;
            };
            consumer.drain(&waiting);
            failed.store(consumer.done.is_err(), Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    consumer.into_inner().map_or(Ok(()), |mut consumer| {
        consumer.drain(&waiting);
        consumer.done
    })
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
