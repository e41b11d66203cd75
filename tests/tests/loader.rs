//! Objects that are relocated against an application's types, loaded and run. Needs root.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use std::process::Command;

use core_runtime::{Binary, Error, Loader, TypeInfo, Uprobe};
use libbpf_rs::{MapCore as _, MapFlags, Object, ProgramMut};
use tests::{app, clang, traced};

/// The version of `struct data` that the BPF program was compiled with, in what the program sees.
const READER: &str = r#"
struct data { int a; int c; int d; } __attribute__((preserve_access_index))
	__attribute__((btf_decl_tag("core:app")));
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1);
         __type(key, __u32); __type(value, __u64); } read SEC(".maps");
SEC("uprobe") int reader(struct pt_regs *ctx)
{
	struct data *d = (void *)PT_REGS_PARM1(ctx);
	__u32 zero = 0;
	int c = 0;
	__u64 value;
	bpf_probe_read_user(&c, sizeof(c), &d->c);
	value = c;
	bpf_map_update_elem(&read, &zero, &value, BPF_ANY);
	return 0;
}
"#;

/// Types of an application whose `struct data` has these members.
fn types(members: &str) -> TypeInfo {
    TypeInfo::from_bytes(app::btf(&format!("struct data {{ {members} }} data;")).unwrap()).unwrap()
}

fn load(source: &str, app: TypeInfo) -> Result<Object, Error> {
    let object = clang::bpf_object(source).unwrap();
    Loader::new(app).open_object(object)?.load()
}

fn program<'o>(object: &'o Object, name: &str) -> ProgramMut<'o> {
    object
        .progs_mut()
        .find(|program| program.name() == name)
        .unwrap()
}

fn value_read(object: &Object) -> u64 {
    let map = object.maps().find(|map| map.name() == "read").unwrap();
    let value = map
        .lookup(&0_u32.to_ne_bytes(), MapFlags::ANY)
        .unwrap()
        .unwrap();
    u64::from_ne_bytes(value.try_into().unwrap())
}

/// The point of it all: one object reads the right member of either version.
#[test]
fn a_program_reads_the_member_where_this_version_has_it() {
    let (call, traced) = traced!(1);
    for (members, data) in [
        ("int a, c, d;", [1, 3, 4, 0]),
        ("int a, b, c, d;", [1, 2, 3, 4]),
        ("int d, b, a, c;", [4, 2, 1, 3]),
    ] {
        let object = load(READER, types(members)).unwrap();
        let _attached = Uprobe::function(traced)
            .attach(&program(&object, "reader"))
            .unwrap();
        call(data.as_ptr().addr() as u64);
        assert_eq!(value_read(&object), 3, "{members}");
    }
}

/// A program of a bare `uprobe` section is attached without a perf event.
#[test]
fn bare_uprobes_are_loaded_for_multi_links() {
    let object = load(READER, types("int a, c, d;")).unwrap();
    let kind = program(&object, "reader").attach_type();
    assert!(
        matches!(kind, libbpf_rs::ProgramAttachType::TraceUprobeMulti),
        "{kind:?}"
    );

    let named = READER.replace("SEC(\"uprobe\")", "SEC(\"uprobe//bin/true:main\")");
    let object = load(&named, types("int a, c, d;")).unwrap();
    let kind = program(&object, "reader").attach_type();
    assert!(
        !matches!(kind, libbpf_rs::ProgramAttachType::TraceUprobeMulti),
        "{kind:?}"
    );
}

