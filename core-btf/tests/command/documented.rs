//! What `--help` and the manual say is so: the forms of JSON field by field, and the examples.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use core_btf::model::{
    CompositeKind, Enumerator, IntEncoding, Member, Param, SectionVar, Type, TypeId,
};
use core_btf::read::Endian;
use core_btf::{BtfBuf, RelocationKind};
use serde_json::{Map, Value};

use crate::tools::{VMLINUX, Workspace, core_btf, quiet, run};

const SUBCOMMANDS: [&str; 7] = [
    "extract",
    "dump",
    "merge",
    "check",
    "embed",
    "completions",
    "man",
];

/// The lines of a section of the help of a subcommand.
fn section(subcommand: &str, title: &str) -> Vec<String> {
    let help = quiet(core_btf().args([subcommand, "--help"]));
    let heading = format!("{title}:");
    let lines = help.lines().skip_while(|line| **line != heading).skip(1);
    // Other headings of sections follow an empty line and end with a colon, as some prose does.
    let ends = ["Examples:", "Modules:"];
    let lines = lines.take_while(|line| !ends.contains(line));
    let lines: Vec<String> = lines.map(str::to_owned).collect();
    assert!(!lines.is_empty(), "{help}");
    lines
}

/// The rows of tables, by their first word: lines with two spaces before it, and their continuations.
fn rows(lines: &[String]) -> BTreeMap<String, String> {
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    let mut last: Option<String> = None;
    for line in lines {
        let Some(row) = line.strip_prefix("  ") else {
            last = None;
            continue;
        };
        match (row.strip_prefix(' '), row.split_once("  ")) {
            (Some(more), _) => {
                let row = rows.get_mut(last.as_ref().unwrap()).unwrap();
                row.extend([" ", more.trim()]);
            }
            (None, Some((word, text))) => {
                let old = rows.insert(word.to_owned(), text.trim().to_owned());
                assert_eq!(old, None, "{line}");
                last = Some(word.to_owned());
            }
            // A line of an example.
            (None, None) => last = None,
        }
    }
    rows
}

/// Types of all kinds, and for each word that a field may be.
fn all_kinds() -> BtfBuf {
    let mut btf = BtfBuf::new();
    let name = btf.intern("name").unwrap();
    let mut push = |ty| btf.push(ty).unwrap();
    let int = |encoding| Type::Int {
        name,
        size_bytes: 4,
        encoding,
        offset_bits: 0,
        bits: 32,
    };
    let ty = push(int(IntEncoding::SIGNED));
    for encoding in [IntEncoding::UNSIGNED, IntEncoding::CHAR, IntEncoding::BOOL] {
        push(int(encoding));
    }
    let void = TypeId(0);
    push(Type::Ptr(void));
    push(Type::Array {
        element: ty,
        index: ty,
        len: 3,
    });
    let member = |offset_bits, bitfield_bits| Member {
        name,
        ty,
        offset_bits,
        bitfield_bits,
    };
    for kind in [CompositeKind::Struct, CompositeKind::Union] {
        let second = if kind == CompositeKind::Union { 0 } else { 32 };
        push(Type::Composite {
            kind,
            name,
            size_bytes: 8,
            members: vec![member(0, 0), member(second, 3)],
        });
        push(Type::Fwd { name, kind });
    }
    let value = |value| Enumerator { name, value };
    for (wide, size_bytes) in [(false, 4), (true, 8)] {
        for signed in [false, true] {
            push(Type::Enum {
                name,
                size_bytes,
                signed,
                wide,
                values: vec![value(if signed { -1 } else { 1 })],
            });
        }
    }
    push(Type::Typedef { name, ty });
    push(Type::Volatile(ty));
    push(Type::Const(ty));
    push(Type::Restrict(ty));
    let proto = push(Type::FuncProto {
        returns: ty,
        params: vec![Param { name, ty }],
    });
    for linkage in 0..3 {
        push(Type::Func {
            name,
            proto,
            linkage,
        });
    }
    let vars = (0..3).map(|linkage| push(Type::Var { name, ty, linkage }));
    let vars: Vec<TypeId> = vars.collect();
    push(Type::Datasec {
        name,
        size_bytes: 4,
        vars: vec![SectionVar {
            ty: vars[0],
            offset_bytes: 0,
            size_bytes: 4,
        }],
    });
    push(Type::Float {
        name,
        size_bytes: 8,
    });
    push(Type::DeclTag {
        name,
        ty: vars[0],
        component: -1,
        attribute: false,
    });
    push(Type::TypeTag {
        name,
        ty,
        attribute: false,
    });
    btf
}

/// Asserts that those of the fields that the text of a JSON object has come in this order.
fn assert_order(text: &str, fields: &[String]) {
    let mut at = 0;
    for field in fields {
        let key = format!("\"{field}\":");
        match text[at..].find(&key) {
            Some(found) => at += found + key.len(),
            None => assert!(!text.contains(&key), "{field} comes too early: {text}"),
        }
    }
}

