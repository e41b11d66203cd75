//! Where libbpf's log goes. A test of its own process, whose `tracing` subscriber it sets. Needs
//! root.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use std::fmt;
use std::sync::{Arc, Mutex};

use core_runtime::{Error, Loader, TypeInfo};
use tests::clang;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps the level and text of libbpf's events.
#[derive(Clone, Default)]
struct Libbpf(Arc<Mutex<Vec<(Level, String)>>>);

impl Subscriber for Libbpf {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "libbpf" && *metadata.level() <= Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
                self.0 = format!("{value:?}");
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0
            .lock()
            .unwrap()
            .push((*event.metadata().level(), text.0));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// What libbpf warns of becomes events, and what the verifier said is also in the error.
#[test]
fn libbpfs_warnings_go_to_tracing() {
    let seen = Libbpf::default();
    tracing::subscriber::set_global_default(seen.clone()).unwrap();
    let object = clang::bpf_object(
        "SEC(\"uprobe\") int bad(void *ctx) { return *(volatile int *)0; }\n\
         SEC(\"uprobe\") int good(void *ctx) { return 0; }",
    )
    .unwrap();
    let loader = Loader::new(TypeInfo::none());
    let error = loader
        .open_object(object.clone())
        .unwrap()
        .load()
        .unwrap_err();
    let Error::Rejected { program, log, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(program, "bad");
    let warnings = std::mem::take(&mut *seen.0.lock().unwrap());
    assert!(
        warnings.iter().all(|(level, _)| *level == Level::WARN),
        "{warnings:?}"
    );
    let in_warnings = warnings.iter().any(|(_, text)| text.contains(log.as_str()));
    assert!(in_warnings, "{log} is not in {warnings:?}");

    let mut open = loader.open_object(object).unwrap();
    for mut program in open.progs_mut() {
        if program.name() == "bad" {
            program.set_autoload(false);
        }
    }
    open.load().unwrap();
    assert_eq!(*seen.0.lock().unwrap(), []);
}
