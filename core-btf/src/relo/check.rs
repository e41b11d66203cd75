//! The check before a load: every relocation with its verdict.

use crate::error::Result;
use crate::ext::RelocationKind;
use crate::object::{BpfObject, INSTRUCTION_BYTES, Relocation};
use crate::relo::access::Accesses;
use crate::relo::candidates::{Roots, Sources};
use crate::relo::evaluate::{Decision, Evaluated, Hit, evaluate};
use crate::relo::matching::Stop;
use crate::relo::name::essential_name;
use crate::relo::outcome::{Outcome, Row};
use crate::relo::spec::{Display, Fail};

/// Decides every relocation of `object` against `sources`, and says what is wrong with it.
///
/// # Errors
/// Malformed relocations, which libbpf would refuse whatever the target is.
pub fn check(object: &BpfObject<'_>, sources: &Sources<'_, '_>) -> Result<Vec<Row>> {
    let roots = Roots::find(object, sources);
    let decided = evaluate(object, &roots, sources)?;
    let check = Check {
        object,
        sources,
        roots: &roots,
        accesses: Accesses::new(object, sources, &decided),
    };
    Ok(object
        .relocations()
        .iter()
        .zip(&decided)
        .enumerate()
        .map(|(n, (relocation, evaluated))| check.row(n, relocation, evaluated))
        .collect())
}

struct Check<'x, 's, 'o, 't> {
    object: &'x BpfObject<'o>,
    sources: &'x Sources<'s, 't>,
    roots: &'x Roots<'x>,
    accesses: Accesses<'x, 's, 'o, 't>,
}

impl<'o, 't> Check<'_, '_, 'o, 't> {
    fn row(&self, n: usize, relocation: &Relocation<'o>, evaluated: &Evaluated<'_, 't>) -> Row {
        let object = self.object;
        let function = object.function(relocation);
        let (candidate, spec) = match &evaluated.decision {
            Decision::Found(hit) | Decision::Ambiguous(hit, _) => {
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
        Row {
            function: function.map_or_else(String::new, |f| f.name.into()),
            section: function.map_or_else(String::new, |f| f.section.into()),
            instruction: relocation.instruction,
            source: object
                .source_line(relocation)
                .map(|source| (source.file.into(), source.line)),
            kind: relocation.kind,
            local: Display {
                btf: object.btf(),
                spec: &evaluated.local,
            }
            .to_string(),
            target: target_btf
                .zip(spec)
                .map(|(btf, spec)| Display { btf, spec }.to_string()),
            origin,
            old: evaluated.old.number,
            new: evaluated.new_value(),
            guarded: self.is_guarded(relocation),
            outcome: self
                .outcome(n, relocation, evaluated)
                .unwrap_or_else(Outcome::Invalid),
        }
    }

    /// Whether the function asks about the existence of anything of this root, in any flavor.
    fn is_guarded(&self, relocation: &Relocation<'_>) -> bool {
        let name = |id| {
            let name = self.object.btf().get(id).map(|ty| ty.name_bytes());
            essential_name(name.unwrap_or_default())
        };
        let root = name(relocation.root);
        self.of_function(relocation)
            .any(|other| other.kind.is_question() && name(other.root) == root)
    }

    fn of_function(
        &self,
        relocation: &Relocation<'_>,
    ) -> impl Iterator<Item = &Relocation<'o>> + use<'_, 'o, 't> {
        let function = relocation.function;
        let all = self.object.relocations().iter();
        all.filter(move |other| other.function == function)
    }

    fn outcome(
        &self,
        n: usize,
        relocation: &Relocation<'_>,
        evaluated: &Evaluated<'_, '_>,
    ) -> Result<Outcome, Fail> {
        if self.roots.clash.is_some() && self.is_clash(n) {
            return Ok(Outcome::NameClash);
        }
        let hit = match &evaluated.decision {
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
                let Some(miss) = misses.first() else {
                    return Ok(Outcome::MissingType { near: Vec::new() });
                };
                return Ok(match miss.stop {
                    Stop::OtherType { local, target } => Outcome::NatureDiffers {
                        local: crate::relo::spec::type_name(self.object.btf(), local),
                        target: self
                            .sources
                            .get(miss.candidate.origin)
                            .map_or_else(String::new, |btf| {
                                crate::relo::spec::type_name(btf, target)
                            }),
                    },
                    Stop::NoMember(_) | Stop::NoElement(_) => {
                        Outcome::MissingField { near: Vec::new() }
                    }
                    Stop::Type => Outcome::MissingType { near: Vec::new() },
                });
            }
            Decision::Found(hit) => hit,
        };
        if let Some(outcome) = self.instruction(relocation, evaluated, hit) {
            return Ok(outcome);
        }
        Ok(self.accesses.verdict(n)?.unwrap_or(Outcome::Ok))
    }

    fn is_clash(&self, n: usize) -> bool {
        self.roots.of(n).is_some_and(|root| {
            let others = self.roots.all.iter();
            others
                .filter(|other| other.app != root.app)
                .any(|other| other.is(root.kind, root.name))
        })
    }

    /// Whether libbpf can patch the instruction.
    fn instruction(
        &self,
        relocation: &Relocation<'_>,
        evaluated: &Evaluated<'_, '_>,
        hit: &Hit<'_>,
    ) -> Option<Outcome> {
        let code = self.object.function(relocation)?.code;
        let endian = self.object.endian();
        let at = relocation.instruction * INSTRUCTION_BYTES;
        let bytes = code.get(at..)?.first_chunk::<INSTRUCTION_BYTES>()?;
        let imm = endian.word_at(bytes, 4)?.cast_signed();
        let value = hit.value.number;
        // The low three bits are the class: 1 to 3 access memory, 0 is ldimm64.
        let (found, bits) = match bytes.first()? & 7 {
            1..=3 => {
                let [_, _, o0, o1, ..] = *bytes;
                (i64::from(endian.i16([o0, o1])).cast_unsigned(), 16)
            }
            0 => {
                let high = endian.word_at(code, at + 12)?;
                (u64::from(high) << 32 | u64::from(imm.cast_unsigned()), 64)
            }
            _ => (i64::from(imm).cast_unsigned(), 32),
        };
        if evaluated.old.exact && found != evaluated.old.number {
            return Some(Outcome::StaleInstruction { found });
        }
        let fits = match bits {
            16 => i16::try_from(value).is_ok(),
            32 => i32::try_from(value.cast_signed()).is_ok(),
            _ => true,
        };
        (!fits).then_some(Outcome::OutOfRange { value, bits })
    }
}
