//! What tracing takes, and what there is of it: a report to read before something is refused.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::kernel;
use crate::privilege::{Missing, kernel_version};
use crate::token;
use crate::uprobe;

/// What this process and the running kernel have of what tracing takes. Nothing is changed or left
/// loaded by finding out.
///
/// `Display` has a line for each, which says what to do where something is missing:
///
/// ```no_run
/// println!("{}", core_runtime::preflight());
/// ```
///
/// ```text
/// Linux 6.18.44
/// ok       loading programs: this process has the capabilities for it
/// ok       attaching uprobes: through multi-uprobes, which take no more than loading
/// ok       ring buffers: the kernel has them
/// ok       types of the kernel: /sys/kernel/btf/vmlinux, 5.5 MB
/// note     types of kernel modules: none is loaded that has some
/// ok       processes of other users: this process may look at them
/// note     BPF token: none; only a process in a user namespace needs one
/// note     kernel.unprivileged_bpf_disabled is 2: who has no CAP_BPF cannot load programs
/// note     kernel.perf_event_paranoid is 2: it concerns perf events, not multi-uprobes
/// note     kernel lockdown is not in the way: none
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Preflight {
    /// The kernel's release, as `uname -r` has it.
    pub release: String,
    /// What loading programs lacks.
    pub to_load: Missing,
    /// Whether the kernel has multi-uprobes whose process filter works. To ask it, a program is
    /// loaded; who cannot do that gets [`Support::Untested`].
    pub multi_uprobes: Support,
    /// What attaching a uprobe as a perf event lacks, as it is done where there are no
    /// multi-uprobes.
    pub to_attach_perf_event: Missing,
    /// What looking at another user's process lacks.
    pub to_inspect_process: Missing,
    /// Whether the kernel has ring buffers (Linux 5.8).
    pub ring_buffers: bool,
    /// Size of `/sys/kernel/btf/vmlinux` in bytes; none when it cannot be read.
    pub vmlinux_bytes: Option<u64>,
    /// Number of loaded modules that publish their types.
    pub modules: usize,
    /// The BPF file system from which this process can take a token; none when there is none.
    pub token: Option<PathBuf>,
    /// `kernel.unprivileged_bpf_disabled`.
    pub unprivileged_bpf_disabled: Option<i32>,
    /// `kernel.perf_event_paranoid`.
    pub perf_event_paranoid: Option<i32>,
    /// The level of kernel lockdown, `none`, `integrity` or `confidentiality`, where it can be read.
    pub lockdown: Option<String>,
}

/// Whether a kernel has a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Support {
    /// It has been tried.
    Present,
    /// It has been tried, and is not there.
    Absent,
    /// It could not be tried; whether a kernel of this version has it.
    Untested(bool),
}

/// Finds out what there is.
#[must_use]
pub fn preflight() -> Preflight {
    let vmlinux = fs::File::open(kernel::VMLINUX).and_then(|file| file.metadata());
    Preflight {
        release: kernel::release(),
        to_load: Missing::to_load(),
        multi_uprobes: match uprobe::multi_is_present(None) {
            Ok(true) => Support::Present,
            Ok(false) => Support::Absent,
            Err(_) => Support::Untested(kernel_version() >= (6, 10)),
        },
        to_attach_perf_event: Missing::to_attach_perf_event(),
        to_inspect_process: Missing::to_inspect_process(),
        ring_buffers: kernel_version() >= (5, 8),
        vmlinux_bytes: vmlinux.ok().map(|vmlinux| vmlinux.len()),
        modules: kernel::module_files(Path::new(kernel::PUBLISHED)).len(),
        token: token::available(),
        unprivileged_bpf_disabled: setting("unprivileged_bpf_disabled"),
        perf_event_paranoid: setting("perf_event_paranoid"),
        lockdown: lockdown(),
    }
}

impl Preflight {
    /// Whether programs can be loaded, as far as privileges go.
    #[must_use]
    pub fn can_load(&self) -> bool {
        self.token.is_some() || self.to_load.is_nothing()
    }

    /// Whether loaded programs can be attached.
    #[must_use]
    pub fn can_attach(&self) -> bool {
        matches!(
            self.multi_uprobes,
            Support::Present | Support::Untested(true)
        ) || self.to_attach_perf_event.is_nothing()
    }
}

