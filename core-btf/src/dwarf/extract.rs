//! The way from a file to its types.

use std::collections::HashSet;
use std::thread::available_parallelism;

use super::closure::{Marks, Through};
use super::entries::Names;
use super::error::{Error, Problem, Warning};
use super::input::{Input, objects};
use super::links::links;
use super::list::get;
use super::object::{Part, Task, extract_object};
use super::progress::Progress;
use super::sound::damage;
use super::threads;
use crate::dedup::Merger;
use crate::glob;
use crate::model::{Type, TypeId};
use crate::read::Endian;
use crate::strings::Strings;
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
    /// Most entries of the debug information that become types, or parts of types, in memory; 64
    /// bytes of the names of scopes count as one. Each takes 200 bytes at most. What comes from
    /// somebody else should have a limit: a few kilobytes can unpack to millions.
    pub max_entries: u64,
    /// Most bytes of debug sections of one file, decompressed.
    pub max_bytes: u64,
}

impl Default for Options {
    /// All types with a name, functions too, on all processors.
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            functions: true,
            threads: 0,
            max_entries: u64::MAX,
            max_bytes: u64::MAX,
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
    extract_watched(data, elsewhere, options, &Progress::default())
}

/// Like [`extract_all`], and tells `progress` how far it is.
///
/// # Errors
/// As [`extract_all`].
pub fn extract_watched(
    data: &[u8],
    elsewhere: &Elsewhere<'_>,
    options: &Options,
    progress: &Progress,
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
    let sizes = inputs.iter().map(|input| input.data.len() as u64);
    progress.add_all(sizes.sum());
    let names = Names::new();
    let task = Task {
        options,
        split: &split,
        names: &names,
        progress,
    };
    let mut gathered = Gathered::new(task);
    if let [input @ Input { member: None, .. }] = inputs.as_slice() {
        let found = extract_object(input, task, threads, |part| gathered.add(part, input));
        gathered.end_object(found, input)?;
    } else {
        // Threads are for the members of an archive, or else for the units of the one object.
        let inner = if inputs.len() > 1 { 1 } else { threads };
        let member = |(): &mut (), input: &Input<'_>| {
            let mut all = Vec::new();
            let found = extract_object(input, task, inner, |part| {
                all.push(part);
                Ok(())
            });
            (all, found)
        };
        let mut members = inputs.iter();
        threads::in_order(
            &inputs,
            threads,
            || (),
            member,
            |(all, found)| {
                members.next().map_or(Ok(()), |input| {
                    if found.is_ok() {
                        for part in all {
                            gathered.add(part, input)?;
                        }
                    }
                    gathered.end_object(found, input)
                })
            },
        )?;
    }
    gathered.finish()
}

/// What has been extracted so far.
struct Gathered<'o> {
    task: Task<'o>,
    /// Byte order and pointer size.
    machine: Option<(Endian, u8)>,
    merger: Merger,
    warnings: Vec<Warning>,
    /// Roots that nothing is called.
    missing: Vec<&'o String>,
    /// Members of which nothing is sound.
    damaged: Vec<Warning>,
    /// Why the last object that gave nothing did not.
    without: Option<Error>,
}

impl<'o> Gathered<'o> {
    fn new(task: Task<'o>) -> Self {
        Self {
            task,
            machine: None,
            merger: Merger::new(),
            warnings: Vec::new(),
            missing: task.options.roots.iter().collect(),
            damaged: Vec::new(),
            without: None,
        }
    }

    fn add(&mut self, part: Part, input: &Input<'_>) -> Result<(), Error> {
        let machine = (part.endian, part.pointer_bytes);
        if *self.machine.get_or_insert(machine) != machine {
            return Err(input.locate(Error::Object {
                what: "object".to_owned(),
                problem: "has another byte order or pointer size than those before it".to_owned(),
            }));
        }
        if !self.task.options.roots.is_empty() {
            let names = self.task.names;
            names.with(|names| self.look_for_roots(names, &part))?;
        }
        let keep = |id| part.keep.contains(id);
        self.merger.add(part.types, keep)?;
        self.warnings.extend(part.warnings);
        Ok(())
    }

    fn look_for_roots(&mut self, names: &Strings, part: &Part) -> Result<(), Error> {
        self.missing
            .retain(|root| matching(&part.types, names, root).is_empty());
        let mut roots = self.task.options.roots.iter();
        roots
            .by_ref()
            .filter(|root| !glob::is_pattern(root))
            .try_for_each(|root| check_root(names, part, root))
    }

    /// Notes that all parts of an object have been added, or why it has none.
    fn end_object(&mut self, found: Result<(), Error>, input: &Input<'_>) -> Result<(), Error> {
        let Err(error) = found.map_err(|error| input.locate(error)) else {
            return Ok(());
        };
        if let Error::Member { name, source } = &error
            && let Some(problem) = damage(source)
        {
            self.damaged.push(Warning {
                member: Some(name.clone()),
                section: ".debug_info",
                offset: 0,
                problem,
            });
        } else if !is_no_debug_info(&error) {
            return Err(error);
        }
        self.without = Some(error);
        Ok(())
    }

    fn finish(self) -> Result<Extraction, Error> {
        let Some((endian, pointer_bytes)) = self.machine else {
            return Err(self.without.unwrap_or(Error::NoDebugInfo));
        };
        if let Some(name) = self.missing.first() {
            let name = (*name).clone();
            return Err(Error::NoSuchRoot { name });
        }
        let names = self.task.names;
        let mut out = Extraction {
            btf: names.all(|names| self.merger.finish(names))?,
            endian,
            pointer_bytes,
            warnings: self.warnings,
        };
        out.warnings.extend(self.damaged);
        if !self.task.split.is_empty() {
            out.warnings.retain(|it| it.problem != Problem::Split);
        }
        if !self.task.options.roots.is_empty() {
            let roots = self.task.options.roots.iter();
            let roots: Vec<_> = roots
                .flat_map(|root| matching(out.btf.types(), out.btf.names(), root))
                .collect();
            forget_spellings(&mut out.btf, &roots);
            out.btf = out.btf.closure(roots)?;
        }
        Ok(out)
    }
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
fn matching(types: &[Type], names: &Strings, root: &str) -> Vec<TypeId> {
    let mut found = Vec::new();
    for (id, ty) in (1..).map(TypeId).zip(types) {
        let name = names.get(ty.name());
        match ty {
            Type::Fwd { .. } => {}
            Type::DeclTag { ty, .. } => {
                let is_definition = !matches!(get(types, *ty), None | Some(Type::Fwd { .. }));
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
fn check_root(names: &Strings, part: &Part, root: &str) -> Result<(), Error> {
    if part.stand_ins.is_empty() {
        return Ok(());
    }
    let mut marks = Marks::new(&part.types);
    for id in matching(&part.types, names, root) {
        marks.add(&part.types, id, Through::Values);
    }
    for stand_in in &part.stand_ins {
        if marks.contains(stand_in.ty)
            && let Some(warning) = part.warnings.get(stand_in.warning)
        {
            return Err(Error::Unsupported {
                root: root.to_owned(),
                warning: Box::new(warning.clone()),
            });
        }
    }
    Ok(())
}
