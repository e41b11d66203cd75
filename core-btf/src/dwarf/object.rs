//! The types of one object, in parts that can be merged one after the other.

use std::collections::HashSet;

use gimli::{RunTimeEndian, UnitType};

use super::closure::{Marks, Through, recursive};
use super::collect::{Collected, Shelf, StandIn, Wanted, collect};
use super::entries::{Names, Slot};
use super::error::{Error, Problem, Warning};
use super::extract::Options;
use super::input::Input;
use super::join::{functions_with_code, join, settle};
use super::linked::are_linked;
use super::progress::Progress;
use super::resolve::{Meanings, resolve_unit};
use super::root::unit_root;
use super::rust::describe_all;
use super::sections::Sections;
use super::sound::{damage, failure};
use super::threads;
use super::units::{Key, Unit, Units};
use crate::model::{Kind, Type};
use crate::read::Endian;

/// Types that refer to each other only; their names are those of all parts.
pub(super) struct Part {
    pub(super) types: Vec<Type>,
    pub(super) keep: Marks,
    pub(super) stand_ins: Vec<StandIn>,
    pub(super) warnings: Vec<Warning>,
    pub(super) endian: Endian,
    pub(super) pointer_bytes: u8,
}

/// How all objects of a file are read.
#[derive(Clone, Copy)]
pub(super) struct Task<'t> {
    pub(super) options: &'t Options,
    /// The identities of all split-off units that there may be.
    pub(super) split: &'t HashSet<u64>,
    pub(super) names: &'t Names,
    pub(super) progress: &'t Progress,
}

/// Gives the types of one object to `add`, part by part: those of each unit, or if units refer to each
/// other, all at once; then those of Rust.
pub(super) fn extract_object(
    input: &Input<'_>,
    task: Task<'_>,
    threads: usize,
    mut add: impl FnMut(Part) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    let Task {
        options,
        split,
        names,
        progress,
    } = task;
    let mut sections = Sections::load(input.data, options.max_bytes)?;
    if let Some(data) = input.alternate {
        sections.alternate = Some(Box::new(Sections::load(data, options.max_bytes)?));
    }
    let units = Units::read(&sections, options.max_entries)?;
    if input.split_off {
        check_identity(&units, split)?;
    }
    let object = Object {
        member: input.member_name(),
        units: &units,
        names,
        wanted: Wanted {
            functions: options.functions,
            spellings: !options.roots.is_empty(),
        },
        progress,
        bytes: input.data.len() as u64,
        units_bytes: units.list().iter().map(unit_bytes).sum(),
    };
    let chunks = units.chunks();
    let mut seen = Seen::default();
    if are_linked(&units) {
        let mut all = Vec::new();
        threads::in_order(
            &chunks,
            threads,
            || object.shelf(),
            |shelf, chunk| object.linked(chunk, shelf),
            |found| {
                all.extend(found?);
                Ok::<_, Error>(())
            },
        )?;
        add(object.part(join(all, names)?, &mut seen)?)?;
    } else {
        threads::in_order(
            &chunks,
            threads,
            || object.shelf(),
            |shelf, chunk| object.parts(chunk, shelf),
            |found| {
                let (parts, other) = found?;
                seen.join(other);
                parts.into_iter().try_for_each(&mut add)
            },
        )?;
    }
    if seen.damaged.len() == units.list().len()
        && let Some((_, problem)) = seen.damaged.first()
        && let Some(error) = failure(*problem)
    {
        return Err(error);
    }
    if !seen.types
        && !seen.rust
        && split.is_empty()
        && let Some(path) = seen.split
    {
        return Err(Error::Split { path });
    }
    if seen.rust {
        add(object.rust_part(&seen, threads)?)?;
    }
    if !units.damaged.is_empty() {
        add(object.headers_part())?;
    }
    Ok(())
}

