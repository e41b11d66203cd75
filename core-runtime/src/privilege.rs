//! Which capability a refused operation lacks.

use std::fmt;
use std::fs;

use rustix::process::{Resource, getrlimit};
use rustix::thread::CapabilitySet;

/// A capability of `capabilities(7)` that tracing may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capability {
    /// `CAP_BPF`: create maps and load programs.
    Bpf,
    /// `CAP_PERFMON`: load tracing programs, read other processes' memory in them.
    Perfmon,
    /// `CAP_SYS_ADMIN`: attach a uprobe as a perf event; everything before Linux 5.8.
    SysAdmin,
    /// `CAP_SYS_RESOURCE`: lock memory beyond the limit, before Linux 5.11.
    SysResource,
    /// `CAP_SYS_PTRACE`: look into processes of other users.
    SysPtrace,
}

impl Capability {
    fn set(self) -> CapabilitySet {
        match self {
            Self::Bpf => CapabilitySet::BPF,
            Self::Perfmon => CapabilitySet::PERFMON,
            Self::SysAdmin => CapabilitySet::SYS_ADMIN,
            Self::SysResource => CapabilitySet::SYS_RESOURCE,
            Self::SysPtrace => CapabilitySet::SYS_PTRACE,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Bpf => "CAP_BPF",
            Self::Perfmon => "CAP_PERFMON",
            Self::SysAdmin => "CAP_SYS_ADMIN",
            Self::SysResource => "CAP_SYS_RESOURCE",
            Self::SysPtrace => "CAP_SYS_PTRACE",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a process lacks for an operation that the kernel refused, and how to get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The capabilities that the operation needs and this thread does not have; empty when
    /// something other than a capability is in the way.
    pub capabilities: Vec<Capability>,
    /// Whether the process is in a user namespace, whose capabilities don't count for BPF.
    pub in_user_namespace: bool,
}

impl Missing {
    /// Of `needed`, what this thread lacks.
    fn of(needed: &[Capability]) -> Self {
        let effective = rustix::thread::capabilities(None)
            .map_or(CapabilitySet::empty(), |sets| sets.effective);
        // CAP_SYS_ADMIN implies the finer ones that were split from it.
        let has = |capability: Capability| {
            effective.contains(capability.set())
                || matches!(capability, Capability::Bpf | Capability::Perfmon)
                    && effective.contains(CapabilitySet::SYS_ADMIN)
        };
        Self {
            capabilities: needed.iter().copied().filter(|&c| !has(c)).collect(),
            in_user_namespace: in_user_namespace(),
        }
    }

    /// Whether there is all that is needed.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.capabilities.is_empty() && !self.in_user_namespace
    }

    /// What loading a tracing program lacks.
    pub(crate) fn to_load() -> Self {
        let kernel = kernel_version();
        if kernel < (5, 8) {
            return Self::of(&[Capability::SysAdmin]);
        }
        let mut needed = vec![Capability::Bpf, Capability::Perfmon];
        // Until 5.11 maps and programs counted as locked memory, which libbpf tries to unlimit.
        if kernel < (5, 11) && getrlimit(Resource::Memlock).current.is_some() {
            needed.push(Capability::SysResource);
        }
        Self::of(&needed)
    }

    /// What attaching a uprobe as a perf event lacks.
    pub(crate) fn to_attach_perf_event() -> Self {
        Self::of(&[Capability::SysAdmin])
    }

    /// What looking at another user's process lacks.
    pub(crate) fn to_inspect_process() -> Self {
        Self::of(&[Capability::SysPtrace])
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.in_user_namespace {
            return f.write_str(
                "the capabilities of a user namespace do not count for it: run it outside the \
                 namespace, in a container that is not rootless, or with a BPF token \
                 (`Loader::bpf_token`)",
            );
        }
        if self.capabilities.is_empty() {
            return f.write_str(
                "this process has the capabilities for it: a seccomp filter (of a container or \
                 service), a security module or kernel lockdown forbids it",
            );
        }
        let join = |separator: &str, name: &dyn Fn(&Capability) -> String| {
            let names: Vec<_> = self.capabilities.iter().map(name).collect();
            names.join(separator)
        };
        let names = join(" and ", &ToString::to_string);
        let arguments = join(",", &|c| c.name().to_lowercase());
        let program = std::env::current_exe()
            .map_or_else(|_| "PROGRAM".into(), |path| path.display().to_string());
        write!(
            f,
            "this process lacks {names}: run it as root, or give the program what it needs, once, \
             with `sudo setcap {arguments}+ep {program}`"
        )
    }
}

/// Major and minor version of the running kernel; (0, 0) if it cannot be told.
pub(crate) fn kernel_version() -> (u32, u32) {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse().unwrap_or_default());
    (
        numbers.next().unwrap_or_default(),
        numbers.next().unwrap_or_default(),
    )
}

/// Whether user ids are mapped: only the first user namespace maps all of them to themselves.
fn in_user_namespace() -> bool {
    fs::read_to_string("/proc/self/uid_map")
        .is_ok_and(|map| map.split_whitespace().ne(["0", "0", "4294967295"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_capabilities_come_with_the_command_that_grants_them() {
        let missing = Missing {
            capabilities: vec![Capability::Bpf, Capability::Perfmon],
            in_user_namespace: false,
        };
        let text = missing.to_string();
        assert!(
            text.starts_with("this process lacks CAP_BPF and CAP_PERFMON:"),
            "{text}"
        );
        assert!(
            text.contains("sudo setcap cap_bpf,cap_perfmon+ep /"),
            "{text}"
        );
    }

    #[test]
    fn running_kernel_has_a_version() {
        assert!(kernel_version() >= (3, 0));
    }
}
