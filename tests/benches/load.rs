//! Opening and loading the tutorial's object: our way beside the tutorial's and beside libbpf's with
//! a target BTF that somebody has made ready. Needs root.
//!
//! `cargo bench -p tests --bench load`
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run has nothing to say"
)]
#![expect(clippy::print_stdout, reason = "the figures")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use core_btf::Btf;
use core_btf::merge::targeted;
use core_btf::object::BpfObject;
use core_btf::relo::Sources;
use core_runtime::{Loader, TypeInfo};
use libbpf_rs::{Object, ObjectBuilder};
use tests::{app, clang, libbpf};

const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// The tutorial's program, `struct pt_regs` from the kernel's types as with a `vmlinux.h`.
const SEED: &str = r#"
struct data { int a; int c; int d; } __attribute__((preserve_access_index));
struct pt_regs___k { unsigned long di; } __attribute__((preserve_access_index));
SEC("uprobe") int add_test(struct pt_regs___k *ctx)
{
	struct data *d = (void *)ctx->di;
	int a = 0, c = 0;
	bpf_probe_read_user(&a, sizeof(a), &d->a);
	bpf_probe_read_user(&c, sizeof(c), &d->c);
	bpf_printk("add_test(&d) %d + %d = %d\n", a, c, a + c);
	return a + c;
}
"#;

/// A program that reads from ten structs of the kernel and ten of the application.
fn wide() -> (String, String) {
    const KERNEL: [(&str, &str); 10] = [
        ("task_struct", "pid"),
        ("mm_struct", "mmap_base"),
        ("file", "f_flags"),
        ("inode", "i_ino"),
        ("cred", "securebits"),
        ("pid", "level"),
        ("dentry", "d_flags"),
        ("super_block", "s_magic"),
        ("vm_area_struct", "vm_start"),
        ("sock", "sk_protocol"),
    ];
    let read = |kind: &str, name: &str, member: &str| {
        format!(
            "\t{{ int v; struct {name} *p = (void *)ctx; \
             bpf_probe_read_{kind}(&v, sizeof(v), &p->{member}); sum += v; }}\n"
        )
    };
    let relocatable = "__attribute__((preserve_access_index))";
    let (mut types, mut body, mut app) = (Vec::new(), Vec::new(), Vec::new());
    for (name, member) in KERNEL {
        types.push(format!(
            "struct {name} {{ int {member}; }} {relocatable};\n"
        ));
        body.push(read("kernel", name, member));
    }
    for n in 0..10 {
        let name = format!("app_{n}");
        app.push(format!(
            "struct {name} {{ int before[{n}]; int value; }} v{n};\n"
        ));
        types.push(format!(
            "struct {name} {{ int value; }} {relocatable} \
             __attribute__((btf_decl_tag(\"core:app\")));\n"
        ));
        body.push(read("user", &name, "value"));
    }
    let (types, body) = (types.concat(), body.concat());
    let program = format!(
        "{types}SEC(\"uprobe\") int wide(void *ctx)\n{{\n\tint sum = 0;\n{body}\treturn sum;\n}}\n"
    );
    (program, app.concat())
}

/// The files that every way starts from.
struct Inputs {
    object: Vec<u8>,
    app: PathBuf,
    /// Where the tutorial's way puts its merged BTF.
    merged: PathBuf,
    /// What [`Way::Ready`] finds ready.
    ready: PathBuf,
}

impl Inputs {
    fn make(directory: &Path, program: &str, app: &str) {
        let object = clang::bpf_object(program).unwrap();
        fs::write(directory.join("program.bpf.o"), &object).unwrap();
        let app = app::btf(app).unwrap();
        fs::write(directory.join("app.btf"), &app).unwrap();
        let vmlinux = fs::read(VMLINUX).unwrap();
        let sources = Sources {
            app: &[Btf::parse(&app).unwrap()],
            kernel: &[Btf::parse(&vmlinux).unwrap()],
        };
        let ready = targeted(&BpfObject::parse(&object).unwrap(), &sources).unwrap();
        fs::write(directory.join("ready.btf"), ready).unwrap();
    }

    fn read(directory: &Path) -> Self {
        Self {
            object: fs::read(directory.join("program.bpf.o")).unwrap(),
            app: directory.join("app.btf"),
            merged: directory.join("merged.btf"),
            ready: directory.join("ready.btf"),
        }
    }
}

/// A way to load the object.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Append to vmlinux, write that to a file, load with it.
    Tutorial,
    /// Load with a file that holds just what the object needs.
    Ready,
    /// Load with this project.
    Ours,
}

impl Way {
    const ALL: [Self; 3] = [Self::Tutorial, Self::Ready, Self::Ours];

