//! One BPF object for an application and its libraries, whose types have names in common with each
//! other and with the kernel's. Needs root.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use core_runtime::{Error, Loader, TypeInfo, Uprobe};
use libbpf_rs::{MapCore as _, MapFlags, Object};
use tests::{app, clang, traced};

/// What programs report.
const SEEN: &str = r#"
#define APP __attribute__((preserve_access_index)) __attribute__((btf_decl_tag("core:app")))
#define KERNEL __attribute__((preserve_access_index))
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 8);
         __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
static void say(__u32 key, __u64 value) { bpf_map_update_elem(&seen, &key, &value, BPF_ANY); }
#define READ(pointer, field) ({ __typeof__((pointer)->field) ___v = 0; \
	bpf_probe_read_user(&___v, sizeof(___v), &(pointer)->field); ___v; })
"#;

fn types(declarations: &str) -> TypeInfo {
    TypeInfo::from_bytes(app::btf(declarations).unwrap()).unwrap()
}

fn load(source: &str, loader: &Loader) -> Result<Object, Error> {
    let object = clang::bpf_object(&format!("{SEEN}{source}")).unwrap();
    loader.open_object(object)?.load()
}

/// What the programs of `object` said when `call` ran with them attached to `traced`.
fn run(object: &Object, traced: *const (), call: impl FnOnce()) -> [u64; 8] {
    let attached: Vec<_> = object
        .progs_mut()
        .map(|program| Uprobe::function(traced).attach(&program).unwrap())
        .collect();
    call();
    drop(attached);
    let map = object.maps().find(|map| map.name() == "seen").unwrap();
    std::array::from_fn(|key| {
        let key = u32::try_from(key).unwrap().to_ne_bytes();
        let value = map.lookup(&key, MapFlags::ANY).unwrap().unwrap();
        u64::from_ne_bytes(value.try_into().unwrap())
    })
}

const LIBRARY_ONE: &str = "struct context { int a, id; } c;";
const LIBRARY_TWO: &str = "struct context { int a, b, c, id; enum state { IDLE, BUSY } state; } c;";

/// Each pointer is read by the layout of the library that it is from.
#[test]
fn two_libraries_with_types_of_one_name_are_told_apart_by_prefixes() {
    let (call, traced) = traced!(11);
    let loader = Loader::new(types(LIBRARY_ONE).with_prefix("one_").unwrap())
        .and(types(LIBRARY_TWO).with_prefix("two_").unwrap());
    let object = load(
        r#"
        enum two_state { two_BUSY = 7 };
        struct one_context { int id; } APP;
        struct two_context { int id; enum two_state state; } APP;
        SEC("uprobe") int reader(struct pt_regs *ctx)
        {
            struct one_context *one = (void *)PT_REGS_PARM1(ctx);
            struct two_context *two = (void *)PT_REGS_PARM1(ctx);
            say(0, READ(one, id));
            say(1, READ(two, id));
            say(2, READ(two, state) == bpf_core_enum_value(enum two_state, two_BUSY));
            return 0;
        }"#,
        &loader,
    )
    .unwrap();
    let data = [10, 11, 12, 13, 1];
    let seen = run(&object, traced, || {
        call(std::hint::black_box(&data).as_ptr().addr() as u64);
    });
    assert_eq!(seen[..3], [11, 13, 1]);
}

const READS_CONTEXT: &str = r#"
    struct context { int id; } APP;
    SEC("uprobe") int reader(struct pt_regs *ctx)
    {
        struct context *c = (void *)PT_REGS_PARM1(ctx);
        say(0, READ(c, id));
        return 0;
    }"#;

/// Whichever came first would be a guess.
#[test]
fn a_name_that_two_binaries_mean_differently_is_refused_with_both_binaries() {
    let file = |declarations: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), app::btf(declarations).unwrap()).unwrap();
        file
    };
    for second in [
        LIBRARY_TWO,
        // libbpf would take the only one that has it.
        "struct context { int number; } c;",
    ] {
        let files = [file(LIBRARY_ONE), file(second)];
        let [one, two] = files.each_ref().map(|file| {
            let types = TypeInfo::from_file(file.path()).unwrap();
            (types, file.path().to_str().unwrap())
        });
        for [first, second] in [[&one, &two], [&two, &one]] {
            let loader = Loader::new(first.0.clone()).and(second.0.clone());
            let error = load(READS_CONTEXT, &loader).unwrap_err();
            let Error::SameName(clash) = &error else {
                panic!("{error:?}")
            };
            assert_eq!(clash.name, "struct context");
            let text = error.to_string();
            for part in [
                "test.bpf.c:",
                ": reader: ",
                first.1,
                second.1,
                "struct context.id (0:1 @ offset 4)",
                "with_prefix",
            ] {
                assert!(text.contains(part), "{part} is not in: {text}");
            }
            let object = clang::bpf_object(&format!("{SEEN}{READS_CONTEXT}")).unwrap();
            let explained = loader.open_object(object).unwrap().explain().unwrap();
            let failing: Vec<_> = explained.failing().map(ToString::to_string).collect();
            assert_eq!(failing.len(), 1, "{explained}");
            assert!(failing[0].contains(second.1), "{explained}");
        }
    }
}