fn keys(object: &Map<String, Value>) -> BTreeSet<String> {
    object.keys().cloned().collect()
}

/// Field by field: what is printed of each kind is what the help names, in its order, and the other way
/// round; each field has an explanation that has all of its words.
#[test]
fn json_of_types_is_as_documented() {
    let work = Workspace::new();
    let file = work.path("all.btf");
    std::fs::write(&file, all_kinds().encode(Endian::NATIVE).unwrap()).unwrap();
    let text = quiet(core_btf().args(["dump", "-f", "json"]).arg(&file));
    let printed: Value = serde_json::from_str(&text).unwrap();
    let documented = rows(&section("dump", "JSON output"));
    let common = ["id", "kind", "name"];
    let (mut kinds, mut explained) = (BTreeMap::new(), BTreeSet::new());
    for (word, text) in &documented {
        if word
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        {
            let (fields, parts) = text.split_once(" [ ").unwrap_or((text, ""));
            let words = |text: &str| -> Vec<String> {
                let words = text.split_whitespace();
                words.filter(|it| *it != "]").map(str::to_owned).collect()
            };
            kinds.insert(word.clone(), (words(fields), words(parts)));
        } else {
            explained.insert(word.clone());
        }
    }
    assert_eq!(kinds.len(), 19, "{kinds:?}");

    let mut seen: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    let lines = text.lines().filter(|line| line.starts_with("{\"id\""));
    for (ty, line) in printed["types"].as_array().unwrap().iter().zip(lines) {
        let ty = ty.as_object().unwrap();
        let kind = ty["kind"].as_str().unwrap();
        let (fields, part_fields) = seen.entry(kind.to_owned()).or_default();
        fields.extend(keys(ty));
        let Some((expected, of_parts)) = kinds.get(kind) else {
            panic!("{kind} is not documented")
        };
        let order = common.map(str::to_owned);
        assert_order(line, &[&order[..], expected].concat());
        for (key, value) in ty {
            if let Some(parts) = value.as_array() {
                for part in parts {
                    part_fields.extend(keys(part.as_object().unwrap()));
                    let (_, list) = line.split_once('[').unwrap();
                    assert_order(list.split('}').next().unwrap(), of_parts);
                }
            }
            // What is one of several words.
            if ["encoding", "linkage", "fwd_kind"].contains(&key.as_str()) {
                let word = value.as_str().unwrap();
                assert!(documented[key].contains(word), "{key}: {word}");
            }
        }
    }
    let expected: BTreeMap<_, _> = kinds
        .into_iter()
        .map(|(kind, (fields, parts))| {
            let fields = fields.into_iter().chain(common.map(str::to_owned));
            (kind, (fields.collect(), parts.into_iter().collect()))
        })
        .collect();
    assert_eq!(seen, expected);
    let used = seen.values().flat_map(|(fields, parts)| fields | parts);
    assert_eq!(used.collect::<BTreeSet<_>>(), explained);
}

/// The same of the relocations that `check` prints, and of the columns of its table.
#[test]
fn results_of_checks_are_as_documented() {
    let work = Workspace::new();
    let object = work.bpf("-DKERNEL -DGONE -DASKS");
    let kernel = work.kernel("kernel");
    let app = work.btf(&work.app("-DVERSION=2"), "app.btf");
    let documented = rows(&section("check", "JSON output"));
    let mut printed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut top = BTreeSet::new();
    for kernel in [kernel.join("vmlinux"), VMLINUX.into()] {
        let mut command = core_btf();
        command.arg("check").arg(&object).arg("--against").arg(&app);
        command.arg("--json").arg("--kernel").arg(kernel);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        top.extend(keys(json.as_object().unwrap()));
        for row in json["relocations"].as_array().unwrap() {
            for (key, value) in row.as_object().unwrap() {
                let words = printed.entry(key.clone()).or_default();
                words.insert(
                    value
                        .as_str()
                        .unwrap_or(if value.is_null() { "null" } else { "" })
                        .to_owned(),
                );
            }
        }
    }
    let fields: BTreeSet<_> = printed.keys().cloned().chain(top).collect();
    assert_eq!(fields, documented.keys().cloned().collect());
    let says = |field: &str, word: &str| {
        let mut words = documented[field].split(|c: char| !c.is_alphanumeric() && c != '_');
        words.any(|it| it == word)
    };
    for field in ["from", "verdict"] {
        assert!(printed[field].len() >= 3, "{printed:?}");
        for word in &printed[field] {
            assert!(says(field, word), "{field}: {word}");
        }
    }
    for (field, words) in &printed {
        assert!(!words.contains("null") || says(field, "null"), "{field}");
    }
    for kind in (0..).map_while(RelocationKind::from_number) {
        assert!(says("kind", kind.name()), "{}", kind.name());
    }

    let mut command = core_btf();
    command.arg("check").arg(&object).arg("--against").arg(&app);
    let table = command.output().unwrap().stdout;
    let table = String::from_utf8(table).unwrap();
    let columns: BTreeSet<_> = table.lines().next().unwrap().split_whitespace().collect();
    let documented = rows(&section("check", "Result"));
    let documented = documented.keys().map(String::as_str);
    let documented = documented.filter(|it| it.chars().all(|c| c.is_ascii_uppercase()));
    assert_eq!(columns, documented.collect());
}

