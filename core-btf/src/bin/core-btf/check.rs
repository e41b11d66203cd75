//! `core-btf check`: what a load would make of each relocation of a BPF object.

use std::path::Path;

use core_btf::relo::{Explanation, Names, Sources, Verdict};
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
    let names = Names {
        app: vec!["app".to_owned(); app.len()],
        kernel: std::iter::once("vmlinux".to_owned())
            .chain(args.modules.iter().map(|path| file_name(path)))
            .collect(),
    };
    let explanation =
        Explanation::new(&parsed, &sources, names).map_err(|error| object.failure(error))?;
    let text = if args.json {
        json(&args.object, &explanation)
    } else {
        explanation.to_string()
    };
    output::print(text.as_bytes())?;
    Ok(explanation.failing().next().is_none())
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The form that `core-btf check --help` documents.
fn json(object: &Path, explanation: &Explanation) -> String {
    let rows = explanation.rows().iter().map(|row| {
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
        match explanation.from(row) {
            "" => out.null("from"),
            from => out.text("from", from),
        }
        out.number("old", row.old);
        match row.new {
            Some(new) => out.number("new", new),
            None => out.null("new"),
        }
        let verdict = match row.verdict() {
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
