//! Objects, types and libbpf's relocation of one against the other.

use std::path::Path;
use std::process::Command;
use std::ptr::NonNull;

use core_btf::read::Endian;
use core_btf::{Btf, dwarf};
use libbpf_rs::AsRawLibbpf as _;
use libbpf_sys::{bpf_insn, bpf_object__prepare};
use tests::program::fixtures;

/// A folder of the sources.
fn sources() -> std::path::PathBuf {
    fixtures().join("equality")
}

/// Compiles a file of the fixture to a BPF object.
pub(crate) fn object(file: &str, defines: &str) -> Vec<u8> {
    let path = sources().join(file);
    object_of(&format!("{defines}\n#include \"{}\"\n", path.display()))
}

/// Compiles a BPF program.
pub(crate) fn object_of(source: &str) -> Vec<u8> {
    tests::clang::bpf_object(source).unwrap()
}

/// The types of C source text, as gcc describes them in its debug information.
pub(crate) fn types_of(source: &str, flags: &[&str]) -> Vec<u8> {
    let compiled = compile("cc", source, flags);
    let types = dwarf::extract(&compiled, &dwarf::Options::default()).unwrap();
    types.btf.encode(Endian::NATIVE).unwrap()
}

/// The same as clang describes them, with its own names of numbers.
pub(crate) fn clang_types_of(source: &str, flags: &[&str]) -> Vec<u8> {
    let clang = std::env::var("CLANG").unwrap_or_else(|_| "clang".into());
    let flags = [&["-target", "bpf"], flags].concat();
    let compiled = compile(&clang, source, &flags);
    let btf = core_btf::elf::section(&compiled, ".BTF").unwrap();
    btf.unwrap().into()
}

fn compile(compiler: &str, source: &str, flags: &[&str]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("types.c");
    std::fs::write(&input, source).unwrap();
    let output = dir.path().join("types.o");
    let compiled = Command::new(compiler)
        .args(["-g", "-c"])
        .args(flags)
        .arg(&input)
        .arg("-o")
        .arg(&output)
        .output()
        .unwrap();
    assert!(
        compiled.status.success(),
        "{}",
        String::from_utf8_lossy(&compiled.stderr)
    );
    std::fs::read(output).unwrap()
}

/// The application's types in one version.
pub(crate) fn app(version: u32) -> Vec<u8> {
    types_of(&app_source(), &[&format!("-DVERSION={version}")])
}

/// Their source.
pub(crate) fn app_source() -> String {
    std::fs::read_to_string(sources().join("target.c")).unwrap()
}

/// The running kernel's types.
pub(crate) fn vmlinux() -> Vec<u8> {
    std::fs::read("/sys/kernel/btf/vmlinux").expect("this test needs a kernel with BTF")
}

/// An instruction, comparable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) code: u8,
    pub(crate) registers: u8,
    pub(crate) off: i16,
    pub(crate) imm: i32,
}

impl From<&bpf_insn> for Instruction {
    fn from(i: &bpf_insn) -> Self {
        const LDIMM64: u8 = 0x18;
        // The file descriptor of a map is another one each time.
        let is_map = i.code == LDIMM64 && i.src_reg() != 0;
        Self {
            code: i.code,
            registers: i.dst_reg() | i.src_reg() << 4,
            off: i.off,
            imm: if is_map { 0 } else { i.imm },
        }
    }
}

impl Instruction {
    /// What libbpf puts where a relocation has no target: a call of this helper.
    pub(crate) fn is_poison(self) -> bool {
        self.code == 0x85 && self.imm == 0x0bad_2310
    }
}

/// Each program's name and instructions.
pub(crate) type Relocated = Vec<(String, Vec<Instruction>)>;

/// What libbpf makes of an object with this BTF as target; an error if it refuses.
pub(crate) fn relocate(object: &[u8], btf: &[u8]) -> Result<Relocated, i32> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("target.btf");
    std::fs::write(&path, btf).unwrap();
    relocate_against(object, &path)
}

fn relocate_against(object: &[u8], btf: &Path) -> Result<Relocated, i32> {
    let mut builder = libbpf_rs::ObjectBuilder::default();
    builder.btf_custom_path(btf).unwrap();
    let mut open = builder.open_memory(object).unwrap();
    let raw = open.as_libbpf_object();
    // SAFETY: the object is open, not loaded, and owned by `open`, which lives on.
    let status = unsafe { bpf_object__prepare(raw.as_ptr()) };
    if status != 0 {
        return Err(status);
    }
    let programs = open.progs_mut().map(|program| {
        let name = program.name().to_string_lossy().into_owned();
        let code = program.insns().iter().map(Instruction::from).collect();
        (name, code)
    });
    Ok(programs.collect())
}

/// libbpf's own merge: `others` appended to `base` by `btf__add_btf`.
pub(crate) fn libbpf_merge(base: &[u8], others: &[&[u8]]) -> Vec<u8> {
    let base = Raw::parse(base);
    for other in others {
        let other = Raw::parse(other);
        // SAFETY: both are valid until the end of their scopes.
        let first = unsafe { libbpf_sys::btf__add_btf(base.0.as_ptr(), other.0.as_ptr()) };
        assert!(first > 0, "btf__add_btf: {first}");
    }
    let mut len = 0;
    // SAFETY: `base` is valid; libbpf writes the length and gives bytes that live as long.
    let bytes = unsafe { libbpf_sys::btf__raw_data(base.0.as_ptr(), &raw mut len) };
    // SAFETY: as said, `bytes` are `len` bytes, and `base` lives to the end of this function.
    unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), len as usize) }.to_vec()
}

/// A `struct btf` of libbpf.
struct Raw(NonNull<libbpf_sys::btf>);

impl Raw {
    fn parse(data: &[u8]) -> Self {
        let len = u32::try_from(data.len()).unwrap();
        // SAFETY: `data` is `len` bytes, which libbpf copies.
        let btf = unsafe { libbpf_sys::btf__new(data.as_ptr().cast(), len) };
        Self(NonNull::new(btf).expect("libbpf parses the BTF"))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: made by btf__new, freed once.
        unsafe { libbpf_sys::btf__free(self.0.as_ptr()) }
    }
}

/// Makes `TYPE_MATCHES` of every `TYPE_EXISTS` relocation.
pub(crate) fn ask_for_matches(object: &mut [u8]) {
    const EXISTS: u32 = 8;
    const MATCHES: u32 = 12;
    let place = {
        let elf = core_btf::elf::Elf::parse(object).unwrap();
        let ext = elf.section(".BTF.ext").unwrap().data;
        ext.as_ptr() as usize - object.as_ptr() as usize
    };
    let ext = &mut object[place..];
    let word = |ext: &[u8], at: usize| u32::from_le_bytes(ext[at..at + 4].try_into().unwrap());
    let start = (word(ext, 4) + word(ext, 24)) as usize;
    let end = start + word(ext, 28) as usize;
    let size = word(ext, start) as usize;
    let mut at = start + 4;
    while at < end {
        let count = word(ext, at + 4) as usize;
        at += 8;
        for record in 0..count {
            let kind = at + record * size + 12;
            if word(ext, kind) == EXISTS {
                ext[kind..kind + 4].copy_from_slice(&MATCHES.to_le_bytes());
            }
        }
        at += count * size;
    }
}

/// Parses many blobs.
pub(crate) fn parse(blobs: &[Vec<u8>]) -> Vec<Btf<'_>> {
    blobs.iter().map(|blob| Btf::parse(blob).unwrap()).collect()
}
