//! The fixture as a user would write it: with `#[bpf_traceable]` on each root, where the fixture
//! has macros that the header's reader, which expands none, would not see through.

use std::collections::BTreeMap;

/// The attribute's arguments for the types of a file, by the name of the type.
#[derive(Default)]
struct Roots(BTreeMap<String, Vec<String>>);

impl Roots {
    /// Notes that `ty` is a root under this name.
    fn add(&mut self, ty: &str, name: &str, deep: bool) {
        let base = ty.split('<').next().unwrap();
        let mut args = Vec::new();
        if deep {
            args.push("deep".to_owned());
        }
        if ty.contains('<') {
            args.push(ty.to_owned());
        }
        args.push(format!("name = \"{name}\""));
        let attribute = format!("#[core_runtime::bpf_traceable({})]\n", args.join(", "));
        self.0.entry(base.to_owned()).or_default().push(attribute);
    }

    /// The attributes of an item that begins on this line.
    fn attributes(&self, line: &str) -> String {
        let item = ["struct ", "enum ", "union "]
            .into_iter()
            .find_map(|keyword| line.trim().strip_prefix("pub ")?.strip_prefix(keyword));
        let name: Option<&str> = item.and_then(|item| item.split([' ', '<', '(', ';']).next());
        name.and_then(|name| self.0.get(name))
            .map_or_else(String::new, |all| all.concat())
    }
}

/// A source file of the fixture, annotated.
pub(crate) fn annotated(text: &str) -> String {
    let mut roots = Roots::default();
    let mut lines = Vec::new();
    // Which macro's arguments the lines are.
    let mut open = "";
    for line in text.lines() {
        if let Some((name, "{")) = line.split_once("! ") {
            open = name;
        } else if let Some(args) = line.trim().strip_prefix("crate::root!(") {
            // root!(Anchor, "Name", "flags", "skipped", Type);
            let args: Vec<&str> = args.trim_end_matches(");").split(", ").collect();
            roots.add(args[4], args[1].trim_matches('"'), args[2] == "\"deep\"");
        } else if line == "}" && !open.is_empty() {
            open = "";
        } else if open == "roots" {
            // Anchor Type;
            let (name, ty) = line.trim().trim_end_matches(';').split_once(' ').unwrap();
            roots.add(ty, name, false);
        } else if open == "instances" {
            // Anchor Type { fields }
            let (name, rest) = line.trim().split_once(' ').unwrap();
            let ty = rest.split(" {").next().unwrap();
            // Tuples have no item that could be annotated.
            if !ty.starts_with('(') {
                roots.add(ty, name, false);
            }
        } else if matches!(open, "records" | "fieldless") && starts_item(line) {
            lines.push(format!(
                "#[core_runtime::bpf_traceable] pub {}",
                line.trim()
            ));
        } else if !line.starts_with("use crate::") || line.starts_with("use crate::plain::") {
            lines.push(line.to_owned());
        }
    }
    let skipped = ["    pub secret: u64,", "    pub r#type: u16,"];
    let mut out = String::new();
    for line in lines {
        out += &roots.attributes(&line);
        if skipped.contains(&line.as_str()) {
            out += "#[bpf(skip)]\n";
        }
        out += &line;
        out.push('\n');
    }
    out
}

/// Whether a line of a macro's arguments begins a type.
fn starts_item(line: &str) -> bool {
    ["struct ", "enum ", "union "].iter().any(|keyword| {
        line.strip_prefix("    ")
            .is_some_and(|line| line.starts_with(keyword))
    })
}
