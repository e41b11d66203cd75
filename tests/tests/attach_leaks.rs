//! That probes leave nothing behind. A test of its own process, whose descriptors it counts. Needs
//! root.

use std::{fs, thread};

use core_runtime::Uprobe;
use tests::counter::Counter;
use tests::traced;

/// Neither descriptors nor running programs are left of guards that come and go.
#[test]
fn a_thousand_probes_leave_nothing_behind() {
    let (call, traced) = traced!(1);
    let traced = traced.expose_provenance();
    let counter = Counter::load();
    let attach = |name| {
        Uprobe::function(std::ptr::with_exposed_provenance(traced))
            .attach(&counter.program(name))
            .unwrap()
    };
    let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = descriptors();
    // Detaching waits until no processor can be in the program. Threads wait together.
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                for _ in 0..50 {
                    drop(attach("multi"));
                }
                drop(attach("perf_event"));
            });
        }
    });
    assert_eq!(descriptors(), before);
    call(1);
    assert_eq!(counter.seen().count, 0);
}