/// What matters of all parts of an object.
#[derive(Default)]
struct Seen {
    /// Whether there are types, of other languages than Rust.
    types: bool,
    /// Whether there are units in Rust.
    rust: bool,
    /// Path of the first split-off file.
    split: Option<String>,
    /// Units that were left out.
    damaged: Vec<(Key, Problem)>,
}

impl Seen {
    fn join(&mut self, other: Self) {
        self.types |= other.types;
        self.rust |= other.rust;
        self.split = self.split.take().or(other.split);
        self.damaged.extend(other.damaged);
    }
}

/// An object whose types are being extracted.
struct Object<'u, 'a> {
    /// Name of the archive member.
    member: Option<String>,
    units: &'u Units<'a>,
    names: &'u Names,
    wanted: Wanted,
    progress: &'u Progress,
    /// Bytes of the object.
    bytes: u64,
    /// Bytes of its units.
    units_bytes: u64,
}

fn unit_bytes(unit: &Unit<'_>) -> u64 {
    unit.header.length_including_self() as u64
}

impl<'a> Object<'_, 'a> {
    /// What a thread has for the units of this object.
    fn shelf(&self) -> Shelf<'_, 'a> {
        Shelf::new(
            self.names,
            usize::try_from(self.units_bytes).unwrap_or(usize::MAX),
        )
    }

    /// The entries of a unit, which may be `alone`.
    fn read(
        &self,
        unit: &Unit<'a>,
        shelf: &mut Shelf<'_, 'a>,
        alone: bool,
    ) -> Result<(Collected<'_>, Meanings), Error> {
        let mut found = Collected::new(self.names);
        let read = collect(self.units, unit, shelf, self.wanted, &mut found);
        if let Err(error) = read {
            // Half of the unit has been taken in by now: what there is of it is forgotten.
            found = Collected::new(self.names);
            let problem = damage(&error).ok_or(error)?;
            found.warnings.push((unit.start, problem));
        }
        let meanings = resolve_unit(&mut found, unit.keys(), alone)?;
        // Those in Rust are read later.
        if !found.rust {
            self.progress.add_done(self.share(unit));
        }
        Ok((found, meanings))
    }

    /// Bytes of the object that a unit stands for.
    fn share(&self, unit: &Unit<'_>) -> u64 {
        let share = self.bytes.saturating_mul(unit_bytes(unit));
        share.checked_div(self.units_bytes).unwrap_or_default()
    }

    /// The entries of some units, to be taken together with those of others.
    fn linked(
        &self,
        chunk: &[Unit<'a>],
        shelf: &mut Shelf<'_, 'a>,
    ) -> Result<Vec<(Collected<'_>, Meanings)>, Error> {
        let units = chunk.iter();
        units.map(|unit| self.read(unit, shelf, false)).collect()
    }

    /// The types of some units, each by itself.
    fn parts(
        &self,
        chunk: &[Unit<'a>],
        shelf: &mut Shelf<'_, 'a>,
    ) -> Result<(Vec<Part>, Seen), Error> {
        let mut seen = Seen::default();
        let parts = chunk.iter().map(|unit| {
            let (mut found, _) = self.read(unit, shelf, true)?;
            settle(&mut found)?;
            self.part(found, &mut seen)
        });
        let parts: Result<_, Error> = parts.collect();
        Ok((parts?, seen))
    }

    fn warning(&self, key: Key, problem: Problem) -> Warning {
        let (section, offset) = self.units.place(key);
        Warning {
            member: self.member.clone(),
            section,
            offset,
            problem,
        }
    }

    fn endian(&self) -> Endian {
        match self.units.sections.endian {
            RunTimeEndian::Little => Endian::Little,
            RunTimeEndian::Big => Endian::Big,
        }
    }

    /// Types that refer to each other only.
    fn part(&self, all: Collected<'_>, seen: &mut Seen) -> Result<Part, Error> {
        let mut all = all;
        if let Some(ty) = recursive(all.types.all()) {
            let key = all.keys.get(ty.index() - 1).copied().unwrap_or_default();
            let (section, offset) = self.units.place(key);
            return Err(Error::Recursive { section, offset });
        }
        let warnings = all.warnings.iter();
        let warnings = warnings.map(|(key, problem)| self.warning(*key, *problem));
        let warnings = warnings.collect();
        let keep = named(&mut all)?;
        let types = all.types.into_all();
        let part = Part {
            keep,
            warnings,
            stand_ins: all.stand_ins,
            types,
            endian: self.endian(),
            pointer_bytes: self.units.pointer_bytes(),
        };
        let is_damage = |(_, problem): &(Key, Problem)| failure(*problem).is_some();
        seen.join(Seen {
            types: !part.types.is_empty(),
            rust: all.rust,
            split: all.split,
            damaged: all.warnings.into_iter().filter(is_damage).collect(),
        });
        Ok(part)
    }

    /// The types of all units in Rust.
    fn rust_part(&self, seen: &Seen, threads: usize) -> Result<Part, Error> {
        let done = |unit: &Unit<'_>| self.progress.add_done(self.share(unit));
        let found = describe_all(self.units, self.wanted.spellings, self.names, threads, done)?;
        let unknown = found.unknown.iter();
        let unknown = unknown.map(|(_, key)| self.warning(*key, Problem::RustLayout));
        // A unit whose root is damaged was met before.
        let new = |(key, _): &(Key, Problem)| seen.damaged.iter().all(|(known, _)| known != key);
        let damaged = found.damaged.into_iter().filter(new);
        let warnings = unknown.chain(damaged.map(|(key, problem)| self.warning(key, problem)));
        let stand_ins = found.unknown.iter().enumerate();
        let keep = Marks::all(&found.types);
        Ok(Part {
            keep,
            warnings: warnings.collect(),
            stand_ins: stand_ins
                .map(|(warning, (ty, _))| StandIn { ty: *ty, warning })
                .collect(),
            types: found.types,
            endian: self.endian(),
            pointer_bytes: self.units.pointer_bytes(),
        })
    }

    /// No types, but warnings of the units whose headers are damaged.
    fn headers_part(&self) -> Part {
        let damaged = self.units.damaged.iter();
        Part {
            keep: Marks::new(&[]),
            warnings: damaged
                .map(|(key, problem)| self.warning(*key, *problem))
                .collect(),
            stand_ins: Vec::new(),
            types: Vec::new(),
            endian: self.endian(),
            pointer_bytes: self.units.pointer_bytes(),
        }
    }
}

/// Fails if a file has split-off units that are none of the program's.
fn check_identity(units: &Units<'_>, split: &HashSet<u64>) -> Result<(), Error> {
    for unit in units.list() {
        let id = match unit.header.type_() {
            UnitType::Type { .. } | UnitType::SplitType { .. } => continue,
            _ => unit.dwo_id(),
        };
        let id = match id {
            None => unit_root(units, unit)?.and_then(|root| root.get(Slot::DwoId)),
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
fn named(all: &mut Collected<'_>) -> Result<Marks, Error> {
    let functions = functions_with_code(all)?;
    let mut marks = Marks::new(all.types.all());
    let mut inner_typedefs = all.inner_typedefs.iter().copied().peekable();
    for (id, ty) in all.types.iter() {
        if inner_typedefs.next_if_eq(&id).is_some() {
            continue;
        }
        let of_others = matches!(ty.kind(), Kind::Func | Kind::DeclTag | Kind::TypeTag);
        if !ty.name().is_anonymous() && !of_others {
            marks.add(all.types.all(), id, Through::References);
        }
    }
    for ty in functions {
        marks.add(all.types.all(), ty, Through::References);
    }
    for (id, tag) in all.types.iter() {
        if let Type::DeclTag { ty, .. } = tag
            && marks.contains(*ty)
        {
            marks.add(all.types.all(), id, Through::References);
        }
    }
    Ok(marks)
}
