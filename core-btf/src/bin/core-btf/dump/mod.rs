//! `core-btf dump`: BTF as text.

mod describe;
pub(crate) mod json;
mod raw;

use std::collections::HashSet;

use core_btf::c::Header;
use core_btf::{Btf, TypeId, TypeRef};

use crate::args::{DumpArgs, Format};
use crate::failure::Failure;
use crate::input::Input;
use crate::{output, select};

pub(crate) fn run(args: &DumpArgs) -> Result<(), Failure> {
    let input = Input::read(&args.file)?;
    let base_input = args.base.as_deref().map(Input::read).transpose()?;
    let base_blob = base_input.as_ref().map(Input::blob).transpose()?;
    let base = match (&base_input, &base_blob) {
        (Some(file), Some(blob)) => {
            Some(Btf::parse(blob).map_err(|error| file.btf_failure(0, error))?)
        }
        _ => None,
    };
    let blob;
    let btf = if let Some(base) = &base {
        input.split(base)?
    } else {
        blob = input.blob()?;
        Btf::parse(&blob).map_err(|error| input.btf_failure(0, error))?
    };
    let roots = if args.types.is_empty() {
        None
    } else {
        Some(select::roots(&input, &btf, &args.types)?)
    };
    let text = match args.format {
        Format::C => {
            let mut header = Header::new(&btf);
            if let Some(guard) = &args.guard {
                header = header.guard(guard);
            }
            if let Some(roots) = roots {
                header = header.roots(roots);
            }
            header.print()
        }
        Format::Raw | Format::Json => {
            let kept = roots.map(|roots| select::closure(&btf, &roots));
            let kept = kept.transpose().map_err(|error| input.failure(error))?;
            let types = chosen(&btf, kept.as_ref());
            if args.format == Format::Raw {
                raw::print(&btf, types)
            } else {
                json::print(&btf, types)
            }
        }
    };
    let text = text.map_err(|error| input.failure(error))?;
    output::text(args.output.as_deref(), &text)
}

/// The types of a blob that are wanted; without a choice its own, and not those of its base.
fn chosen<'b>(
    btf: &'b Btf<'b>,
    kept: Option<&HashSet<TypeId>>,
) -> impl Iterator<Item = TypeRef<'b>> {
    let mut ids: Vec<TypeId> = match kept {
        Some(kept) => kept.iter().copied().collect(),
        None => btf.ids().collect(),
    };
    ids.sort_unstable();
    ids.into_iter().filter_map(|id| btf.get(id).ok())
}
