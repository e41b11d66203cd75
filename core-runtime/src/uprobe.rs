//! Probes on functions of user-space programs.

use std::fmt;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::OnceLock;

use libbpf_rs::{ErrorKind, Link, ProgramAttachType, ProgramMut, UprobeMultiOpts, UprobeOpts};

use crate::binary::Binary;
use crate::error::{Error, Result};
use crate::place::{Place, Target};
use crate::privilege::Missing;
use crate::process::Process;
use crate::token::{self, TokenPath};
use crate::{log, sys};

/// A probe on a function of a user-space program: where it is, of which processes, and what the
/// BPF program gets to see.
///
/// ```no_run
/// # use core_runtime::{Binary, Process, Uprobe};
/// # extern "C" fn handle_request(_: &u32) {}
/// # fn attach(pid: u32, program: &libbpf_rs::ProgramMut<'_>) -> core_runtime::Result<()> {
/// // A function of this program, in this process.
/// let own = Uprobe::function(handle_request as *const ()).attach(program)?;
/// // A function of the program that another process runs, in that process.
/// let server = Process::new(pid)?.program()?;
/// let other = Uprobe::symbol(&server, "handle_request").attach(program)?;
/// // When `malloc` of the C library returns, in every process.
/// let libc = Binary::open("/lib/x86_64-linux-gnu/libc.so.6")?;
/// let everywhere = Uprobe::symbol(&libc, "malloc").at_return().attach(program)?;
/// # drop((own, other, everywhere)); Ok(())
/// # }
/// ```
///
/// A program in a section `uprobe` or `uprobe.s` is attached at a function's entry, one in
/// `uretprobe` or `uretprobe.s` at its return, unless the probe says otherwise.
///
/// How: through a `uprobe_multi` link where the program was loaded for one (sections
/// `uprobe.multi` and, when a [`Loader`](crate::Loader) loaded it on a kernel that has such links,
/// `uprobe`), which asks for no more privilege than loading the program did; else as a perf event,
/// which asks for `CAP_SYS_ADMIN`.
///
/// When a traced process forks: the child runs the same code. A probe of all processes is hit in it
/// too, one of a single process is not. When it executes another file, the probe stays with the
/// old one: of another version of the program, nothing is seen until that is probed as well.
#[derive(Clone, Debug)]
#[must_use = "a probe does nothing until it is attached"]
pub struct Uprobe {
    target: Target,
    processes: Processes,
    moment: Option<Moment>,
    cookie: u64,
}

/// Which processes run into the breakpoint.
#[derive(Clone, Debug)]
enum Processes {
    All,
    This,
    One(Process),
}

impl Processes {
    /// Those that a probe on this binary is for, if it does not say.
    fn of(binary: &Binary) -> Self {
        binary.process().cloned().map_or(Self::All, Self::One)
    }

    /// Fails if the one that is meant has exited: its number may be another's.
    fn check(&self) -> Result<()> {
        match self {
            Self::All | Self::This => Ok(()),
            Self::One(process) => process.check(),
        }
    }
}

/// When the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Entry,
    Return,
}

impl Uprobe {
    fn new(target: Target, processes: Processes) -> Self {
        Self {
            target,
            processes,
            moment: None,
            cookie: 0,
        }
    }

    /// A function of this program, or of a library that it has loaded: `f as *const ()`.
    ///
    /// The function must exist as such: give it `#[inline(never)]`, and `extern "C"` for the
    /// program to find its arguments where BPF's macros look for them. No symbol is needed, so the
    /// binary may be stripped. Only this process is probed, unless
    /// [`all_processes`](Self::all_processes) says otherwise.
    pub fn function(function: *const ()) -> Self {
        let target = Target::Address(function.addr() as u64);
        Self::new(target, Processes::This)
    }

