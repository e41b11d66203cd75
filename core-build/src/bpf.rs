//! The BPF programs: compiled or prebuilt objects, and the skeletons made of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use core_btf::{BpfObject, mark_signed_enums};
use libbpf_cargo::SkeletonBuilder;
use libbpf_rs::Linker;

use crate::cargo::{Cargo, Inputs, warn};
use crate::clang::Clang;
use crate::error::{Error, Result};
use crate::out::{Out, io_error, read, write_if_changed};
use crate::record::Record;

/// What a BPF object is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `NAME.bpf.c`, compiled here.
    Source,
    /// `NAME.bpf.o`, compiled elsewhere.
    Prebuilt,
}

impl Origin {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Source => ".bpf.c",
            Self::Prebuilt => ".bpf.o",
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Source => "BPF source",
            Self::Prebuilt => "prebuilt BPF object",
        }
    }
}

/// A BPF object to be.
#[derive(Debug)]
pub(crate) struct Program {
    /// Module below `bpf`, and name of the files.
    name: String,
    path: PathBuf,
    origin: Origin,
}

/// Checks that the files exist and that each gives its own module.
pub(crate) fn programs(files: &[(PathBuf, Origin)]) -> Result<Vec<Program>> {
    let mut taken = BTreeMap::<String, &Path>::new();
    let mut programs = Vec::with_capacity(files.len());
    for (path, origin) in files {
        let name = module_name(path, *origin)?;
        if let Some(first) = taken.insert(name.clone(), path) {
            return Err(Error::SameName {
                name,
                first: first.to_owned(),
                second: path.clone(),
            });
        }
        if !path.is_file() {
            return Err(Error::NoSuchFile {
                what: origin.what(),
                path: path.clone(),
            });
        }
        programs.push(Program {
            name,
            path: path.clone(),
            origin: *origin,
        });
    }
    Ok(programs)
}

/// The module that a file becomes: its name without `.bpf.c`.
fn module_name(path: &Path, origin: Origin) -> Result<String> {
    let bad = |problem: String| Error::FileName {
        path: path.to_owned(),
        problem,
    };
    let suffix = origin.suffix();
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.strip_suffix(suffix))
        .filter(|name| !name.is_empty())
        .ok_or_else(|| bad(format!("its name has to be NAME{suffix}")))?;
    // libbpf-cargo makes a type name of it, word by word.
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.chars().all(|c| c.is_ascii_alphanumeric())
    };
    let tail_is_word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric());
    let mut words = name.split('_');
    if !words.next().is_some_and(is_word) || !words.all(tail_is_word) {
        return Err(bad(format!(
            "`{name}` becomes a Rust module, so it has to be letters and digits, joined by `_`"
        )));
    }
    if KEYWORDS.contains(&name) {
        return Err(bad(format!(
            "`{name}` becomes a Rust module, and that is a keyword"
        )));
    }
    Ok(name.to_owned())
}

/// Strict and reserved keywords of the Rust editions up to 2024 that are words of small letters.
const KEYWORDS: [&str; 50] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while",
];

/// Makes the object and the skeleton of each program, as many at a time as Cargo allows.
pub(crate) fn build(
    programs: &[Program],
    args: &[OsString],
    cargo: &Cargo,
    out: &mut Out,
    inputs: &mut Inputs,
) -> Result<()> {
    let clang = if programs.iter().any(|p| p.origin == Origin::Source) {
        Some(Clang::find(inputs)?)
    } else {
        None
    };
    let compiler = clang.as_ref().map_or_else(String::new, Clang::identity);
    let work = out.work()?;
    let jobs: Vec<Job<'_>> = programs
        .iter()
        .map(|program| Job {
            program,
            clang: clang.as_ref().filter(|_| program.origin == Origin::Source),
            compiler: &compiler,
            args,
            work: &work,
            object: out.claim(&format!("obj/{}.bpf.o", program.name)),
            skeleton: out.claim(&format!("skel/{}.skel.rs", program.name)),
        })
        .collect();
    for batch in jobs.chunks(cargo.jobs.max(1)) {
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = batch
                .iter()
                .map(|job| scope.spawn(move || job.run()))
                .collect();
            threads
                .into_iter()
                .map(thread::ScopedJoinHandle::join)
                .collect()
        });
        for result in results {
            let (messages, found) =
                result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            warn(&messages);
            inputs.extend(found);
        }
    }
    Ok(())
}

