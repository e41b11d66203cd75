//! C that is in use: ten code bases, from the sources that packages on crates.io bring.

use std::path::{Path, PathBuf};
use std::process::Command;

use core_btf::read::Endian;
use core_btf::{BtfBuf, Kind, Type};
use tests::sources;

use crate::oracle::{Workspace, ours, pahole, run};
use tests::layout::{Layouts, differences, layouts, typedef_layouts};

/// Compares the BTF of every object with pahole's, than which it is not larger, and at last that of
/// an archive of them with all of these together, of which bpftool makes C that compiles. Returns how
/// many types of their own the files have.
fn compare_with_pahole(sources: &[PathBuf], command: &[&str]) -> usize {
    let work = Workspace::new();
    let mut together = Layouts::new();
    let mut objects = Vec::new();
    let mut sizes = (0, 0);
    for (at, source) in sources.iter().enumerate() {
        let object = work.compile(command, source, &format!("{at}.o"));
        let (ours, theirs) = (ours(&object), pahole(&object));
        assert_same(&ours, &theirs, source, command);
        assert_no_larger(&ours, &theirs, source, command);
        sizes = (sizes.0 + bytes(&ours), sizes.1 + bytes(&theirs));
        for (name, found) in layouts(&ours) {
            together.entry(name).or_default().extend(found);
        }
        objects.push(object);
    }
    assert!(sizes.0 <= sizes.1, "{sizes:?} bytes, {command:?}");
    let archive = work.path("all.a");
    run(Command::new("ar").arg("rcs").arg(&archive).args(&objects));
    let all = ours(&archive);
    let found = differences(&layouts(&all), &together);
    assert!(found.is_empty(), "archive, {command:?}: {found:#?}");
    compile_as_c(&work, &all);
    together.len()
}

fn compile_as_c(work: &Workspace, btf: &BtfBuf) {
    let (blob, header) = (work.path("all.btf"), work.path("all.h"));
    std::fs::write(&blob, btf.encode(Endian::Little).unwrap()).unwrap();
    let mut bpftool = Command::new("bpftool");
    bpftool.args(["btf", "dump", "file"]).arg(&blob);
    std::fs::write(&header, run(bpftool.args(["format", "c"])).stdout).unwrap();
    run(Command::new("clang")
        .args(["-target", "bpf", "-g", "-w", "-fsyntax-only", "-x", "c"])
        .arg(&header));
}

fn assert_same(ours: &BtfBuf, theirs: &BtfBuf, source: &Path, command: &[&str]) {
    for view in [layouts, typedef_layouts] {
        let found = differences(&view(ours), &view(theirs));
        assert!(
            found.is_empty(),
            "{} {command:?}: {found:#?}",
            source.display()
        );
    }
}

/// Size, encoded.
fn bytes(btf: &BtfBuf) -> usize {
    btf.encode(Endian::Little).unwrap().len()
}

/// Functions do not count: pahole leaves some out. Nor does what it has not: dimensions of arrays, of
/// which it makes one, and values of 32-bit enums that libbpf would take for negative if they were
/// not in an ENUM64.
fn assert_no_larger(ours: &BtfBuf, theirs: &BtfBuf, source: &Path, command: &[&str]) {
    const ARRAY_BYTES: usize = 24;
    const WIDER_BYTES: usize = 4;
    let types = |btf: &BtfBuf| {
        let named = btf.iter().filter(|(_, ty)| {
            !ty.name().is_anonymous() && !matches!(ty.kind(), Kind::Func | Kind::DeclTag)
        });
        btf.closure(named.map(|(id, _)| id)).unwrap()
    };
    let arrays = |btf: &BtfBuf| {
        let arrays = btf.types().iter().filter(|ty| ty.kind() == Kind::Array);
        arrays.count()
    };
    let wider = |btf: &BtfBuf| -> usize {
        let enums = btf.types().iter().map(|ty| match ty {
            Type::Enum {
                size_bytes: 4,
                wide: true,
                values,
                ..
            } => values.len(),
            _ => 0,
        });
        enums.sum()
    };
    let (ours, theirs) = (types(ours), types(theirs));
    let dimensions = arrays(&ours).saturating_sub(arrays(&theirs));
    let wider = wider(&ours) - wider(&theirs);
    let limit = bytes(&theirs) + ARRAY_BYTES * dimensions + WIDER_BYTES * wider;
    assert!(
        bytes(&ours) <= limit,
        "{} bytes, {limit}: {} {command:?}",
        bytes(&ours),
        source.display()
    );
}

/// Compares the BTF of every source with what gcc makes itself, which lacks the typedefs inside
/// functions.
fn compare_with_gcc(sources: &[PathBuf]) {
    let work = Workspace::new();
    for source in sources {
        let object = work.compile(&["gcc", "-g", "-O0"], source, "dwarf.o");
        let (ours, theirs) = (ours(&object), work.gcc_btf(&["-O0"], source, "btf.o"));
        for view in [layouts, typedef_layouts] {
            let (mut ours, theirs) = (view(&ours), view(&theirs));
            ours.retain(|name, _| !name.starts_with("typedef") || theirs.contains_key(name));
            let found = differences(&ours, &theirs);
            assert!(found.is_empty(), "{}: {found:#?}", source.display());
        }
    }
}

