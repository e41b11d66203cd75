//! `core-btf extract`: DWARF to BTF.

use std::path::Path;

use core_btf::dwarf::{Error, Extraction, Options, gather};
use core_btf::{BtfBuf, elf};

use crate::args::{ExtractArgs, Extracting};
use crate::debug;
use crate::failure::Failure;
use crate::input::Input;
use crate::output;
use crate::progress;
use crate::select;

pub(crate) fn run(args: &ExtractArgs) -> Result<(), Failure> {
    let input = Input::read_for_types(&args.file, args.extracting.threads())?;
    let blob = blob(input, &args.extracting)?;
    output::binary(args.output.as_deref(), &blob)
}

/// The types that the debug information of a file describes, encoded.
pub(crate) fn blob(mut input: Input, args: &Extracting) -> Result<Vec<u8>, Failure> {
    let options = Options {
        roots: args.types.clone(),
        functions: args.types.is_empty() && !args.no_functions,
        threads: args.threads(),
        ..Options::default()
    };
    let is_elf = input.is_elf();
    let files = debug::find(&input, &args.debug_dir, args.threads())?;
    let separate = files.separate.as_ref();
    let path = &separate.map_or(&input.path, |file| &file.path).clone();
    let found = progress::shown(path, |progress| {
        let bytes = files.main(&input.bytes);
        let gathered = gather(bytes, &files.elsewhere(), &options, progress)?;
        // Putting types together needs memory too.
        drop((files, std::mem::take(&mut input.bytes)));
        gathered.finish()
    });
    let found = match found {
        Err(Error::NoDebugInfo) if is_elf => return carried(&input.path, args),
        found => found.map_err(|error| Failure::file(path, error))?,
    };
    report(path, &found, args.verbose);
    let blob = found.btf.encode(found.endian);
    blob.map_err(|error| Failure::file(path, error))
}

/// The types in the `.BTF` section of a program without debug information.
fn carried(path: &Path, args: &Extracting) -> Result<Vec<u8>, Failure> {
    // The section may be in what was not read.
    let input = Input::read(path)?;
    if !matches!(elf::section(&input.bytes, ".BTF"), Ok(Some(bytes)) if !bytes.is_empty()) {
        return Err(input.failure(Error::NoDebugInfo));
    }
    let path = input.path.display();
    output::note(&format!(
        "{path}: no debug information; types are those of its .BTF section"
    ));
    let blob = input.blob()?;
    let all = ["*".to_owned()];
    let patterns = match args.types.as_slice() {
        [] if args.no_functions => &all,
        patterns => patterns,
    };
    if patterns.is_empty() {
        return Ok(blob.bytes.into_owned());
    }
    let failure = |error| input.failure(error);
    let btf = blob.btf()?;
    let roots = select::roots(&input, &btf, patterns)?;
    let types = BtfBuf::from_btf(&btf).and_then(|all| all.closure(roots));
    types
        .and_then(|types| types.encode(btf.endian()))
        .map_err(failure)
}

/// Says what could not be described.
fn report(path: &Path, found: &Extraction, verbose: bool) {
    let path = path.display();
    if verbose {
        for warning in &found.warnings {
            output::note(&format!("{path}: {warning}"));
        }
        return;
    }
    let units = found.warnings.iter().filter(|it| it.is_of_unit()).count();
    let said: Vec<_> = [
        (units, "units left out"),
        (found.warnings.len() - units, "entries not described"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{what}: {count}"))
    .collect();
    if !said.is_empty() {
        let said = said.join(", ");
        output::note(&format!("{path}: {said}; --verbose lists them"));
    }
}
