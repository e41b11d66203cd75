//! The way from a file to its types.

use std::collections::HashSet;
use std::thread::available_parallelism;

use gimli::{RunTimeEndian, UnitType};

use super::closure::{Marks, Through, move_marked, recursive};
use super::collect::{Collected, StandIn, collect};
use super::error::{Error, Problem, Warning};
use super::input::{Input, objects};
use super::join::{functions_with_code, join};
use super::links::links;
use super::resolve::resolve_chunk;
use super::root::unit_root;
use super::rust::describe_all;
use super::sections::Sections;
use super::sound::{damage, failure, read_sound};
use super::threads;
use super::units::{Chunk, Key, Units};
use crate::dedup::dedup;
use crate::glob;
use crate::model::{Kind, Type, TypeId};
use crate::read::Endian;
use crate::write::BtfBuf;

/// What to extract, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Names of the types to extract, with all that they refer to; when functions are included,
    /// also names of functions. They may have [wildcards](crate::glob). A type of C++ goes by its name
    /// in BTF, `net_Conn`, as well as by that in the source, `net::Conn`, which is then in a `DECL_TAG`
    /// of it, `c++:net::Conn`. Empty: all that have a name.
    pub roots: Vec<String>,
    /// Whether to include functions (FUNC), with the names of their parameters. Functions without
    /// code of their own (inlined everywhere) are left out.
    pub functions: bool,
    /// Threads to use at most; 0 for as many as there are processors. The result does not depend
    /// on it.
    pub threads: usize,
}

impl Default for Options {
    /// All types with a name, functions too, on all processors.
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            functions: true,
            threads: 0,
        }
    }
}

/// The types of a file.
#[derive(Clone, Debug)]
pub struct Extraction {
    /// The types.
    pub btf: BtfBuf,
    /// Byte order of the file, which the encoded BTF should have too.
    pub endian: Endian,
    /// Size of a pointer, in bytes.
    pub pointer_bytes: u8,
    /// What was left out, or replaced by a struct without members, in the order of the file; units that
    /// are damaged come behind their neighbours.
    pub warnings: Vec<Warning>,
}

/// Files that have debug information of the one to extract from; [`links`](super::links()) says which
/// there are.
#[derive(Clone, Debug, Default)]
pub struct Elsewhere<'a> {
    /// The file with what several files share.
    pub alternate: Option<&'a [u8]>,
    /// Files of split-off units: `.dwo` files or one package (`.dwp`), each with its path. Once there is
    /// one, units that are in none of them are passed over.
    pub split: Vec<(String, &'a [u8])>,
}

/// What an object contributes.
struct Part {
    btf: BtfBuf,
    keep: Marks,
    stand_ins: Vec<StandIn>,
    warnings: Vec<Warning>,
    endian: Endian,
    pointer_bytes: u8,
}

/// The types that the debug information in `data` describes: an ELF object, program or library, or
/// an `ar` archive of objects (`.a`, `.rlib`).
///
/// Shapes: the result has each type once, whichever and however many units describe it. Members
/// come by ascending offset. The same input gives the same result, with any number of threads.
///
/// # Errors
/// [`Error`]; a type that BTF cannot describe is an error only if a root that is named in full
/// contains it, and a [`Warning`] otherwise.
pub fn extract(data: &[u8], options: &Options) -> Result<Extraction, Error> {
    extract_all(data, &Elsewhere::default(), options)
}