#[test]
fn sqlite() {
    let sources = [sources::sqlite()];
    assert!(compare_with_pahole(&sources, &["gcc", "-gdwarf-5", "-O0"]) > 200);
    assert!(compare_with_pahole(&sources, &["clang", "-gdwarf-4", "-O0"]) > 200);
    compare_with_gcc(&sources);
}

#[test]
fn zlib() {
    let sources = sources::c_files(&sources::zlib(), &[]).unwrap();
    assert!(sources.len() >= 15);
    for compiler in ["gcc", "clang"] {
        for version in ["-gdwarf-4", "-gdwarf-5"] {
            for level in ["-O0", "-O2"] {
                assert!(compare_with_pahole(&sources, &[compiler, version, level]) >= 10);
            }
        }
    }
    compare_with_gcc(&sources);
}

#[test]
fn lua() {
    let sources = sources::c_files(&sources::lua(), &["lua.c", "luac.c"]).unwrap();
    assert!(sources.len() >= 32);
    assert!(compare_with_pahole(&sources, &["gcc", "-gdwarf-4", "-O2"]) > 50);
    assert!(compare_with_pahole(&sources, &["clang", "-gdwarf-5", "-O2"]) > 50);
    compare_with_gcc(&sources);
}

/// A package, folders to include from its root and the files to compile.
struct CodeBase {
    package: &'static str,
    include: &'static [&'static str],
    files: &'static [&'static str],
    /// Named types that it has at least.
    types: usize,
}

/// Seven more, each with both compilers, optimised and not, DWARF 4 and 5.
fn compare_code_base(base: &CodeBase) {
    let root = sources::package(base.package);
    let files: Vec<PathBuf> = base.files.iter().map(|file| root.join(file)).collect();
    let include = base.include.iter().map(|folder| root.join(folder));
    let include: Vec<String> = include
        .map(|folder| format!("-I{}", folder.display()))
        .collect();
    let commands = [
        ["gcc", "-gdwarf-4", "-O2"],
        ["gcc", "-gdwarf-5", "-O0"],
        ["clang", "-gdwarf-4", "-O0"],
        ["clang", "-gdwarf-5", "-O2"],
    ];
    for command in commands {
        let mut command = command.to_vec();
        command.extend(["-D_GNU_SOURCE", "-DZSTD_DISABLE_ASM"]);
        command.extend(include.iter().map(String::as_str));
        let found = compare_with_pahole(&files, &command);
        assert!(found >= base.types, "{} {command:?}: {found}", base.package);
    }
}

#[test]
fn zstd() {
    compare_code_base(&CodeBase {
        package: "zstd-sys",
        include: &["zstd/lib", "zstd/lib/common"],
        files: &[
            "zstd/lib/compress/zstd_compress.c",
            "zstd/lib/compress/zstdmt_compress.c",
            "zstd/lib/decompress/zstd_decompress.c",
            "zstd/lib/dictBuilder/cover.c",
        ],
        types: 15,
    });
}

#[test]
fn lz4() {
    compare_code_base(&CodeBase {
        package: "lz4-sys",
        include: &["liblz4/lib"],
        files: &[
            "liblz4/lib/lz4.c",
            "liblz4/lib/lz4frame.c",
            "liblz4/lib/lz4hc.c",
            "liblz4/lib/xxhash.c",
        ],
        types: 8,
    });
}

#[test]
fn bzip2() {
    compare_code_base(&CodeBase {
        package: "bzip2-sys",
        include: &["bzip2-1.0.8"],
        files: &[
            "bzip2-1.0.8/bzlib.c",
            "bzip2-1.0.8/compress.c",
            "bzip2-1.0.8/decompress.c",
            "bzip2-1.0.8/bzip2.c",
        ],
        types: 4,
    });
}

#[test]
fn libdeflate() {
    compare_code_base(&CodeBase {
        package: "libdeflate-sys",
        include: &["libdeflate"],
        files: &[
            "libdeflate/lib/deflate_compress.c",
            "libdeflate/lib/deflate_decompress.c",
            "libdeflate/lib/gzip_compress.c",
            "libdeflate/lib/x86/cpu_features.c",
        ],
        types: 10,
    });
}

#[test]
fn brotli() {
    compare_code_base(&CodeBase {
        package: "brotlic-sys",
        include: &["brotli/c/include"],
        files: &[
            "brotli/c/dec/decode.c",
            "brotli/c/dec/state.c",
            "brotli/c/enc/encode.c",
            "brotli/c/enc/metablock.c",
            "brotli/c/enc/compound_dictionary.c",
        ],
        types: 40,
    });
}

#[test]
fn webp() {
    compare_code_base(&CodeBase {
        package: "libwebp-sys",
        include: &["vendor"],
        files: &[
            "vendor/src/dec/vp8_dec.c",
            "vendor/src/dec/vp8l_dec.c",
            "vendor/src/dec/idec_dec.c",
            "vendor/src/enc/webp_enc.c",
            "vendor/src/enc/vp8l_enc.c",
        ],
        types: 30,
    });
}

#[test]
fn libbpf() {
    compare_code_base(&CodeBase {
        package: "libbpf-sys",
        include: &["libbpf/include", "libbpf/include/uapi"],
        files: &[
            "libbpf/src/libbpf.c",
            "libbpf/src/btf.c",
            "libbpf/src/linker.c",
            "libbpf/src/usdt.c",
        ],
        types: 150,
    });
}