/// Tables and examples stand in the manual as in the help.
#[test]
fn the_manual_says_what_the_help_says() {
    let work = Workspace::new();
    for subcommand in SUBCOMMANDS {
        let page = work.path("page.1");
        std::fs::write(&page, quiet(core_btf().args(["man", subcommand]))).unwrap();
        let shown = quiet(
            Command::new("groff")
                .args(["-man", "-Tascii", "-P-cbou"])
                .arg(&page),
        );
        let shown: BTreeSet<_> = shown.lines().map(str::trim).collect();
        let help = quiet(core_btf().args([subcommand, "--help"]));
        let (_, sections) = help.split_once("Print version").unwrap();
        let tables = sections.lines().filter(|line| line.starts_with("  "));
        let mut count = 0;
        for line in tables {
            assert!(shown.contains(line.trim()), "{subcommand}: {line}");
            count += 1;
        }
        assert!(count >= 2, "{subcommand}: {count}");
        for heading in ["SYNOPSIS", "EXAMPLES", "EXIT STATUS", "SEE ALSO"] {
            assert!(shown.contains(heading), "{subcommand}: {heading}");
        }
    }
}

/// A directory with the files that examples name.
fn files_of_examples() -> Workspace {
    let work = Workspace::new();
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/app.c");
    let source = format!(
        "#include \"{}\"\nstruct conn_state {{ int fd; }} state;",
        app.display()
    );
    std::fs::write(work.path("server.c"), source).unwrap();
    let server = work.path("server");
    run(Command::new("gcc")
        .args(["-g", "-o"])
        .args([&server, &work.path("server.c")]));
    run(core_btf().arg("embed").arg(&server).arg("-o").arg(&server));
    let types = work.btf(&server, "server.btf");
    std::fs::copy(types, work.path("server-1.2.btf")).unwrap();
    work.bpf("-DKERNEL");
    std::fs::copy(VMLINUX, work.path("5.15.0-91-generic.btf")).unwrap();
    let kernel = work.kernel("kernel");
    std::fs::rename(kernel.join("vmlinux"), work.path("vmlinux.btf")).unwrap();
    std::fs::rename(kernel.join("tasks"), work.path("nf_tables.btf")).unwrap();
    let directory = work.path("target/debug");
    std::fs::create_dir_all(&directory).unwrap();
    let library = "pub enum State { Idle, Busy(u64) }\n\
                   #[unsafe(no_mangle)] pub fn f(state: &State) -> bool { matches!(state, State::Idle) }";
    std::fs::write(work.path("lib.rs"), library).unwrap();
    run(Command::new("rustc")
        .args(["--edition=2024", "-g", "--crate-type=rlib", "-o"])
        .args([&directory.join("libserver.rlib"), &work.path("lib.rs")]));
    work
}

/// Runs a line of a shell beside those files; it must succeed without a word on stderr, and give
/// something: text, or the file behind `-o`.
fn assert_works(line: &str) {
    let work = files_of_examples();
    let commands = Path::new(env!("CARGO_BIN_EXE_core-btf")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut shell = Command::new("bash");
    shell.args(["-o", "pipefail", "-c", line]);
    shell.env("PATH", format!("{}:{path}", commands.display()));
    let said = quiet(shell.current_dir(work.path("")));
    let mut words = line.split_whitespace();
    let output = words.find(|word| ["-o", ">"].contains(word));
    if output.is_some() {
        let file = work.path(words.next_back().unwrap());
        assert!(file.metadata().unwrap().len() > 100, "{line}");
    } else {
        assert!(!said.is_empty(), "{line}");
    }
}

/// Whoever pastes an example from the help gets what it promises.
#[test]
fn examples_work_as_printed() {
    for subcommand in SUBCOMMANDS {
        let examples = section(subcommand, "Examples");
        assert!(examples.len() >= 2, "{examples:?}");
        for line in examples {
            assert_works(line.trim());
        }
    }
}

/// So does whoever follows the README.
#[test]
fn examples_of_the_readme_work_as_printed() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let (_, section) = readme.split_once("## The command").unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    assert!(block.lines().count() >= 5, "{block}");
    for line in block.lines() {
        let command = line.split("  #").next().unwrap();
        assert_works(command.trim());
    }
}
