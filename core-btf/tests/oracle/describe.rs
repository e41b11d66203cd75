//! Layouts as text, so that two BTF blobs can be compared type by type.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use core_btf::object::APP_MARK;
use core_btf::{Btf, Kind, TypeId};

/// Every named struct, union and enum that is alone in its name: its size and its members, each
/// with place and kind, through anonymous members and typedefs.
pub(crate) fn layouts(btf: &Btf<'_>) -> BTreeMap<String, String> {
    // By name alone: structs, unions and enums share their names in C.
    let mut found: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for ty in btf.iter() {
        let name = ty.name().unwrap();
        let keyword = match ty.kind() {
            Kind::Struct => "struct",
            Kind::Union => "union",
            Kind::Enum | Kind::Enum64 => "enum",
            _ => continue,
        };
        if name.is_empty() {
            continue;
        }
        let mut text = String::new();
        if keyword == "enum" {
            writeln!(text, "size {}", ty.size_bytes()).unwrap();
            for value in ty.enumerators() {
                if btf.name(value.name).unwrap().ends_with(APP_MARK) {
                    continue;
                }
                // clang 14 has no 64-bit enums in its BTF: it stores the low word.
                let low = value.value & 0xffff_ffff;
                let name = essential(btf.name(value.name).unwrap());
                writeln!(text, "{name} = {low}").unwrap();
            }
        } else {
            composite(btf, ty.id(), &mut text);
        }
        let tag = format!("{keyword} {name}");
        found.entry(name).or_default().push((tag, text));
    }
    (found.into_values())
        .filter(|types| types.len() == 1)
        .flatten()
        .collect()
}

/// Of two things with one name, the second is printed with a flavor.
fn essential(name: &str) -> &str {
    name.split("___").next().unwrap()
}

fn composite(btf: &Btf<'_>, id: TypeId, text: &mut String) {
    let ty = btf.get(id).unwrap();
    writeln!(text, "size {}", ty.size_bytes()).unwrap();
    for member in ty.members() {
        // An unnamed struct without members is what makes a printed union larger.
        let inner = btf.resolve(member.ty).unwrap();
        if member.name.is_anonymous() && inner.kind().is_composite() && inner.vlen() == 0 {
            continue;
        }
        write!(
            text,
            "{} @{}",
            btf.name(member.name).unwrap(),
            member.offset_bits
        )
        .unwrap();
        if member.bitfield_bits != 0 {
            write!(text, ":{}", member.bitfield_bits).unwrap();
        }
        write!(text, " ").unwrap();
        kind(btf, member.ty, text);
        writeln!(text).unwrap();
    }
}

fn kind(btf: &Btf<'_>, id: TypeId, text: &mut String) {
    let ty = btf.resolve(id).unwrap();
    let name = essential(ty.name().unwrap());
    match ty.kind() {
        Kind::Array => {
            let (element, _, len) = ty.array();
            write!(text, "[{len}]").unwrap();
            kind(btf, element, text);
        }
        Kind::Struct | Kind::Union if name.is_empty() => {
            write!(text, "{:?} {{ ", ty.kind()).unwrap();
            composite(btf, ty.id(), text);
            write!(text, "}}").unwrap();
        }
        Kind::Struct | Kind::Union => write!(text, "{:?} {name}", ty.kind()).unwrap(),
        Kind::Enum | Kind::Enum64 => write!(text, "enum {name} {}", ty.size_bytes()).unwrap(),
        // `char` is printed as such whichever its sign is.
        Kind::Int if name == "char" => write!(text, "char").unwrap(),
        // A float that BPF has no type for is printed as bytes.
        Kind::Float if !matches!(ty.size_bytes(), 4 | 8) => {
            write!(text, "[{}]int 1 false", ty.size_bytes()).unwrap();
        }
        Kind::Int => write!(text, "int {} {}", ty.size_bytes(), ty.is_signed()).unwrap(),
        kind => write!(text, "{kind:?} {}", ty.size_bytes()).unwrap(),
    }
}

/// Asserts that `found` has each of these types, and with that layout.
pub(crate) fn assert_same_layouts(expected: &BTreeMap<String, String>, found: &Btf<'_>) {
    let found = layouts(found);
    for (name, layout) in expected {
        assert_eq!(Some(layout), found.get(name), "{name}");
    }
}
