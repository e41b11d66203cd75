//! Types that only a module of the kernel has. The modules are made here, by pahole, on top of the
//! running kernel; `kernels` is the same with Debian's own. Needs root.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails fails the test"
)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use core_btf::Btf;
use core_runtime::{Error, Loader, TypeInfo, Uprobe};
use libbpf_rs::{MapCore as _, MapFlags, Object};
use tests::{clang, traced};
use tracing::field::{Field, Visit};
use tracing::span;

/// Reads `struct core_test_dev.number` of the memory that the first argument points to.
const READER: &str = r#"
struct core_test_dev { int number; } __attribute__((preserve_access_index));
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1);
         __type(key, __u32); __type(value, __u32); } number SEC(".maps");
SEC("uprobe") int on_call(struct pt_regs *ctx)
{
	struct core_test_dev *dev = (void *)PT_REGS_PARM1(ctx);
	__u32 zero = 0, value = 0;
	bpf_probe_read_user(&value, sizeof(value), &dev->number);
	bpf_map_update_elem(&number, &zero, &value, BPF_ANY);
	return 0;
}
"#;

/// A directory with the running kernel's types and those of modules, as `/sys/kernel/btf` has them.
struct Kernel(tempfile::TempDir);

impl Kernel {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::copy(VMLINUX, directory.path().join(release() + ".btf"))
            .expect("this test needs a kernel with BTF");
        fs::create_dir(directory.path().join(release())).unwrap();
        Self(directory)
    }

    fn module_path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(release()).join(name)
    }

    /// Adds a module that has the structs that are declared.
    fn module(&self, name: &str, declarations: &str) {
        let work = tempfile::tempdir().unwrap();
        let source = work.path().join("module.c");
        let object = work.path().join("module.o");
        fs::write(&source, declarations).unwrap();
        run(Command::new("cc")
            .args(["-g", "-c", "-o"])
            .arg(&object)
            .arg(&source));
        let mut output = std::ffi::OsString::from("--btf_encode_detached=");
        output.push(self.module_path(name));
        run(Command::new("pahole")
            .args(["--btf_base", VMLINUX, "-J"])
            .arg(output)
            .arg(&object));
    }

    fn load(&self, source: &str) -> Result<Object, Error> {
        load(self.0.path(), source)
    }
}

const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

fn release() -> String {
    let name = rustix::system::uname();
    name.release().to_string_lossy().into_owned()
}

fn load(kernel: &Path, source: &str) -> Result<Object, Error> {
    let object = clang::bpf_object(source).unwrap();
    let loader = Loader::new(TypeInfo::none()).kernel_btf(kernel);
    loader.open_object(object).unwrap().load()
}

/// What the reader's program reads where the argument points to these numbers.
fn read(object: &Object, memory: &[u32; 4]) -> u32 {
    let (call, traced) = traced!(1);
    let program = object.progs_mut().next().unwrap();
    let _attached = Uprobe::function(traced).attach(&program).unwrap();
    call(memory.as_ptr().addr() as u64);
    let map = object.maps().find(|map| map.name() == "number").unwrap();
    let value = map.lookup(&0_u32.to_ne_bytes(), MapFlags::ANY);
    u32::from_ne_bytes(value.unwrap().unwrap().try_into().unwrap())
}

const MEMORY: [u32; 4] = [10, 11, 12, 13];
const DEV: &str = "struct core_test_dev { int a, b, number; } dev;";

#[test]
fn types_of_modules_join_the_merge() {
    let kernel = Kernel::new();
    let missing = kernel.load(READER).unwrap_err();
    assert!(matches!(missing, Error::Unsatisfied { .. }), "{missing:?}");
    kernel.module("unrelated", "struct core_test_other { int number; } other;");
    kernel.module("dev", DEV);
    assert_eq!(read(&kernel.load(READER).unwrap(), &MEMORY), 12);
    let object = clang::bpf_object(READER).unwrap();
    let loader = Loader::new(TypeInfo::none()).kernel_btf(kernel.0.path());
    let explanation = loader.open_object(object).unwrap().explain().unwrap();
    let text = explanation.to_string();
    assert!(text.contains(" dev "), "{text}");
}

