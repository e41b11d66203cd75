//! What the build script says, and the order in which it is done.

use std::borrow::Borrow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use core_btf::BtfBuf;

use crate::bpf;
use crate::c;
use crate::cargo::{self, Cargo, Inputs};
use crate::error::Result;
use crate::header::{self, app_btf};
use crate::origin::{self, Origin};
use crate::out::Out;
use crate::rust::{self, Configuration};
use crate::types_from::TypesFrom;
use crate::vmlinux::Vmlinux;

/// Compiles the C and BPF parts of a crate, and prepares what `core_runtime::embed!()` embeds.
///
/// Everything is written below `OUT_DIR/core`; files that have not changed are not rewritten, and
/// what would be compiled from the same inputs in the same way is not compiled again. Paths
/// are relative to the package, as everywhere in a build script.
#[derive(Debug, Default)]
#[must_use = "nothing is built before `build` is called"]
pub struct Builder {
    c: Vec<cc::Build>,
    bpf: Vec<(PathBuf, bpf::Origin)>,
    types_from: Vec<TypesFrom>,
    types: Vec<String>,
    vmlinux: Option<Vmlinux>,
    args: Vec<OsString>,
}

impl Builder {
    /// No C, no BPF.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds C sources. They are compiled with debug info, whatever the profile says, optimised as
    /// the profile says, and linked into the crate; their types go into the header and into the
    /// embedded BTF. Every call makes a library of its own, so that parts can differ in flags.
    ///
    /// Takes `cc::Build` and what its methods return.
    pub fn c(mut self, build: impl Borrow<cc::Build>) -> Self {
        self.c.push(build.borrow().clone());
        self
    }

    /// Adds a BPF program, `NAME.bpf.c`, which becomes the module `bpf::NAME`.
    pub fn bpf(mut self, source: impl Into<PathBuf>) -> Self {
        self.bpf.push((source.into(), bpf::Origin::Source));
        self
    }

    /// Adds a compiled BPF object, `NAME.bpf.o`, which becomes the module `bpf::NAME`: a published
    /// crate that carries one builds where there is no clang.
    pub fn prebuilt(mut self, object: impl Into<PathBuf>) -> Self {
        self.bpf.push((object.into(), bpf::Origin::Prebuilt));
        self
    }

    /// Declares the types of another application, which this crate's BPF programs trace, as if they
    /// were its own: they are relocated, when loaded, against the binary that is traced.
    ///
    /// - The directory of a crate, such as `../server`: the types with `#[bpf_traceable]` in the
    ///   source of its library and programs, whichever features they take. Its own build embeds
    ///   their layouts.
    /// - An ELF file: the types embedded in a program that was built with core-build; else those
    ///   of its debug information.
    /// - A file with BTF.
    ///
    /// May be called several times, for an application and its libraries. Types of one name from
    /// two origins have to be declared alike, or one origin gets a
    /// [prefix](Builder::prefixed_types_from).
    pub fn types_from(mut self, path: impl Into<PathBuf>) -> Self {
        self.types_from.push(TypesFrom {
            path: path.into(),
            prefix: None,
        });
        self
    }

    /// As [`Builder::types_from`], with `prefix` before the name of each struct, union, enum,
    /// enumerator and typedef: with `"ssl_"`, the library's `struct context` is `struct
    /// ssl_context` in the header. The loader gets the traced binary's types with the same prefix
    /// (`TypeInfo::with_prefix`).
    ///
    /// It tells apart what has one name in two binaries, or in a binary and the kernel: CO-RE finds
    /// types by name. Names that begin with two underscores stay as they are.
    pub fn prefixed_types_from(
        mut self,
        prefix: impl Into<String>,
        path: impl Into<PathBuf>,
    ) -> Self {
        self.types_from.push(TypesFrom {
            path: path.into(),
            prefix: Some(prefix.into()),
        });
        self
    }

