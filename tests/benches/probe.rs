//! What the probe compile adds to the build of a crate that depends on tokio, hyper and others,
//! beside what rustc takes to read and check that crate.
//!
//! `cargo bench -p tests --bench probe`
//!
//! rustc alone is timed, as Cargo starts it, with and without the macros. The first run fetches and
//! compiles the dependencies.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run has nothing to say"
)]
#![expect(clippy::print_stdout, reason = "the figures")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The fastest run of so many counts: what else the machine does only adds.
const ROUNDS: usize = 15;

const TRACED: &str = include_str!("../fixtures/probe/server.rs");

/// The crate, built in a directory of the build.
struct Crate {
    dir: PathBuf,
}

impl Crate {
    fn new() -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-probe");
        fs::create_dir_all(dir.join("src")).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let root = root.display();
        let manifest = format!(
            "[package]\nname = \"server\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
             [dependencies]\ncore-runtime = {{ path = \"{root}/core-runtime\" }}\n\
             tokio = {{ version = \"1\", features = [\"full\"] }}\n\
             hyper = {{ version = \"1\", features = [\"full\"] }}\n\
             serde_json = \"1\"\nbytes = \"1\"\n\n\
             [build-dependencies]\ncore-build = {{ path = \"{root}/core-build\" }}\n\n[workspace]\n"
        );
        fs::write(dir.join("Cargo.toml"), manifest).unwrap();
        let build =
            "fn main() -> Result<(), core_build::Error> { core_build::Builder::new().build() }";
        fs::write(dir.join("build.rs"), build).unwrap();
        Self { dir }
    }

    fn source(&self, traced: bool) {
        let lines = TRACED.lines();
        let lines = lines.filter(|line| traced || !line.contains("core_runtime::"));
        let text: Vec<&str> = lines.collect();
        fs::write(self.dir.join("src/main.rs"), text.join("\n")).unwrap();
    }

    /// rustc on the crate alone, as Cargo starts it for `check` or `build`.
    fn rustc(&self, command: &str) -> Command {
        self.source(true);
        let output = Command::new(env!("CARGO"))
            .current_dir(&self.dir)
            .args([command, "-vv"])
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_TARGET_DIR", self.dir.join("target"))
            .env_remove("OUT_DIR")
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}");
        let line = words
            .lines()
            .rfind(|line| line.contains("Running `") && line.contains("--crate-name server "));
        // Variables and all, in the shell's quotes.
        let line = line.unwrap().trim().trim_start_matches("Running `");
        let mut rustc = Command::new("sh");
        rustc
            .current_dir(&self.dir)
            .args(["-c", line.trim_end_matches('`')])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        rustc
    }
}

fn time(command: &mut Command) -> Duration {
    let start = Instant::now();
    assert!(command.status().unwrap().success());
    start.elapsed()
}

fn main() {
    let subject = Crate::new();
    println!(
        "{:28} {:>12} {:>12} {:>10}",
        "rustc, ms", "without", "with", "added"
    );
    let mut front_end = 0.0;
    for (command, what) in [("check", "cargo check"), ("build", "cargo build")] {
        let mut rustc = subject.rustc(command);
        let mut best = [f64::INFINITY; 2];
        for _ in 0..ROUNDS {
            for (traced, best) in [false, true].into_iter().zip(&mut best) {
                subject.source(traced);
                *best = best.min(1000.0 * time(&mut rustc).as_secs_f64());
            }
        }
        let [without, with] = best;
        println!(
            "{what:28} {without:12.0} {with:12.0} {:10.0}",
            with - without
        );
        if command == "check" {
            front_end = without;
        } else {
            println!(
                "the probe takes {:.0} ms more than the front end",
                with - without - front_end
            );
        }
        // So that Cargo starts rustc again.
        subject.source(false);
    }
}
