//! What gdb (`ptype /o`) makes of the same debug information: the layouts that `offset_of` cannot
//! say, of variants and of std's own structs.

use std::path::Path;
use std::process::Command;

use core_btf::rust::{identifier, variant_names};
use core_btf::{Kind, TypeId};

use crate::types::Types;

/// A field or variant as gdb prints it.
#[derive(Debug, Default)]
pub(crate) struct Field {
    /// Empty for the fields of a tuple.
    name: String,
    offset: usize,
    size: usize,
    /// Of a variant.
    fields: Vec<Field>,
}

/// The fields and variants of each type; gdb knows generic types by no name.
pub(crate) fn ptype(object: &Path, paths: &[String]) -> Vec<Vec<Field>> {
    let mut command = Command::new("gdb");
    command.args(["-nx", "-batch", "-ex", "set language rust"]);
    command.args(["-ex", "set max-value-size unlimited"]);
    for path in paths {
        command.args(["-ex", &format!("echo == {path}\\n")]);
        command.args(["-ex", &format!("ptype /o {path}")]);
    }
    let output = command.arg(object).output().expect("gdb runs");
    let text = String::from_utf8(output.stdout).unwrap();
    let types: Vec<Vec<Field>> = text.split("== ").skip(1).map(parse).collect();
    assert_eq!(types.len(), paths.len(), "{text}");
    types
}

/// The fields of one type: `/* OFFSET | SIZE */ NAME: TYPE,`, with those of a variant between
/// brackets.
fn parse(text: &str) -> Vec<Field> {
    let mut open: Vec<Vec<Field>> = vec![Vec::new()];
    for line in text.lines() {
        let (place, text) = match line
            .strip_prefix("/*")
            .and_then(|line| line.split_once("*/"))
        {
            Some((place, text)) => (place.trim(), text.trim()),
            None => ("", line.trim()),
        };
        if matches!(text, "}," | ")," | "}" | ")") {
            let fields = open.pop().unwrap();
            match open.last_mut() {
                Some(outer) => outer.last_mut().unwrap().fields = fields,
                None => return fields,
            }
            continue;
        }
        let numbers: Vec<usize> = place
            .split('|')
            .filter_map(|number| number.trim().parse().ok())
            .collect();
        let (offset, size) = match numbers[..] {
            [offset, size] => (offset, size),
            // Of unions.
            [size] => (0, size),
            _ => continue,
        };
        let opens = text.ends_with(['{', '(']);
        let name = match text.split_once(": ") {
            Some((name, _)) if !name.contains([' ', '<', '(']) => name,
            _ if opens => text.split(' ').next().unwrap(),
            // A variant without data, or the type of a field without name.
            _ => text.trim_end_matches(','),
        };
        let field = Field {
            name: name.to_owned(),
            offset,
            size,
            fields: Vec::new(),
        };
        open.last_mut().unwrap().push(field);
        if opens {
            open.push(Vec::new());
        }
    }
    open.pop().unwrap()
}

/// What differs between a type of BTF and gdb's fields, and how many fields were compared.
pub(crate) fn compare(types: &Types<'_>, id: TypeId, fields: &[Field]) -> (Vec<String>, usize) {
    let ty = types.get(id);
    let is_enum = ty.kind() == Kind::Union
        && types
            .named(&core_btf::rust::tag_enum(ty.name().unwrap()))
            .len()
            == 1;
    if !is_enum {
        return compare_members(types, id, fields);
    }
    let mut wrong = Vec::new();
    let mut compared = 0;
    let names = variant_names(fields.iter().map(|variant| variant.name.as_str()));
    for (variant, name) in fields.iter().zip(names) {
        let Some(place) = types.place(id, &name) else {
            wrong.push(format!("no variant {name}"));
            continue;
        };
        if types.size(place.ty) != variant.size {
            wrong.push(format!("{name} is {place:?}, gdb has {variant:?}"));
        }
        let (inner, count) = compare_members(types, place.ty, &variant.fields);
        wrong.extend(inner.into_iter().map(|text| format!("{name}: {text}")));
        compared += count;
    }
    (wrong, compared)
}

fn compare_members(types: &Types<'_>, id: TypeId, fields: &[Field]) -> (Vec<String>, usize) {
    let ty = types.get(id);
    let found: Vec<(String, usize, usize)> = ty
        .members()
        .map(|member| {
            let offset = member.offset_bits as usize / 8;
            (
                types.member_name(&member).to_owned(),
                offset,
                types.size(member.ty),
            )
        })
        .collect();
    let mut wrong = Vec::new();
    for field in fields {
        let same = |(name, offset, size): &&(String, usize, usize)| {
            // The fields of a tuple have the names of types.
            let named = name.starts_with("__") || *name == identifier(&field.name);
            named && *offset == field.offset && *size == field.size
        };
        if found.iter().filter(same).count() == 0 {
            wrong.push(format!("gdb has {field:?}, BTF {found:?}"));
        }
    }
    if fields.len() != found.len() {
        wrong.push(format!(
            "gdb has {} fields, BTF {}",
            fields.len(),
            found.len()
        ));
    }
    (wrong, fields.len())
}
