//! The work on one object: what it is relocated against, and why it does not load.

use std::borrow::Cow;
use std::sync::Arc;
use std::{iter, slice};

use core_btf::Btf;
use core_btf::merge::targeted;
use core_btf::object::BpfObject;
use core_btf::relo::{
    Disagreement, Explanation, Names, Outcome, Row, Sources, disagreements, kernel_roots, problems,
};
use libbpf_rs::{ErrorKind, ObjectBuilder, OpenObject, ProgramAttachType, ProgramType};

use crate::error::{Error, Result};
use crate::kernel::Module;
use crate::loader::Context;
use crate::memfd::TargetBtf;
use crate::merged::{self, Kernel, Key, Merged};
use crate::privilege::Missing;
use crate::same_name::SameName;
use crate::token::TokenPath;
use crate::type_info::TypeInfo;
use crate::{log, sys, uprobe};

/// Sections whose programs libbpf would attach as perf events only, and cannot attach on its own,
/// as they name no target. A program that names one is left to libbpf's automatic attachment.
const BARE_UPROBES: [&str; 4] = ["uprobe", "uprobe.s", "uretprobe", "uretprobe.s"];

/// The section of functions that programs call.
const SUBPROGRAMS: &str = ".text";

/// What a verifier log has where a program reaches an instruction that could not be relocated: the
/// first where libbpf has edited the log, the second as the kernel puts it.
const POISON: [&str; 2] = ["invalid CO-RE relocation", "unknown#195896080"];

/// One object on its way from bytes to loaded programs.
#[derive(Debug)]
pub(crate) struct Job {
    context: Arc<Context>,
    object: Cow<'static, [u8]>,
    /// What libbpf relocates against; none for an object without relocations, for which libbpf
    /// opens no BTF at all.
    target: Option<TargetBtf>,
    /// What programs ask for that does not exist; harmless in code that is not reached.
    missing: Vec<Row>,
}

/// What an object asks for.
#[derive(Debug)]
struct Asked<'j> {
    /// Programs that are not to be loaded.
    left_out: Vec<String>,
    /// The object, with the relocations of the others.
    parsed: BpfObject<'j>,
    /// The kernel's types, if they are asked for.
    vmlinux: Option<Cow<'j, Btf<'j>>>,
    /// Modules with types that vmlinux does not have.
    modules: Vec<Module>,
}

impl Job {
    /// Prepares `builder` for opening `object`.
    pub(crate) fn new(
        context: &Arc<Context>,
        object: Cow<'static, [u8]>,
        builder: &mut ObjectBuilder,
    ) -> Result<Self> {
        if let Some(TokenPath(path)) = context.token {
            sys::set_token_path(builder, path);
        }
        let relocates = match BpfObject::parse(&object) {
            Ok(parsed) => parsed.needs().any,
            // Compiled without -g: nothing in it can be relocated.
            Err(core_btf::Error::NoBtf) => false,
            Err(error) => return Err(Error::Object(error)),
        };
        let target = if relocates {
            let target = TargetBtf::create()?;
            builder
                .btf_custom_path(target.path())
                .map_err(|source| Error::Libbpf {
                    operation: "naming the target BTF".into(),
                    log: String::new(),
                    source,
                })?;
            Some(target)
        } else {
            None
        };
        Ok(Self {
            context: Arc::clone(context),
            object,
            target,
            missing: Vec::new(),
        })
    }

    pub(crate) fn object(&self) -> &[u8] {
        &self.object
    }

    /// Checks the programs that are to be loaded and makes what libbpf relocates them against.
    pub(crate) fn relocate(&mut self, object: &mut OpenObject) -> Result<()> {
        set_attach_types(object, self.context.token);
        let Some(target) = &self.target else {
            return Ok(());
        };
        let asked = self.ask(object)?;
        let key = self.key(&asked);
        let merged = if let Some(merged) = key.as_ref().and_then(merged::find) {
            merged
        } else {
            let merge = |sources: &Sources<'_, '_>| self.merge(&asked.parsed, sources);
            let merged = Arc::new(self.with_sources(&asked, merge)?);
            if let Some(key) = key {
                merged::remember(key, &merged);
            }
            merged
        };
        target.fill(&merged.btf)?;
        self.missing.clone_from(&merged.missing);
        Ok(())
    }

    /// What decides about a merge; none if kernel modules do, which come and go.
    fn key(&self, asked: &Asked<'_>) -> Option<Key> {
        if !asked.modules.is_empty() {
            return None;
        }
        let app = self.context.app.iter().map(TypeInfo::types);
        Some(Key {
            object: self.object.clone(),
            left_out: asked.left_out.clone(),
            app: app.cloned().collect(),
            kernel: match &asked.vmlinux {
                Some(_) => self.context.kernel.identity()?,
                None => Kernel::None,
            },
        })
    }

