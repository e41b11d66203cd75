//! The check before a load: every relocation with its verdict.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use crate::error::Result;
use crate::ext::RelocationKind;
use crate::object::{BpfObject, Relocation};
use crate::relo::access::Accesses;
use crate::relo::candidates::{Roots, Sources};
use crate::relo::evaluate::{Decision, Evaluated, Miss, answers_zero, evaluate};
use crate::relo::flow;
use crate::relo::matching::Stop;
use crate::relo::name::essential_name;
use crate::relo::near;
use crate::relo::outcome::{Outcome, Row};
use crate::relo::patch::{Patch, patch};
use crate::relo::spec::{Display, Fail, Spec, type_name};

/// The section of functions that programs call.
const SUBPROGRAMS: &str = ".text";

/// Decides every relocation of `object` against `sources`, and says what is wrong with it.
///
/// # Errors
/// Malformed relocations, which libbpf would refuse whatever the target is.
pub fn check(object: &BpfObject<'_>, sources: &Sources<'_, '_>) -> Result<Vec<Row>> {
    rows(object, sources, |_, _| true)
}

/// The rows of [`check`] that are not [`Outcome::Ok`]: what a load has to know, in half the time,
/// as most of a row is text.
///
/// # Errors
/// As [`check`].
pub fn problems(object: &BpfObject<'_>, sources: &Sources<'_, '_>) -> Result<Vec<Row>> {
    rows(object, sources, |_, outcome| {
        !matches!(outcome, Outcome::Ok)
    })
}

/// The rows of what is looked for among the kernel's types, for an object that cannot have those:
/// none of them is found.
///
/// # Errors
/// As [`check`].
pub fn kernel_roots(object: &BpfObject<'_>) -> Result<Vec<Row>> {
    rows(object, &Sources::default(), |relocation, _| {
        relocation.kind != RelocationKind::TypeIdLocal && !object.is_app(relocation.root)
    })
}

