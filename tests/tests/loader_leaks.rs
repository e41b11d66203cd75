//! That loading leaves nothing behind. A test of its own process, whose descriptors it counts. Needs
//! root.

use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, Instant};
use std::{fs, thread};

use core_runtime::{Loader, TypeInfo};
use libbpf_rs::query::{MapInfoIter, ProgInfoIter, ProgInfoQueryOptions};
use tests::{app, clang};

const PROGRAM: &str = r#"
struct data { int a; int c; } __attribute__((preserve_access_index));
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1);
         __type(key, __u32); __type(value, __u64); } core_leak SEC(".maps");
SEC("uprobe") int core_leak_prog(struct pt_regs *ctx)
{
	struct data *d = (void *)PT_REGS_PARM1(ctx);
	__u32 zero = 0;
	int c = 0;
	bpf_probe_read_user(&c, sizeof(c), &d->c);
	return bpf_map_lookup_elem(&core_leak, &zero) ? c : 0;
}
"#;

/// Programs and maps of the test in the kernel.
fn in_kernel() -> (usize, usize) {
    let programs = ProgInfoIter::with_query_opts(ProgInfoQueryOptions::default())
        .filter(|program| program.name.as_bytes().starts_with(b"core_leak"))
        .count();
    let maps = MapInfoIter::default()
        .filter(|map| map.name.as_bytes().starts_with(b"core_leak"))
        .count();
    (programs, maps)
}

/// Waits until the kernel, which frees objects some time after they are closed, has freed them.
fn wait_until_gone() {
    let start = Instant::now();
    while in_kernel() != (0, 0) {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{:?} are left",
            in_kernel()
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// Neither descriptors nor kernel objects are left of objects that come and go, loaded or refused.
#[test]
fn a_thousand_loads_leave_nothing_behind() {
    let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
    let object = clang::bpf_object(PROGRAM).unwrap();
    let loader =
        |declaration| Loader::new(TypeInfo::from_bytes(app::btf(declaration).unwrap()).unwrap());
    let fits = loader("struct data { int a, b, c; } data;");
    let lacks = loader("struct data { int a; } data;");
    // What is opened once per process is not a leak.
    drop(fits.open_object(object.clone()).unwrap().load().unwrap());
    let before = descriptors();
    wait_until_gone();
    for round in 0..1000 {
        let loaded = fits.open_object(object.clone()).unwrap().load().unwrap();
        if round == 0 {
            assert_eq!(in_kernel(), (1, 1));
        }
        drop(loaded);
        drop(fits.open_object(object.clone()).unwrap());
        lacks
            .open_object(object.clone())
            .unwrap()
            .load()
            .unwrap_err();
    }
    assert_eq!(descriptors(), before);
    wait_until_gone();
}