    fn merge(&self, parsed: &BpfObject<'_>, sources: &Sources<'_, '_>) -> Result<Merged> {
        tracing::debug!(origin = self.origin(), "merging");
        if let Some(clash) = self.disagreements(parsed, sources)?.into_iter().next() {
            return Err(self.same_name(clash));
        }
        let rows = problems(parsed, sources).map_err(Error::Object)?;
        let (refused, mut missing) = rows
            .into_iter()
            .partition::<Vec<_>, _>(|row| row.outcome.is_refused());
        if !refused.is_empty() {
            return Err(Error::Relocation {
                origin: self.origin(),
                rows: refused,
            });
        }
        missing.retain(|row| row.outcome.is_missing());
        let btf = targeted(parsed, sources)
            .map_err(|source| self.merge_error(parsed, sources, source))?;
        Ok(Merged { btf, missing })
    }

    /// What becomes of the relocations of the programs that are to be loaded.
    pub(crate) fn explain(&self, object: &OpenObject) -> Result<Explanation> {
        if self.target.is_none() {
            return Ok(Explanation::default());
        }
        let asked = self.ask(object)?;
        let parsed = &asked.parsed;
        self.with_sources(&asked, |sources| {
            let vmlinux = iter::once("vmlinux".to_owned());
            let modules = asked.modules.iter().map(|module| module.name().to_owned());
            let binaries = self
                .binaries()
                .into_iter()
                .map(|n| self.binary(n).to_owned());
            let names = Names {
                app: binaries.collect(),
                kernel: vmlinux.chain(modules).collect(),
            };
            let explained = Explanation::new(parsed, sources, names);
            let mut explained = explained.map_err(Error::Object)?;
            for clash in self.disagreements(parsed, sources)? {
                let [_, (number, other)] = &clash.answers;
                let other = other.as_deref().unwrap_or("missing");
                let other = format!("{other} in {}", self.binary(*number));
                explained.set_outcome(clash.relocation, Outcome::Ambiguous { other });
            }
            Ok(explained)
        })
    }

    /// The relocations of those programs of `object` that are to be loaded, and what of the kernel's
    /// they need.
    fn ask(&self, object: &OpenObject) -> Result<Asked<'_>> {
        let left_out: Vec<_> = object
            .progs()
            .filter(|program| !program.autoload())
            .map(|program| program.name().to_string_lossy().into_owned())
            .collect();
        let mut parsed = BpfObject::parse(&self.object).map_err(Error::Object)?;
        parsed.retain_functions(|function| !left_out.iter().any(|name| name == function.name));
        let kernel = &self.context.kernel;
        let vmlinux = if parsed.needs().kernel {
            let vmlinux = kernel.vmlinux();
            Some(vmlinux.map_err(|error| without_kernel(error, &parsed))?)
        } else {
            None
        };
        let modules = vmlinux
            .as_deref()
            .map_or_else(Vec::new, |vmlinux| kernel.modules(&parsed, vmlinux));
        Ok(Asked {
            left_out,
            parsed,
            vmlinux,
            modules,
        })
    }

    /// Does `work` with all that relocations are looked up in.
    fn with_sources<T>(
        &self,
        asked: &Asked<'_>,
        work: impl FnOnce(&Sources<'_, '_>) -> Result<T>,
    ) -> Result<T> {
        let app: Vec<_> = self.context.app.iter().flat_map(TypeInfo::blobs).collect();
        let kernel = blobs(asked.vmlinux.as_deref(), &asked.modules).map_err(Error::Object)?;
        work(&Sources {
            app: &app,
            kernel: &kernel,
        })
    }

    /// For each blob of the application's, the number of the binary that it is of.
    fn binaries(&self) -> Vec<usize> {
        let binaries = self.context.app.iter().enumerate();
        binaries
            .flat_map(|(number, types)| types.blobs().map(move |_| number))
            .collect()
    }

    fn binary(&self, number: usize) -> &str {
        self.context.app.get(number).map_or("", TypeInfo::origin)
    }

    /// Names that mean different types in two binaries.
    fn disagreements(
        &self,
        object: &BpfObject<'_>,
        sources: &Sources<'_, '_>,
    ) -> Result<Vec<Disagreement>> {
        if self.context.app.len() < 2 {
            return Ok(Vec::new());
        }
        disagreements(object, sources, &self.binaries()).map_err(Error::Object)
    }

    fn same_name(&self, clash: Disagreement) -> Error {
        let [first, second] = clash
            .answers
            .map(|(number, answer)| (self.binary(number).to_owned(), answer));
        Error::SameName(Box::new(SameName {
            name: clash.name,
            place: match clash.source {
                Some((file, line)) => format!("{file}:{line}: {}", clash.function),
                None => clash.function,
            },
            local: clash.local,
            first,
            second,
        }))
    }

    /// Why there is nothing to relocate against, with the relocations that are in the way.
    fn merge_error(
        &self,
        object: &BpfObject<'_>,
        sources: &Sources<'_, '_>,
        source: core_btf::Error,
    ) -> Error {
        let rows = Explanation::new(object, sources, Names::default());
        let rows = rows.map_or_else(
            |_| Vec::new(),
            |explanation| {
                let rows = explanation.rows().iter();
                let refused = rows.filter(|row| row.outcome.is_refused());
                refused.cloned().collect()
            },
        );
        Error::Merge {
            origin: self.origin(),
            rows,
            source,
        }
    }

    fn origin(&self) -> String {
        let origins = self.context.app.iter().map(TypeInfo::origin);
        let origins: Vec<_> = origins.filter(|origin| !origin.is_empty()).collect();
        match origins.split_last() {
            None => "the application, of which none are given,".into(),
            Some((last, [])) => (*last).into(),
            Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        }
    }

    /// Runs libbpf's load and explains its failure.
    pub(crate) fn load<T>(self, load: impl FnOnce() -> libbpf_rs::Result<T>) -> Result<T> {
        let (loaded, log) = log::capture(load);
        loaded.map_err(|source| self.load_error(log, source))
    }

    /// Why libbpf could not load, from what it said meanwhile.
    fn load_error(self, log: String, source: libbpf_rs::Error) -> Error {
        if let Some((program, verdict)) = verdict(&log) {
            let origin = self.origin();
            let program = program.to_owned();
            let is_poison = POISON.iter().any(|mark| verdict.contains(mark));
            // Of what is missing, the verifier met some: subprograms count for any program.
            let mut rows = self.missing;
            rows.retain(|row| row.function == program || row.section == SUBPROGRAMS);
            // Mostly libbpf says what.
            let is_named = |row: &Row| verdict.contains(&row.local);
            if rows.iter().any(is_named) {
                rows.retain(is_named);
            }
            return if is_poison && !rows.is_empty() {
                Error::Unsatisfied {
                    program,
                    origin,
                    rows,
                    source,
                }
            } else {
                Error::Rejected {
                    program,
                    log: verdict.to_owned(),
                    source,
                }
            };
        }
        if source.kind() == ErrorKind::PermissionDenied {
            return Error::Privilege {
                operation: "loading BPF programs".into(),
                missing: Missing::to_load(),
                source,
            };
        }
        Error::Libbpf {
            operation: "loading the BPF object".into(),
            log,
            source,
        }
    }
}

