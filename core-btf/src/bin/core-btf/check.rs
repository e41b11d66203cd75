//! `core-btf check`: what a load would make of each relocation of a BPF object.

use std::path::Path;

use core_btf::relo::{Origin, Row, Sources, check};
use core_btf::{BpfObject, Btf};

use crate::args::CheckArgs;
use crate::dump::json::{Object, list};
use crate::failure::Failure;
use crate::input::Input;
use crate::merge::read_all;
use crate::output;

/// The running kernel's types.
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Whether all relocations are as the programs expect.
pub(crate) fn run(args: &CheckArgs) -> Result<bool, Failure> {
    let object = Input::read(&args.object)?;
    let parsed = BpfObject::parse(&object.bytes).map_err(|error| object.failure(error))?;
    let against = args.against.as_deref().map(Input::read).transpose()?;
    let app = against.as_ref().map_or(Ok(Vec::new()), Input::pieces)?;

    let needed = parsed.needs().kernel;
    let kernel = match &args.kernel {
        Some(path) => Some(Input::read(path)?),
        None if needed && Path::new(VMLINUX).exists() => Some(Input::read(Path::new(VMLINUX))?),
        None => None,
    };
    let modules = read_all(&args.modules)?;
    let blob = kernel.as_ref().map(Input::blob).transpose()?;
    let vmlinux = match (&kernel, &blob) {
        (Some(file), Some(blob)) => {
            Some(Btf::parse(blob).map_err(|error| file.btf_failure(0, error))?)
        }
        _ => None,
    };
    let mut all = Vec::new();
    if let Some(vmlinux) = &vmlinux {
        all.push(vmlinux.clone());
        for module in &modules {
            all.push(module.split(vmlinux)?);
        }
    }
    let sources = Sources {
        app: &app,
        kernel: &all,
    };
    let rows = check(&parsed, &sources).map_err(|error| object.failure(error))?;
    let module_names: Vec<String> = args.modules.iter().map(|path| file_name(path)).collect();
    let from = |row: &Row| match row.origin {
        None => String::new(),
        Some(Origin::Kernel) => "vmlinux".to_owned(),
        Some(Origin::Module(n)) => module_names
            .get(n.wrapping_sub(1))
            .cloned()
            .unwrap_or_default(),
        Some(Origin::App(_)) => "app".to_owned(),
    };
    let text = if args.json {
        json(&args.object, &rows, from)
    } else {
        table(&rows, from)
    };
    output::print(text.as_bytes())?;
    Ok(rows.iter().all(|row| verdict(row) != Verdict::Fails))
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Ok,
    /// Missing, in a function that asks whether it is.
    Guarded,
    Fails,
}

fn verdict(row: &Row) -> Verdict {
    if row.outcome.is_refused() || (row.outcome.is_missing() && !row.guarded) {
        Verdict::Fails
    } else if row.outcome.is_missing() {
        Verdict::Guarded
    } else {
        Verdict::Ok
    }
}

/// What is said of a row; a note comes with some that are fine.
fn remark(row: &Row) -> String {
    let remark = match verdict(row) {
        Verdict::Ok => return row.outcome.to_string(),
        Verdict::Guarded => "ok, the program asks first",
        Verdict::Fails => "FAILS",
    };
    match &row.source {
        Some((file, line)) => format!("{remark}: {} ({file}:{line})", row.outcome),
        None => format!("{remark}: {}", row.outcome),
    }
}

/// One line per relocation, columns aligned.
fn table(rows: &[Row], from: impl Fn(&Row) -> String) -> String {
    const HEAD: [&str; 9] = [
        "PROGRAM", "INSN", "KIND", "LOCAL", "TARGET", "FROM", "OLD", "NEW", "RESULT",
    ];
    let or_dash = |text: String| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    };
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        [
            or_dash(row.function.clone()),
            row.instruction.to_string(),
            row.kind.name().to_owned(),
            row.local.clone(),
            or_dash(row.target.clone().unwrap_or_default()),
            or_dash(from(row)),
            row.old.to_string(),
            or_dash(row.new.map(|new| new.to_string()).unwrap_or_default()),
            remark(row),
        ]
    }));
    let mut widths = [0; HEAD.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut out = String::new();
    for line in &lines {
        let cells = line.iter().zip(widths).zip(HEAD);
        let cells: Vec<String> = cells
            .map(|((cell, width), head)| match head {
                "INSN" | "OLD" | "NEW" => format!("{cell:>width$}"),
                "RESULT" => cell.clone(),
                _ => format!("{cell:<width$}"),
            })
            .collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// The form that `core-btf check --help` documents.
fn json(object: &Path, rows: &[Row], from: impl Fn(&Row) -> String) -> String {
    let rows = rows.iter().map(|row| {
        let mut out = Object::default();
        out.text("program", &row.function);
        out.text("section", &row.section);
        out.number("instruction", row.instruction);
        if let Some((file, line)) = &row.source {
            out.text("file", file);
            out.number("line", line);
        } else {
            out.null("file");
            out.null("line");
        }
        out.text("kind", row.kind.name());
        out.text("local", &row.local);
        match &row.target {
            Some(target) => out.text("target", target),
            None => out.null("target"),
        }
        match from(row) {
            from if from.is_empty() => out.null("from"),
            from => out.text("from", &from),
        }
        out.number("old", row.old);
        match row.new {
            Some(new) => out.number("new", new),
            None => out.null("new"),
        }
        let verdict = match verdict(row) {
            Verdict::Ok => "ok",
            Verdict::Guarded => "guarded",
            Verdict::Fails => "fails",
        };
        out.text("verdict", verdict);
        out.text("message", &row.outcome.to_string());
        out.finish()
    });
    let rows = list(rows);
    let mut out = Object::default();
    out.text("object", &object.to_string_lossy());
    out.raw("relocations", &rows);
    out.finish() + "\n"
}
