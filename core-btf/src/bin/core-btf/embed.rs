//! `core-btf embed`: types into the `.BTF` section of a program.

use core_btf::embed::{embed, is_same_build};

use crate::args::EmbedArgs;
use crate::extract;
use crate::failure::Failure;
use crate::input::Input;
use crate::output;

pub(crate) fn run(args: &EmbedArgs) -> Result<(), Failure> {
    let program = Input::read(&args.file)?;
    let blob = match &args.from {
        None => extract::blob(&program, &args.extracting)?,
        Some(path) => {
            let described = Input::read(path)?;
            let same = is_same_build(&program.bytes, &described.bytes);
            if !same.map_err(|error| described.failure(error))? {
                let program = program.path.display();
                let problem = format!("is not of the same build as {program}");
                return Err(described.failure(problem));
            }
            extract::blob(&described, &args.extracting)?
        }
    };
    let with = embed(&program.bytes, &blob).map_err(|error| program.failure(error))?;
    let permissions = std::fs::metadata(&program.path)
        .map_err(|error| Failure::io(&program.path, error))?
        .permissions();
    output::replace(&args.output, &with, Some(permissions))
}