/// Reading half of a member is refused before the kernel sees the program.
#[test]
fn a_member_of_another_size_is_refused_with_its_name_and_line() {
    let error = load(READER, types("int a; long c; int d;")).unwrap_err();
    let Error::Relocation { rows, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(rows.len(), 1);
    let text = error.to_string();
    for part in [
        "the given bytes",
        "test.bpf.c:",
        "reader",
        "struct data.c",
        "has 8 bytes",
    ] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

/// A program that is reached without the member it needs says which, where.
#[test]
fn a_missing_member_is_named_with_its_line() {
    let error = load(READER, types("int a, x, d;")).unwrap_err();
    let Error::Unsatisfied { program, rows, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(program, "reader");
    assert_eq!(rows.len(), 1);
    let text = error.to_string();
    for part in ["test.bpf.c:", "struct data.c", "no such member"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    let error = load(READER, TypeInfo::none()).unwrap_err();
    assert!(error.to_string().contains("no such type"), "{error}");
}

/// A member that a program asks for before it reads may be missing.
#[test]
fn a_guarded_member_may_be_missing() {
    let guarded = READER.replace(
        "bpf_probe_read_user(",
        "if (bpf_core_field_exists(d->c))\n\t\tbpf_probe_read_user(",
    );
    let (call, traced) = traced!(2);
    let object = load(&guarded, types("int a, x, d;")).unwrap();
    let _attached = Uprobe::function(traced)
        .attach(&program(&object, "reader"))
        .unwrap();
    call([1, 2, 3, 4].as_ptr().addr() as u64);
    assert_eq!(value_read(&object), 0);
}

/// What is wrong with a program matters only if it is loaded; autoload is the user's to set after
/// opening.
#[test]
fn a_program_that_is_not_loaded_refuses_nothing() {
    let source = format!(
        "{READER}
SEC(\"uprobe\") int other(struct pt_regs *ctx)
{{
	struct data *d = (void *)PT_REGS_PARM1(ctx);
	int a = 0;
	bpf_probe_read_user(&a, sizeof(a), &d->a);
	return a;
}}"
    );
    let bytes = clang::bpf_object(&source).unwrap();
    let loader = Loader::new(types("long a; int c;"));
    let error = loader
        .open_object(bytes.clone())
        .unwrap()
        .load()
        .unwrap_err();
    assert!(matches!(error, Error::Relocation { .. }), "{error:?}");
    assert!(error.to_string().contains("other"), "{error}");

    let mut open = loader.open_object(bytes).unwrap();
    for mut program in open.progs_mut() {
        if program.name() == "other" {
            program.set_autoload(false);
        }
    }
    open.load().unwrap();
}

/// The verifier's own words come with the error, and none of them goes to the terminal.
#[test]
fn a_rejected_program_carries_the_verifiers_log() {
    let bad = READER.replace("value = c;", "value = *(volatile __u64 *)0;");
    let error = load(&bad, types("int a, c, d;")).unwrap_err();
    let Error::Rejected { program, log, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(program, "reader");
    assert!(log.contains("processed"), "{log}");
    let text = error.to_string();
    assert!(
        text.contains("rejects program `reader`: R") && text.contains("invalid mem access"),
        "{text}"
    );
    assert!(
        format!("{error:?}").contains(log.lines().next().unwrap()),
        "{error:?}"
    );
}

/// Each thread's error is about what that thread loaded.
#[test]
fn threads_do_not_mix_up_their_logs() {
    std::thread::scope(|scope| {
        for n in 0..8 {
            scope.spawn(move || {
                let name = format!("bad_{n}");
                let bad = READER
                    .replace("value = c;", "value = *(volatile __u64 *)0;")
                    .replace("int reader(", &format!("int {name}("));
                let bytes = clang::bpf_object(&bad).unwrap();
                let loader = Loader::new(types("int a, c, d;"));
                for _ in 0..20 {
                    let open = loader.open_object(bytes.clone()).unwrap();
                    match open.load().unwrap_err() {
                        Error::Rejected { program, .. } => assert_eq!(program, name),
                        other => panic!("{other:?}"),
                    }
                }
            });
        }
    });
}

/// Another program, with nothing but the debug information that its build left in it.
#[test]
fn a_program_is_traced_by_its_debug_information() {
    let directory = tempfile::tempdir().unwrap();
    let traced = directory.path().join("traced");
    let source = "struct data { int a, b; long pad; int c, d; };\n\
         __attribute__((noinline)) int add_test(struct data *d) { return d->a + d->c; }\n\
         int main(void) { struct data d = { 1, 2, 0, 77, 4 }; return add_test(&d) != 78; }\n";
    clang::c_program(source, &["-g", "-O1"], &traced).unwrap();
    let object = load(READER, TypeInfo::from_file(&traced).unwrap()).unwrap();
    let _attached = Uprobe::symbol(&Binary::open(&traced).unwrap(), "add_test")
        .attach(&program(&object, "reader"))
        .unwrap();
    assert!(Command::new(&traced).status().unwrap().success());
    assert_eq!(value_read(&object), 77);
}

/// An object that relocates nothing needs no types of anybody.
#[test]
fn an_object_without_relocations_needs_no_types() {
    let plain = READER.replace("__attribute__((preserve_access_index))", "");
    let object = load(&plain, TypeInfo::none()).unwrap();
    assert_eq!(value_read(&object), 0);
}

/// Types that only the kernel has are read from it; a file can be named instead.
#[test]
fn kernel_types_come_from_the_kernel_or_a_named_file() {
    let source = r#"
struct task_struct { int pid; } __attribute__((preserve_access_index));
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1);
         __type(key, __u32); __type(value, __u64); } read SEC(".maps");
SEC("uprobe") int reader(struct pt_regs *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 zero = 0;
	__u64 value = BPF_CORE_READ(task, pid);
	bpf_map_update_elem(&read, &zero, &value, BPF_ANY);
	return 0;
}
"#;
    let object = load(source, TypeInfo::none()).unwrap();
    let (call, traced) = traced!(3);
    let attached = Uprobe::function(traced)
        .attach(&program(&object, "reader"))
        .unwrap();
    call(0);
    let thread = rustix::thread::gettid().as_raw_nonzero().get();
    assert_eq!(value_read(&object), u64::from(thread.unsigned_abs()));
    drop(attached);

    let bytes = clang::bpf_object(source).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kernel.btf");
    let loader = || Loader::new(TypeInfo::none());
    std::fs::copy("/sys/kernel/btf/vmlinux", &file).unwrap();
    loader()
        .kernel_btf(&file)
        .open_object(bytes.clone())
        .unwrap()
        .load()
        .unwrap();

    std::fs::write(&file, app::btf("struct other { int a; } o;").unwrap()).unwrap();
    let error = loader()
        .kernel_btf(&file)
        .open_object(bytes.clone())
        .unwrap()
        .load()
        .unwrap_err();
    assert!(matches!(error, Error::Unsatisfied { .. }), "{error:?}");

    let absent = directory.path().join("absent.btf");
    let error = loader()
        .kernel_btf(&absent)
        .open_object(bytes)
        .unwrap()
        .load()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot open {}", absent.display())
    );
}

/// A kernel file that cannot be opened does no harm to an object that asks for no kernel type.
#[test]
fn the_kernels_types_are_opened_only_when_needed() {
    let object = clang::bpf_object(READER).unwrap();
    let loader = Loader::new(types("int a, c, d;")).kernel_btf("/nowhere");
    loader.open_object(object).unwrap().load().unwrap();
}

#[test]
fn an_object_that_is_none_is_refused() {
    let loader = Loader::new(TypeInfo::none());
    let error = loader.open_object(&b"nothing"[..]).unwrap_err();
    assert_eq!(
        format!("{error:?}"),
        "the BPF object is malformed\n  because: not ELF: the first four bytes are not 7f 45 4c 46"
    );
}