/// One program on its way to a skeleton.
struct Job<'a> {
    program: &'a Program,
    /// For a source.
    clang: Option<&'a Clang>,
    /// What clang says of itself.
    compiler: &'a str,
    args: &'a [OsString],
    /// Where files are made before they are compared with the ones of the last build.
    work: &'a Path,
    object: PathBuf,
    skeleton: PathBuf,
}

impl Job<'_> {
    /// The compiler's warnings, and the files that were read.
    fn run(&self) -> Result<(String, Inputs)> {
        let record = self.record();
        if let Some(kept) = record.kept() {
            return Ok((kept.messages, kept.inputs));
        }
        let begun = record.begin()?;
        let (files, messages) = self.make()?;
        let outputs = [self.object.as_path(), self.skeleton.as_path()];
        record.finish(&begun, &files, outputs, &messages)?;
        let mut inputs = Inputs::default();
        inputs.files(files);
        Ok((messages, inputs))
    }

    fn record(&self) -> Record {
        let Program { name, path, origin } = self.program;
        let record = self.work.join(format!("{name}.record"));
        let command = (origin.suffix(), path, self.clang.map(Clang::path));
        Record::new(record, self.compiler, &command, self.args)
    }

    /// Makes object and skeleton; gives the files that were read, and the compiler's warnings.
    fn make(&self) -> Result<(Vec<PathBuf>, String)> {
        let Program { name, path, .. } = self.program;
        let (object, files, messages) = if let Some(clang) = self.clang {
            let compiled = self.work.join(format!("{name}.o"));
            let (files, messages) = clang.compile(path, &compiled, self.args)?;
            self.mark_signed_enums(&compiled)?;
            let linked = self.work.join(format!("{name}.bpf.o"));
            link(&compiled, &linked).map_err(|error| self.skeleton_error(error))?;
            (read(&linked)?, files, messages)
        } else {
            let object = read(path)?;
            BpfObject::parse(&object).map_err(|error| self.skeleton_error(error))?;
            (object, vec![path.clone()], String::new())
        };
        write_if_changed(&self.object, &object)?;

        let skeleton = self.work.join(format!("{name}.skel.rs"));
        SkeletonBuilder::new()
            .obj(&self.object)
            .reference_obj(true)
            // Only rustc reads the skeleton: libbpf-cargo takes a rustfmt that is not there for a
            // reason to leave the text as it is.
            .rustfmt(self.work.join("no-rustfmt"))
            .generate(&skeleton)
            .map_err(|error| self.skeleton_error(error))?;
        write_if_changed(&self.skeleton, &read(&skeleton)?)?;
        Ok((files, messages))
    }

    fn mark_signed_enums(&self, object: &Path) -> Result<()> {
        let mut elf = read(object)?;
        let marked = mark_signed_enums(&mut elf).map_err(|error| self.skeleton_error(error))?;
        if marked > 0 {
            fs::write(object, elf).map_err(io_error("write", object))?;
        }
        Ok(())
    }

    fn skeleton_error(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Skeleton {
            path: self.program.path.clone(),
            source: error.into(),
        }
    }
}

/// Runs an object through libbpf's static linker, which drops DWARF and the paths in it.
fn link(compiled: &Path, linked: &Path) -> libbpf_rs::Result<()> {
    let mut linker = Linker::new(linked)?;
    linker.add_file(compiled)?;
    linker.link()
}