    /// Limits header and BTF to these types of the C parts and of [`Builder::types_from`], and to
    /// what they need. Names are those of structs, unions, enums and typedefs, with their prefix and
    /// without the keyword. All named types are taken otherwise.
    pub fn types<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.types.extend(names.into_iter().map(Into::into));
        self
    }

    /// Provides `vmlinux.h` for programs that name kernel types; they include it before
    /// `traceable.bpf.h`.
    pub fn vmlinux(mut self, from: impl Into<Vmlinux>) -> Self {
        self.vmlinux = Some(from.into());
        self
    }

    /// Adds an argument for clang, when it compiles BPF programs.
    pub fn clang_arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments for clang, when it compiles BPF programs.
    pub fn clang_args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds a directory in which BPF programs find headers.
    pub fn include(self, dir: impl Into<PathBuf>) -> Self {
        self.clang_arg("-I").clang_arg(dir.into())
    }

    /// Builds it all, and tells Cargo what it depends on and what to link.
    ///
    /// For targets other than Linux only the C parts are compiled and linked.
    ///
    /// # Errors
    /// Every [`Error`](crate::Error); a build script can return it, its `Debug` form is made for that.
    pub fn build(self) -> Result<()> {
        let cargo = Cargo::from_env()?;
        let programs = bpf::programs(&self.bpf)?;
        self.c.iter().try_for_each(c::check_sources)?;

        let mut out = Out::create(&cargo.out_dir)?;
        let mut inputs = Inputs::default();
        let mut libraries = Vec::new();
        for (number, part) in self.c.iter().enumerate() {
            libraries.push(c::compile(part, number, &cargo, &out, &mut inputs)?);
        }

        let linux = cargo.target_os == "linux";
        let mut types = BtfBuf::new();
        if linux {
            for library in &libraries {
                types.extend(&c::types(library)?).map_err(app_btf)?;
            }
        }
        let mut own = Origin {
            name: "this crate".to_owned(),
            types: header::distinct(types)?,
            laid_out: true,
        };
        let mut others = Vec::new();
        if linux {
            for from in &self.types_from {
                others.extend(from.read(&cargo, &mut inputs)?);
            }
        }
        self.narrow(&mut own, &mut others)?;
        let app = own.types.encode(cargo.endian).map_err(app_btf)?;
        out.write("app.btf", &app)?;
        for (number, other) in others.iter_mut().enumerate() {
            let kind = if other.laid_out { "layout" } else { "header" };
            let types = other.types.encode(cargo.endian).map_err(app_btf)?;
            out.write(&format!("types/{number}.{kind}.btf"), &types)?;
            rust::complete_tags(&mut other.types)?;
        }
        if linux {
            let vmlinux = match &self.vmlinux {
                Some(vmlinux) => Some(vmlinux.write(&mut out, &mut inputs)?),
                None => None,
            };
            for target in ["lib", "main"] {
                let root = &Path::new("src").join(target).with_extension("rs");
                if root.is_file() {
                    let of = Configuration::OfThisCrate;
                    let source = rust::declare(&cargo.package, root, of, &cargo)?;
                    let types = source.types.encode(cargo.endian).map_err(app_btf)?;
                    out.write(&format!("types/{target}.header.btf"), &types)?;
                    own.types.extend(&source.types).map_err(app_btf)?;
                    source.files.into_iter().for_each(|file| inputs.file(file));
                    source.warnings.iter().for_each(|text| cargo::warn(text));
                }
            }
            let declared = origin::combine(std::iter::once(&own).chain(&others))?;
            let declared = declared.encode(cargo.endian).map_err(app_btf)?;
            header::write(&declared, vmlinux.as_deref(), &mut out)?;
            let args = clang_args(&self.args, &cargo, &out);
            bpf::build(&programs, &args, &cargo, &mut out, &mut inputs)?;
        }
        out.prune()?;
        inputs.announce(out.root());
        Ok(())
    }

    /// Leaves the types that `types` names, if it names any.
    fn narrow(&self, own: &mut Origin, others: &mut [Origin]) -> Result<()> {
        let nobody = if self.types_from.is_empty() {
            "no C part"
        } else if self.c.is_empty() {
            "nothing in `types_from`"
        } else {
            "no C part and nothing in `types_from`"
        };
        let mut origins: Vec<_> = std::iter::once(own).chain(others).collect();
        origin::narrow(&mut origins, &self.types, nobody)
    }
}

/// The user's arguments, and what every program needs.
fn clang_args(user: &[OsString], cargo: &Cargo, out: &Out) -> Vec<OsString> {
    let mut args = user.to_vec();
    args.push(format!("-D__TARGET_ARCH_{}", bpf_arch(&cargo.target_arch)).into());
    // Distributions turn the stack protector on by default, which BPF does not have.
    args.push("-fno-stack-protector".into());
    // Line information then names files relative to the package, not the place of this checkout.
    args.push("-fdebug-compilation-dir=.".into());
    // System headers, so that clang warns of the user's code only.
    args.push("-isystem".into());
    args.push(out.root().join("include").into());
    args
}

/// The name that libbpf's `bpf_tracing.h` has for one of Rust's architectures.
fn bpf_arch(arch: &str) -> &str {
    match arch {
        "x86" | "x86_64" => "x86",
        "aarch64" => "arm64",
        "powerpc64" => "powerpc",
        "riscv64" => "riscv",
        "s390x" => "s390",
        "loongarch64" => "loongarch",
        "mips64" => "mips",
        "sparc64" => "sparc",
        other => other,
    }
}