/// Like [`extract`], for debug information that is spread over several files.
///
/// # Errors
/// As [`extract`], and [`Error::SplitFile`] for a file that is of another build than `data`.
pub fn extract_all(
    data: &[u8],
    elsewhere: &Elsewhere<'_>,
    options: &Options,
) -> Result<Extraction, Error> {
    let threads = match options.threads {
        0 => available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let inputs = objects(data, elsewhere)?;
    let split: HashSet<u64> = if elsewhere.split.is_empty() {
        HashSet::new()
    } else {
        links(data)?.split.iter().map(|unit| unit.id).collect()
    };
    // Threads are for the members of an archive, or else for the units of the one object.
    let inner = if inputs.len() > 1 { 1 } else { threads };
    let parts = threads::map(&inputs, threads, |input| {
        part(input, options, &split, inner).map_err(|error| input.locate(error))
    });

    let mut out: Option<Extraction> = None;
    let mut missing: Vec<&String> = options.roots.iter().collect();
    let mut without = None;
    let mut all = Vec::new();
    let mut damaged = Vec::new();
    for (part, input) in parts.into_iter().zip(&inputs) {
        match part {
            Err(error) if is_no_debug_info(&error) => without = Some(error),
            Err(Error::Member { name, source }) if damage(&source).is_some() => {
                damaged.extend(damage(&source).map(|problem| Warning {
                    member: Some(name.clone()),
                    section: ".debug_info",
                    offset: 0,
                    problem,
                }));
                without = Some(Error::Member { name, source });
            }
            parts => all.extend(parts?.into_iter().map(|part| (part, input))),
        }
    }
    for (part, input) in all {
        missing.retain(|root| matching(&part.btf, root).is_empty());
        let out = out.get_or_insert_with(|| Extraction {
            btf: BtfBuf::new(),
            endian: part.endian,
            pointer_bytes: part.pointer_bytes,
            warnings: Vec::new(),
        });
        if (out.endian, out.pointer_bytes) != (part.endian, part.pointer_bytes) {
            return Err(input.locate(Error::Object {
                what: "object".to_owned(),
                problem: "has another byte order or pointer size than those before it".to_owned(),
            }));
        }
        for root in options.roots.iter().filter(|root| !glob::is_pattern(root)) {
            check_root(&part, root)?;
        }
        move_marked(part.btf, &part.keep, &mut out.btf)?;
        out.warnings.extend(part.warnings);
        if !split.is_empty() {
            out.warnings.retain(|it| it.problem != Problem::Split);
        }
    }
    let Some(mut out) = out else {
        return Err(without.unwrap_or(Error::NoDebugInfo));
    };
    out.warnings.extend(damaged);
    if let Some(name) = missing.first() {
        let name = (*name).clone();
        return Err(Error::NoSuchRoot { name });
    }
    out.btf = dedup(out.btf)?;
    if !options.roots.is_empty() {
        let roots: Vec<_> = options
            .roots
            .iter()
            .flat_map(|root| matching(&out.btf, root))
            .collect();
        forget_spellings(&mut out.btf, &roots);
        out.btf = out.btf.closure(roots)?;
    }
    Ok(out)
}

fn is_no_debug_info(error: &Error) -> bool {
    match error {
        Error::NoDebugInfo => true,
        Error::Member { source, .. } => is_no_debug_info(source),
        _ => false,
    }
}

/// The definitions that a root means: those that it is the name of in BTF or, where that is another
/// one, in the source.
fn matching(btf: &BtfBuf, root: &str) -> Vec<TypeId> {
    let mut found = Vec::new();
    for (id, ty) in btf.iter() {
        let name = btf.name(ty.name());
        match ty {
            Type::Fwd { .. } => {}
            Type::DeclTag { ty, .. } => {
                let is_definition = !matches!(btf.get(*ty), None | Some(Type::Fwd { .. }));
                if is_definition && spelling(name).is_some_and(|it| glob::matches(root, it)) {
                    found.push(*ty);
                }
            }
            _ if !name.is_empty() && glob::matches(root, name) => found.push(id),
            _ => {}
        }
    }
    found
}

/// The spelling in the source, if that is what a tag says.
fn spelling(tag: &str) -> Option<&str> {
    tag.strip_prefix("c++:")
        .or_else(|| tag.strip_prefix("rust:"))
}

/// Leaves the tags with the spelling in the source to roots. What was a tag becomes something that
/// no type refers to.
fn forget_spellings(btf: &mut BtfBuf, roots: &[TypeId]) {
    let roots: HashSet<TypeId> = roots.iter().copied().collect();
    let mut types = btf.take_types();
    for ty in &mut types {
        if matches!(ty, Type::DeclTag { name, ty, .. }
            if !roots.contains(ty) && spelling(btf.name(*name)).is_some())
        {
            *ty = Type::Ptr(TypeId::VOID);
        }
    }
    btf.put_types(types);
}

/// Fails if a root contains something that could not be described.
fn check_root(part: &Part, root: &str) -> Result<(), Error> {
    if part.stand_ins.is_empty() {
        return Ok(());
    }
    let mut marks = Marks::new(&part.btf);
    for id in matching(&part.btf, root) {
        marks.add(&part.btf, id, Through::Values);
    }
    for stand_in in &part.stand_ins {
        if marks.contains(stand_in.ty)
            && let Some(warning) = part.warnings.get(stand_in.warning)
        {
            return Err(Error::Unsupported {
                root: root.to_owned(),
                warning: warning.clone(),
            });
        }
    }
    Ok(())
}

/// The types of one object: those of Rust, and those of other languages.
///
/// `split` has the identities of all split-off units that there may be.
fn part(
    input: &Input<'_>,
    options: &Options,
    split: &HashSet<u64>,
    threads: usize,
) -> Result<Vec<Part>, Error> {
    let mut sections = Sections::load(input.data)?;
    if let Some(data) = input.alternate {
        sections.alternate = Some(Box::new(Sections::load(data)?));
    }
    let units = Units::read(&sections)?;
    if input.split_off {
        check_identity(&units, split)?;
    }
    let chunks = units.chunks();
    let collected = threads::map(&chunks, threads, |chunk| {
        let (mut collected, damaged) = read_sound(chunk.units, |units| {
            let chunk = Chunk {
                all: chunk.all,
                units,
                keys: chunk.keys.clone(),
            };
            collect(&chunk, options.functions, !options.roots.is_empty())
        })?;
        collected.warnings.extend(damaged);
        resolve_chunk(&mut collected, &chunk.keys)?;
        Ok((collected, chunk.keys.clone()))
    });
    let all = join(collected.into_iter().collect::<Result<_, Error>>()?)?;
    let mut damaged = (all.warnings.iter()).filter_map(|(_, problem)| failure(*problem));
    if let Some(error) = damaged.next()
        && damaged.count() + 1 == units.list().len()
    {
        return Err(error);
    }
    if let Some(ty) = recursive(&all.btf) {
        let key = all.keys.get(ty.index() - 1).copied().unwrap_or_default();
        let (section, offset) = units.place(key);
        return Err(Error::Recursive { section, offset });
    }
    if all.btf.is_empty()
        && !all.rust
        && split.is_empty()
        && let Some(path) = all.split
    {
        return Err(Error::Split { path });
    }
    let member = input.member_name();
    let warning = |key: Key, problem: Problem| {
        let (section, offset) = units.place(key);
        Warning {
            member: member.clone(),
            section,
            offset,
            problem,
        }
    };
    let endian = match sections.endian {
        RunTimeEndian::Little => Endian::Little,
        RunTimeEndian::Big => Endian::Big,
    };
    let mut parts = Vec::new();
    if all.rust {
        let found = describe_all(&units, !options.roots.is_empty())?;
        // A unit whose root is damaged was met before.
        let new = |(key, _): &(Key, Problem)| all.warnings.iter().all(|(known, _)| known != key);
        let damaged = found.damaged.into_iter().filter(new);
        let damaged = damaged.map(|(key, it)| warning(key, it));
        let stand_ins = found.unknown.iter().enumerate();
        parts.push(Part {
            keep: Marks::all(&found.btf),
            stand_ins: stand_ins
                .map(|(warning, (ty, _))| StandIn { ty: *ty, warning })
                .collect(),
            warnings: found
                .unknown
                .iter()
                .map(|(_, key)| warning(*key, Problem::RustLayout))
                .chain(damaged)
                .collect(),
            btf: found.btf,
            endian,
            pointer_bytes: units.pointer_bytes(),
        });
    }
    parts.push(Part {
        keep: named(&all),
        warnings: (all.warnings.iter())
            .chain(&units.damaged)
            .map(|(key, problem)| warning(*key, *problem))
            .collect(),
        stand_ins: all.stand_ins,
        btf: all.btf,
        endian,
        pointer_bytes: units.pointer_bytes(),
    });
    Ok(parts)
}

/// Fails if a file has split-off units that are none of the program's.
fn check_identity(units: &Units<'_>, split: &HashSet<u64>) -> Result<(), Error> {
    for unit in units.list() {
        let id = match unit.header.type_() {
            UnitType::Type { .. } | UnitType::SplitType { .. } => continue,
            _ => unit.dwo_id(),
        };
        let id = match id {
            None => unit_root(units, unit)?.and_then(|root| root.dwo_id),
            id => id,
        };
        if !id.is_some_and(|id| split.contains(&id)) {
            return Err(Error::Object {
                what: "split-off unit".to_owned(),
                problem: "is of another build than the file that names it".to_owned(),
            });
        }
    }
    Ok(())
}

/// The types with a name, but for typedefs inside of classes, and the functions with code, and what they refer to.
fn named(all: &Collected) -> Marks {
    let mut marks = Marks::new(&all.btf);
    let mut inner_typedefs = all.inner_typedefs.iter().copied().peekable();
    for (id, ty) in all.btf.iter() {
        if inner_typedefs.next_if_eq(&id).is_some() {
            continue;
        }
        let of_others = matches!(ty.kind(), Kind::Func | Kind::DeclTag | Kind::TypeTag);
        if !ty.name().is_anonymous() && !of_others {
            marks.add(&all.btf, id, Through::References);
        }
    }
    for (ty, code) in functions_with_code(&all.functions) {
        if code {
            marks.add(&all.btf, ty, Through::References);
        }
    }
    for (id, tag) in all.btf.iter() {
        if let Type::DeclTag { ty, .. } = tag
            && marks.contains(*ty)
        {
            marks.add(&all.btf, id, Through::References);
        }
    }
    marks
}