    /// The function of this name that the binary defines. Probed is the process that the binary
    /// came from, or every process that runs the binary if it was opened by its path.
    ///
    /// The name is that of the symbol, or that in the source of C++ or Rust:
    ///
    /// | function | goes by |
    /// | --- | --- |
    /// | C, `extern "C"` | `SSL_read`, without a version |
    /// | any | its symbol as it is, `_ZN3net6handleEi` |
    /// | C++ `net::handle(int)` | `net::handle(int)`, `net::handle` |
    /// | C++ `int net::add<int>(int)` | `net::add<int>(int)`, `net::add<int>`, `net::add` |
    /// | Rust `myapp::handle::<u32>` | `myapp::handle::<u32>` (if its symbol is of the `v0` scheme, which has the types), `myapp::handle` |
    /// | Rust `Conn::read` of `impl Conn` | `myapp::net::Conn::read` |
    /// | Rust `Display::fmt` of `Conn` | `<myapp::net::Conn as core::fmt::Display>::fmt`, `myapp::net::Conn::fmt` |
    ///
    /// So a name without parameters, or without any `<`, fits all functions that differ in these;
    /// paths are whole; white space does not matter; a Rust function's hash is left out. Parts of a
    /// function, and variants of it with other arguments, that the compiler made (`.cold`,
    /// `.constprop.0`) go by their symbols only. If several
    /// functions fit, the probe is refused with the list of them, unless
    /// [`all_matches`](Self::all_matches) are meant. A symbol of just that name comes first, and one
    /// that is visible outside its compilation unit before those that are not.
    ///
    /// Symbols are looked for in `.symtab` and `.dynsym`
    #[cfg_attr(
        feature = "dwarf",
        doc = "and, if there is no `.symtab`, in `.gnu_debugdata` and the separate debug file."
    )]
    #[cfg_attr(
        not(feature = "dwarf"),
        doc = "and, with feature `dwarf`, in `.gnu_debugdata` and the separate debug file."
    )]
    /// Functions that the binary only calls (its PLT), and those that stand for others (IFUNC), are
    /// refused.
    pub fn symbol(binary: &Binary, name: impl Into<String>) -> Self {
        let target = Target::Symbol {
            binary: binary.clone(),
            symbol: name.into(),
            all: false,
        };
        Self::new(target, Processes::of(binary))
    }

    /// The instruction `offset` bytes from the start of the binary's file (which is not its address
    /// in memory). Probed are the same processes as with [`symbol`](Self::symbol).
    pub fn offset(binary: &Binary, offset: u64) -> Self {
        let target = Target::Offset {
            binary: binary.clone(),
            offset,
        };
        Self::new(target, Processes::of(binary))
    }

    /// Probes every function that has the name, not just the one that has it. The cookie is the same
    /// for all; in [`Attached::places`] they are listed.
    pub fn all_matches(mut self) -> Self {
        if let Target::Symbol { all, .. } = &mut self.target {
            *all = true;
        }
        self
    }

    /// Probes this process only.
    pub fn process(mut self, process: &Process) -> Self {
        self.processes = Processes::One(process.clone());
        self
    }

    /// Probes every process that runs the code.
    pub fn all_processes(mut self) -> Self {
        self.processes = Processes::All;
        self
    }

    /// Runs the program when the function is called, whatever its section says.
    pub fn at_entry(mut self) -> Self {
        self.moment = Some(Moment::Entry);
        self
    }

    /// Runs the program when the function returns, whatever its section says.
    pub fn at_return(mut self) -> Self {
        self.moment = Some(Moment::Return);
        self
    }

    /// What `bpf_get_attach_cookie()` gives the program.
    pub fn cookie(mut self, cookie: u64) -> Self {
        self.cookie = cookie;
        self
    }

    /// Attaches `program`, which must be loaded.
    ///
    /// # Errors
    /// [`Error::NoSymbol`], [`Error::AmbiguousSymbol`], [`Error::IndirectFunction`],
    /// [`Error::ImportedFunction`], [`Error::NotCode`], [`Error::MalformedElf`] and [`Error::Io`]
    /// when the place is not found, [`Error::ProcessGone`] when the process that
    /// is meant has exited, [`Error::Privilege`] and [`Error::Attach`] when the kernel refuses.
    pub fn attach(&self, program: &ProgramMut<'_>) -> Result<Attached> {
        log::install();
        let place = self.target.resolve()?;
        let section = program.section().to_string_lossy();
        let multi = matches!(program.attach_type(), ProgramAttachType::TraceUprobeMulti);
        let session = section.starts_with("uprobe.session");
        let linked = if multi || session {
            self.attach_multi(program, &place, &section, session)
                .map(|link| vec![link])
        } else {
            self.attach_perf_event(program, &place, &section)
        };
        // Had it exited meanwhile, the probe might be on whoever got its number.
        self.processes.check()?;
        let links = linked.map_err(|error| self.explain(program, multi || session, error))?;
        Ok(Attached { links, place })
    }

    fn retprobe(&self, section: &str) -> bool {
        match self.moment {
            Some(moment) => moment == Moment::Return,
            None => section.starts_with("uretprobe"),
        }
    }

    /// The process as libbpf wants it.
    fn libbpf_pid(&self) -> i32 {
        let pid = match &self.processes {
            Processes::All => return -1,
            Processes::This => std::process::id(),
            Processes::One(process) => process.pid(),
        };
        // No process has a number beyond 2^22.
        i32::try_from(pid).unwrap_or(i32::MAX)
    }

    fn attach_multi(
        &self,
        program: &ProgramMut<'_>,
        place: &Place,
        section: &str,
        session: bool,
    ) -> libbpf_rs::Result<Link> {
        let opts = UprobeMultiOpts {
            offsets: place.offsets.iter().copied().map(to_usize).collect(),
            cookies: vec![self.cookie; place.offsets.len()],
            retprobe: self.retprobe(section) && !session,
            session,
            ..Default::default()
        };
        program.attach_uprobe_multi_with_opts(self.libbpf_pid(), place.path(), "", opts)
    }

    fn attach_perf_event(
        &self,
        program: &ProgramMut<'_>,
        place: &Place,
        section: &str,
    ) -> libbpf_rs::Result<Vec<Link>> {
        let opts = UprobeOpts {
            cookie: self.cookie,
            retprobe: self.retprobe(section),
            ..Default::default()
        };
        let attach = |&offset: &u64| {
            let offset = to_usize(offset);
            program.attach_uprobe_with_opts(self.libbpf_pid(), place.path(), offset, opts.clone())
        };
        place.offsets.iter().map(attach).collect()
    }

    fn explain(&self, program: &ProgramMut<'_>, multi: bool, source: libbpf_rs::Error) -> Error {
        let program = program.name().to_string_lossy().into_owned();
        let problem = match source.kind() {
            ErrorKind::PermissionDenied if multi => {
                return Error::Privilege {
                    operation: format!("attaching `{program}` to {}", self.target),
                    missing: Missing::to_inspect_process(),
                    source,
                };
            }
            ErrorKind::PermissionDenied => {
                let way_out = if multi_is_supported(None) {
                    ", which `SEC(\"uprobe\")` without a target avoids,"
                } else {
                    ""
                };
                return Error::Privilege {
                    operation: format!(
                        "attaching `{program}` to {} as a perf event{way_out}",
                        self.target
                    ),
                    missing: Missing::to_attach_perf_event(),
                    source,
                };
            }
            ErrorKind::InvalidInput => {
                "the offset is beyond the end of the file, or the instruction there cannot be \
                 probed"
            }
            _ => "the kernel refused it",
        };
        Error::Attach {
            program,
            place: self.target.to_string(),
            problem,
            source,
        }
    }
}

