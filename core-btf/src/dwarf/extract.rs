//! The way from a file to its types.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread::available_parallelism;

use super::entries::Names;
use super::error::{Error, Warning};
use super::gathered::Gathered;
use super::input::{Input, objects};
use super::links::links;
use super::object::{Task, extract_object};
use super::progress::Progress;
use super::threads;
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
    gather(data, elsewhere, options, &Progress::default())?.finish()
}

/// The first step of [`extract_all`]: reads all that there is, and tells `progress` how far it is. The
/// files are not needed for the second step, [`Gathered::finish`].
///
/// # Errors
/// As [`extract_all`].
pub fn gather(
    data: &[u8],
    elsewhere: &Elsewhere<'_>,
    options: &Options,
    progress: &Progress,
) -> Result<Gathered, Error> {
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
    let names = Arc::new(Names::new());
    let task = Task {
        options,
        split: &split,
        names: &names,
        progress,
    };
    let mut gathered = Gathered::new(&options.roots, Arc::clone(&names), !split.is_empty());
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
    Ok(gathered)
}
