//! What the loader says of each relocation, before, after and instead of a load. Needs root.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use std::collections::BTreeSet;
use std::process::Command;

use core_btf::model::{CompositeKind, IntEncoding, Member, Type};
use core_btf::read::Endian;
use core_btf::{BtfBuf, RelocationKind};
use core_runtime::{Error, Loader, OpenedObject, Outcome, TypeInfo, Verdict};
use tests::instructions::{instructions, value};
use tests::{app, clang};

/// Relocations of each family, of both worlds; no branches, so that the kernel keeps each
/// instruction at its place.
const EVERYTHING: &str = r#"
#define APP __attribute__((preserve_access_index)) __attribute__((btf_decl_tag("core:app")))
#define KERNEL __attribute__((preserve_access_index))
enum color { RED___core_app, BLUE = 2 };
struct part { int x; } APP;
struct data { int a; struct part parts[2]; enum color color; unsigned flag : 3; } APP;
struct gone { int a; } APP;
struct task_struct { int pid; } KERNEL;
enum pid_type { PIDTYPE_SID };
__u64 seen[10];
SEC("uprobe") int everything(struct pt_regs *ctx)
{
	struct data *data = (void *)PT_REGS_PARM1(ctx);
	struct task_struct *task = (void *)PT_REGS_PARM2(ctx);
	bpf_probe_read_user(&seen[0], sizeof(int), &data->a);
	bpf_probe_read_user(&seen[1], sizeof(int), &data->parts[1].x);
	seen[2] = bpf_core_field_exists(data->color);
	seen[3] = bpf_core_field_size(data->parts);
	seen[4] = bpf_core_type_size(struct data);
	seen[5] = bpf_core_type_exists(struct gone);
	seen[6] = bpf_core_enum_value(enum color, BLUE);
	bpf_probe_read_kernel(&seen[7], sizeof(int), &task->pid);
	seen[8] = bpf_core_enum_value(enum pid_type, PIDTYPE_SID);
	seen[9] = bpf_core_type_size(struct task_struct);
	return 0;
}
SEC("uprobe") int broken(struct pt_regs *ctx)
{
	struct gone *gone = (void *)PT_REGS_PARM1(ctx);
	bpf_probe_read_user(&seen[0], sizeof(int), &gone->a);
	return 0;
}"#;

/// The application, with everything somewhere else.
const APP: &str = "enum color { PINK, RED, BLUE = 7 };
struct data { long new; enum color color; struct { int w, x; } parts[2]; int b, a; } data;";

fn open(source: &str, types: TypeInfo) -> OpenedObject {
    let object = clang::bpf_object(source).unwrap();
    Loader::new(types).open_object(object).unwrap()
}

fn types(declarations: &str) -> TypeInfo {
    TypeInfo::from_bytes(app::btf(declarations).unwrap()).unwrap()
}

fn without(mut object: OpenedObject, program: &str) -> OpenedObject {
    for mut it in object.progs_mut() {
        if it.name() == program {
            it.set_autoload(false);
        }
    }
    object
}

/// The explanation that was given before the load is true of what the kernel has after it.
#[test]
fn new_values_are_those_of_the_instructions_that_the_kernel_has() {
    let types = types(APP);
    let object = without(open(EVERYTHING, types), "broken");
    let explanation = object.explain().unwrap();
    let loaded = object.load().unwrap();
    let code = instructions(&loaded, "everything");

    let mut asked = BTreeSet::new();
    for row in explanation.rows() {
        assert_eq!(row.function, "everything");
        assert_eq!(row.verdict(), Verdict::Ok, "{row}");
        assert_eq!(value(&code, row.instruction), row.new.unwrap(), "{row}");
        asked.insert((row.kind.name(), explanation.from(row).to_owned()));
    }
    let expected = [
        ("byte_off", "the given bytes"),
        ("byte_off", "vmlinux"),
        ("byte_sz", "the given bytes"),
        ("enumval_value", "the given bytes"),
        ("enumval_value", "vmlinux"),
        ("field_exists", "the given bytes"),
        ("type_exists", ""),
        ("type_size", "the given bytes"),
        ("type_size", "vmlinux"),
    ];
    let expected = expected.map(|(kind, from)| (kind, from.to_owned()));
    assert_eq!(asked, expected.into());
    // And they are not what the program was compiled with.
    let of_enum = |row: &&core_runtime::Row| row.kind == RelocationKind::EnumvalValue;
    let blue = explanation.rows().iter().find(of_enum).unwrap();
    assert_eq!((blue.old, blue.new), (2, Some(7)));
}

/// Only what will be loaded is explained; what fails is in the rows, and no error.
#[test]
fn what_does_not_fit_is_a_row() {
    let object = open(EVERYTHING, types(APP));
    let explanation = object.explain().unwrap();
    let failing: Vec<_> = explanation.failing().collect();
    let [row] = failing.as_slice() else {
        panic!("{explanation}")
    };
    assert_eq!((row.function.as_str(), row.new), ("broken", None));
    let table = explanation.to_string();
    let line = table.lines().find(|line| line.starts_with("broken"));
    let line = line.unwrap();
    assert!(line.contains("FAILS: no such type ("), "{line}");
    assert!(line.ends_with("test.bpf.c:27)"), "{line}");

    let error = object.load().unwrap_err();
    let Error::Unsatisfied { rows, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(rows.as_slice(), [(*row).clone()]);

    let explanation = without(open(EVERYTHING, types(APP)), "broken").explain();
    assert_eq!(explanation.unwrap().failing().count(), 0);
}

/// The binary that a type comes from is named by its path.
#[test]
fn the_binary_that_a_type_is_from_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, app::btf(APP).unwrap()).unwrap();
    let object = open(EVERYTHING, TypeInfo::from_file(file.path()).unwrap());
    let table = object.explain().unwrap().to_string();
    let path = file.path().to_str().unwrap();
    assert!(table.lines().any(|line| line.contains(path)), "{table}");
}

