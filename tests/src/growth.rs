//! What a process and the kernel hold for it, for tests that count it again and again.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::thread;
use std::time::{Duration, Instant};

use libbpf_rs::query::{
    BtfInfoIter, LinkInfoIter, MapInfoIter, ProgInfoIter, ProgInfoQueryOptions,
};

/// Number of file descriptors that this process has open.
///
/// # Panics
/// When `/proc` is not there.
#[must_use]
pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Bytes of memory that this process has for its own.
///
/// # Panics
/// When `/proc` is not there.
#[must_use]
pub fn memory_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() << 10
}

/// Objects in the kernel that come from a BPF object whose programs and maps all have names of one
/// prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InKernel {
    /// Programs.
    pub programs: usize,
    /// Maps.
    pub maps: usize,
    /// BTF blobs.
    pub btf: usize,
    /// Links to the programs.
    pub links: usize,
}

impl InKernel {
    /// Those of the prefix, which the kernel cuts names not short of.
    #[must_use]
    pub fn now(prefix: &str) -> Self {
        let prefix = prefix.as_bytes();
        let programs: Vec<u32> = ProgInfoIter::with_query_opts(ProgInfoQueryOptions::default())
            .filter(|program| program.name.as_bytes().starts_with(prefix))
            .map(|program| program.id)
            .collect();
        let maps = MapInfoIter::default();
        let links = LinkInfoIter::default();
        let blobs = BtfInfoIter::default();
        Self {
            programs: programs.len(),
            maps: maps
                .filter(|m| m.name.as_bytes().starts_with(prefix))
                .count(),
            btf: blobs
                .filter(|blob| blob.btf.windows(prefix.len()).any(|name| name == prefix))
                .count(),
            links: links
                .filter(|link| programs.contains(&link.prog_id))
                .count(),
        }
    }

    /// Waits until nothing of the prefix is left: the kernel frees objects some time after they are
    /// closed.
    ///
    /// # Panics
    /// When it does not in half a minute.
    pub fn wait_until_gone(prefix: &str) {
        let start = Instant::now();
        while Self::now(prefix) != Self::default() {
            let waited = start.elapsed();
            assert!(waited.as_secs() < 30, "{:?} are left", Self::now(prefix));
            thread::sleep(Duration::from_millis(50));
        }
    }
}