    const fn name(self) -> &'static str {
        match self {
            Self::Tutorial => "the tutorial's way",
            Self::Ready => "libbpf, BTF made ready",
            Self::Ours => "ours",
        }
    }

    /// Everything from files to a loaded object.
    fn load(self, inputs: &Inputs) -> Object {
        let with = |target: &Path| {
            let mut builder = ObjectBuilder::default();
            builder.btf_custom_path(target).unwrap();
            builder.open_memory(&inputs.object).unwrap().load().unwrap()
        };
        match self {
            Self::Tutorial => {
                let merged = libbpf::append(Path::new(VMLINUX), &inputs.app).unwrap();
                fs::write(&inputs.merged, merged).unwrap();
                with(&inputs.merged)
            }
            Self::Ready => with(&inputs.ready),
            Self::Ours => {
                let types = TypeInfo::from_file(&inputs.app).unwrap();
                let open = Loader::new(types)
                    .open_object(inputs.object.clone())
                    .unwrap();
                open.load().unwrap()
            }
        }
    }

    fn time(self, inputs: &Inputs) -> Duration {
        let start = Instant::now();
        let object = self.load(inputs);
        let time = start.elapsed();
        drop(object);
        time
    }
}

/// What one load in a process of its own takes.
#[derive(Clone, Copy, Debug)]
struct Cold {
    time: Duration,
    /// Growth of resident memory, in KiB: what stays, and what it was at most meanwhile.
    stays_kib: u64,
    peak_kib: u64,
}

/// The environment variable that tells a child which way to go.
const CHILD: &str = "BENCH_LOAD_WAY";

/// Loads once, in this process, and prints the figures for [`cold`].
fn child(way: &str, directory: &Path) {
    let inputs = Inputs::read(directory);
    let way = Way::ALL
        .into_iter()
        .find(|w| format!("{w:?}") == way)
        .unwrap();
    let before = resident();
    let start = Instant::now();
    let object = way.load(&inputs);
    let time = start.elapsed();
    let after = resident();
    drop(object);
    let [rss, peak] = [after[0] - before[0], after[1] - before[1]];
    println!("{} {rss} {peak}", time.as_nanos());
}

/// `VmRSS` and `VmHWM` of this process, in KiB.
fn resident() -> [u64; 2] {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    ["VmRSS:", "VmHWM:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap()
    })
}

/// The median of several children.
fn cold(way: Way, directory: &Path) -> Cold {
    let one = || {
        let output = Command::new(env::current_exe().unwrap())
            .env(CHILD, format!("{way:?}"))
            .arg(directory)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let output = String::from_utf8(output.stdout).unwrap();
        let [time, stays_kib, peak_kib] = output
            .split_whitespace()
            .map(|number| number.parse().unwrap())
            .collect::<Vec<u64>>()
            .try_into()
            .unwrap();
        Cold {
            time: Duration::from_nanos(time),
            stays_kib,
            peak_kib,
        }
    };
    let all: Vec<Cold> = (0..11).map(|_| one()).collect();
    Cold {
        time: median(all.iter().map(|cold| cold.time)),
        stays_kib: median(all.iter().map(|cold| cold.stays_kib)),
        peak_kib: median(all.iter().map(|cold| cold.peak_kib)),
    }
}

fn median<T: Ord + Copy>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable();
    *values.get(values.len() / 2).unwrap()
}

fn main() {
    if let Ok(way) = env::var(CHILD) {
        return child(&way, Path::new(&env::args().nth(1).unwrap()));
    }
    let app = "struct data { int a, b, c, d; } data;";
    compare("the tutorial's object", SEED, app);
    let (program, app) = wide();
    compare(
        "an object with ten kernel types and ten of the application",
        &program,
        &app,
    );
}

fn compare(what: &str, program: &str, app: &str) {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    Inputs::make(directory, program, app);
    let inputs = Inputs::read(directory);
    // In turns, so that what disturbs the machine disturbs all.
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..20 {
        for (way, times) in Way::ALL.into_iter().zip(&mut times) {
            let count = if matches!(way, Way::Tutorial) { 1 } else { 20 };
            times.extend((0..count).map(|_| way.time(&inputs)));
        }
    }
    let warm = times.map(median);
    let cold = Way::ALL.map(|way| cold(way, directory));
    println!("Opening and loading {what}:");
    println!(
        "{:26}{:>12}{:>12}{:>22}",
        "", "warm", "first time", "memory: stays, peak"
    );
    for ((way, warm), cold) in Way::ALL.iter().zip(warm).zip(cold) {
        let Cold {
            time,
            stays_kib,
            peak_kib,
        } = cold;
        println!(
            "  {:24}{:>9.2} ms{:>9.2} ms{stays_kib:>9} KiB{peak_kib:>9} KiB",
            way.name(),
            millis(warm),
            millis(time),
        );
    }
    let [tutorial, ready, ours] = warm.map(millis);
    println!(
        "  ours against the tutorial's way: {:.0} times less time",
        tutorial / ours
    );
    println!(
        "  ours against BTF made ready: {:.2} times the time",
        ours / ready
    );
    let [_, ready, ours] = cold.map(|cold| millis(cold.time));
    println!("  our part of a first load: {:.2} ms\n", ours - ready);
}

fn millis(time: Duration) -> f64 {
    1000.0 * time.as_secs_f64()
}
