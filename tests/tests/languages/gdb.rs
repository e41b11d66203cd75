//! Layouts side by side: ours, by the name in the source, and gdb's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use core_btf::dwarf::{Extraction, Options, extract};
use core_btf::{Btf, Type};

/// A member: name (none for a base class), offset in bits, bits of a bitfield, size in bytes.
pub(crate) type Field = (String, u64, u64, u64);

/// Size in bytes, and members.
pub(crate) type Layout = (u64, Vec<Field>);

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/languages")
        .join(name)
}

/// Compiles a source to a file in `dir`; a program, unless the command has `-c`.
pub(crate) fn compile(dir: &Path, command: &str, source: &Path) -> PathBuf {
    let object = dir.join("object.o");
    let mut words = command.split_whitespace();
    let mut compiler = Command::new(words.next().unwrap());
    compiler
        .args(words)
        .args(["-w", "-o"])
        .arg(&object)
        .arg(source);
    let output = compiler.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{compiler:?}: {error}");
    object
}

/// All types of an object, with what each is called in its source.
pub(crate) fn with_spellings(object: &Path) -> Extraction {
    let options = Options {
        roots: vec!["*".to_owned()],
        functions: false,
        ..Options::default()
    };
    extract(&std::fs::read(object).unwrap(), &options).unwrap()
}

/// The layouts of the structs and unions of an extraction, by what the source calls them. Of
/// several with one name (those of functions) there is none.
pub(crate) fn ours(found: &Extraction) -> BTreeMap<String, Layout> {
    let blob = found.btf.encode(found.endian).unwrap();
    let btf = Btf::parse(&blob).unwrap();
    let mut spellings = BTreeMap::new();
    for ty in found.btf.types() {
        if let Type::DeclTag { name, ty, .. } = ty
            && let Some((_, spelling)) = found.btf.name(*name).split_once(':')
        {
            spellings.insert(*ty, spelling.to_owned());
        }
    }
    let mut out: BTreeMap<String, Option<Layout>> = BTreeMap::new();
    for (id, ty) in found.btf.iter() {
        let Type::Composite {
            name,
            size_bytes,
            members,
            ..
        } = ty
        else {
            continue;
        };
        if name.is_anonymous() {
            continue;
        }
        let spelling = spellings.get(&id).cloned();
        let spelling = spelling.unwrap_or_else(|| found.btf.name(*name).to_owned());
        let fields = members.iter().map(|member| {
            let size = btf
                .size_of(member.ty, u32::from(found.pointer_bytes))
                .unwrap();
            let name = found.btf.name(member.name);
            // A base that is named to tell its members from others.
            let ty = found.btf.get(member.ty).map(|ty| found.btf.name(ty.name()));
            let is_base = name
                .strip_prefix("base_")
                .is_some_and(|rest| ty == Some(rest));
            let name = if is_base { "" } else { name };
            (
                name.to_owned(),
                u64::from(member.offset_bits),
                u64::from(member.bitfield_bits),
                u64::from(size.unwrap_or(0)),
            )
        });
        let layout = (u64::from(*size_bytes), fields.collect());
        out.entry(spelling)
            .and_modify(|it| *it = None)
            .or_insert(Some(layout));
    }
    out.into_iter()
        .filter_map(|(name, layout)| Some((name, layout?)))
        .collect()
}

/// The layouts that gdb knows of these types.
pub(crate) fn theirs<'n>(
    object: &Path,
    names: impl Iterator<Item = &'n String>,
) -> BTreeMap<String, Layout> {
    let list = object.with_extension("names");
    let lines: Vec<&str> = names.map(String::as_str).collect();
    std::fs::write(&list, lines.join("\n")).unwrap();
    let output = Command::new("gdb")
        .args(["-batch", "-nx", "-ex"])
        .arg(format!("python names = {:?}", list.display().to_string()))
        .arg("-x")
        .arg(fixture("layouts.py"))
        .arg(object)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!error.contains("Error"), "{error}");
    let mut out: BTreeMap<String, Layout> = BTreeMap::new();
    let mut last = String::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut cells = line.split('\t');
        let (Some(kind), Some(name)) = (cells.next(), cells.next()) else {
            continue;
        };
        let numbers: Vec<u64> = cells.map(|cell| cell.parse().unwrap()).collect();
        match (kind, numbers.as_slice()) {
            ("type", [size]) => {
                name.clone_into(&mut last);
                out.insert(last.clone(), (*size, Vec::new()));
            }
            ("field", [offset, bits, size]) => {
                let field = (name.to_owned(), *offset, *bits, *size);
                out.entry(last.clone()).or_default().1.push(field);
            }
            _ => {}
        }
    }
    out
}

/// What of a layout both sides can say. gdb lists empty base classes, gives `nullptr_t` no size and
/// names what C cannot.
fn comparable((size, fields): &Layout, odd: &[(u64, u64)]) -> Layout {
    let mut fields: Vec<Field> = fields
        .iter()
        .filter(|(name, _, _, size)| !(name.is_empty() && *size <= 1))
        .map(|(name, offset, bits, size)| {
            let name = name
                .replace(['.', '$'], "_")
                .replace("___", "_")
                .replace("__", "_");
            let size = if odd.contains(&(*offset, *bits)) {
                0
            } else {
                *size
            };
            (name, *offset, *bits, size)
        })
        .collect();
    fields.sort();
    (*size, fields)
}

/// Compares all types of an object with gdb's; how many were.
pub(crate) fn compare(object: &Path) -> usize {
    let ours = ours(&with_spellings(object));
    let theirs = theirs(object, ours.keys());
    let mut differences = Vec::new();
    let mut compared = 0;
    for (name, ours) in &ours {
        let Some(theirs) = theirs.get(name) else {
            continue;
        };
        compared += 1;
        let odd = theirs.1.iter().filter(|field| field.3 == 0);
        let odd: Vec<_> = odd.map(|field| (field.1, field.2)).collect();
        let (ours, theirs) = (comparable(ours, &odd), comparable(theirs, &odd));
        if ours != theirs {
            differences.push(format!("{name}:\n ours   {ours:?}\n theirs {theirs:?}"));
        }
    }
    let all = differences.join("\n");
    assert!(
        differences.is_empty(),
        "{} of {compared} differ:\n{all}",
        differences.len()
    );
    // gdb does not find what is inside of functions, by any name.
    assert!(
        compared * 10 >= ours.len() * 8,
        "{compared} of {}",
        ours.len()
    );
    compared
}