/// An attached program. Dropping this detaches it: when that returns, the program runs no more, unless
/// another thread of this process is just then starting a child, which has all descriptors until it
/// calls `execve`.
///
/// The kernel takes its time to be sure of that: some 30 ms for a multi-uprobe, 100 ms for a perf
/// event.
///
/// It does not depend on the object that the program came from: the kernel keeps the program for
/// as long as it is attached.
#[must_use = "dropping this detaches the program"]
pub struct Attached {
    /// One for all places, or one for each.
    links: Vec<Link>,
    place: Place,
}

impl Attached {
    /// The file and the offsets in it, in bytes, that the probe is at.
    #[must_use]
    pub fn places(&self) -> (&std::path::Path, &[u64]) {
        (&self.place.name, &self.place.offsets)
    }

    /// libbpf's own guards, for what only they can do (pinning, replacing the program): one for all
    /// places of a multi-uprobe, one for each place of perf events.
    #[must_use = "dropping these detaches the program"]
    pub fn into_links(self) -> Vec<Link> {
        self.links
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached")
            .field("file", &self.place.name)
            .field("offsets", &format_args!("{:#x?}", self.place.offsets))
            .finish_non_exhaustive()
    }
}

/// An offset in a file, for libbpf; none has one beyond this.
fn to_usize(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// Whether the kernel has `uprobe_multi` links (Linux 6.6) whose process filter works (6.10, and
/// stable kernels that took the fix): the same test that libbpf makes for USDT probes.
pub(crate) fn multi_is_supported(token: Option<TokenPath>) -> bool {
    // Refused for lack of privilege, which the process may yet get.
    multi_is_present(token).unwrap_or(false)
}

/// The same, or why it cannot be told.
pub(crate) fn multi_is_present(token: Option<TokenPath>) -> io::Result<bool> {
    static PRESENT: OnceLock<bool> = OnceLock::new();
    if let Some(&known) = PRESENT.get() {
        return Ok(known);
    }
    let present = probe_multi(token)?;
    Ok(*PRESENT.get_or_init(|| present))
}

fn probe_multi(token: Option<TokenPath>) -> io::Result<bool> {
    // Linux's numbers: what a directory instead of a file, and a bad process id, are answered.
    const EBADF: i32 = 9;
    const EINVAL: i32 = 22;
    let is_refusal = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    let mut loaded = sys::load_empty_uprobe_multi(None);
    if loaded.as_ref().is_err_and(is_refusal)
        && let Ok(token) = token::take(token)
    {
        loaded = sys::load_empty_uprobe_multi(Some(token.as_fd()));
    }
    let program = match loaded {
        Ok(program) => program,
        Err(error) if is_refusal(&error) => return Err(error),
        Err(_) => return Ok(false),
    };
    let answer = |pid| sys::attach_uprobe_multi_to_root_directory(program.as_fd(), pid);
    Ok(answer(0).raw_os_error() == Some(EBADF) && answer(u32::MAX).raw_os_error() == Some(EINVAL))
}
