//! That loading leaves nothing behind. A test of its own process, whose descriptors and memory it
//! counts. Needs root.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use std::thread;

use core_runtime::{Loader, TypeInfo};
use tests::growth::{InKernel, descriptors, memory_bytes};
use tests::{app, clang};

/// Reads types of the application and of the kernel.
const PROGRAM: &str = r#"
struct data { int a; int c; } __attribute__((preserve_access_index))
__attribute__((btf_decl_tag("core:app")));
struct task_struct { int tgid; } __attribute__((preserve_access_index));
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1);
         __type(key, __u32); __type(value, __u64); } core_leak SEC(".maps");
SEC("uprobe") int core_leak_prog(struct pt_regs *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct data *d = (void *)PT_REGS_PARM1(ctx);
	__u32 zero = 0;
	int c = 0;
	bpf_probe_read_user(&c, sizeof(c), &d->c);
	return bpf_map_lookup_elem(&core_leak, &zero) ? c : BPF_CORE_READ(task, tgid);
}
"#;
const PREFIX: &str = "core_leak";

const THREADS: usize = 4;

/// Loads, opens only and is refused, each so many times.
fn load(fits: &Loader, lacks: &Loader, object: &[u8], times: usize) {
    let open = |loader: &Loader| loader.open_object(object.to_vec()).unwrap();
    for time in 0..times {
        drop(open(fits).load().unwrap());
        if time % 4 == 0 {
            drop(open(fits));
            open(lacks).load().unwrap_err();
        }
    }
}

/// Neither descriptors, memory nor kernel objects are left of objects that come and go, loaded or
/// refused, by several loaders in several threads at once.
#[test]
fn ten_thousand_loads_leave_nothing_behind() {
    let object = clang::bpf_object(PROGRAM).unwrap();
    let loader =
        |declaration| Loader::new(TypeInfo::from_bytes(app::btf(declaration).unwrap()).unwrap());
    let in_threads = |times| {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                let fits = loader("struct data { int a, b, c; } data;");
                let lacks = loader("struct data { int a; } data;");
                let object = &object;
                scope.spawn(move || load(&fits, &lacks, object, times));
            }
        });
    };
    // What is opened once per process, and the memory that a thread keeps, is not a leak.
    in_threads(250);
    InKernel::wait_until_gone(PREFIX);
    let before = descriptors();
    let memory = memory_bytes();
    in_threads(2250);
    assert_eq!(descriptors(), before);
    let grown = memory_bytes().saturating_sub(memory);
    assert!(grown < 9_000 * 16, "{grown} bytes more");
    InKernel::wait_until_gone(PREFIX);

    // They are counted, where there are some.
    let fits = loader("struct data { int a, b, c; } data;");
    let loaded = fits.open_object(object.clone()).unwrap().load().unwrap();
    let expected = InKernel {
        programs: 1,
        maps: 1,
        btf: 1,
        links: 0,
    };
    assert_eq!(InKernel::now(PREFIX), expected);
    drop(loaded);
}
