//! What has been read of a file, before its types are put together.

use std::sync::Arc;

use super::entries::Names;
use super::error::{Error, Problem, Warning};
use super::extract::Extraction;
use super::input::Input;
use super::object::Part;
use super::roots::{check_root, forget_spellings, matching};
use super::sound::damage;
use crate::dedup::Merger;
use crate::glob;
use crate::read::Endian;
use crate::strings::Strings;

/// The types of a file, which has been read and is not needed any more.
#[derive(Debug)]
pub struct Gathered {
    /// [`Options::roots`](super::Options::roots)
    roots: Vec<String>,
    names: Arc<Names>,
    /// Whether there are files of split-off units.
    has_split: bool,
    /// Byte order and pointer size.
    machine: Option<(Endian, u8)>,
    merger: Merger,
    warnings: Vec<Warning>,
    /// Roots that nothing is called.
    missing: Vec<String>,
    /// Members of which nothing is sound.
    damaged: Vec<Warning>,
    /// Why the last object that gave nothing did not.
    without: Option<Error>,
}

impl Gathered {
    pub(super) fn new(roots: &[String], names: Arc<Names>, has_split: bool) -> Self {
        Self {
            roots: roots.to_vec(),
            names,
            has_split,
            machine: None,
            merger: Merger::new(),
            warnings: Vec::new(),
            missing: roots.to_vec(),
            damaged: Vec::new(),
            without: None,
        }
    }

    /// Adds the types of a part of an object.
    pub(super) fn add(&mut self, part: Part, input: &Input<'_>) -> Result<(), Error> {
        let machine = (part.endian, part.pointer_bytes);
        if *self.machine.get_or_insert(machine) != machine {
            return Err(input.locate(Error::Object {
                what: "object".to_owned(),
                problem: "has another byte order or pointer size than those before it".to_owned(),
            }));
        }
        if !self.roots.is_empty() {
            let names = Arc::clone(&self.names);
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
        let mut named = self.roots.iter().filter(|root| !glob::is_pattern(root));
        named.try_for_each(|root| check_root(names, part, root))
    }

    /// Notes that all parts of an object have been added, or why it has none.
    pub(super) fn end_object(
        &mut self,
        found: Result<(), Error>,
        input: &Input<'_>,
    ) -> Result<(), Error> {
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

    /// Puts the types together, each once.
    ///
    /// # Errors
    /// [`Error::NoDebugInfo`], [`Error::NoSuchRoot`], and what is too large for BTF.
    pub fn finish(self) -> Result<Extraction, Error> {
        let Some((endian, pointer_bytes)) = self.machine else {
            return Err(self.without.unwrap_or(Error::NoDebugInfo));
        };
        if let Some(name) = self.missing.into_iter().next() {
            return Err(Error::NoSuchRoot { name });
        }
        let names = self.names;
        let mut out = Extraction {
            btf: names.all(|names| self.merger.finish(names))?,
            endian,
            pointer_bytes,
            warnings: self.warnings,
        };
        out.warnings.extend(self.damaged);
        if self.has_split {
            out.warnings.retain(|it| it.problem != Problem::Split);
        }
        if !self.roots.is_empty() {
            let roots = self.roots.iter();
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
