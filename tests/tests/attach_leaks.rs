//! That probes leave nothing behind. A test of its own process, whose descriptors and memory it
//! counts. Needs root.

use std::sync::Barrier;
use std::thread;

use core_runtime::{Loader, TypeInfo, Uprobe};
use tests::growth::{InKernel, descriptors, memory_bytes};
use tests::{clang, traced};

/// One program for each kind of link.
const PROGRAMS: &str = r#"
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1);
         __type(key, __u32); __type(value, __u64); } core_att_map SEC(".maps");
static __always_inline int note(void)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&core_att_map, &zero);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}
SEC("uprobe") int core_att_multi(void *ctx) { return note(); }
SEC("uprobe//proc/self/exe:main") int core_att_perf(void *ctx) { return note(); }
"#;
const PREFIX: &str = "core_att_";

const THREADS: usize = 50;

/// Neither descriptors, memory, links nor running programs are left of guards that come and go.
#[test]
fn ten_thousand_probes_leave_nothing_behind() {
    let (call, traced) = traced!(1);
    let traced = traced.expose_provenance();
    let object = clang::bpf_object(PROGRAMS).unwrap();
    let loader = Loader::new(TypeInfo::none());
    let object = loader.open_object(object).unwrap().load().unwrap();
    let attach = |name: &str| {
        let program = object.progs_mut().find(|program| program.name() == name);
        let function = std::ptr::with_exposed_provenance(traced);
        let attached = Uprobe::function(function).attach(&program.unwrap());
        drop(attached.unwrap());
    };
    // Detaching waits until no processor can be in the program. Threads wait together for that; for
    // a perf event they wait one after the other.
    let all_wait = Barrier::new(THREADS + 1);
    let attach_many = |thread: usize| {
        for times in [20, 180] {
            for time in 0..times {
                if time == 0 && thread.is_multiple_of(5) {
                    attach("core_att_perf");
                } else {
                    attach("core_att_multi");
                }
            }
            all_wait.wait();
            all_wait.wait();
        }
    };
    let held = || (descriptors(), InKernel::now(PREFIX));
    // To look at the kernel's own BTF takes memory, which the allocator keeps from the second time on.
    assert_eq!(held(), held());
    let (before, after) = thread::scope(|scope| {
        for thread in 0..THREADS {
            let attach_many = &attach_many;
            scope.spawn(move || attach_many(thread));
        }
        let [before, after] = [1, 2].map(|_| {
            all_wait.wait();
            let now = (held(), memory_bytes());
            all_wait.wait();
            now
        });
        (before, after)
    });
    assert_eq!(after.0, before.0);
    let kernel = InKernel {
        programs: 2,
        maps: 1,
        btf: 1,
        links: 0,
    };
    assert_eq!(after.0.1, kernel);
    let grown = after.1.saturating_sub(before.1);
    assert!(grown < 9_000 * 16, "{grown} bytes more");
    call(1);
    let map = object.maps().next().unwrap();
    let value = libbpf_rs::MapCore::lookup(&map, &[0; 4], libbpf_rs::MapFlags::ANY);
    assert_eq!(value.unwrap(), Some(vec![0; 8]));
    drop(object);
    InKernel::wait_until_gone(PREFIX);
}
