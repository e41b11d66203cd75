//! Clean builds: the example as it is, beside the same crate with plain libbpf-cargo and libbpf-rs.
//!
//! `cargo bench -p tests --bench build_time`
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run has nothing to say"
)]
#![expect(clippy::print_stdout, reason = "the figures")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const ROUNDS: usize = 2;

/// What the plain variant has in the place of the example's lines, by file.
const PLAIN: [(&str, &str, &str); 12] = [
    ("Cargo.toml", "core-runtime.workspace = true", "libbpf-rs.workspace = true"),
    ("Cargo.toml", "core-build.workspace = true", "libbpf-cargo.workspace = true"),
    (
        "src/main.rs",
        "core_runtime::embed!();",
        "mod bpf {
             pub mod trace { include!(concat!(env!(\"OUT_DIR\"), \"/trace.skel.rs\")); }
         }",
    ),
    (
        "src/trace.rs",
        "use core_runtime::{
    Attached, Loader, LostEvents, RingBuffer, TypeInfo, Uprobe, libbpf_rs::OpenObject,
};",
        "use libbpf_rs::{Link, MapCore as _, MapFlags, OpenObject, RingBufferBuilder};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};",
    ),
    ("src/main.rs", "core_runtime::preflight()", "\"\""),
    (
        "src/trace.rs",
        "        let lost = LostEvents::in_map(&skel.maps.events_lost)?;
        let losses = || -> core_runtime::Result<_> {",
        "        let losses = || -> libbpf_rs::Result<_> {
            let lost = skel.maps.events_lost.lookup(&[0; 4], MapFlags::ANY)?;
            let lost = lost.as_deref().and_then(<[u8]>::first_chunk).copied();",
    ),
    (
        "src/trace.rs",
        "requests: lost.count()?,",
        "requests: lost.map_or(0, u64::from_ne_bytes),",
    ),
    ("src/trace.rs", "attached: Attached,", "attached: Link,"),
    ("src/shared.rs", "#[bpf(skip)]", ""),
    (
        "src/trace.rs",
        "        let types = TypeInfo::this_program()?;
        let mut open = Loader::new(types).open(TraceSkelBuilder::default(), storage)?;",
        "        let mut open = TraceSkelBuilder::default().open(storage)?;",
    ),
    (
        "src/trace.rs",
        "        let trace_point = Uprobe::function(request_done as *const ());
        let attached = trace_point.attach(&skel.progs.on_request_done)?;",
        "        let _ = request_done as *const ();
        let attached = skel.progs.on_request_done.attach_uprobe(false, -1, \"/proc/self/exe\", 0)?;",
    ),
    (
        "src/trace.rs",
        "        let mut events =
            RingBuffer::new(&skel.maps.events, |event| on_record(Record::from(event)))?;",
        "        let mut events = RingBufferBuilder::new();
        events.add(&skel.maps.events, |bytes| {
            // As sound as it is with plain libbpf-rs: the size is the only check.
            let mut event = MaybeUninit::<types::event>::uninit();
            assert_eq!(bytes.len(), size_of::<types::event>());
            let place = event.as_mut_ptr().cast::<u8>();
            unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
            on_record(Record::from(unsafe { event.assume_init_ref() }));
            0
        })?;
        let events = events.build()?;",
    ),
];

/// Files with types that are traceable in ours.
const ANNOTATED: [&str; 5] = [
    "src/command.rs",
    "src/connection.rs",
    "src/reply.rs",
    "src/request.rs",
    "src/shared.rs",
];

const PLAIN_BUILD_RS: &str = r#"fn main() {
    cc::Build::new().file("src/lru.c").compile("cache");
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").unwrap());
    libbpf_cargo::SkeletonBuilder::new()
        .source("src/bpf/trace.bpf.c")
        .clang_args(["-I", "include", "-D__TARGET_ARCH_x86"])
        .build_and_generate(out.join("trace.skel.rs"))
        .unwrap();
}
"#;

fn main() {
    let dir = TempDir::new().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let ours = workspace(root, &dir.path().join("ours"));
    let plain = workspace(root, &dir.path().join("plain"));

    // The first build also fetches what is missing, and gives the plain variant its header.
    build(&ours);
    copy(
        &find(&ours.join("target"), "core/include"),
        &plain.join("example-app/include"),
    );
    let example = plain.join("example-app");
    let without = ["use core_runtime::bpf_traceable;\n", "#[bpf_traceable]\n"];
    let annotations = ANNOTATED
        .into_iter()
        .flat_map(|file| without.map(|line| (file, line, "")));
    for (file, from, to) in PLAIN.into_iter().chain(annotations) {
        let path = example.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has changed: {from}");
        fs::write(&path, text.replace(from, to)).unwrap();
    }
    fs::write(example.join("build.rs"), PLAIN_BUILD_RS).unwrap();
    build(&plain);

    compare(
        "a build from nothing",
        ROUNDS,
        || build(&ours),
        || build(&plain),
    );
    compare(
        "with dependencies built",
        3 * ROUNDS,
        || rebuild(&ours),
        || rebuild(&plain),
    );
}

/// Runs the two in turn and prints the medians.
fn compare(
    what: &str,
    rounds: usize,
    mut ours: impl FnMut() -> Duration,
    mut plain: impl FnMut() -> Duration,
) {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        with.push(ours());
        without.push(plain());
    }
    let (with, without) = (median(with), median(without));
    println!("example-app, {what}:");
    println!("  with core-build             {with:8.2?}");
    println!("  with plain libbpf-cargo     {without:8.2?}");
    let ratio = with.as_secs_f64() / without.as_secs_f64();
    println!("  ratio                       {ratio:8.2}");
}

/// A copy of the workspace with the example as its only program.
fn workspace(root: &Path, to: &Path) -> PathBuf {
    for part in [
        "core-btf",
        "core-build",
        "core-macros",
        "core-runtime",
        "example-app",
    ] {
        copy(&root.join(part), &to.join(part));
    }
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    fs::write(to.join("Cargo.toml"), manifest.replace(", \"tests\"", "")).unwrap();
    fs::copy(root.join("Cargo.lock"), to.join("Cargo.lock")).unwrap();
    to.to_path_buf()
}

/// Builds the example from nothing.
fn build(workspace: &Path) -> Duration {
    fs::remove_dir_all(workspace.join("target")).unwrap_or_default();
    timed(workspace)
}

/// Builds the example, its build script's output included, when its dependencies are built.
fn rebuild(workspace: &Path) -> Duration {
    let cleaned = cargo(workspace)
        .args(["clean", "--quiet", "--package", "example-app"])
        .status();
    assert!(cleaned.unwrap().success(), "{}", workspace.display());
    timed(workspace)
}

fn timed(workspace: &Path) -> Duration {
    let start = Instant::now();
    let built = cargo(workspace)
        .args(["build", "--quiet", "--package", "example-app"])
        .status();
    assert!(built.unwrap().success(), "{}", workspace.display());
    start.elapsed()
}

fn cargo(workspace: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(workspace)
        .env("CARGO_TARGET_DIR", workspace.join("target"))
        // As crates from a registry are built, and all crates in CI.
        .env("CARGO_INCREMENTAL", "0")
        // The example's lints are not meant for the skeleton as libbpf-cargo writes it.
        .env("RUSTFLAGS", "--cap-lints=allow");
    cargo
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The directory below `dir` whose path ends in `end`.
fn find(dir: &Path, end: &str) -> PathBuf {
    let mut todo = vec![dir.to_path_buf()];
    while let Some(dir) = todo.pop() {
        if dir.ends_with(end) {
            return dir;
        }
        let entries = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap());
        todo.extend(
            entries
                .filter(|e| e.file_type().unwrap().is_dir())
                .map(|e| e.path()),
        );
    }
    panic!("no {end} below {}", dir.display())
}