/// An object without relocations has nothing to explain.
#[test]
fn an_object_without_relocations_has_no_rows() {
    let object = open(
        "SEC(\"uprobe\") int none(void *ctx) { return 0; }",
        TypeInfo::none(),
    );
    assert_eq!(object.explain().unwrap().rows(), []);
}

/// Of several members that are missing, the one that the verifier came to is named, with what may
/// have been meant.
#[test]
fn an_unsatisfied_program_says_what_it_came_to_and_what_is_near() {
    let source = r#"
#define APP __attribute__((preserve_access_index)) __attribute__((btf_decl_tag("core:app")))
struct data { int count; int price; } APP;
int out;
SEC("uprobe") int reader(struct pt_regs *ctx)
{
	struct data *data = (void *)PT_REGS_PARM1(ctx);
	bpf_probe_read_user(&out, sizeof(out), &data->count);
	bpf_probe_read_user(&out, sizeof(out), &data->price);
	return 0;
}"#;
    let error = open(source, types("struct data { int cuont, prize; } data;")).load();
    let error = error.unwrap_err();
    let Error::Unsatisfied { rows, .. } = &error else {
        panic!("{error:?}")
    };
    let [row] = rows.as_slice() else {
        panic!("{error}")
    };
    let near = vec!["cuont".to_owned()];
    assert_eq!(row.outcome, Outcome::MissingField { near });
    assert!(!error.to_string().contains("libbpf"), "{error}");
}

/// Types that cannot stand in one blob are named by the relocations that ask for them.
#[test]
fn a_failed_merge_has_the_rows_that_are_in_the_way() {
    // An application of a 32-bit machine, and the kernel of a 64-bit one.
    let mut btf = BtfBuf::new();
    let [long, data, a] = ["long", "data", "a"].map(|name| btf.intern(name).unwrap());
    let int = Type::Int {
        name: long,
        size_bytes: 4,
        encoding: IntEncoding::SIGNED,
        offset_bits: 0,
        bits: 32,
    };
    let ty = btf.push(int).unwrap();
    let member = Member {
        name: a,
        ty,
        offset_bits: 32,
        bitfield_bits: 0,
    };
    btf.push(Type::Composite {
        kind: CompositeKind::Struct,
        name: data,
        size_bytes: 8,
        members: vec![member],
    })
    .unwrap();
    let types = TypeInfo::from_bytes(btf.encode(Endian::NATIVE).unwrap()).unwrap();
    let source = r#"
#define APP __attribute__((preserve_access_index)) __attribute__((btf_decl_tag("core:app")))
struct data { int a; } APP;
struct task_struct { int pid; } __attribute__((preserve_access_index));
int out;
SEC("uprobe") int both(struct pt_regs *ctx)
{
	struct data *data = (void *)PT_REGS_PARM1(ctx);
	struct task_struct *task = (void *)PT_REGS_PARM2(ctx);
	bpf_probe_read_user(&out, sizeof(out), &data->a);
	bpf_probe_read_kernel(&out, sizeof(out), &task->pid);
	return 0;
}"#;
    let object = open(source, types);
    let explanation = object.explain().unwrap();
    let error = object.load().unwrap_err();
    let Error::Merge { rows, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(rows.len(), 2);
    assert!(explanation.failing().eq(rows), "{explanation}");
    let text = error.to_string();
    assert!(text.contains("struct task_struct.pid"), "{text}");
    assert!(text.contains("pointer sizes cannot be merged"), "{text}");
}

/// Where the kernel publishes no types, the error says which of them are asked for, and where.
#[test]
fn without_kernel_types_the_error_has_what_asks_for_them() {
    const HIDDEN: &str = "CORE_TEST_WITHOUT_KERNEL_TYPES";
    const NAME: &str = "without_kernel_types_the_error_has_what_asks_for_them";
    if std::env::var_os(HIDDEN).is_none() {
        let script = format!(
            "mount -t tmpfs tmpfs /sys/kernel/btf && exec \"$0\" --exact {NAME} --nocapture"
        );
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script])
            .arg(std::env::current_exe().unwrap())
            .env(HIDDEN, "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let object = without(open(EVERYTHING, types(APP)), "broken");
    let explained = object.explain().unwrap_err();
    let error = object.load().unwrap_err();
    assert_eq!(explained.to_string(), error.to_string());
    let Error::NoKernelTypes { rows, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(rows.len(), 3, "{error}");
    for local in [
        "struct task_struct.pid",
        "enum pid_type::PIDTYPE_SID",
        "struct task_struct",
    ] {
        let found = rows.iter().find(|row| row.local.starts_with(local));
        assert!(found.is_some_and(|row| row.source.is_some()), "{error}");
    }
}
