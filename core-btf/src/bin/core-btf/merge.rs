//! `core-btf merge`: several BTF files to one.

use core_btf::relo::Sources;
use core_btf::{BpfObject, Btf, merge};

use crate::args::MergeArgs;
use crate::failure::Failure;
use crate::input::Input;
use crate::output;

pub(crate) fn run(args: &MergeArgs) -> Result<(), Failure> {
    let base = Input::read(&args.base)?;
    let base_blob = base.blob()?;
    let kernel = base_blob.btf()?;
    let files = Input::read_all(&args.files)?;
    let modules = Input::read_all(&args.modules)?;
    let mut app = Vec::new();
    for file in &files {
        app.extend(file.pieces()?);
    }
    let merged = match &args.object {
        None => {
            let app: Vec<&Btf<'_>> = app.iter().collect();
            merge::append(&kernel, &app).map_err(|error| base.failure(error))?
        }
        Some(path) => {
            let object = Input::read(path)?;
            let parsed = BpfObject::parse(&object.bytes).map_err(|error| object.failure(error))?;
            let mut all = vec![kernel.clone()];
            for module in &modules {
                all.push(module.split(&kernel)?);
            }
            let sources = Sources {
                app: &app,
                kernel: &all,
            };
            merge::targeted(&parsed, &sources).map_err(|error| object.failure(error))?
        }
    };
    output::binary(Some(&args.output), &merged)
}
