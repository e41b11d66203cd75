//! A workspace of a library, which has the types, and a program, which traces them: with and
//! without privileges, and with a description that somebody has tampered with. Needs root.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

mod scratch;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use scratch::{Scratch, output_of, target_dir};
use tests::forge::forged;

/// The library. It knows nothing of BPF programs.
const MODEL: &str = r#"
core_runtime::embed!();
use std::sync::{Arc, Mutex};

#[core_runtime::bpf_traceable]
pub struct Job {
    pub urgent: bool,
    pub id: u64,
    pub title: String,
    pub state: State,
    pub queue: Arc<Mutex<Queue>>,
}

#[core_runtime::bpf_traceable]
pub enum State {
    Waiting,
    Running { worker: String, since: u64 },
}

pub struct Queue {
    pub closed: bool,
    pub length: u32,
}

#[inline(never)]
pub extern "C" fn job_changed(job: &Job) {
    std::hint::black_box(job);
}
"#;

/// The program. It has a traced type of its own, which leads to the library's.
const MAIN: &str = r#"
core_runtime::embed!();
use core_runtime::{Error, Loader, TypeInfo, Uprobe};
use model::{Job, Queue, State};

#[core_runtime::bpf_traceable]
struct Attempt<'a> {
    number: u8,
    job: &'a Job,
}

#[inline(never)]
extern "C" fn attempt_done(attempt: &Attempt<'_>) {
    std::hint::black_box((attempt.number, attempt.job));
}

fn trace(job: &Job) -> core_runtime::Result<String> {
    let mut storage = std::mem::MaybeUninit::uninit();
    let skeleton = Loader::new(TypeInfo::this_program()?)
        .load(bpf::trace::TraceSkelBuilder::default(), &mut storage)?;
    let _job = Uprobe::function(model::job_changed as *const ()).attach(&skeleton.progs.on_job)?;
    let _attempt = Uprobe::function(attempt_done as *const ()).attach(&skeleton.progs.on_attempt)?;
    model::job_changed(job);
    attempt_done(&Attempt { number: 3, job });
    let seen = skeleton.maps.bss_data.as_ref().unwrap();
    let text = |bytes: &[i8]| -> String {
        bytes.iter().map(|byte| *byte as u8 as char).take_while(|c| *c != '\0').collect()
    };
    Ok(format!(
        "{} {} {} {} {} {} {}",
        seen.id, text(&seen.title), text(&seen.worker), seen.since, seen.length, seen.number,
        seen.attempted,
    ))
}

fn main() {
    let job = Job {
        urgent: true,
        id: 42,
        title: "to do".to_owned(),
        state: State::Running { worker: "bob".to_owned(), since: 7 },
        queue: std::sync::Arc::new(std::sync::Mutex::new(Queue { closed: false, length: 5 })),
    };
    match trace(&job) {
        Ok(seen) => println!("traced {seen}"),
        Err(Error::Privilege { missing, .. }) => println!("lacks {:?}", missing.capabilities),
        Err(error) => println!("refused {error:?}"),
    }
    println!("done {}", job.id);
}
"#;

const TRACE: &str = r#"
#include "traceable.bpf.h"
char LICENSE[] SEC("license") = "GPL";

__u64 id, since, length, number, attempted;
char title[16], worker[16];

SEC("uprobe")
int BPF_UPROBE(on_job, struct Job *job)
{
    id = core_read(job, id);
    core_str(title, sizeof(title), job, title);
    if (core_variant_is(&job->state, State, Running)) {
        core_str(worker, sizeof(worker), job, state.Running.worker);
        since = core_read(job, state.Running.since);
    }
    length = core_read(job, queue, value.data.length);
    return 0;
}

SEC("uprobe")
int BPF_UPROBE(on_attempt, struct Attempt *attempt)
{
    number = core_read(attempt, number);
    attempted = core_read(attempt, job, id);
    return 0;
}
"#;

/// What the program prints when it has seen all.
const TRACED: &str = "traced 42 to do bob 7 5 3 42\ndone 42\n";

/// A copy of the program, in a directory that anybody may read.
fn program() -> (tempfile::TempDir, PathBuf) {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(build);
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = dir.path().join("app_of_two");
    fs::copy(target_dir().join("debug/app_of_two"), &copy).unwrap();
    (dir, copy)
}

