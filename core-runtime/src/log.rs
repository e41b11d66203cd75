//! libbpf's log: to `tracing`, and, while something is being loaded or attached, to the error that
//! may come of it.
//!
//! libbpf has one print function per process, which it calls on the thread that does the work. So
//! the function is set once, and a thread that wants its own lines says so ([`capture`]).

use std::cell::RefCell;
use std::sync::atomic::{AtomicU8, Ordering};

use libbpf_rs::PrintLevel;
use tracing::level_filters::LevelFilter;

/// Most bytes that a capture keeps. The end of a log is what tells why something failed, so the
/// beginning goes first.
const MAX_CAPTURED_BYTES: usize = 1 << 20;

thread_local! {
    static CAPTURED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Does `work`, and gives the warnings that libbpf had meanwhile on this thread.
pub(crate) fn capture<T>(work: impl FnOnce() -> T) -> (T, String) {
    install();
    let outer = CAPTURED.replace(Some(String::new()));
    let result = work();
    let captured = CAPTURED.replace(outer);
    (result, captured.unwrap_or_default())
}

/// Sends libbpf's log to `tracing` from now on, unless that was done before: a program that sets
/// its own print function after that keeps it.
///
/// libbpf formats a message before it is filtered here, and its debug messages are many, so they
/// are asked for only when a subscriber listens at that level. When that changes, the function is
/// set again.
pub(crate) fn install() {
    const AT_INFO: u8 = 1;
    const AT_DEBUG: u8 = 2;
    static INSTALLED: AtomicU8 = AtomicU8::new(0);
    let (wanted, level) = if LevelFilter::current() >= LevelFilter::DEBUG {
        (AT_DEBUG, PrintLevel::Debug)
    } else {
        (AT_INFO, PrintLevel::Info)
    };
    if INSTALLED.swap(wanted, Ordering::Relaxed) != wanted {
        libbpf_rs::set_print(Some((level, print)));
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the type of libbpf-rs's callback"
)]
fn print(level: PrintLevel, message: String) {
    let line = message.trim_end();
    match level {
        PrintLevel::Warn => tracing::warn!(target: "libbpf", "{line}"),
        PrintLevel::Info => tracing::info!(target: "libbpf", "{line}"),
        PrintLevel::Debug => tracing::debug!(target: "libbpf", "{line}"),
    }
    if level == PrintLevel::Debug {
        return;
    }
    CAPTURED.with_borrow_mut(|captured| {
        let Some(captured) = captured else { return };
        captured.push_str(line);
        captured.push('\n');
        let excess = captured.len().saturating_sub(MAX_CAPTURED_BYTES);
        if excess > 0 {
            let cut = (excess..=captured.len()).find(|&at| captured.is_char_boundary(at));
            captured.drain(..cut.unwrap_or_default());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_has_the_warnings_of_its_thread_and_the_end_of_long_ones() {
        let ((), log) = capture(|| {
            print(PrintLevel::Warn, "libbpf: one\n".into());
            print(PrintLevel::Debug, "libbpf: not this\n".into());
            std::thread::spawn(|| print(PrintLevel::Warn, "libbpf: nor this\n".into()))
                .join()
                .unwrap();
        });
        assert_eq!(log, "libbpf: one\n");
        let ((), log) = capture(|| {
            print(PrintLevel::Warn, "é".repeat(MAX_CAPTURED_BYTES));
            print(PrintLevel::Warn, "end".into());
        });
        assert!(log.len() <= MAX_CAPTURED_BYTES);
        assert!(log.ends_with("é\nend\n"));
    }
}
