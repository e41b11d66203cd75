//! A bar on stderr for what takes more than a second, if stderr is a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use core_btf::dwarf::Progress;

/// How long nothing is shown.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a bar stands still.
const STEP: Duration = Duration::from_millis(100);
/// Characters of a full bar.
const WIDTH: u64 = 30;

/// What `work` gives, with a bar of how far it is while it is at work on the file at `path`.
pub(crate) fn shown<T>(path: &Path, work: impl FnOnce(&Progress) -> T) -> T {
    let progress = Progress::default();
    if !io::stderr().is_terminal() {
        return work(&progress);
    }
    thread::scope(|scope| {
        let (done, wait) = channel::<()>();
        let (name, progress) = (path.file_name().unwrap_or_default(), &progress);
        scope.spawn(move || show(&name.to_string_lossy(), progress, &wait));
        let result = work(progress);
        drop(done);
        result
    })
}

/// Draws the bar until the other end of `wait` is gone.
fn show(name: &str, progress: &Progress, wait: &Receiver<()>) {
    let mut patience = PATIENCE;
    let mut drawn = false;
    while wait.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
        patience = STEP;
        drawn = true;
        draw(&line(name, progress.percent()));
    }
    if drawn {
        draw("");
    }
}

fn line(name: &str, percent: u64) -> String {
    if percent >= 100 {
        return format!("{name}: comparing types");
    }
    let full = usize::try_from(percent * WIDTH / 100).unwrap_or_default();
    let width = usize::try_from(WIDTH).unwrap_or_default();
    format!("{name}: [{:<width$}] {percent:>2} %", "=".repeat(full))
}

/// Puts a line in the place of the one before.
fn draw(line: &str) {
    // A terminal that is gone is no reason to stop.
    let mut out = io::stderr().lock();
    write!(out, "\r\x1b[K{line}")
        .and_then(|()| out.flush())
        .unwrap_or_default();
}