/// Builds the workspace without a single capability: only to trace takes any.
fn build() {
    let scratch = Scratch::with_build(
        "app_of_two",
        r#"core_build::Builder::new().types_from("../model").bpf("src/bpf/trace.bpf.c").build()"#,
    );
    let manifest = fs::read_to_string(scratch.path().join("Cargo.toml")).unwrap();
    let manifest = manifest.replace("\n[workspace]\n", "");
    let dependencies = "[dependencies]\nmodel = { path = \"../model\" }\n";
    scratch.file(
        "Cargo.toml",
        &manifest.replace("[dependencies]\n", dependencies),
    );
    scratch.file("src/main.rs", MAIN);
    scratch.file("src/bpf/trace.bpf.c", TRACE);
    scratch.file(
        "../model/Cargo.toml",
        &manifest.replace("\"app_of_two\"", "\"model\""),
    );
    scratch.file(
        "../model/build.rs",
        "fn main() -> Result<(), core_build::Error> { core_build::Builder::new().build() }\n",
    );
    scratch.file("../model/src/lib.rs", MODEL);
    scratch.file(
        "../Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"app_of_two\", \"model\"]\n",
    );
    let lock = scratch.path().join("Cargo.lock");
    fs::rename(lock, scratch.parent().join("Cargo.lock")).unwrap();

    let cargo = scratch.cargo("build");
    let mut without = Command::new("setpriv");
    without
        .args([
            "--bounding-set=-all",
            "--inh-caps=-all",
            "--ambient-caps=-all",
        ])
        .arg(cargo.get_program())
        .args(cargo.get_args())
        .current_dir(scratch.path());
    for (name, value) in cargo.get_envs() {
        match value {
            Some(value) => without.env(name, value),
            None => without.env_remove(name),
        };
    }
    output_of(&mut without);
}

mod root {
    use super::*;

    #[test]
    fn a_program_traces_the_types_of_its_library() {
        let (_dir, program) = program();
        assert_eq!(output_of(&mut Command::new(&program)), TRACED);
        output_of(Command::new("strip").arg("-s").arg(&program));
        assert_eq!(output_of(&mut Command::new(&program)), TRACED, "stripped");
    }

    /// The program goes on, and can say what it lacks.
    #[test]
    fn without_privileges_it_works_and_is_told_what_it_lacks() {
        let (_dir, program) = program();
        for (capabilities, lacks) in [
            ("-all", "lacks [Bpf, Perfmon]\n"),
            ("-all,+bpf", "lacks [Perfmon]\n"),
            ("-all,+perfmon", "lacks [Bpf]\n"),
        ] {
            let output = Command::new("setpriv")
                .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
                .arg(format!("--inh-caps={capabilities}"))
                .arg(format!("--ambient-caps={capabilities}"))
                .arg(&program)
                .output()
                .unwrap();
            let printed = String::from_utf8_lossy(&output.stdout);
            assert_eq!(printed, format!("{lacks}done 42\n"), "{capabilities}");
            assert_eq!(String::from_utf8_lossy(&output.stderr), "");
            assert!(output.status.success());
        }
    }

    /// The program itself knows better where its fields are: it refuses to trace, in the library's
    /// types as in its own.
    #[test]
    fn a_forged_description_is_refused() {
        let (_dir, program) = program();
        for (of, member, module) in [("Job", "id", "model"), ("Attempt", "number", "app_of_two")] {
            let forged = forged(&program, of, member, 160);
            let printed = output_of(&mut Command::new(&forged));
            let real = printed.split("is at byte ").nth(1).unwrap();
            let real: u32 = real.split([' ', ',']).next().unwrap().parse().unwrap();
            assert_ne!(real, 160);
            let expected = format!(
                "refused {} carries a description of its types that is not right\n  because: \
                 `{of}.{member}` in `{module}` is at byte {real}, at byte 160 in the embedded \
                 description",
                forged.display()
            );
            assert!(printed.starts_with(&expected), "{printed}");
            assert!(printed.ends_with("done 42\n"), "{printed}");
        }
    }
}