/// The second layout of files: a copy of `/sys/kernel/btf`, below the release's name.
#[test]
fn a_copy_of_the_published_types_is_found_by_release() {
    let kernel = Kernel::new();
    kernel.module("dev", DEV);
    let published = kernel.0.path().join(release() + ".btf");
    fs::rename(published, kernel.module_path("vmlinux")).unwrap();
    assert_eq!(read(&kernel.load(READER).unwrap(), &MEMORY), 12);
    let file = load(&kernel.module_path("vmlinux"), READER);
    assert_eq!(read(&file.unwrap(), &MEMORY), 12);
}

/// What vmlinux has, no module is asked for.
#[test]
fn vmlinux_comes_first() {
    let kernel = Kernel::new();
    let source = READER
        .replace("core_test_dev", "file")
        .replace("number;", "f_flags;");
    let source = source
        .replace("->number", "->f_flags")
        .replace("int f_flags", "unsigned f_flags");
    // The first instruction takes the member's offset.
    let offset = |object: &Object| object.progs_mut().next().unwrap().insns()[0].imm;
    let without = kernel.load(&source).unwrap();
    kernel.module("fake", "struct file { char a[3]; unsigned f_flags; } file;");
    assert_eq!(offset(&kernel.load(&source).unwrap()), offset(&without));
}

/// Modules of one mind are no problem; those of two are, as nobody can tell which is meant.
#[test]
fn modules_that_disagree_are_refused() {
    let kernel = Kernel::new();
    kernel.module("dev", DEV);
    kernel.module("same", DEV);
    assert_eq!(read(&kernel.load(READER).unwrap(), &MEMORY), 12);
    kernel.module("other", "struct core_test_dev { int a, number, b; } dev;");
    let error = kernel.load(READER).unwrap_err();
    assert!(matches!(error, Error::Relocation { .. }), "{error:?}");
    assert!(error.to_string().contains("core_test_dev"), "{error}");
}

/// One bad module is said to be bad, and the others are used.
#[test]
fn a_broken_module_does_no_harm() {
    let kernel = Kernel::new();
    kernel.module("dev", DEV);
    let mut bytes = fs::read(kernel.module_path("dev")).unwrap();
    // A blob that is cut off, a text file, and members of a type that neither it nor vmlinux has.
    fs::write(kernel.module_path("a_cut"), &bytes[..bytes.len() / 2]).unwrap();
    fs::write(kernel.module_path("notes"), "no types").unwrap();
    for at in members_of_dev(&bytes) {
        bytes[at..at + 4].copy_from_slice(&0x0fff_ffff_u32.to_le_bytes());
    }
    fs::write(kernel.module_path("b_ids"), bytes).unwrap();
    let warnings = Warnings::default();
    let object = tracing::subscriber::with_default(warnings.clone(), || kernel.load(READER));
    assert_eq!(read(&object.unwrap(), &MEMORY), 12);
    let warnings = warnings.0.lock().unwrap().join("\n");
    assert!(warnings.contains("/a_cut"), "{warnings}");
    assert!(warnings.contains("/b_ids"), "{warnings}");
    assert!(!warnings.contains("/notes"), "{warnings}");
    assert_eq!(warnings.lines().count(), 4, "{warnings}");
}

/// Where the module has the types of the members of its struct.
fn members_of_dev(module: &[u8]) -> Vec<usize> {
    let vmlinux = fs::read(VMLINUX).unwrap();
    let vmlinux = Btf::parse(&vmlinux).unwrap();
    let types = Btf::parse_split(module, &vmlinux).unwrap();
    let mut dev = types
        .iter()
        .filter(|ty| ty.name_bytes() == b"core_test_dev");
    let member = dev.next().unwrap().members().next().unwrap();
    let words = module.chunks_exact(4).enumerate();
    let words = words.filter(|(_, word)| *word == member.ty.0.to_le_bytes());
    let places: Vec<_> = words.map(|(n, _)| 4 * n).collect();
    assert!(places.len() >= 3, "{places:?}");
    places
}

/// Collects warnings.
#[derive(Clone, Debug, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

struct Message<'m>(&'m mut String);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            *self.0 = format!("{value:?}");
        }
    }
}

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN && metadata.target() == "core_runtime::kernel"
    }
    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = String::new();
        event.record(&mut Message(&mut text));
        self.0.lock().unwrap().push(text);
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