/// How a line begins.
#[derive(Clone, Copy)]
enum Mark {
    Ok,
    Missing,
    Note,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Missing => "MISSING",
            Self::Note => "note",
        })
    }
}

impl fmt::Display for Preflight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Linux {}", self.release)?;
        let lines = [
            self.loading(),
            self.attaching(),
            self.events(),
            self.kernel_types(),
            self.module_types(),
            self.other_processes(),
            self.bpf_token(),
            self.unprivileged(),
            self.paranoid(),
            self.locked_down(),
        ];
        for (mark, line) in lines {
            write!(f, "\n{mark:<8} {line}")?;
        }
        Ok(())
    }
}

impl Preflight {
    fn loading(&self) -> (Mark, String) {
        match &self.token {
            Some(path) if !self.to_load.is_nothing() => {
                let path = path.display();
                (
                    Mark::Ok,
                    format!("loading programs: by the BPF token of {path}"),
                )
            }
            _ if self.can_load() => {
                let text = "loading programs: this process has the capabilities for it";
                (Mark::Ok, text.into())
            }
            _ => (Mark::Missing, format!("loading programs: {}", self.to_load)),
        }
    }

    fn attaching(&self) -> (Mark, String) {
        let text = match self.multi_uprobes {
            Support::Present => "through multi-uprobes, which take no more than loading",
            Support::Untested(true) => {
                "through multi-uprobes, which the kernel should have by its version"
            }
            Support::Absent | Support::Untested(false) if self.can_attach() => {
                "as perf events, as the kernel has no multi-uprobes"
            }
            Support::Absent | Support::Untested(false) => {
                let text = format!(
                    "attaching uprobes: the kernel has no multi-uprobes (Linux 6.10 has), and \
                     attaching as a perf event takes more: {}",
                    self.to_attach_perf_event
                );
                return (Mark::Missing, text);
            }
        };
        (Mark::Ok, format!("attaching uprobes: {text}"))
    }

    fn events(&self) -> (Mark, String) {
        if self.ring_buffers {
            return (Mark::Ok, "ring buffers: the kernel has them".into());
        }
        let text = "ring buffers: Linux 5.8 and later have them; on this kernel, keep what is seen \
                    in maps";
        (Mark::Missing, text.into())
    }

    fn kernel_types(&self) -> (Mark, String) {
        if let Some(bytes) = self.vmlinux_bytes {
            let (mega, tenth) = (bytes / 1_000_000, bytes / 100_000 % 10);
            let text = format!(
                "types of the kernel: {}, {mega}.{tenth} MB",
                kernel::VMLINUX
            );
            return (Mark::Ok, text);
        }
        let text = format!(
            "types of the kernel: {} cannot be read; programs that name none of the kernel's types \
             need none, for others name a BTF file made for this kernel with `Loader::kernel_btf`",
            kernel::VMLINUX
        );
        (Mark::Missing, text)
    }

    fn module_types(&self) -> (Mark, String) {
        let text = match self.modules {
            0 => "none is loaded that has some".to_owned(),
            modules => format!("of {modules} modules, in {}", kernel::PUBLISHED),
        };
        (Mark::Note, format!("types of kernel modules: {text}"))
    }

    fn other_processes(&self) -> (Mark, String) {
        if self.to_inspect_process.is_nothing() {
            let text = "processes of other users: this process may look at them";
            return (Mark::Ok, text.into());
        }
        let text = format!("processes of other users: {}", self.to_inspect_process);
        (Mark::Note, text)
    }

    fn bpf_token(&self) -> (Mark, String) {
        match &self.token {
            Some(path) => (Mark::Ok, format!("BPF token: {} gives one", path.display())),
            None if self.to_load.in_user_namespace => {
                let text = "BPF token: none; have a BPF file system mounted for this user namespace \
                            that delegates commands, maps, programs and attachments (Linux 6.9), \
                            and name it with `Loader::bpf_token`";
                (Mark::Missing, text.into())
            }
            None => {
                let text = "BPF token: none; only a process in a user namespace needs one";
                (Mark::Note, text.into())
            }
        }
    }

    fn unprivileged(&self) -> (Mark, String) {
        let text = match self.unprivileged_bpf_disabled {
            None => "kernel.unprivileged_bpf_disabled cannot be read".into(),
            Some(0) => {
                "kernel.unprivileged_bpf_disabled is 0: it does not matter to tracing, which \
                        takes CAP_BPF"
                    .into()
            }
            Some(value) => format!(
                "kernel.unprivileged_bpf_disabled is {value}: who has no CAP_BPF cannot load \
                 programs"
            ),
        };
        (Mark::Note, text)
    }

