//! Programs that wait to be told to call a traced function, and a BPF program that reads the
//! argument of that function.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use core_runtime::{Attached, Error, Loader, TypeInfo, Uprobe};
use libbpf_rs::{MapCore as _, MapFlags, Object};

use crate::clang;

/// C: `struct target_job`, which `PAD` gives a layout, and `push`, which is to be traced. `push_jobs`
/// calls it with values from 1000.
pub const PUSH: &str = r"
#ifndef PAD
#define PAD 3
#endif
struct target_job { long before[PAD]; long value; };
__attribute__((noinline)) void push(struct target_job *job) { __asm__ volatile(`` : : `r`(job) : `memory`); }
void push_job(void)
{
	static long value = 1000;
	struct target_job job = { .value = value++ };
	push(&job);
}
";

/// C: a `main` that calls `push_job` for each byte of its input, and answers with it. First it says
/// that it runs, after deleting its own file if it has an argument.
pub const MAIN: &str = r"
#include <unistd.h>
void push_job(void);
int main(int argc, char **argv)
{
	char byte = '>';
	if (argc > 1 && unlink(argv[0]))
		return 1;
	do {
		if (byte != '>')
			push_job();
		if (write(1, &byte, 1) != 1)
			return 1;
	} while (read(0, &byte, 1) == 1);
	return 0;
}
";

/// Counts the calls, and keeps the job's value.
const READER: &str = r#"
struct target_job { long value; } __attribute__((preserve_access_index));
struct seen { __u64 count, value; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1);
         __type(key, __u32); __type(value, struct seen); } seen SEC(".maps");

static __always_inline int note(struct pt_regs *ctx)
{
	__u32 zero = 0;
	struct target_job *job = (void *)PT_REGS_PARM1(ctx);
	struct seen *s = bpf_map_lookup_elem(&seen, &zero);
	if (s) {
		__sync_fetch_and_add(&s->count, 1);
		bpf_probe_read_user(&s->value, sizeof(s->value), &job->value);
	}
	return 0;
}
SEC("uprobe") int on_push(struct pt_regs *ctx) { return note(ctx); }

"#;

/// Compiles C with [`PUSH`] before it.
///
/// # Panics
/// When it does not compile.
pub fn compile(compiler: &str, source: &str, flags: &[&str], output: &Path) {
    let input = output.with_extension("source.c");
    fs::write(&input, format!("{}\n{source}", PUSH.replace('`', "\""))).unwrap();
    let status = Command::new(compiler)
        .args(["-g", "-O1"])
        .arg(&input)
        .arg("-o")
        .arg(output)
        .args(flags)
        .status();
    assert!(status.unwrap().success(), "{compiler} {flags:?}");
}

/// A program that waits to be told to call `push_job`.
#[derive(Debug)]
pub struct Target {
    child: Child,
    pid: u32,
}

impl Target {
    /// Starts it, and waits until it says that it runs.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut target = Self {
            pid: child.id(),
            child,
        };
        assert_eq!(target.answer(), b'>');
        target
    }

    /// The same for a command (`unshare --fork`) that starts it as its child.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn start_child_of(command: &mut Command) -> Self {
        let mut target = Self::start(command);
        let pid = target.pid;
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        target.pid = children.trim().parse().unwrap();
        target
    }

    /// Its number.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Has it call the function.
    ///
    /// # Panics
    /// When it has ended.
    pub fn call(&mut self) {
        let input = self.child.stdin.as_mut().unwrap();
        input.write_all(b".").unwrap();
        input.flush().unwrap();
        assert_eq!(self.answer(), b'.');
    }

    fn answer(&mut self) -> u8 {
        let mut byte = [0];
        let output = self.child.stdout.as_mut().unwrap();
        output.read_exact(&mut byte).expect("the target runs");
        byte[0]
    }

    /// Ends it, and waits for that.
    ///
    /// # Panics
    /// When it fails.
    pub fn end(&mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// The BPF program, relocated against some types and loaded.
#[derive(Debug)]
pub struct Reader {
    object: Object,
}

impl Reader {
    /// # Errors
    /// As the loader's.
    ///
    /// # Panics
    /// When it does not compile.
    pub fn load(types: TypeInfo) -> Result<Self, Error> {
        let object = clang::bpf_object(READER).unwrap();
        let object = Loader::new(types).open_object(object)?.load()?;
        Ok(Self { object })
    }

    /// Attaches it.
    ///
    /// # Errors
    /// As the probe's.
    ///
    /// # Panics
    /// Never.
    pub fn attach(&self, probe: &Uprobe) -> Result<Attached, Error> {
        let program = self.object.progs_mut().find(|it| it.name() == "on_push");
        probe.attach(&program.expect("it is in the object"))
    }

    /// How often it ran, and the value of the last job.
    ///
    /// # Panics
    /// When the map cannot be read.
    #[must_use]
    pub fn seen(&self) -> (u64, u64) {
        let map = self.object.maps().find(|map| map.name() == "seen");
        let key = 0_u32.to_ne_bytes();
        let value = map.unwrap().lookup(&key, MapFlags::ANY).unwrap().unwrap();
        let [count, value] = bytemuck::pod_read_unaligned(&value);
        (count, value)
    }
}
