//! Objects that ask for the kernel's types and the application's. Needs root.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use std::fs;

use core_btf::{Btf, Kind};
use core_runtime::{Error, Loader, TypeInfo, Uprobe};
use libbpf_rs::{MapCore as _, MapFlags, Object};
use tests::{app, clang, traced};

/// Two values that a program leaves for the test.
const VALUES: &str = r#"
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2);
         __type(key, __u32); __type(value, __u64); } values SEC(".maps");
static __always_inline void put(__u32 key, __u64 value)
{
	bpf_map_update_elem(&values, &key, &value, BPF_ANY);
}
#define APP __attribute__((preserve_access_index)) __attribute__((btf_decl_tag("core:app")))
#define KERNEL __attribute__((preserve_access_index))
"#;

fn load(source: &str, declarations: &str) -> Result<Object, Error> {
    let object = clang::bpf_object(&format!("{VALUES}{source}")).unwrap();
    let types = TypeInfo::from_bytes(app::btf(declarations).unwrap()).unwrap();
    Loader::new(types).open_object(object).unwrap().load()
}

/// The values after `call` has run into the object's only program.
fn values(object: &Object, function: *const (), call: impl FnOnce()) -> [u64; 2] {
    let program = object.progs_mut().next().unwrap();
    let _attached = Uprobe::function(function).attach(&program).unwrap();
    call();
    let map = object.maps().find(|map| map.name() == "values").unwrap();
    [0_u32, 1].map(|key| {
        let value = map
            .lookup(&key.to_ne_bytes(), MapFlags::ANY)
            .unwrap()
            .unwrap();
        u64::from_ne_bytes(value.try_into().unwrap())
    })
}

/// One program may look at both worlds.
#[test]
fn kernel_and_application_types_are_read_together() {
    let (call, traced) = traced!(1);
    let source = r#"
struct task_struct { int tgid; } KERNEL;
struct data { int c; } APP;
SEC("uprobe") int both(struct pt_regs *ctx)
{
	struct data *data = (void *)PT_REGS_PARM1(ctx);
	struct task_struct *task = (void *)bpf_get_current_task();
	int c = 0;
	put(0, BPF_CORE_READ(task, tgid));
	bpf_probe_read_user(&c, sizeof(c), &data->c);
	put(1, c);
	return 0;
}"#;
    let object = load(source, "struct data { int a, b, c; } data;").unwrap();
    let data = [1, 2, 3];
    let seen = values(&object, traced, || {
        call(data.as_ptr().addr() as u64);
    });
    assert_eq!(seen, [u64::from(std::process::id()), 3]);
}

/// An application's `struct file` without the member that is read is not the kernel's, which has it.
#[test]
fn the_kernels_type_never_stands_in_for_the_applications() {
    let source = r#"
struct file { unsigned int f_flags; } APP;
SEC("uprobe") int of_app(struct pt_regs *ctx)
{
	struct file *file = (void *)PT_REGS_PARM1(ctx);
	unsigned int flags = 0;
	bpf_probe_read_user(&flags, sizeof(flags), &file->f_flags);
	put(0, flags);
	return 0;
}"#;
    let error = load(source, "struct file { int fd; } file;").unwrap_err();
    assert!(matches!(error, Error::Unsatisfied { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("struct file.f_flags") && text.contains("no such member"),
        "{text}"
    );
    load(source, "struct file { int fd; unsigned f_flags; } file;").unwrap();
}

/// A name that is asked for from both worlds cannot be told apart by libbpf.
#[test]
fn one_name_for_two_types_is_refused_with_the_way_out() {
    let source = r#"
struct file { unsigned int f_flags; } APP;
struct file___kernel { unsigned int f_mode; } KERNEL;
SEC("uprobe") int both(struct pt_regs *ctx)
{
	struct file *app = (void *)PT_REGS_PARM1(ctx);
	struct file___kernel *kernel = (void *)PT_REGS_PARM2(ctx);
	unsigned int value = 0;
	bpf_probe_read_user(&value, sizeof(value), &app->f_flags);
	put(0, value);
	put(1, BPF_CORE_READ(kernel, f_mode));
	return 0;
}"#;
    let error = load(source, "struct file { int fd; unsigned f_flags; } file;").unwrap_err();
    let text = error.to_string();
    assert!(text.contains("rename the application's"), "{text}");
}

/// Who asks for the id of a kernel type gets the one that the kernel knows it by.
#[test]
fn ids_of_kernel_types_are_the_kernels_own() {
    let (call, traced) = traced!(2);
    let source = r#"
struct task_struct { int tgid; } KERNEL;
struct data { int c; } APP;
SEC("uprobe") int both(struct pt_regs *ctx)
{
	struct data *data = (void *)PT_REGS_PARM1(ctx);
	int c = 0;
	put(0, bpf_core_type_id_kernel(struct task_struct));
	bpf_probe_read_user(&c, sizeof(c), &data->c);
	put(1, c);
	return 0;
}"#;
    let object = load(source, "struct data { int a, b, c; } data;").unwrap();
    let data = [1, 2, 3];
    let seen = values(&object, traced, || {
        call(data.as_ptr().addr() as u64);
    });
    let vmlinux = fs::read("/sys/kernel/btf/vmlinux").unwrap();
    let vmlinux = Btf::parse(&vmlinux).unwrap();
    let task = vmlinux
        .iter()
        .find(|ty| ty.kind() == Kind::Struct && ty.name_bytes() == b"task_struct");
    assert_eq!(seen, [u64::from(task.unwrap().id().0), 3]);
}
