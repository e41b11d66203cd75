//! Virtual base classes of C++, whose place in an object is in the vtable of that object.
//!
//! For a class `net::Conn` with the virtual base `net::Base` there is
//!
//! ```c
//! enum net_Conn__virtual_bases { net_Conn__virtual_net_Base = -24 };
//! ```
//!
//! The value is the offset, in bytes from where the object's first word (its vtable pointer) leads, of a
//! number of the size of a pointer. This is the offset of the base in bytes from the start of the
//! `net::Conn`, whatever class the whole object is of. `core_virtual_base()` of `core.bpf.h` follows it;
//! as an enumerator it is relocated when a BPF program is loaded.

use std::collections::HashMap;

use crate::model::{Type, TypeId};
#[cfg(feature = "dwarf")]
use crate::rust::{MAX_NAME, fit};
use crate::write::BtfBuf;

const ENUM: &str = "__virtual_bases";
const ENUMERATOR: &str = "__virtual_";

/// The enum of a class.
#[cfg(feature = "dwarf")]
pub(crate) fn enum_name(class: &str) -> String {
    fit(format!("{class}{ENUM}"), MAX_NAME)
}

/// The enumerator of one of its virtual bases.
#[cfg(feature = "dwarf")]
pub(crate) fn enumerator(class: &str, base: &str) -> String {
    fit(format!("{class}{ENUMERATOR}{base}"), MAX_NAME)
}

/// For the names of classes with virtual bases the enums that say so, and the bases.
pub(crate) fn companions(btf: &BtfBuf) -> HashMap<&str, Vec<TypeId>> {
    let mut out: HashMap<&str, Vec<TypeId>> = HashMap::new();
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    for (id, ty) in btf.iter() {
        let Type::Enum { name, values, .. } = ty else {
            continue;
        };
        let Some(class) = btf.name(*name).strip_suffix(ENUM) else {
            continue;
        };
        out.entry(class).or_default().push(id);
        let names = values.iter().map(|value| btf.name(value.name));
        let bases = names.filter_map(|name| {
            let rest = name.strip_prefix(class)?;
            rest.strip_prefix(ENUMERATOR)
        });
        wanted.extend(bases.map(|base| (class, base)));
    }
    if wanted.is_empty() {
        return out;
    }
    let mut classes: HashMap<&str, TypeId> = HashMap::new();
    for (id, ty) in btf.iter() {
        if let Type::Composite { name, .. } = ty {
            classes.entry(btf.name(*name)).or_insert(id);
        }
    }
    for (class, base) in wanted {
        if let (Some(base), Some(list)) = (classes.get(base), out.get_mut(class)) {
            list.push(*base);
        }
    }
    out
}
