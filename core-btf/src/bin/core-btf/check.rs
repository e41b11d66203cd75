//! `core-btf check`: what a load would make of each relocation of a BPF object.

use std::path::Path;

use core_btf::BpfObject;
use core_btf::relo::{Explanation, Names, Origin, Sources, Verdict};

use crate::args::CheckArgs;
use crate::dump::json::{Object, list};
use crate::failure::Failure;
use crate::input::{Blob, Input};
use crate::{modules, output};

/// The running kernel's types.
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Whether all relocations are as the programs expect.
pub(crate) fn run(args: &CheckArgs) -> Result<bool, Failure> {
    let object = Input::read(&args.object)?;
    let parsed = BpfObject::parse(&object.bytes).map_err(|error| object.failure(error))?;
    let against = args.against.as_deref().map(Input::read).transpose()?;
    let app = against.as_ref().map_or(Ok(Vec::new()), Input::pieces)?;

    let path = args.kernel.as_deref().unwrap_or(Path::new(VMLINUX));
    let given = args.kernel.is_some() || (parsed.needs().kernel && path.exists());
    let kernel = given.then(|| Input::read(path)).transpose()?;
    let blob = kernel.as_ref().map(Input::blob).transpose()?;
    let vmlinux = blob.as_ref().map(Blob::btf).transpose()?;
    let modules = match &vmlinux {
        Some(vmlinux) if args.modules.is_empty() => modules::needed(&parsed, vmlinux, path),
        _ => Input::read_all(&args.modules)?,
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
    let module_names = modules.iter().map(|it| format!("module {}", it.name()));
    let names = Names {
        app: vec!["app".to_owned(); app.len()],
        kernel: std::iter::once("vmlinux".to_owned())
            .chain(module_names)
            .collect(),
    };
    let explanation =
        Explanation::new(&parsed, &sources, names).map_err(|error| object.failure(error))?;
    let text = if args.json {
        json(&args.object, &explanation, &modules)
    } else {
        explanation.to_string()
    };
    output::print(text.as_bytes())?;
    Ok(explanation.failing().next().is_none())
}

/// The form that `core-btf check --help` documents.
fn json(object: &Path, explanation: &Explanation, modules: &[Input]) -> String {
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
        let (from, module) = match row.origin {
            None => (None, None),
            Some(Origin::App(_)) => (Some("app"), None),
            Some(Origin::Kernel) => (Some("vmlinux"), None),
            // Modules come after vmlinux.
            Some(Origin::Module(n)) => (Some("module"), modules.get(n.saturating_sub(1))),
        };
        match from {
            Some(from) => out.text("from", from),
            None => out.null("from"),
        }
        match module {
            Some(module) => out.text("module", &module.name()),
            None => out.null("module"),
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
