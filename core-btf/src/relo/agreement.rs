//! Whether several binaries mean the same by a name.
//!
//! libbpf takes whichever type of a name has what is asked for. If an application and its library
//! have a `struct context` each, that may be the other one: the programs say by nothing but the
//! name which of them they read.

use crate::error::Result;
use crate::object::BpfObject;
use crate::relo::candidates::{Candidate, Origin, Roots, Sources};
use crate::relo::evaluate::{Decision, decide, local_spec};
use crate::relo::name::essential_name;
use crate::relo::spec::{Display, type_name};

/// A type of one name in two binaries, of which a relocation gets different answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The name with its keyword, such as `struct context`.
    pub name: String,
    /// Its place among [`BpfObject::relocations`].
    pub relocation: usize,
    /// Program or subprogram that reads the type.
    pub function: String,
    /// Source file and line, if the object has line information.
    pub source: Option<(String, u32)>,
    /// What is asked for, such as `struct context.id (0:1 @ offset 4)`.
    pub local: String,
    /// Numbers of two binaries, and the answer of each: a target such as `local`, or none where
    /// the binary's type does not have what is asked for.
    pub answers: [(usize, Option<String>); 2],
}

/// The first relocation of each application's type that gets different answers from the binaries
/// that have a type of its name. `binaries` has the number of the binary of each blob in
/// [`Sources::app`].
///
/// Types that differ in what the object does not ask for do no harm, nor does a binary that has no
/// such type.
///
/// # Errors
/// Malformed relocations, which libbpf would refuse whatever the target is.
pub fn disagreements(
    object: &BpfObject<'_>,
    sources: &Sources<'_, '_>,
    binaries: &[usize],
) -> Result<Vec<Disagreement>> {
    let roots = Roots::find(object, sources);
    let mut found: Vec<Disagreement> = Vec::new();
    for (n, relocation) in object.relocations().iter().enumerate() {
        let Some(root) = roots.of(n) else {
            continue;
        };
        let groups = by_binary(&root.candidates, binaries);
        if groups.len() < 2 {
            continue;
        }
        let name = type_name(object.btf(), root.local);
        let essential = essential_name(name.as_bytes()).len();
        let name = name.get(..essential).unwrap_or_default().to_owned();
        if found.iter().any(|known| known.name == name) {
            continue;
        }
        let local = local_spec(object, relocation)?;
        let mut answers = groups.into_iter().filter_map(|(binary, mut candidates)| {
            let decision = decide(object, &local, &mut candidates, sources);
            Answer::new(binary, &decision, sources)
        });
        let Some(first) = answers.next() else {
            continue;
        };
        let Some(second) = answers.find(|answer| answer.value != first.value) else {
            continue;
        };
        let function = object.function(relocation);
        let accessors = local.accessors.iter();
        let names: Vec<&[u8]> = accessors.filter_map(|step| step.name).collect();
        found.push(Disagreement {
            name,
            relocation: n,
            function: function.map_or_else(String::new, |f| f.name.into()),
            source: object
                .source_line(relocation, &names)
                .map(|source| (source.file.into(), source.line)),
            local: Display {
                btf: object.btf(),
                spec: &local,
            }
            .to_string(),
            answers: [first, second].map(|answer| (answer.binary, answer.target)),
        });
    }
    Ok(found)
}

/// What one binary says.
struct Answer {
    binary: usize,
    /// Offset in bits and value, where it has what is asked for: what libbpf compares.
    value: Option<(u32, u64)>,
    target: Option<String>,
}

impl Answer {
    /// None for what is wrong by itself, which the check says.
    fn new(binary: usize, decision: &Decision<'_>, sources: &Sources<'_, '_>) -> Option<Self> {
        match decision {
            Decision::Found(hit, _) => {
                let spec = &hit.spec;
                let btf = sources.get(hit.candidate.origin);
                Some(Self {
                    binary,
                    value: Some((spec.offset_bits, hit.value.number)),
                    target: btf.map(|btf| Display { btf, spec }.to_string()),
                })
            }
            Decision::Missing(_) => Some(Self {
                binary,
                value: None,
                target: None,
            }),
            Decision::Ambiguous(..) | Decision::Failed(_) => None,
        }
    }
}

