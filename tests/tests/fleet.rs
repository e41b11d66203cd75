//! One merge for all processes of one binary, and never another binary's. A test of its own process,
//! whose `tracing` subscriber it sets. Needs root.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fmt, fs};

use core_runtime::{Loader, TypeInfo};
use tests::fleet::{PROGRAM, Process, declarations, program};
use tests::instructions::{instructions, value};
use tests::{app, clang};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Counts merges.
#[derive(Clone, Default)]
struct Merges(Arc<AtomicUsize>);

impl Merges {
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Subscriber for Merges {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("core_runtime")
    }

    fn event(&self, event: &Event<'_>) {
        struct IsMerge(bool);
        impl Visit for IsMerge {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                self.0 |= field.name() == "message" && format!("{value:?}") == "merging";
            }
        }
        let mut is_merge = IsMerge(false);
        event.record(&mut is_merge);
        self.0.fetch_add(usize::from(is_merge.0), Ordering::Relaxed);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Loads the program for a process, as if no other had been seen before, and gives the offset that
/// `data.c` has in the instructions that the kernel got.
fn offset(object: &[u8], pid: u32) -> u64 {
    let types = TypeInfo::of_process(pid).unwrap();
    let open = Loader::new(types).open_object(object.to_vec()).unwrap();
    let explanation = open.explain().unwrap();
    let mut rows = explanation.rows().iter();
    let row = rows.find(|row| row.local.starts_with("struct data.c"));
    let loaded = open.load().unwrap();
    value(&instructions(&loaded, "reader"), row.unwrap().instruction)
}

#[test]
fn processes_of_one_binary_share_a_merge_and_no_other() {
    let merges = Merges::default();
    tracing::subscriber::set_global_default(merges.clone()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let object = clang::bpf_object(PROGRAM).unwrap();

    let types = app::btf(&declarations(1)).unwrap();
    let binary = program(directory, "one", 0, &types, &[]);
    let fleet: Vec<_> = (0..100).map(|_| Process::start(&binary)).collect();
    for process in &fleet {
        assert_eq!(offset(&object, process.id()), 8);
    }
    assert_eq!(merges.take(), 1);

    // From several threads too.
    std::thread::scope(|scope| {
        for part in fleet.chunks(25) {
            let object = &object;
            scope.spawn(move || {
                for process in part {
                    assert_eq!(offset(object, process.id()), 8);
                }
            });
        }
    });
    assert_eq!(merges.take(), 0);

    // A copy elsewhere has the same types; another version that calls itself the same has not.
    let copy = directory.join("copy");
    fs::copy(&binary, &copy).unwrap();
    assert_eq!(offset(&object, Process::start(&copy).id()), 8);
    assert_eq!(merges.take(), 0);
    let build_id = ["-Wl,--build-id=0x00112233445566778899aabbccddeeff00112233"];
    for n in [1, 7, 1, 9, 7] {
        let types = app::btf(&declarations(n)).unwrap();
        let path = directory.join("forged");
        fs::remove_file(&path).unwrap_or_default();
        let binary = program(directory, "forged", 0, &types, &build_id);
        let expected = 4 + 4 * n as u64;
        assert_eq!(offset(&object, Process::start(&binary).id()), expected);
    }
    assert_eq!(merges.take(), 2);

    // Another object has a merge of its own.
    let other = clang::bpf_object(&PROGRAM.replace("reader", "other")).unwrap();
    let types = TypeInfo::of_process(fleet[0].id()).unwrap();
    Loader::new(types)
        .open_object(other)
        .unwrap()
        .load()
        .unwrap();
    assert_eq!(merges.take(), 1);
}