/// Adds to the error that there are no kernel types what was to be looked up in them.
fn without_kernel(mut error: Error, object: &BpfObject<'_>) -> Error {
    if let Error::NoKernelTypes { rows, .. } = &mut error {
        *rows = kernel_roots(object).unwrap_or_default();
    }
    error
}

/// vmlinux and the modules that go on from it, in the order of [`Sources::kernel`].
fn blobs<'a>(
    vmlinux: Option<&'a Btf<'a>>,
    modules: &'a [Module],
) -> core_btf::Result<Cow<'a, [Btf<'a>]>> {
    let Some(vmlinux) = vmlinux else {
        return Ok(Cow::Borrowed(&[]));
    };
    if modules.is_empty() {
        return Ok(Cow::Borrowed(slice::from_ref(vmlinux)));
    }
    let modules = modules.iter().map(|module| module.types(vmlinux));
    iter::once(Ok(vmlinux.clone())).chain(modules).collect()
}

/// Makes uprobe programs attachable through multi-uprobe links where the kernel has them.
fn set_attach_types(object: &mut OpenObject, token: Option<TokenPath>) {
    for mut program in object.progs_mut() {
        let bare = BARE_UPROBES
            .iter()
            .any(|section| program.section() == *section);
        if bare
            && program.autoload()
            && matches!(program.prog_type(), ProgramType::Kprobe)
            && uprobe::multi_is_supported(token)
        {
            program.set_attach_type(ProgramAttachType::TraceUprobeMulti);
        }
    }
}

/// The program that the verifier rejected, and its log, which libbpf prints between two marks.
fn verdict(log: &str) -> Option<(&str, &str)> {
    const BEGIN: &str = "': -- BEGIN PROG LOAD LOG --\n";
    const END: &str = "-- END PROG LOAD LOG --";
    let (before, after) = log.split_once(BEGIN)?;
    let (_, program) = before.rsplit_once("prog '")?;
    let (verdict, _) = after.split_once(END)?;
    Some((program, verdict.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifiers_log_is_found_in_libbpfs() {
        let log = "libbpf: prog 'first': BPF program load failed: Permission denied\n\
                   libbpf: prog 'first': -- BEGIN PROG LOAD LOG --\n\
                   0: R1=ctx() R10=fp0\n\
                   R1 invalid mem access 'scalar'\n\
                   processed 5 insns\n\
                   -- END PROG LOAD LOG --\n\
                   libbpf: prog 'first': failed to load: -13\n";
        let (program, verdict) = verdict(log).unwrap();
        assert_eq!(program, "first");
        assert!(verdict.starts_with("0: R1=ctx()"), "{verdict}");
        assert!(verdict.ends_with("processed 5 insns"), "{verdict}");
    }

    #[test]
    fn a_log_without_a_verdict_has_none() {
        assert_eq!(
            verdict("libbpf: Error in bpf_object__probe_loading(): -EPERM\n"),
            None
        );
    }
}
