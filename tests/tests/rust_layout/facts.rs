//! Compares BTF with what a program of the fixture printed (`report.rs` has the language).

use core_btf::rust::{enumerator, member_names, variant_names};

use crate::types::Types;

/// How much was compared.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Compared {
    pub(crate) types: usize,
    pub(crate) fields: usize,
    pub(crate) enumerators: usize,
    pub(crate) values: usize,
    pub(crate) numbers: usize,
    pub(crate) variants: usize,
}

/// All that BTF has wrong, and how much was compared.
pub(crate) fn compare(types: &Types<'_>, facts: &str) -> (Vec<String>, Compared) {
    let mut wrong = Vec::new();
    let mut compared = Compared::default();
    let lines: Vec<Vec<&str>> = facts
        .lines()
        .map(|line| line.split(' ').collect())
        .collect();
    // The value that the lines after it are about.
    let mut subject = ("", Vec::new());
    for line in &lines {
        let mut check = |found: Option<i128>, expected: &str| {
            if found.map(|found| found.to_string()).as_deref() != Some(expected) {
                wrong.push(format!("{}: BTF has {found:?}", line.join(" ")));
            }
        };
        match line[..] {
            ["type", name, size] => {
                compared.types += 1;
                check(Some(types.one(name).size_bytes().into()), size);
            }
            ["field", name, path, offset, size] => {
                compared.fields += 1;
                let path = c_path(&lines, name, path);
                let place = types.place(types.one(name).id(), &path);
                check(place.map(|place| place.offset as i128), offset);
                check(place.map(|place| types.size(place.ty) as i128), size);
            }
            ["enumerator", name, variant, value] => {
                compared.enumerators += 1;
                let variant = c_variant(&lines, name, variant);
                let values = types.enumerators(&types.one(name));
                let found = values
                    .iter()
                    .find(|(found, _)| *found == enumerator(name, &variant));
                let unsigned = !types.one(name).is_signed();
                check(
                    found.map(|(_, found)| {
                        if unsigned {
                            found.value.cast_unsigned().into()
                        } else {
                            found.value.into()
                        }
                    }),
                    value,
                );
            }
            ["value", name, hex] => {
                compared.values += 1;
                subject = (name, bytes(hex));
                let size = types.one(name).size_bytes() as usize;
                // A tail of unknown length is not part of the size.
                let flexible = types.place(types.one(name).id(), "value").is_some();
                if size != subject.1.len() && !flexible {
                    wrong.push(format!(
                        "value {name} has {} bytes, BTF {size}",
                        subject.1.len()
                    ));
                }
            }
            ["int", path, value] => {
                compared.numbers += 1;
                let place = types.place(types.one(subject.0).id(), path);
                check(place.map(|place| types.int(&subject.1, place)), value);
            }
            ["is", variant] => {
                compared.variants += 1;
                let found = types.variants_of(subject.0, &subject.1);
                if found != [variant] {
                    wrong.push(format!("{} is {variant}, by BTF {found:?}", subject.0));
                }
            }
            ["lacks", path] => {
                if let Some(place) = types.place(types.one(subject.0).id(), path) {
                    wrong.push(format!("{} has {path}: {place:?}", subject.0));
                }
            }
            _ => panic!("unknown fact {line:?}"),
        }
    }
    (wrong, compared)
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap())
        .collect()
}

/// The C name of a field depends on all fields of its struct.
fn c_path(lines: &[Vec<&str>], name: &str, path: &str) -> String {
    // Instances list paths, with a point before each field; those need no care.
    if let Some(path) = path.strip_prefix('.') {
        return path.to_owned();
    }
    let fields: Vec<&str> = lines
        .iter()
        .filter_map(|line| match line[..] {
            ["field", owner, field, ..] if owner == name => Some(field),
            _ => None,
        })
        .collect();
    renamed(&fields, member_names(fields.iter().copied()), path)
}

fn c_variant(lines: &[Vec<&str>], name: &str, variant: &str) -> String {
    let variants: Vec<&str> = lines
        .iter()
        .filter_map(|line| match line[..] {
            ["enumerator", owner, variant, _] if owner == name => Some(variant),
            _ => None,
        })
        .collect();
    renamed(&variants, variant_names(variants.iter().copied()), variant)
}

fn renamed(names: &[&str], c_names: Vec<String>, name: &str) -> String {
    let index = names.iter().position(|known| *known == name).unwrap();
    c_names.into_iter().nth(index).unwrap()
}