    fn paranoid(&self) -> (Mark, String) {
        let text = match self.perf_event_paranoid {
            None => "kernel.perf_event_paranoid cannot be read".into(),
            Some(value) => format!(
                "kernel.perf_event_paranoid is {value}: it concerns perf events, not multi-uprobes"
            ),
        };
        (Mark::Note, text)
    }

    fn locked_down(&self) -> (Mark, String) {
        match self.lockdown.as_deref() {
            Some("confidentiality") => {
                let text = "kernel lockdown is at confidentiality, which forbids to read the \
                            kernel's memory and to open perf events: boot without \
                            `lockdown=confidentiality`";
                (Mark::Missing, text.into())
            }
            Some(level) => (
                Mark::Note,
                format!("kernel lockdown is not in the way: {level}"),
            ),
            None => (
                Mark::Note,
                "kernel lockdown: /sys/kernel/security is not mounted, or the kernel has none"
                    .into(),
            ),
        }
    }
}

/// A number of `/proc/sys/kernel`.
fn setting(name: &str) -> Option<i32> {
    let text = fs::read_to_string(Path::new("/proc/sys/kernel").join(name));
    text.ok()?.trim().parse().ok()
}

/// The level that is in brackets among those that there are.
fn lockdown() -> Option<String> {
    let text = fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    let (_, rest) = text.split_once('[')?;
    let (level, _) = rest.split_once(']')?;
    Some(level.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privilege::Capability;

    fn nothing() -> Missing {
        Missing {
            capabilities: Vec::new(),
            in_user_namespace: false,
        }
    }

    fn all_there() -> Preflight {
        Preflight {
            release: "6.12.0".into(),
            to_load: nothing(),
            multi_uprobes: Support::Present,
            to_attach_perf_event: nothing(),
            to_inspect_process: nothing(),
            ring_buffers: true,
            vmlinux_bytes: Some(5_500_000),
            modules: 3,
            token: None,
            unprivileged_bpf_disabled: Some(2),
            perf_event_paranoid: Some(3),
            lockdown: Some("none".into()),
        }
    }

    #[test]
    fn what_is_there_is_said_to_be() {
        let report = all_there();
        let text = report.to_string();
        assert!(!text.contains("MISSING"), "{text}");
        assert!(
            text.starts_with("Linux 6.12.0\nok       loading programs: "),
            "{text}"
        );
        assert!(report.can_load() && report.can_attach());
    }

    /// Each thing that is missing has a line of its own, with the way out.
    #[test]
    fn what_is_missing_comes_with_what_to_do() {
        let lacks = |capability| Missing {
            capabilities: vec![capability],
            in_user_namespace: false,
        };
        let report = Preflight {
            to_load: lacks(Capability::Bpf),
            multi_uprobes: Support::Absent,
            to_attach_perf_event: lacks(Capability::SysAdmin),
            ring_buffers: false,
            vmlinux_bytes: None,
            lockdown: Some("confidentiality".into()),
            ..all_there()
        };
        assert!(!report.can_load() && !report.can_attach());
        let text = report.to_string();
        let missing: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("MISSING"))
            .collect();
        let ways_out = [
            "setcap cap_bpf+ep",
            "setcap cap_sys_admin+ep",
            "keep what is seen in maps",
            "Loader::kernel_btf",
            "boot without",
        ];
        assert_eq!(missing.len(), ways_out.len(), "{text}");
        for (line, way_out) in missing.iter().zip(ways_out) {
            assert!(line.contains(way_out), "{line}");
        }
    }

    #[test]
    fn a_user_namespace_needs_a_token() {
        let report = Preflight {
            to_load: Missing {
                capabilities: Vec::new(),
                in_user_namespace: true,
            },
            ..all_there()
        };
        let without = report.to_string();
        assert!(
            !report.can_load() && without.contains("MISSING  BPF token"),
            "{without}"
        );
        let report = Preflight {
            token: Some("/sys/fs/bpf".into()),
            ..report
        };
        let with = report.to_string();
        assert!(report.can_load() && !with.contains("MISSING"), "{with}");
        assert!(with.contains("by the BPF token of /sys/fs/bpf"), "{with}");
    }
}
