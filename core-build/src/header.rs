//! `traceable.bpf.h` and the headers beside it.

use core_btf::c::Header;
use core_btf::dedup::dedup;
use core_btf::model::{CompositeKind, Enumerator, NameOffset, Type};
use core_btf::object::APP_TAG;
use core_btf::read::Endian;
use core_btf::tag::tag_typedefs;
use core_btf::{Btf, BtfBuf, Kind, TypeId};
use libbpf_rs::libbpf_sys::API_HEADERS;

use crate::error::{Error, Result};
use crate::out::Out;

/// Enumerators that one type can have.
const MAX_VLEN: usize = 0xffff;

const CORE: &str = include_str!("../include/core.bpf.h");
const RUST: &str = include_str!("../include/core_rust.bpf.h");
const PRELUDE: &str = include_str!("../include/core_prelude.bpf.h");

/// Ends the name of a type in the header when a header that is included before it has that name
/// already. CO-RE ignores it.
const FLAVOR: &str = "app";

/// Tags that libbpf's headers define or declare for good.
const LIBBPF_TAGS: [&str; 7] = [
    "bpf_enum_value_kind",
    "bpf_field_info_kind",
    "bpf_iter_num",
    "bpf_type_id_kind",
    "bpf_type_info_kind",
    "libbpf_pin_type",
    "libbpf_tristate",
];

/// The types of an origin, ready to be embedded and printed: each once.
pub(crate) fn distinct(mut types: BtfBuf) -> Result<BtfBuf> {
    tag_typedefs(&mut types);
    dedup(types).map_err(app_btf)
}

/// Writes the headers that every BPF program finds on its include path.
pub(crate) fn write(app: &[u8], vmlinux: Option<&[u8]>, out: &mut Out) -> Result<()> {
    for (name, text) in API_HEADERS {
        out.write(&format!("include/bpf/{name}"), text.as_bytes())?;
    }
    out.write("include/core.bpf.h", CORE.as_bytes())?;
    out.write("include/core_rust.bpf.h", RUST.as_bytes())?;
    out.write("include/core_prelude.bpf.h", PRELUDE.as_bytes())?;

    let prelude = prelude_names().and_then(|names| names.encode(Endian::NATIVE));
    let prelude = prelude.map_err(app_btf)?;
    let text = traceable(app, &prelude, vmlinux).map_err(app_btf)?;
    out.write("include/traceable.bpf.h", text.as_bytes())?;
    Ok(())
}

fn traceable(app: &[u8], prelude: &[u8], vmlinux: Option<&[u8]>) -> core_btf::Result<String> {
    let (app, prelude) = (Btf::parse(app)?, Btf::parse(prelude)?);
    let vmlinux = vmlinux.map(Btf::parse).transpose()?;
    // Names with two underscores in front are the C library's own, and say less than what they
    // stand for.
    let internal = app
        .iter()
        .filter(|ty| ty.kind() == Kind::Typedef)
        .filter_map(|ty| ty.name().ok())
        .filter(|name| name.starts_with("__"));
    let mut header = Header::new(&app)
        .tag(APP_TAG)
        .expand(internal)
        .beside(&prelude, FLAVOR);
    if let Some(vmlinux) = &vmlinux {
        header = header.beside(vmlinux, FLAVOR);
    }
    let types = header.print()?;
    Ok(format!(
        "/* The types of this application, for its BPF programs. */\n\
         #ifndef TRACEABLE_BPF_H\n\
         #define TRACEABLE_BPF_H\n\n\
         #include \"core.bpf.h\"\n\
         #include \"core_rust.bpf.h\"\n\n\
         {types}\n\
         #endif /* TRACEABLE_BPF_H */\n"
    ))
}

pub(crate) fn app_btf(source: core_btf::Error) -> Error {
    Error::Btf {
        what: "the application's types".to_owned(),
        source,
    }
}

/// The names that `core.bpf.h` takes.
fn prelude_names() -> core_btf::Result<BtfBuf> {
    let mut names = names_of(PRELUDE)?;
    for tag in LIBBPF_TAGS {
        push_tag(tag, &mut names)?;
    }
    Ok(names)
}

/// The names that a header declares, as types without contents: what the printer has to keep clear
/// of. The header has a declaration per line, as those that are made from BTF and the prelude have.
pub(crate) fn names_of(header: &str) -> core_btf::Result<BtfBuf> {
    let mut names = BtfBuf::new();
    let mut values = Vec::new();
    for line in header.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["typedef", .., name] => {
                let name = names.intern(name.trim_end_matches(';'))?;
                names.push(Type::Typedef {
                    name,
                    ty: TypeId::VOID,
                })?;
            }
            ["struct" | "union" | "enum", name, "{"] => push_tag(name, &mut names)?,
            [name, "=", ..] => values.push(Enumerator {
                name: names.intern(name)?,
                value: 0,
            }),
            _ => {}
        }
    }
    for values in values.chunks(MAX_VLEN) {
        names.push(Type::Enum {
            name: NameOffset::ANONYMOUS,
            size_bytes: 4,
            signed: false,
            wide: false,
            values: values.to_vec(),
        })?;
    }
    Ok(names)
}

fn push_tag(tag: &str, names: &mut BtfBuf) -> core_btf::Result<()> {
    let name = names.intern(tag)?;
    names.push(Type::Fwd {
        name,
        kind: CompositeKind::Struct,
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_the_prelude_are_known() {
        let names = prelude_names().unwrap();
        let has = |name: &str| names.types().iter().any(|ty| names.name(ty.name()) == name);
        for name in [
            "__u8",
            "u64",
            "bool",
            "pt_regs",
            "bpf_map_type",
            "bpf_timer",
        ] {
            assert!(has(name), "{name}");
        }
        let values: Vec<_> = names
            .types()
            .iter()
            .flat_map(|ty| match ty {
                Type::Enum { values, .. } => values.as_slice(),
                _ => &[],
            })
            .collect();
        for name in ["true", "BPF_ANY", "BPF_MAP_TYPE_RINGBUF", "BPF_RB_PROD_POS"] {
            assert!(values.iter().any(|v| names.name(v.name) == name), "{name}");
        }
    }
}
