//! A workspace of a library, an application and their dependencies, compiled by Cargo.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::product::{Product, layouts};
use crate::scratch::{checkout, output_of, target_dir};

/// A copy of the fixture, in a place of its own for each test.
struct Workspace {
    dir: PathBuf,
}

/// A program that Cargo has made.
struct Executable {
    path: PathBuf,
    /// The target's name, and its kind.
    name: String,
    /// Whether `--nocapture` makes it print.
    harness: bool,
}

impl Workspace {
    /// In a directory whose name has a space. It is always the same, as Cargo keeps what it makes of
    /// each directory's packages.
    fn new(test: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("probe {test}"));
        if dir.exists() {
            fs::remove_dir_all(&dir).unwrap();
        }
        let fixture = checkout().join("tests/fixtures/probe/workspace");
        copy(&fixture, &dir);
        fs::copy(checkout().join("Cargo.lock"), dir.join("Cargo.lock")).unwrap();
        Self { dir }
    }

    fn cargo(&self, args: &[&str]) -> Command {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .current_dir(&self.dir)
            .args(args)
            .arg("--offline")
            .env("CARGO_TARGET_DIR", target_dir())
            .env("WITNESS", self.dir.join("witnessed"))
            .env_remove("RUSTFLAGS")
            .env_remove("OUT_DIR");
        cargo
    }

    /// Which compiles there were since this was last asked.
    fn witnessed(&self) -> Vec<String> {
        let file = self.dir.join("witnessed");
        let text = fs::read_to_string(&file).unwrap_or_default();
        fs::write(&file, "").unwrap();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        if from.is_dir() {
            copy(&from, &to);
        } else {
            let text = fs::read_to_string(&from).unwrap();
            let root = checkout().to_str().unwrap();
            fs::write(&to, text.replace("CHECKOUT", root)).unwrap();
        }
    }
}

/// Runs Cargo, then every program that it has made; each prints the layouts that its BTF has.
/// Answers what was made, as `kind name`.
fn check(cargo: &mut Command) -> Vec<String> {
    let messages = output_of(cargo.arg("--message-format=json"));
    let mut names = Vec::new();
    for executable in messages.lines().filter_map(executable) {
        let Executable {
            path,
            name,
            harness,
        } = executable;
        let mut program = Command::new(&path);
        let printed = output_of(program.args(harness.then_some("--nocapture")));
        Product::read(&path).assert_describes(&layouts(&printed), &name);
        names.push(name);
    }
    names.sort();
    names
}

fn executable(line: &str) -> Option<Executable> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let path = PathBuf::from(message["executable"].as_str()?);
    let (target, test) = (&message["target"], &message["profile"]["test"]);
    let kind = target["kind"][0].as_str()?;
    let test = test.as_bool()?;
    let unit = if test && kind != "test" && kind != "bench" {
        "unit test of "
    } else {
        ""
    };
    Some(Executable {
        path,
        name: format!("{unit}{kind} {}", target["name"].as_str()?),
        harness: test && kind != "bench",
    })
}

#[test]
fn all_targets_of_all_packages() {
    let workspace = Workspace::new("targets");
    let made = check(&mut workspace.cargo(&[
        "build",
        "--package=app",
        "--package=shapes",
        "--all-targets",
    ]));
    assert_eq!(
        made,
        [
            "bench bench",
            "bin app",
            "bin second",
            "example example",
            "test integration",
            "unit test of bin app",
            "unit test of bin second",
            "unit test of lib shapes",
        ]
    );
    let witnessed = workspace.witnessed();
    let probes = |lines: &[String]| {
        lines
            .iter()
            .filter(|line| line.starts_with("probe"))
            .count()
    };
    assert_eq!(probes(&witnessed) * 2, witnessed.len(), "{witnessed:?}");

    // What is there is run and tested as it is.
    let packages = ["--package=app", "--package=shapes"];
    output_of(
        workspace
            .cargo(&["test", "--lib", "--bins", "--tests"])
            .args(packages),
    );
    output_of(&mut workspace.cargo(&["run", "--bin", "app"]));
    assert_eq!(workspace.witnessed(), [""; 0], "nothing has changed");
}

#[test]
fn runs_without_code_cost_nothing() {
    let workspace = Workspace::new("check");
    for (command, compiles) in [("check", 9), ("clippy", 9), ("doc", 3)] {
        let targets: &[&str] = match command {
            "doc" => &["--no-deps"],
            _ => &["--all-targets"],
        };
        let mut cargo = workspace.cargo(&[command, "--package=app", "--package=shapes"]);
        // Warnings are for what is the user's.
        output_of(cargo.args(targets).env("RUSTDOCFLAGS", "-Dwarnings"));
        let witnessed = workspace.witnessed();
        assert!(!witnessed.is_empty(), "{command}");
        assert!(
            witnessed.iter().all(|line| line.starts_with("compile")),
            "{command}: {witnessed:?}"
        );
        assert!(witnessed.len() >= compiles, "{command}: {witnessed:?}");
    }
}

#[test]
fn release_profiles() {
    let workspace = Workspace::new("release");
    for settings in [
        [
            ("LTO", "fat"),
            ("STRIP", "true"),
            ("PANIC", "abort"),
            ("OPT_LEVEL", "3"),
        ],
        [
            ("LTO", "thin"),
            ("STRIP", "false"),
            ("PANIC", "unwind"),
            ("OPT_LEVEL", "z"),
        ],
    ] {
        let mut cargo =
            workspace.cargo(&["build", "--package=app", "--package=shapes", "--release"]);
        for (name, value) in settings {
            cargo.env(format!("CARGO_PROFILE_RELEASE_{name}"), value);
        }
        let made = check(cargo.args(["--bins", "--examples"]));
        assert_eq!(
            made,
            ["bin app", "bin second", "example example"],
            "{settings:?}"
        );
    }
    let made = check(&mut workspace.cargo(&["bench", "--no-run", "--bench", "bench"]));
    assert!(made.contains(&"bench bench".to_owned()), "{made:?}");
}

/// A target that is given, flags, features, incremental compilation, and a wrapper around rustc.
#[test]
fn settings_of_the_build() {
    let workspace = Workspace::new("settings");
    let wrapper = workspace.dir.join("wrap rustc");
    fs::write(&wrapper, "#!/bin/sh\nexec \"$@\"\n").unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let remap = format!("--remap-path-prefix={}=/src", workspace.dir.display());
    let flags = ["-Ctarget-cpu=native", "--cfg=flagged", &remap].join("\x1f");
    let mut described = Vec::new();
    for features in [&[][..], &["--features=app/extra"]] {
        let mut cargo = workspace.cargo(&[
            "build",
            "--package=app",
            "--package=shapes",
            "--bins",
            "--tests",
        ]);
        cargo
            .args(["--target", &host()])
            .args(features)
            .env("CARGO_ENCODED_RUSTFLAGS", &flags)
            .env("CARGO_INCREMENTAL", "1")
            .env("RUSTC_WRAPPER", &wrapper);
        assert_eq!(check(&mut cargo).len(), 6);
        let program = target_dir().join(host()).join("debug/app");
        described.push(Product::read(&program).described());
    }
    assert!(described[0].contains_key("State.flagged"));
    assert!(!described[0].contains_key("Circle.extra"));
    assert!(described[1].contains_key("Circle.extra"));
}

fn host() -> String {
    let version = output_of(Command::new("rustc").arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.unwrap().to_owned()
}
