//! What a load costs before libbpf sees anything: decoding, checking and merging, for an object that
//! reads ten types of the kernel and ten of an application, against the running kernel's BTF.
//!
//! `cargo bench -p core-btf --bench merge`
#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot run has nothing to say"
)]

use std::fmt::Write as _;
use std::process::Command;
use std::sync::LazyLock;

use core_btf::merge::{append, targeted};
use core_btf::relo::{Sources, check};
use core_btf::{BpfObject, Btf};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

static VMLINUX: LazyLock<Vec<u8>> =
    LazyLock::new(|| std::fs::read("/sys/kernel/btf/vmlinux").expect("a kernel with BTF"));
static OBJECT: LazyLock<Vec<u8>> = LazyLock::new(|| compile(&source(true)));
static APP: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let object = compile(&source(false));
    let btf = core_btf::elf::section(&object, ".BTF").expect("an ELF file");
    btf.expect("types").to_vec()
});

const KERNEL: [(&str, &str); 10] = [
    ("task_struct", "int pid"),
    ("mm_struct", "unsigned long arg_start"),
    ("file", "unsigned f_flags"),
    ("inode", "unsigned long i_ino"),
    ("dentry", "unsigned d_flags"),
    ("cred", "unsigned securebits"),
    ("sock", "unsigned long sk_flags"),
    ("sk_buff", "unsigned len"),
    ("vm_area_struct", "unsigned long vm_start"),
    ("super_block", "unsigned long s_flags"),
];

/// The program; or the application, whose structs have one member more.
fn source(program: bool) -> String {
    let mut types = String::from(
        "static long (*read_user)(void *, unsigned, const void *) = (void *)112;\n\
         volatile unsigned long long sink;\n",
    );
    let mut body = String::new();
    let app = if program {
        "__attribute__((preserve_access_index, btf_decl_tag(\"core:app\")))"
    } else {
        ""
    };
    let text = |out: &mut String, line: std::fmt::Arguments<'_>| {
        out.write_fmt(line).expect("memory");
    };
    for (name, member) in KERNEL.iter().filter(|_| program) {
        let field = member.rsplit(' ').next().unwrap_or_default();
        let attribute = "__attribute__((preserve_access_index))";
        text(
            &mut types,
            format_args!("struct {name} {{ {member}; }} {attribute};\n"),
        );
        text(
            &mut body,
            format_args!("sink = ((struct {name} *)p)->{field};\n"),
        );
    }
    for n in 0..10 {
        let more = if program { "" } else { "long more;" };
        text(
            &mut types,
            format_args!("struct app_{n} {{ {more} int a; char name[16]; long b; }} {app};\n"),
        );
        text(
            &mut body,
            format_args!(
                "{{ int a; read_user(&a, sizeof(a), &((struct app_{n} *)p)->a);\n\
                 long b; read_user(&b, sizeof(b), &((struct app_{n} *)p)->b); sink = a + b; }}\n"
            ),
        );
    }
    let section = "__attribute__((section(\"uprobe\"), used))";
    format!("{types}{section} int program(void *p)\n{{\n{body}return 0;\n}}\n")
}

fn compile(source: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().expect("a folder");
    let (input, output) = (dir.path().join("in.c"), dir.path().join("out.o"));
    std::fs::write(&input, source).expect("a file");
    let clang = std::env::var("CLANG").unwrap_or_else(|_| "clang".into());
    let status = Command::new(clang)
        .args(["-target", "bpf", "-g", "-O2", "-c"])
        .arg(&input)
        .arg("-o")
        .arg(&output)
        .status();
    assert!(status.expect("clang").success());
    std::fs::read(output).expect("an object")
}

/// Decoding the object.
#[divan::bench]
fn parse_object(bencher: Bencher<'_, '_>) {
    bencher.bench(|| BpfObject::parse(black_box(&OBJECT)));
}

/// Indexing the kernel's types.
#[divan::bench]
fn parse_vmlinux(bencher: Bencher<'_, '_>) {
    bencher.bench(|| Btf::parse(black_box(&VMLINUX)));
}

/// The targeted merge and nothing else.
#[divan::bench]
fn merge_targeted(bencher: Bencher<'_, '_>) {
    let (object, kernel, app) = decoded();
    let sources = Sources {
        app: &app,
        kernel: &kernel,
    };
    bencher.bench(|| targeted(black_box(&object), &sources));
}

/// The check of all relocations, which are all right.
#[divan::bench]
fn check_all(bencher: Bencher<'_, '_>) {
    let (object, kernel, app) = decoded();
    let sources = Sources {
        app: &app,
        kernel: &kernel,
    };
    bencher.bench(|| check(black_box(&object), &sources));
}

/// All of the above, as for the first object of a process.
#[divan::bench]
fn everything(bencher: Bencher<'_, '_>) {
    bencher.bench(|| {
        let object = BpfObject::parse(&OBJECT).expect("a BPF object");
        let kernel = [Btf::parse(&VMLINUX).expect("types").remember_searches()];
        let app = [Btf::parse(&APP).expect("types")];
        let sources = Sources {
            app: &app,
            kernel: &kernel,
        };
        let rows = check(&object, &sources).expect("relocations");
        assert!(rows.iter().all(|row| !row.outcome.is_refused()));
        targeted(&object, &sources)
    });
}

/// The full merge.
#[divan::bench]
fn merge_append(bencher: Bencher<'_, '_>) {
    let (_, kernel, app) = decoded();
    bencher.bench(|| append(black_box(&kernel[0]), &[&app[0]]));
}

fn decoded() -> (BpfObject<'static>, [Btf<'static>; 1], [Btf<'static>; 1]) {
    (
        BpfObject::parse(&OBJECT).expect("a BPF object"),
        [Btf::parse(&VMLINUX).expect("types")],
        [Btf::parse(&APP).expect("types")],
    )
}
