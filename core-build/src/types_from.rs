//! The types of another application: from its crate, from a BTF file, or from an ELF file.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand, TargetKind};
use core_btf::dwarf::{Options, extract};
use core_btf::elf::section;
use core_btf::prefix::Prefix;
use core_btf::{Btf, BtfBuf};

use crate::cargo::{self, Cargo, Inputs};
use crate::error::{Error, Result};
use crate::header::distinct;
use crate::origin::Origin;
use crate::out::{io_error, read};
use crate::rust::{self, Configuration};

/// The targets of a package whose types a program can have.
const TARGETS: [TargetKind; 6] = [
    TargetKind::Lib,
    TargetKind::RLib,
    TargetKind::DyLib,
    TargetKind::CDyLib,
    TargetKind::StaticLib,
    TargetKind::Bin,
];

/// A crate or file to take types from.
#[derive(Debug)]
pub(crate) struct TypesFrom {
    pub(crate) path: PathBuf,
    /// What the header has before the names of its types.
    pub(crate) prefix: Option<String>,
}

impl TypesFrom {
    /// The types with their prefix.
    pub(crate) fn read(&self, cargo: &Cargo, inputs: &mut Inputs) -> Result<Vec<Origin>> {
        let mut origins = read_types(&self.path, cargo, inputs)?;
        if let Some(prefix) = &self.prefix {
            let renamed = Prefix::new(prefix).and_then(|prefix| {
                let mut all = origins.iter_mut();
                all.try_for_each(|origin| origin.types.add_prefix(&prefix))
            });
            renamed.map_err(|source| cannot_read(&self.path, source))?;
        }
        Ok(origins)
    }
}

/// The types that `path` has: of a crate, those that it declares for BPF, by target; of a file, all.
fn read_types(path: &Path, cargo: &Cargo, inputs: &mut Inputs) -> Result<Vec<Origin>> {
    if path.is_dir() {
        return of_crate(path, cargo, inputs);
    }
    if !path.is_file() {
        return Err(Error::NoSuchFile {
            what: "crate, BTF file or ELF file",
            path: path.to_owned(),
        });
    }
    inputs.file(path);
    let bytes = read(path)?;
    let types = if bytes.starts_with(b"\x7fELF") || bytes.starts_with(b"!<arch>\n") {
        of_elf(path, &bytes)?
    } else {
        of_btf(path, &bytes)?
    };
    Ok(vec![Origin {
        name: format!("`{}`", path.display()),
        types: distinct(types)?,
        laid_out: true,
    }])
}

/// What embed!() has put into a program, or else what its debug information says.
fn of_elf(path: &Path, bytes: &[u8]) -> Result<BtfBuf> {
    let embedded = if bytes.starts_with(b"\x7fELF") {
        section(bytes, ".BTF").map_err(|source| cannot_read(path, source))?
    } else {
        None
    };
    if let Some(btf) = embedded {
        return of_btf(path, btf);
    }
    let options = Options {
        functions: false,
        ..Options::default()
    };
    let extraction = extract(bytes, &options).map_err(|source| Error::DebugInfo {
        path: path.to_owned(),
        source,
    })?;
    Ok(extraction.btf)
}

/// One blob, or those of several crates one after the other, which the linker aligns with zeros.
fn of_btf(path: &Path, bytes: &[u8]) -> Result<BtfBuf> {
    let mut types = BtfBuf::new();
    let mut rest = bytes;
    loop {
        let blob = Btf::parse_prefix(rest).and_then(|(blob, len)| {
            types.extend(&BtfBuf::from_btf(&blob)?)?;
            Ok(len)
        });
        let len = blob.map_err(|source| cannot_read(path, source))?;
        rest = rest.get(len..).unwrap_or_default();
        match rest.iter().position(|&byte| byte != 0) {
            Some(padding) => rest = rest.get(padding..).unwrap_or_default(),
            None => return Ok(types),
        }
    }
}

fn cannot_read(path: &Path, source: core_btf::Error) -> Error {
    Error::Btf {
        what: format!("`{}`", path.display()),
        source,
    }
}

fn of_crate(dir: &Path, cargo: &Cargo, inputs: &mut Inputs) -> Result<Vec<Origin>> {
    let manifest = dir.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(Error::NoSuchFile {
            what: "manifest of a crate to take types from,",
            path: manifest,
        });
    }
    inputs.file(&manifest);
    let metadata = metadata(&manifest)?;
    // A package's manifest, not that of a workspace without one.
    let absolute = fs::canonicalize(&manifest).map_err(io_error("find", &manifest))?;
    let is_here = |path: &Path| fs::canonicalize(path).is_ok_and(|path| path == absolute);
    let targets = (metadata.packages.iter())
        .filter(|package| is_here(package.manifest_path.as_std_path()))
        .flat_map(|package| &package.targets)
        .filter(|target| target.kind.iter().any(|kind| TARGETS.contains(kind)));

    let mut origins = Vec::new();
    for target in targets {
        let root = below(dir, target.src_path.as_std_path());
        let name = target.name.replace('-', "_");
        let source = rust::declare(&name, &root, Configuration::OfAnotherCrate, cargo)?;
        source.files.into_iter().for_each(|file| inputs.file(file));
        source.warnings.iter().for_each(|text| cargo::warn(text));
        if !source.types.is_empty() {
            origins.push(Origin {
                name: format!("`{}`", root.display()),
                types: distinct(source.types)?,
                laid_out: false,
            });
        }
    }
    if origins.is_empty() {
        return Err(Error::NoTraceableType {
            dir: dir.to_owned(),
        });
    }
    Ok(origins)
}

/// What Cargo says of a package, without its dependencies.
fn metadata(manifest: &Path) -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    if let Some(cargo) = env::var_os("CARGO") {
        command.cargo_path(cargo);
    }
    let metadata = command.manifest_path(manifest).no_deps().exec();
    metadata.map_err(|source| Error::Manifest {
        path: manifest.to_owned(),
        source: source.into(),
    })
}

/// A file of the crate as the user would name it.
fn below(dir: &Path, file: &Path) -> PathBuf {
    match fs::canonicalize(dir) {
        Ok(absolute) => file
            .strip_prefix(absolute)
            .map_or_else(|_| file.to_owned(), |file| dir.join(file)),
        Err(_) => file.to_owned(),
    }
}
