//! `core-btf dump`: BTF as text.

mod describe;
pub(crate) mod json;
mod raw;

use std::collections::HashSet;

use core_btf::c::Header;
use core_btf::object::APP_TAG;
use core_btf::tag::tag_typedefs;
use core_btf::{Btf, BtfBuf, TypeId, TypeRef};

use crate::args::{DumpArgs, Format};
use crate::failure::Failure;
use crate::input::{Blob, Input};
use crate::{output, select};

/// Suffix of names that are taken.
const FLAVOR: &str = "app";

pub(crate) fn run(args: &DumpArgs) -> Result<(), Failure> {
    let of_c = args.app || args.beside.is_some() || args.guard.is_some();
    if of_c && args.format != Format::C {
        let problem = "--app, --beside and --guard are for --format c";
        return Err(Failure::Usage(problem.to_owned()));
    }
    let input = Input::read(&args.file)?;
    let base_file = args.base.as_deref().map(Input::read).transpose()?;
    let base_blob = base_file.as_ref().map(Input::blob).transpose()?;
    let base = base_blob.as_ref().map(Blob::btf).transpose()?;
    let beside_file = args.beside.as_deref().map(Input::read).transpose()?;
    let beside_blob = beside_file.as_ref().map(Input::blob).transpose()?;
    let beside = beside_blob.as_ref().map(Blob::btf).transpose()?;
    let (blob, named);
    let btf = if let Some(base) = &base {
        input.split(base)?
    } else {
        blob = input.blob()?;
        let btf = blob.btf()?;
        if args.app {
            named = with_tags(&btf).map_err(|error| input.btf_failure(0, error))?;
            Btf::parse(&named).map_err(|error| input.failure(error))?
        } else {
            btf
        }
    };
    let roots = if args.types.is_empty() {
        None
    } else {
        Some(select::roots(&input, &btf, &args.types)?)
    };
    let text = match args.format {
        Format::C => {
            let mut header = Header::new(&btf);
            if args.app {
                header = header.tag(APP_TAG);
            }
            if let Some(beside) = &beside {
                header = header.beside(beside, FLAVOR);
            }
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

/// The types of `btf`, where structs that only typedefs give a name have that name themselves: a
/// struct without can't be marked.
fn with_tags(btf: &Btf<'_>) -> Result<Vec<u8>, core_btf::Error> {
    let mut types = BtfBuf::from_btf(btf)?;
    tag_typedefs(&mut types);
    types.encode(btf.endian())
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
