//! Every relocation of an object as libbpf would decide it (`bpf_core_calc_relo_insn`).

use crate::error::{Error, Result};
use crate::ext::RelocationKind;
use crate::model::{Kind, TypeId};
use crate::object::{BpfObject, Relocation};
use crate::relo::candidates::{Candidate, Roots, Sources};
use crate::relo::matching::{Match, Stop, match_spec};
use crate::relo::spec::{Fail, Spec};
use crate::relo::value::{Value, value};

/// A candidate that has what is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Hit<'t> {
    pub(crate) candidate: Candidate,
    pub(crate) spec: Spec<'t>,
    /// None where libbpf poisons the instruction.
    pub(crate) value: Value,
}

/// A candidate that does not.
#[derive(Clone, Debug)]
pub(crate) struct Miss<'t> {
    pub(crate) candidate: Candidate,
    /// How far the access got.
    pub(crate) spec: Spec<'t>,
    pub(crate) stop: Stop,
}

/// What libbpf decides.
#[derive(Clone, Debug)]
pub(crate) enum Decision<'t> {
    /// This value; and the other candidates that agree.
    Found(Hit<'t>, Vec<Hit<'t>>),
    /// No candidate has it: 0 for a question, else the instruction is poisoned.
    Missing(Vec<Miss<'t>>),
    /// Two candidates have it at different places or with different values: no load.
    Ambiguous(Hit<'t>, Hit<'t>),
    /// The object cannot be loaded at all.
    Failed(Fail),
}

/// One relocation with its decision.
#[derive(Clone, Debug)]
pub(crate) struct Evaluated<'o, 't> {
    pub(crate) local: Spec<'o>,
    /// Value in the local BTF; what the instruction holds before it is patched.
    pub(crate) old: Value,
    pub(crate) decision: Decision<'t>,
}

impl Evaluated<'_, '_> {
    /// The value that libbpf writes; `None` if it poisons the instruction or fails.
    pub(crate) fn new_value(&self) -> Option<u64> {
        match &self.decision {
            Decision::Found(hit, _) => Some(hit.value.number),
            Decision::Missing(_) => answers_zero(self.local.kind).then_some(0),
            Decision::Ambiguous(..) | Decision::Failed(_) => None,
        }
    }
}

/// Whether a relocation of this kind is 0 when nothing matches, and not a poisoned instruction.
pub(crate) const fn answers_zero(kind: RelocationKind) -> bool {
    kind.is_type() || kind.is_question()
}

/// The kinds that can be searched for by name.
fn is_root(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Int
            | Kind::Float
            | Kind::Struct
            | Kind::Union
            | Kind::Enum
            | Kind::Enum64
            | Kind::Fwd
            | Kind::Typedef
    )
}

/// The error that names a relocation's place.
pub(crate) fn relocation_error(
    object: &BpfObject<'_>,
    relocation: &Relocation<'_>,
    problem: &'static str,
) -> Error {
    let function = object.function(relocation);
    Error::Relocation {
        function: function.map_or_else(String::new, |f| f.name.into()),
        instruction: relocation.instruction,
        problem,
    }
}

/// Reads the local side of a relocation.
pub(crate) fn local_spec<'o>(
    object: &BpfObject<'o>,
    relocation: &Relocation<'o>,
) -> Result<Spec<'o>> {
    let problem = |problem| relocation_error(object, relocation, problem);
    let spec = Spec::parse(
        object.btf(),
        relocation.kind,
        relocation.root,
        relocation.access,
    )
    .map_err(problem)?;
    if relocation.kind == RelocationKind::TypeIdLocal {
        return Ok(spec);
    }
    let ty = object.btf().get(relocation.root)?;
    if ty.name_bytes().is_empty() {
        return Err(problem("the root type has no name"));
    }
    if !is_root(ty.kind()) {
        return Err(problem("the root is no type of values"));
    }
    Ok(spec)
}

/// Decides all relocations, in order: what does not match one relocation of a local root is no
/// candidate for its later ones, as in libbpf.
pub(crate) fn evaluate<'o, 't>(
    object: &'o BpfObject<'_>,
    roots: &Roots<'o>,
    sources: &Sources<'_, 't>,
) -> Result<Vec<Evaluated<'o, 't>>> {
    let mut survivors: Vec<(TypeId, Vec<Candidate>)> = Vec::new();
    let mut out = Vec::with_capacity(object.relocations().len());
    for (n, relocation) in object.relocations().iter().enumerate() {
        let local = local_spec(object, relocation)?;
        let endian = object.endian();
        let old = match value(object.btf(), &local, relocation.kind, endian) {
            Ok(old) => old,
            Err(fail) => {
                out.push(Evaluated {
                    local,
                    old: Value::default(),
                    decision: Decision::Failed(fail),
                });
                continue;
            }
        };
        let Some(root) = roots.of(n) else {
            // TYPE_ID_LOCAL: the id stays what it is.
            let hit = Hit {
                candidate: Candidate {
                    origin: crate::relo::Origin::App(usize::MAX),
                    ty: relocation.root,
                    by_typedef: false,
                },
                spec: Spec::new(relocation.kind, relocation.root),
                value: old,
            };
            out.push(Evaluated {
                local,
                old,
                decision: Decision::Found(hit, Vec::new()),
            });
            continue;
        };
        let at = survivors
            .iter()
            .position(|(id, _)| *id == relocation.root)
            .unwrap_or_else(|| {
                survivors.push((relocation.root, root.candidates.clone()));
                survivors.len() - 1
            });
        let Some((_, candidates)) = survivors.get_mut(at) else {
            continue;
        };
        let decision = decide(object, &local, candidates, sources);
        out.push(Evaluated {
            local,
            old,
            decision,
        });
    }
    Ok(out)
}

pub(crate) fn decide<'t>(
    object: &BpfObject<'_>,
    local: &Spec<'_>,
    candidates: &mut Vec<Candidate>,
    sources: &Sources<'_, 't>,
) -> Decision<'t> {
    let mut first: Option<Hit<'t>> = None;
    let mut agreeing = Vec::new();
    let mut misses = Vec::new();
    let mut matching = Vec::new();
    for &candidate in candidates.iter() {
        let Some(btf) = sources.get(candidate.origin) else {
            continue;
        };
        let spec = match match_spec(object.btf(), local, btf, candidate.ty) {
            Err(fail) => return Decision::Failed(fail),
            Ok(Match::No(spec, stop)) => {
                misses.push(Miss {
                    candidate,
                    spec,
                    stop,
                });
                continue;
            }
            Ok(Match::Yes(spec)) => spec,
        };
        let value = match value(btf, &spec, local.kind, object.endian()) {
            Ok(value) => value,
            Err(fail) => return Decision::Failed(fail),
        };
        matching.push(candidate);
        let hit = Hit {
            candidate,
            spec,
            value,
        };
        match &first {
            None => first = Some(hit),
            Some(other)
                if other.spec.offset_bits != hit.spec.offset_bits
                    || other.value.number != hit.value.number =>
            {
                return Decision::Ambiguous(other.clone(), hit);
            }
            Some(_) => agreeing.push(hit),
        }
    }
    match first {
        Some(hit) => {
            *candidates = matching;
            Decision::Found(hit, agreeing)
        }
        None => Decision::Missing(misses),
    }
}
