//! Whether the crate's BPF objects fit the types that they read: every relocation, judged against
//! the real layouts, as the loader judges it before a load.
//!
//! A type of the application is judged against this crate's types, or against the file of another
//! application that the build script named. Left to the loader are
//!
//! - kernel types: the machine that builds says nothing of the one that runs;
//! - types that the header has from another crate's source, or from another target of the package,
//!   whose layouts are not known here;
//! - objects that read no type known here: a prebuilt tracer of another application;
//! - what is missing behind a question: see [`Row::guarded`].

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use core_btf::object::BpfObject;
use core_btf::relo::{Outcome, Row, Sources, check, essential_name};
use core_btf::{Btf, RelocationKind};

use crate::error::Error;
use crate::other_types::OtherTypes;

/// Most problems that are listed of one object.
const MOST: usize = 20;

/// What the author does about it.
const HOW_TO: &str = "what some versions do not have is asked for first, with \
    bpf_core_field_exists() or bpf_core_type_exists(); a prebuilt object is compiled again with \
    the header of today; another application is named with `Builder::types_from`";

/// The types of one application.
struct World<'a> {
    btf: Btf<'a>,
    names: BTreeSet<&'a [u8]>,
}

/// Judges objects against `own` and `others`.
pub(crate) struct Fit<'a> {
    worlds: Vec<World<'a>>,
    /// Names of types whose layouts are not known.
    elsewhere: BTreeSet<&'a [u8]>,
}

impl<'a> Fit<'a> {
    pub(crate) fn new(own: &'a [u8], others: &'a OtherTypes) -> Result<Self, core_btf::Error> {
        let laid_out = others.laid_out.iter().map(Vec::as_slice);
        let worlds = std::iter::once(own).chain(laid_out).map(|bytes| {
            let btf = Btf::parse(bytes)?;
            let names = names(&btf);
            Ok(World { btf, names })
        });
        let mut elsewhere = BTreeSet::new();
        for bytes in &others.declared {
            elsewhere.extend(names(&Btf::parse(bytes)?));
        }
        Ok(Self {
            worlds: worlds.collect::<Result<_, core_btf::Error>>()?,
            elsewhere,
        })
    }

    /// Fails if the object at `path` does not fit.
    pub(crate) fn check(&self, path: &Path, object: &[u8]) -> Result<(), Error> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.strip_suffix(".bpf.o").unwrap_or(&name);
        let malformed = |error| Error::call_site(format!("BPF program `bpf::{name}`: {error}"));
        let object = match BpfObject::parse(object) {
            Ok(object) => object,
            // Nothing in it can be relocated.
            Err(core_btf::Error::NoBtf) => return Ok(()),
            Err(error) => return Err(malformed(error)),
        };
        let problems = self.problems(&object).map_err(malformed)?;
        if problems.is_empty() {
            return Ok(());
        }
        let mut message =
            format!("BPF program `bpf::{name}` does not fit the types that it reads:\n");
        for problem in problems.iter().take(MOST) {
            // Writing to a string does not fail.
            let _ = writeln!(message, "{problem}");
        }
        if let Some(more) = problems.len().checked_sub(MOST).filter(|more| *more > 0) {
            let _ = writeln!(message, "and {more} more");
        }
        message.push_str(HOW_TO);
        Err(Error::call_site(message))
    }

    /// What is wrong, each once, in the order of the code.
    fn problems(&self, object: &BpfObject<'_>) -> Result<Vec<String>, core_btf::Error> {
        // Names of the application's types, by relocation.
        let asked: Vec<Option<&[u8]>> = object
            .relocations()
            .iter()
            .map(|relocation| {
                let judged = relocation.kind != RelocationKind::TypeIdLocal
                    && object.is_app(relocation.root);
                let root = object.btf().get(relocation.root).ok();
                root.filter(|_| judged)
                    .map(|root| essential_name(root.name_bytes()))
            })
            .collect();
        let is_known = |name: &&[u8]| self.worlds.iter().any(|world| world.names.contains(name));
        if !asked.iter().flatten().any(is_known) {
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        for world in &self.worlds {
            let sources = Sources {
                app: std::slice::from_ref(&world.btf),
                kernel: &[],
            };
            rows.push(check(object, &sources)?);
        }

        let mut problems = Vec::new();
        for (n, name) in asked.iter().enumerate() {
            let Some(name) = name.filter(|name| !self.elsewhere.contains(name)) else {
                continue;
            };
            let worlds = self.worlds.iter().zip(&rows);
            let verdicts = || {
                worlds
                    .clone()
                    .filter_map(|(world, rows)| Some((world, rows.get(n)?)))
            };
            let of_its_own: Vec<&Row> = verdicts()
                .filter(|(world, _)| world.names.contains(name))
                .map(|(_, row)| row)
                .collect();
            let candidates = if of_its_own.is_empty() {
                verdicts().map(|(_, row)| row).collect()
            } else {
                of_its_own
            };
            if candidates.iter().all(|row| is_problem(row))
                && let Some(row) = candidates.first()
            {
                let problem = describe(row);
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        }
        Ok(problems)
    }
}

fn is_problem(row: &Row) -> bool {
    row.outcome.is_refused() || (row.outcome.is_missing() && !row.guarded)
}

/// `src/bpf/trace.bpf.c:12: on_request: struct Request.size: no such member`.
fn describe(row: &Row) -> String {
    let place = match &row.source {
        Some((file, line)) => {
            let file = file.strip_prefix("./").unwrap_or(file);
            format!("{file}:{line}: {}", row.function)
        }
        None => format!("instruction {} of {}", row.instruction, row.function),
    };
    let end: &[_] = match row.outcome {
        Outcome::MissingType { .. } => &['.', '[', ':', '('],
        // Without indices and offset, which are the header's.
        _ => &['('],
    };
    let local = row.local.split(end).next().unwrap_or_default().trim_end();
    format!("{place}: {local}: {}", row.outcome)
}

/// Names of all types, as relocations ask for them.
fn names<'a>(btf: &Btf<'a>) -> BTreeSet<&'a [u8]> {
    btf.iter()
        .map(|ty| essential_name(ty.name_bytes()))
        .collect()
}
