//! `core-btf embed`: types into the `.BTF` section of a program.

use core_btf::embed::{embed, is_same_build};

use crate::args::EmbedArgs;
use crate::extract;
use crate::failure::Failure;
use crate::input::Input;
use crate::output;

pub(crate) fn run(args: &EmbedArgs) -> Result<(), Failure> {
    let (program, blob) = match &args.from {
        None => {
            let described = Input::read_for_types(&args.file, args.extracting.threads())?;
            let blob = extract::blob(described, &args.extracting)?;
            (Input::read(&args.file)?, blob)
        }
        Some(path) => {
            let program = Input::read(&args.file)?;
            let described = Input::read(path)?;
            let same = is_same_build(&program.bytes, &described.bytes);
            if !same.map_err(|error| described.failure(error))? {
                let program = program.path.display();
                let problem = format!("is not of the same build as {program}");
                return Err(described.failure(problem));
            }
            let blob = extract::blob(described, &args.extracting)?;
            (program, blob)
        }
    };
    let with = embed(&program.bytes, &blob).map_err(|error| program.failure(error))?;
    let permissions = std::fs::metadata(&program.path)
        .map_err(|error| Failure::io(&program.path, error))?
        .permissions();
    output::replace(&args.output, &with, Some(permissions))
}