/// A header that application and library share makes no trouble, nor does a binary without types.
#[test]
fn binaries_that_mean_the_same_need_no_prefix() {
    let (call, traced) = traced!(12);
    let application = types(&format!("{LIBRARY_ONE} struct request {{ int b, a; }} r;"));
    let loader = Loader::new(TypeInfo::none())
        .and(application)
        .and(types("struct context { int a, id; long more; } c;"));
    let source = READS_CONTEXT.replace(
        "return 0;",
        "struct request *r = (void *)c; say(1, READ(r, a)); return 0;",
    );
    let object = load(
        &format!("struct request {{ int a; }} APP;{source}"),
        &loader,
    )
    .unwrap();
    let data = [20, 21];
    let seen = run(&object, traced, || {
        call(std::hint::black_box(&data).as_ptr().addr() as u64);
    });
    assert_eq!(seen[..2], [21, 21]);
}

/// A library whose struct another library only passes on, under a typedef: libbpf fails on a typedef
/// of what is declared only.
#[test]
fn a_typedef_of_what_another_binary_describes_is_read_there() {
    let (call, traced) = traced!(15);
    let passes = "typedef struct bio BIO; struct ssl { long a; BIO *bio; } s;";
    let describes = "typedef struct bio BIO; struct bio { int a, number; }; BIO b;";
    let source = r#"
        struct bio { int number; } APP;
        typedef struct bio BIO;
        struct ssl { BIO *bio; } APP;
        SEC("uprobe") int reader(struct pt_regs *ctx)
        {
            struct ssl *ssl = (void *)PT_REGS_PARM1(ctx);
            BIO *bio = READ(ssl, bio);
            say(0, READ(bio, number));
            return 0;
        }"#;
    for [first, second] in [[passes, describes], [describes, passes]] {
        let loader = Loader::new(types(first)).and(types(second));
        let object = load(source, &loader).unwrap();
        let bio = [50, 51];
        let ssl = [0, std::hint::black_box(&bio).as_ptr().addr() as u64];
        let seen = run(&object, traced, || {
            call(std::hint::black_box(&ssl).as_ptr().addr() as u64);
        });
        assert_eq!(seen[0], 51);
    }
    let error = load(source, &Loader::new(types(passes))).unwrap_err();
    assert!(matches!(error, Error::Unsatisfied { .. }), "{error:?}");
}

/// An application's types that are named as the kernel's are, and the kernel's, in one program.
#[test]
fn types_named_as_the_kernels_are_read_beside_the_kernels() {
    let (call, traced) = traced!(13);
    let application = types(
        "struct file { long a; int f_flags; } f; struct request { int b; int tag; } r;\
         struct page { int b, c; int flags; } p;",
    );
    let object = load(
        r#"
        struct file { int f_flags; } APP;
        struct request { int tag; } APP;
        struct page { int flags; } APP;
        struct task_struct { int tgid; } KERNEL;
        SEC("uprobe") int reader(struct pt_regs *ctx)
        {
            void *data = (void *)PT_REGS_PARM1(ctx);
            struct task_struct *task = (void *)bpf_get_current_task();
            say(0, READ((struct file *)data, f_flags));
            say(1, READ((struct request *)data, tag));
            say(2, READ((struct page *)data, flags));
            say(3, BPF_CORE_READ(task, tgid));
            return 0;
        }"#,
        &Loader::new(application),
    )
    .unwrap();
    let data = [30, 31, 32];
    let seen = run(&object, traced, || {
        call(std::hint::black_box(&data).as_ptr().addr() as u64);
    });
    assert_eq!(seen[..4], [32, 31, 32, u64::from(std::process::id())]);
}

/// One name from both worlds in one object: refused with what to do, which then works.
#[test]
fn the_kernels_and_the_applications_type_of_one_name_are_told_apart_by_a_prefix() {
    let (call, traced) = traced!(14);
    let application = || types("struct task_struct { int a, b, tgid; } t;");
    let source = r#"
        struct task_struct___mine { int tgid; } APP;
        struct task_struct { int tgid; } KERNEL;
        SEC("uprobe") int reader(struct pt_regs *ctx)
        {
            struct task_struct___mine *mine = (void *)PT_REGS_PARM1(ctx);
            struct task_struct *task = (void *)bpf_get_current_task();
            say(0, READ(mine, tgid));
            say(1, BPF_CORE_READ(task, tgid));
            return 0;
        }"#;
    let error = load(source, &Loader::new(application())).unwrap_err();
    let text = format!("{error:?}");
    for part in ["struct task_struct", "the kernel", "prefix"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }

    let source = source.replace("task_struct___mine", "app_task_struct");
    let loader = Loader::new(application().with_prefix("app_").unwrap());
    let object = load(&source, &loader).unwrap();
    let data = [40, 41, 42];
    let seen = run(&object, traced, || {
        call(std::hint::black_box(&data).as_ptr().addr() as u64);
    });
    assert_eq!(seen[..2], [42, u64::from(std::process::id())]);
}

#[test]
fn a_prefix_that_could_make_a_flavor_is_refused() {
    let error = types(LIBRARY_ONE).with_prefix("ssl__").unwrap_err();
    let text = format!("{error:?}");
    assert!(matches!(error, Error::Prefix { .. }), "{text}");
    for part in ["the given bytes", "`ssl__`", "a letter first"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}