fn rows(
    object: &BpfObject<'_>,
    sources: &Sources<'_, '_>,
    wanted: impl Fn(&Relocation<'_>, &Outcome) -> bool,
) -> Result<Vec<Row>> {
    let roots = Roots::find(object, sources);
    let decided = evaluate(object, &roots, sources)?;
    let all = object.relocations().iter().zip(&decided);
    let patches: Vec<Patch> = all
        .clone()
        .map(|(relocation, evaluated)| patch(object, sources, relocation, evaluated))
        .collect();
    let check = Check {
        object,
        sources,
        roots: &roots,
        accesses: Accesses::new(object, sources, &decided),
        reached: object.functions().iter().map(|_| OnceCell::new()).collect(),
        patches: &patches,
    };
    let rows = all.zip(&patches).enumerate();
    Ok(rows
        .filter_map(|(n, ((relocation, evaluated), patch))| {
            let outcome = check
                .outcome(n, relocation, evaluated, patch)
                .unwrap_or_else(Outcome::Invalid);
            wanted(relocation, &outcome)
                .then(|| check.row(n, relocation, evaluated, patch, outcome))
        })
        .collect())
}

struct Check<'x, 's, 'o, 't> {
    object: &'x BpfObject<'o>,
    sources: &'x Sources<'s, 't>,
    roots: &'x Roots<'x>,
    accesses: Accesses<'x, 's, 'o, 't>,
    /// What becomes of each relocated instruction.
    patches: &'x [Patch],
    /// The instructions of each function that can be reached, found when first asked for; `None`
    /// where that cannot be told.
    reached: Vec<OnceCell<Option<BTreeSet<usize>>>>,
}

impl<'o, 't> Check<'_, '_, 'o, 't> {
    fn row(
        &self,
        n: usize,
        relocation: &Relocation<'o>,
        evaluated: &Evaluated<'_, 't>,
        patch: &Patch,
        outcome: Outcome,
    ) -> Row {
        let object = self.object;
        let function = object.function(relocation);
        let (candidate, spec) = match &evaluated.decision {
            Decision::Found(hit, _) | Decision::Ambiguous(hit, _) => {
                (Some(hit.candidate), Some(&hit.spec))
            }
            Decision::Missing(misses) => {
                let miss = misses.first();
                (miss.map(|m| m.candidate), miss.map(|m| &m.spec))
            }
            Decision::Failed(_) => (None, None),
        };
        let origin = candidate
            .filter(|_| relocation.kind != RelocationKind::TypeIdLocal)
            .map(|c| c.origin);
        let target_btf = origin.and_then(|origin| self.sources.get(origin));
        let accessors = evaluated.local.accessors.iter();
        let names: Vec<&[u8]> = accessors.filter_map(|accessor| accessor.name).collect();
        Row {
            function: function.map_or_else(String::new, |f| f.name.into()),
            section: function.map_or_else(String::new, |f| f.section.into()),
            instruction: relocation.instruction,
            source: object
                .source_line(relocation, &names)
                .map(|source| (source.file.into(), source.line)),
            kind: relocation.kind,
            local: Display {
                btf: object.btf(),
                spec: &evaluated.local,
            }
            .to_string(),
            target: target_btf.zip(spec).map(|(btf, spec)| {
                let shown = Display { btf, spec }.to_string();
                match self
                    .roots
                    .of(n)
                    .filter(|_| candidate.is_some_and(|c| c.by_typedef))
                {
                    Some(root) => {
                        let name = String::from_utf8_lossy(root.name);
                        shown.replacen("<anon>", &name, 1)
                    }
                    None => shown,
                }
            }),
            origin,
            old: evaluated.old.number,
            new: match patch {
                Patch::Value(value) => Some(*value),
                Patch::Poison(_) | Patch::Refused(_) => None,
            },
            guarded: self.is_guarded(relocation, patch),
            outcome,
        }
    }

    /// Whether it may do no harm if what is asked for is missing: the function asks about the
    /// existence of just that; or the instruction is not reached, by the answers to what is asked;
    /// or it gets a 0, as the size of a type does. A subprogram may be called where something was
    /// asked.
    fn is_guarded(&self, relocation: &Relocation<'_>, patch: &Patch) -> bool {
        let asks = |other: &Relocation<'_>| {
            let same = other.root == relocation.root && other.access == relocation.access;
            let guards = if other.function == relocation.function {
                same
            } else {
                self.is_subprogram(relocation)
            };
            other.kind.is_question() && guards
        };
        self.object.relocations().iter().any(asks)
            || match patch {
                Patch::Value(_) => answers_zero(relocation.kind),
                Patch::Poison(_) => !self.is_reached(relocation),
                Patch::Refused(_) => false,
            }
    }

    /// Whether the function asks about the existence of anything of this root, in any flavor.
    fn asks_about_root(&self, relocation: &Relocation<'_>) -> bool {
        let name = |id| {
            let name = self.object.btf().get(id).map(|ty| ty.name_bytes());
            essential_name(name.unwrap_or_default())
        };
        let root = name(relocation.root);
        let function = relocation.function;
        let all = self.object.relocations().iter();
        let mut questions = all.filter(|it| it.function == function && it.kind.is_question());
        questions.any(|question| name(question.root) == root)
    }

    fn is_subprogram(&self, relocation: &Relocation<'_>) -> bool {
        let function = self.object.function(relocation);
        function.is_some_and(|function| function.section == SUBPROGRAMS)
    }

    /// Whether the verifier comes to the instruction; no if that cannot be told.
    fn is_reached(&self, relocation: &Relocation<'_>) -> bool {
        let reached = self.reached.get(relocation.function).and_then(|reached| {
            let reached = reached.get_or_init(|| self.reached_of(relocation.function));
            reached.as_ref()
        });
        reached.is_some_and(|reached| reached.contains(&relocation.instruction))
    }

    fn reached_of(&self, function: usize) -> Option<BTreeSet<usize>> {
        let code = self.object.functions().get(function)?.code;
        let relocations = self.object.relocations().iter().zip(self.patches);
        let values = relocations
            .filter(|(relocation, _)| relocation.function == function)
            .map(|(relocation, patch)| {
                let value = match patch {
                    Patch::Value(value) => Some(*value),
                    Patch::Poison(_) | Patch::Refused(_) => None,
                };
                (relocation.instruction, value)
            });
        flow::reached(code, self.object.endian(), &values.collect())
    }

    fn outcome(
        &self,
        n: usize,
        relocation: &Relocation<'_>,
        evaluated: &Evaluated<'_, '_>,
        patch: &Patch,
    ) -> Result<Outcome, Fail> {
        if self.roots.clash.is_some() && self.is_clash(n) {
            return Ok(Outcome::NameClash);
        }
        match &evaluated.decision {
            Decision::Failed(fail) => return Err(fail),
            Decision::Ambiguous(_, second) => {
                let btf = self.sources.get(second.candidate.origin);
                let other = btf.map(|btf| {
                    Display {
                        btf,
                        spec: &second.spec,
                    }
                    .to_string()
                });
                return Ok(Outcome::Ambiguous {
                    other: other.unwrap_or_default(),
                });
            }
            Decision::Missing(_) if relocation.kind.is_question() => return Ok(Outcome::Ok),
            Decision::Missing(misses) => {
                return Ok(match misses.first() {
                    None => self.missing_type(n, relocation),
                    Some(miss) => self.missing_part(&evaluated.local, miss),
                });
            }
            Decision::Found(..) => {}
        }
        if let Patch::Refused(outcome) = patch {
            return Ok(outcome.clone());
        }
        if let Some(refused) = self.accesses.verdict(n)? {
            return Ok(refused);
        }
        if let Patch::Poison(Some(outcome)) = patch {
            return Ok(outcome.clone());
        }
        let renumbered = self.accesses.renumbered(n)?;
        Ok(renumbered.map_or(Outcome::Ok, |name| Outcome::EnumeratorsDiffer { name }))
    }

    fn missing_type(&self, n: usize, relocation: &Relocation<'_>) -> Outcome {
        let Some(root) = self
            .roots
            .of(n)
            .filter(|_| !self.asks_about_root(relocation))
        else {
            return Outcome::MissingType { near: Vec::new() };
        };
        let kernel = if root.app { &[] } else { self.sources.kernel };
        let sources = self.sources.app.iter().chain(kernel);
        let near = sources.flat_map(|btf| near::types(btf, root.kind, root.name));
        Outcome::MissingType {
            near: near.take(3).collect(),
        }
    }

    /// Why the first candidate does not have what is asked for.
    fn missing_part(&self, local: &Spec<'_>, miss: &Miss<'_>) -> Outcome {
        let Some(btf) = self.sources.get(miss.candidate.origin) else {
            return Outcome::MissingField { near: Vec::new() };
        };
        match miss.stop {
            Stop::OtherType { local, target } => Outcome::NatureDiffers {
                local: type_name(self.object.btf(), local),
                target: type_name(btf, target),
            },
            Stop::NoMember(ty) => {
                let accessor = local.accessors.get(miss.spec.accessors.len());
                let wanted = accessor.and_then(|a| a.name).unwrap_or_default();
                Outcome::MissingField {
                    near: near::members(btf, ty, wanted),
                }
            }
            Stop::NoElement(_) => Outcome::MissingField { near: Vec::new() },
            Stop::Type => Outcome::MissingType { near: Vec::new() },
        }
    }

    fn is_clash(&self, n: usize) -> bool {
        self.roots.of(n).is_some_and(|root| {
            let others = self.roots.all.iter();
            others
                .filter(|other| other.app != root.app)
                .any(|other| other.is(root.kind, root.name))
        })
    }
}
