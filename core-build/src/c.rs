//! The C parts: compiled with debug info, linked into the crate, described in BTF.

use std::any::Any;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use cc::{BuildMessage, BuildMessageKind, BuildMessageLogger};
use core_btf::BtfBuf;
use core_btf::dwarf::{Options, extract};

use crate::cargo::{Cargo, Inputs, warn};
use crate::deps;
use crate::error::{Error, Result};
use crate::out::{Out, io_error, read};
use crate::record::{self, Record};

/// Checks that the sources exist, where cc and the compiler would say so in passing only.
pub(crate) fn check_sources(build: &cc::Build) -> Result<()> {
    match build.get_files().find(|path| !path.is_file()) {
        Some(path) => Err(Error::NoSuchFile {
            what: "C source",
            path: path.to_owned(),
        }),
        None => Ok(()),
    }
}

/// Compiles a C part, has Cargo link it, and gives the library.
///
/// The profile decides how the C is optimised; debug info is always there. Intermediate objects
/// are asked for, and archived in a second step, because their names lead to the dependency files.
pub(crate) fn compile(
    build: &cc::Build,
    number: usize,
    cargo: &Cargo,
    out: &Out,
    inputs: &mut Inputs,
) -> Result<PathBuf> {
    let dir = out.root().join(format!("c/{number}"));
    fs::create_dir_all(&dir).map_err(io_error("create directory", &dir))?;
    let messages = Arc::new(Messages::default());
    let mut build = build.clone();
    build
        .out_dir(&dir)
        .cargo_warnings(false)
        .message_logger(Some(messages.clone()));
    let compiler = build.try_get_compiler().map_err(Error::Cc)?;
    if !compiler.is_like_msvc() {
        // `Build::debug` would also turn frame pointers on, and change what the profile builds.
        // Uncompressed, whatever the compiler's default: the objects do not outlive the build.
        build.flag("-g2").flag("-gz=none").flag("-MD");
    }
    if compiler.is_like_clang() && !compiler.is_like_msvc() {
        // Else types that are defined in one object and used in another may be declared only.
        build.flag("-fstandalone-debug");
    }

    let record = record(&build, &dir, number)?;
    let name = format!("{}_core_{number}", cargo.package);
    if let Some(kept) = record.kept() {
        // Where cc puts it.
        let library = dir.join(format!("lib{name}.a"));
        cc::try_emit_link_directives(&build, &library).map_err(Error::Cc)?;
        warn(&kept.messages);
        inputs.extend(kept.inputs);
        return Ok(library);
    }

    let begun = record.begin()?;
    let objects = build
        .try_compile_intermediates()
        .map_err(|error| messages.error(error))?;
    let library = build
        .try_create_archive(&name, &objects)
        .map_err(|error| messages.error(error))?;
    cc::try_emit_link_directives(&build, &library).map_err(Error::Cc)?;
    let messages = messages.text();
    warn(&messages);

    let mut files: Vec<PathBuf> = build.get_files().map(Path::to_owned).collect();
    let mut all_known = true;
    for object in &objects {
        match fs::read_to_string(object.with_extension("d")) {
            Ok(rules) => files.extend(deps::parse(&rules)),
            // Compilers that write none leave the sources as the only inputs.
            Err(_) => all_known = false,
        }
    }
    if all_known {
        record.finish(&begun, &files, [library.as_path()], &messages)?;
    }
    inputs.files(files);
    Ok(library)
}

/// The record of the library that `build` makes in `dir`.
fn record(build: &cc::Build, dir: &Path, number: usize) -> Result<Record> {
    let tool = build.try_get_compiler().map_err(Error::Cc)?;
    let archiver = build.try_get_archiver().map_err(Error::Cc)?;
    let archiver: Vec<&OsStr> = std::iter::once(archiver.get_program())
        .chain(archiver.get_args())
        .collect();
    let sources: Vec<&Path> = build.get_files().collect();
    let variables: Vec<_> = tool.get_envs().collect();
    let command = (number, tool.path(), variables, archiver, sources);
    let mut args: Vec<OsString> = tool.args().to_vec();
    args.push(tool.cc_env());
    let compiler = record::compiler(tool.path(), &record::version(tool.path()));
    Ok(Record::new(dir.join("record"), &compiler, &command, &args))
}

/// The types of a library, from its debug info.
pub(crate) fn types(library: &Path) -> Result<BtfBuf> {
    let options = Options {
        functions: false,
        ..Options::default()
    };
    extract(&read(library)?, &options)
        .map(|extraction| extraction.btf)
        .map_err(|source| Error::DebugInfo {
            path: library.to_owned(),
            source,
        })
}

/// What the commands that cc runs have to say.
#[derive(Default)]
struct Messages {
    /// Lines with the command that wrote them.
    lines: Mutex<Vec<(String, String)>>,
    /// Commands that failed, and the source each was to compile.
    failed: Mutex<Vec<(String, String)>>,
}

impl Messages {
    /// The failure with the words of the command that failed.
    fn error(&self, error: cc::Error) -> Error {
        let failed = lock(&self.failed);
        let Some((_, what)) = failed.first() else {
            return Error::Cc(error);
        };
        let output: Vec<_> = lock(&self.lines)
            .iter()
            .filter(|(command, _)| failed.iter().any(|(failed, _)| failed == command))
            .map(|(_, line)| line.clone())
            .collect();
        if output.is_empty() {
            return Error::Cc(error);
        }
        Error::Compile {
            what: what.clone(),
            output: output.join("\n"),
        }
    }

    fn text(&self) -> String {
        let lines = lock(&self.lines);
        lines.iter().flat_map(|(_, line)| [line, "\n"]).collect()
    }
}

impl BuildMessageLogger for Messages {
    fn log(&self, kind: BuildMessageKind, message: BuildMessage<'_>, extra: &dyn Any) {
        let command = extra.downcast_ref::<Command>();
        let key = command
            .map(|command| format!("{command:?}"))
            .unwrap_or_default();
        match kind {
            BuildMessageKind::CommandFailed {
                is_detection_cmd: false,
                ..
            } => {
                let source = command.and_then(|command| command.get_args().last());
                let source = source.unwrap_or(OsStr::new("C")).to_string_lossy();
                lock(&self.failed).push((key, format!("`{source}`")));
            }
            BuildMessageKind::GeneralWarning | BuildMessageKind::StderrForwarding => {
                lock(&self.lines).push((key, message.to_string()));
            }
            _ => {}
        }
    }
}

/// Nothing here panics while it holds a lock, and a message is worth showing in any case.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
