//! What the crate's BPF objects read of the application's types.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use core_btf::Btf;
use core_btf::object::BpfObject;
use core_btf::relo::essential_name;

/// Whether a BPF object in `dir` reads a type of the application that is not among these.
pub(crate) fn read_other_types<'t>(dir: &Path, types: impl Iterator<Item = &'t [u8]>) -> bool {
    let types: Vec<_> = types.filter_map(|it| Btf::parse(it).ok()).collect();
    let all = types.iter().flat_map(Btf::iter);
    let known: BTreeSet<&[u8]> = all.map(|ty| ty.name_bytes()).collect();
    let Ok(entries) = fs::read_dir(dir) else {
        return false;
    };
    let objects = entries.filter_map(|entry| fs::read(entry.ok()?.path()).ok());
    objects.into_iter().any(|bytes| {
        // What is wrong with an object is said when it is loaded.
        let Ok(object) = BpfObject::parse(&bytes) else {
            return false;
        };
        object.relocations().iter().any(|relocation| {
            let root = object.btf().get(relocation.root);
            object.is_app(relocation.root)
                && root.is_ok_and(|root| !known.contains(essential_name(root.name_bytes())))
        })
    })
}
