//! rustc's own report of layouts (`-Zprint-type-sizes`): the only oracle that knows the states of
//! futures, and the compiler's word for everything else.

use std::collections::BTreeMap;

use core_btf::Kind;
use core_btf::rust::{identifier, variant_names};

use crate::types::Types;

/// The lines of a report begin with it.
const PREFIX: &str = "print-type-size ";

/// A type of the report.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    size: usize,
    /// Without variants there is one, which has no name.
    variants: Vec<(String, Vec<Field>)>,
}

#[derive(Debug)]
struct Field {
    /// `field`, or `upvar` and `local` of closures and futures.
    what: String,
    name: String,
    offset: usize,
    size: usize,
}

/// The report's types by their paths below the crate.
pub(crate) fn parse(report: &str) -> BTreeMap<String, Layout> {
    let mut layouts = BTreeMap::new();
    let mut current = None;
    let (mut start, mut end) = (0, 0);
    for line in report.lines() {
        let Some(line) = line.strip_prefix(PREFIX) else {
            continue;
        };
        let line = line.trim();
        let (what, rest) = line.split_once(": ").unwrap();
        if what == "type" {
            layouts.extend(current.take());
            let (name, rest) = rest.trim_start_matches('`').rsplit_once("`: ").unwrap();
            let layout = Layout {
                size: number(rest),
                variants: vec![(String::new(), Vec::new())],
            };
            // gdb and DWARF have no lifetimes.
            current = Some((name.replace("<'_>", ""), layout));
            (start, end) = (0, 0);
            continue;
        }
        let (current_name, layout) = current.as_mut().unwrap();
        let quoted = what.split('`').nth(1);
        let what = what.split(' ').next().unwrap();
        match (what, quoted) {
            ("discriminant", _) => start = number(rest),
            // A union passes for its only variant.
            ("variant", Some(name)) if start == 0 && last_segment(current_name) == name => {}
            ("variant", Some(name)) => {
                layout.variants.push((name.to_owned(), Vec::new()));
                end = start;
            }
            ("padding", _) => end += number(rest),
            ("end", _) => {}
            ("field" | "upvar" | "local", Some(name)) => {
                let size = number(rest);
                // Where fields overlap, it says where they are.
                let offset = rest
                    .split_once("offset: ")
                    .map_or(end, |(_, at)| number(at));
                end = offset + size;
                let (_, fields) = layout.variants.last_mut().unwrap();
                fields.push(Field {
                    what: what.to_owned(),
                    name: name.trim_start_matches('.').to_owned(),
                    offset,
                    size,
                });
            }
            _ => panic!("unknown line {line}"),
        }
    }
    layouts.extend(current);
    layouts
}

/// A type's name without its modules and arguments.
fn last_segment(path: &str) -> &str {
    let path = path.split('<').next().unwrap();
    path.rsplit("::").next().unwrap()
}

/// `24 bytes, ..`
fn number(text: &str) -> usize {
    text.split(' ').next().unwrap().parse().unwrap()
}

/// What differs between a type of BTF and the report, and how many fields were compared.
pub(crate) fn compare(types: &Types<'_>, name: &str, layout: &Layout) -> (Vec<String>, usize) {
    let ty = types.one(name);
    let mut wrong = Vec::new();
    let mut compared = 0;
    if ty.size_bytes() as usize != layout.size {
        wrong.push(format!(
            "has {} bytes, BTF {}",
            layout.size,
            ty.size_bytes()
        ));
    }
    for (variant, fields) in &layout.variants {
        // What a future has moved into a local of the same name is no longer where it was given.
        let moved = |field: &Field| {
            let same = |other: &Field| other.what == "local" && other.name == field.name;
            field.what == "upvar" && fields.iter().any(same)
        };
        for field in fields {
            // Flags that say what is to be dropped have no name.
            if moved(field) || field.name.starts_with("coroutine_field") {
                continue;
            }
            let mut path = identifier(&field.name);
            if !variant.is_empty() {
                path = format!("{}.{path}", variant_names([variant.as_str()])[0]);
            }
            let Some(place) = types.place(ty.id(), &path) else {
                wrong.push(format!("{path}: not in BTF"));
                continue;
            };
            if (place.offset, types.size(place.ty)) != (field.offset, field.size) {
                wrong.push(format!("{path}: {field:?}, BTF has {place:?}"));
            }
            compared += 1;
        }
        // An ENUM has values for members.
        let known = variant.is_empty()
            || ty.kind() != Kind::Union
            || types
                .place(ty.id(), &variant_names([variant.as_str()])[0])
                .is_some();
        if !known {
            wrong.push(format!("no variant {variant}"));
        }
    }
    (wrong, compared)
}