/// The candidates of each binary, in order.
fn by_binary(candidates: &[Candidate], binaries: &[usize]) -> Vec<(usize, Vec<Candidate>)> {
    let mut groups: Vec<(usize, Vec<Candidate>)> = Vec::new();
    for candidate in candidates {
        let Origin::App(blob) = candidate.origin else {
            continue;
        };
        let Some(&binary) = binaries.get(blob) else {
            continue;
        };
        match groups.iter_mut().find(|(known, _)| *known == binary) {
            Some((_, group)) => group.push(*candidate),
            None => groups.push((binary, vec![*candidate])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RelocationKind::{FieldByteOffset, FieldExists, TypeSize};
    use crate::read::{Btf, Endian};
    use crate::testing::{Types, object};

    /// `r1 = 0`
    const MOV: [u8; 8] = [0xb7, 1, 0, 0, 0, 0, 0, 0];

    /// A binary with a `struct context` of these members, each 4 bytes.
    fn binary(members: &[&str]) -> Vec<u8> {
        let mut t = Types::default();
        let int = t.int("int", 4);
        let count = u32::try_from(members.len()).unwrap();
        let offsets = (0_u32..).step_by(32);
        let members: Vec<_> = (members.iter().zip(offsets))
            .map(|(name, offset)| (*name, int, offset, 0))
            .collect();
        t.structure("context", 4 * count, &members);
        t.blob()
    }

    /// What two binaries say of `context.id` (`kind`), each as its offset or none.
    fn ask(kind: crate::RelocationKind, one: &[&str], two: &[&str]) -> Vec<Disagreement> {
        let mut t = Types::default();
        let int = t.int("int", 4);
        let root = t.structure("context___mine", 4, &[("id", int, 0, 0)]);
        t.tag(root);
        let access = if kind.is_type() { "0" } else { "0:0" };
        let object = object(
            Endian::Little,
            t,
            &[("on_call", &[MOV])],
            &[(0, 0, root, access, kind)],
        );
        let blobs = [binary(one), binary(&[]), binary(two)];
        // The second has no such type.
        let mut other = Types::default();
        other.structure("other", 4, &[]);
        let other = other.blob();
        let app = [&blobs[0], &other, &blobs[2]].map(|blob| Btf::parse(blob).unwrap());
        let sources = Sources {
            app: &app,
            kernel: &[],
        };
        disagreements(&BpfObject::parse(&object).unwrap(), &sources, &[0, 1, 2]).unwrap()
    }

    #[test]
    fn binaries_agree_where_the_answers_are_the_same() {
        assert_eq!(ask(FieldByteOffset, &["id", "a"], &["id", "b", "c"]), []);
        assert_eq!(ask(FieldByteOffset, &["a"], &["b"]), []);
        assert_eq!(ask(TypeSize, &["a"], &["b"]), []);
    }

    #[test]
    fn another_offset_is_a_disagreement() {
        let found = ask(FieldByteOffset, &["a", "id"], &["id"]);
        let [one] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(one.name, "struct context");
        assert_eq!(one.function, "on_call");
        let shown = |at: &str| Some(format!("struct context.id ({at})"));
        assert_eq!(
            one.answers,
            [(0, shown("0:1 @ offset 4")), (2, shown("0:0 @ offset 0"))]
        );
        assert_eq!(ask(TypeSize, &["a"], &["a", "b"]).len(), 1);
        // libbpf compares offsets even where it is asked for existence only.
        assert_eq!(ask(FieldExists, &["a", "id"], &["id"]).len(), 1);
    }

    /// libbpf would take the one that has it, although the other may be meant.
    #[test]
    fn a_member_that_only_one_has_is_a_disagreement() {
        let found = ask(FieldByteOffset, &["a"], &["id"]);
        assert_eq!(found[0].answers[0], (0, None));
        assert_eq!(ask(FieldExists, &["id"], &["a"]).len(), 1);
    }

    /// Pieces of one binary are libbpf's business.
    #[test]
    fn pieces_of_one_binary_are_not_compared() {
        let mut t = Types::default();
        let int = t.int("int", 4);
        let root = t.structure("context", 4, &[("id", int, 0, 0)]);
        t.tag(root);
        let asked = [(0, 0, root, "0:0", FieldByteOffset)];
        let object = object(Endian::Little, t, &[("p", &[MOV])], &asked);
        let blobs = [binary(&["id"]), binary(&["a", "id"])];
        let app = [&blobs[0], &blobs[1]].map(|blob| Btf::parse(blob).unwrap());
        let sources = Sources {
            app: &app,
            kernel: &[],
        };
        let object = BpfObject::parse(&object).unwrap();
        assert_eq!(disagreements(&object, &sources, &[0, 0]), Ok(Vec::new()));
        assert_eq!(disagreements(&object, &sources, &[0, 1]).unwrap().len(), 1);
    }
}
