//! The example server, built as a user builds it, on the running kernel: as root, with redis-tools.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails fails the test"
)]

use std::{
    fs::{self, Permissions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use tempfile::{NamedTempFile, TempDir};
use tests::forge::forged;

/// Builds the server, in the target directory of this test, and gives the program.
fn build(options: &[&str], directory: &str) -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--package", "example-app"])
        .args(options)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_TARGET_DIR", target_dir())
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", text(&built.stderr));
    target_dir().join(directory).join("example-app")
}

fn debug() -> PathBuf {
    build(&[], "debug")
}

/// What ships: optimised as a whole, no symbols. Built once, by the first test that wants it.
fn release() -> &'static Path {
    static RELEASE: OnceLock<PathBuf> = OnceLock::new();
    RELEASE.get_or_init(|| {
        let settings = [
            "--release",
            "--config=profile.release.lto='fat'",
            "--config=profile.release.strip='symbols'",
        ];
        build(&settings, "release")
    })
}

/// `target`, of `target/debug/deps/example_app-...`.
fn target_dir() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A program that must be there.
fn tool(name: &str) -> Command {
    let found = Command::new(name).arg("--version").output();
    assert!(found.is_ok(), "{name} is missing: `make test` installs it");
    Command::new(name)
}

/// `example-app serve` on a free port. What it prints goes to files, so that it never waits for us.
struct Server {
    child: Child,
    stdout: NamedTempFile,
    stderr: NamedTempFile,
    port: String,
}

impl Server {
    fn start(program: &Path, args: &[&str]) -> Self {
        let (stdout, stderr) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
        let child = Command::new(program)
            .args(["serve", "--port", "0"])
            .args(args)
            .stdout(stdout.reopen().unwrap())
            .stderr(stderr.reopen().unwrap())
            .spawn()
            .unwrap();
        let mut server = Self {
            child,
            stdout,
            stderr,
            port: String::new(),
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while server.port.is_empty() {
            let (stdout, stderr) = server.printed();
            assert!(Instant::now() < deadline, "{stdout}{stderr}");
            assert_eq!(server.child.try_wait().unwrap(), None, "{stdout}{stderr}");
            if let Some((line, _)) = stdout.split_once('\n') {
                let port = line.strip_prefix("listening on 127.0.0.1:");
                server.port = port.unwrap_or_else(|| panic!("{stdout}")).into();
            }
            thread::sleep(Duration::from_millis(10));
        }
        server
    }

    fn printed(&self) -> (String, String) {
        let read = |file: &NamedTempFile| fs::read_to_string(file).unwrap();
        (read(&self.stdout), read(&self.stderr))
    }

    fn cli(&self, words: &[&str]) -> String {
        let mut cli = tool("redis-cli");
        let ran = cli.args(["-p", &self.port]).args(words).output().unwrap();
        assert!(ran.status.success(), "{words:?}: {}", text(&ran.stderr));
        text(&ran.stdout).trim_end().to_owned()
    }

    /// What redis-cli prints for commands on its standard input.
    fn batch(&self, commands: &str) -> String {
        let mut child = tool("redis-cli")
            .args(["-p", &self.port])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(commands.as_bytes()).unwrap();
        drop(stdin);
        text(&child.wait_with_output().unwrap().stdout)
    }

    /// `redis-benchmark` of 100 000 SETs and as many GETs, in pipelines of 16.
    fn benchmark(&self) {
        let ran = tool("redis-benchmark")
            .args([
                "-p", &self.port, "-t", "set,get", "-n", "100000", "-P", "16", "-q",
            ])
            .output()
            .unwrap();
        let (out, err) = (text(&ran.stdout), text(&ran.stderr));
        assert!(ran.status.success(), "{out}{err}");
        assert!(
            !format!("{out}{err}").to_lowercase().contains("err"),
            "{out}{err}"
        );
        assert_eq!(out.matches("requests per second").count(), 2, "{out}");
    }

    /// Stops it as a service manager does; what it has printed.
    fn stop(mut self) -> (String, String) {
        let sent = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(sent.success());
        let status = self.child.wait().unwrap();
        let (stdout, stderr) = self.printed();
        assert!(status.success(), "{status}: {stderr}");
        (stdout, stderr)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, or a test has failed.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

fn demo(program: &Path) -> Output {
    Command::new(program).arg("demo").output().unwrap()
}

/// Every value that BPF read was what the server knew, of every request, in every field.
fn assert_demo_passes(ran: &Output) {
    let (stdout, stderr) = (text(&ran.stdout), text(&ran.stderr));
    assert!(ran.status.success(), "{stdout}{stderr}");
    let sum = stdout.lines().last().unwrap();
    let traced: usize = sum.split(' ').next().unwrap().parse().unwrap();
    assert!(traced > 1000, "{sum}");
    assert_eq!(
        sum,
        format!("{traced} traced, {traced} matched, 0 mismatched")
    );

    let header = stdout
        .lines()
        .position(|line| line.ends_with("example"))
        .unwrap();
    let rows: Vec<_> = stdout
        .lines()
        .skip(header + 1)
        .take_while(|row| !row.is_empty())
        .collect();
    assert_eq!(rows.len(), 39, "{stdout}");
    for row in rows {
        let counts: Vec<&str> = row[60..].split_whitespace().take(2).collect();
        assert!(counts[0] == counts[1] && counts[0] != "0", "{row}");
    }
    for command in [
        "Ping",
        "Echo",
        "Set",
        "Get",
        "Del",
        "Exists",
        "Incr",
        "DbSize",
        "Info",
        "CountCommands",
        "ConfigGet",
        "ClientSetName",
        "ClientGetName",
        "Quit",
        "Invalid",
    ] {
        assert!(
            stdout.contains(&format!(" {command} ")),
            "no example of {command}: {stdout}"
        );
    }
}

#[test]
fn demo_matches_every_value() {
    assert_demo_passes(&demo(&debug()));
}

/// Who tampers with the description of a C struct, which nothing proves, makes the demo fail: it
/// does compare.
#[test]
fn demo_fails_when_bpf_reads_something_else() {
    let dir = TempDir::new().unwrap();
    let program = dir.path().join("example-app");
    fs::copy(debug(), &program).unwrap();
    let ran = demo(&forged(&program, "entry", "expires_ms", 0));
    let (stdout, stderr) = (text(&ran.stdout), text(&ran.stderr));
    assert_eq!(ran.status.code(), Some(1), "{stdout}{stderr}");
    assert_eq!(stderr, "example-app: BPF and the server do not agree\n");
    let sum = stdout.lines().last().unwrap();
    let numbers: Vec<u64> = sum
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    let [traced, matched, mismatched] = numbers[..] else {
        panic!("{sum}");
    };
    assert!(mismatched > 0 && matched + mismatched == traced, "{sum}");
    for line in stdout.lines().filter(|line| line.starts_with("MISMATCH")) {
        assert!(
            line.contains(", entry->expires_ms: the server has "),
            "{line}"
        );
    }
}

#[test]
fn redis_cli_drives_the_server() {
    let server = Server::start(&debug(), &[]);
    for (words, reply) in [
        (&["PING"][..], "PONG"),
        (&["ECHO", "two words"], "two words"),
        (&["SET", "key", "value", "EX", "100"], "OK"),
        (&["GET", "key"], "value"),
        (&["SET", "key", "other", "NX"], ""),
        (&["INCR", "counter"], "1"),
        (
            &["INCR", "key"],
            "ERR value is not an integer or out of range",
        ),
        (&["EXISTS", "key", "counter", "nothing"], "2"),
        (&["DBSIZE"], "2"),
        (&["DEL", "key", "nothing"], "1"),
        (&["GET", "key"], ""),
        (&["COMMAND", "COUNT"], "13"),
        (&["CONFIG", "GET", "appendonly"], "appendonly\nno"),
        (&["NONSENSE"], "ERR unknown command 'NONSENSE'"),
    ] {
        assert_eq!(server.cli(words), reply, "{words:?}");
    }
    assert!(server.cli(&["INFO"]).contains("db0:keys=1"));
    assert!(
        server.cli(&["COMMAND"]).contains("exists\n-2\n"),
        "name and arity"
    );
    // As scripts do it: many commands on standard input, in one connection.
    assert_eq!(server.batch("SET a 1\nINCR a\nGET a\n"), "OK\n2\n2\n");
    let (stdout, _) = server.stop();
    let sum = stdout.lines().last().unwrap();
    assert!(
        sum.starts_with("served ") && sum.ends_with(" requests"),
        "{stdout}"
    );
}

/// What `serve --trace` printed about a benchmark, and how many requests it says were lost. Each
/// request must be printed or counted, whichever of the two happened.
fn account(server: Server) -> (String, u64) {
    server.benchmark();
    let (stdout, stderr) = server.stop();
    let ids: Vec<u64> = stdout
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split(' ').next()?.parse().ok())
        .collect();
    let mut sums = stdout.lines().rev().take(2).map(|line| -> Vec<u64> {
        line.split([' ', ','])
            .filter_map(|word| word.parse().ok())
            .collect()
    });
    let (served, traced) = (sums.next().unwrap(), sums.next().unwrap());
    let ([served], [traced, lost, failed]) = (&served[..], &traced[..]) else {
        panic!("{stderr}");
    };
    assert!(*served >= 200_000, "{served}");
    assert_eq!(*traced, ids.len() as u64);
    assert_eq!(traced + lost, *served, "{stderr}");
    assert_eq!(*failed, 0);
    assert!(ids.is_sorted_by(|a, b| a < b), "in order, none twice");
    // Losses are told while the server runs, not only at the end.
    let told = stderr.lines().last().unwrap_or_default();
    let expected = format!("{lost} events lost, 0 reads failed");
    assert_eq!(told, if *lost == 0 { "" } else { &expected });
    (stdout, *lost)
}

#[test]
fn a_benchmark_is_traced_and_accounted_for() {
    for program in [&*debug(), release()] {
        let (stdout, lost) = account(Server::start(program, &["--trace"]));
        let read = r#" Get "key:__rand_int__" -> Bulk "VXK" in "#;
        assert!(stdout.contains(read), "what BPF read of Rust's structs");
        let read = r#" | text "VXK" read "#;
        assert!(stdout.contains(read), "what BPF read of C's structs");
        assert!(lost < 200_000);
    }
}

#[test]
fn events_that_a_small_buffer_loses_are_counted() {
    let (_, lost) = account(Server::start(&debug(), &["--trace", "--trace-buffer", "4"]));
    assert!(lost > 0, "a page took a benchmark");
}

/// A copy of the program that the user `nobody` can run.
struct Copy {
    dir: TempDir,
}

impl Copy {
    fn of(program: &Path) -> Self {
        let dir = TempDir::new().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        fs::copy(program, dir.path().join("example-app")).unwrap();
        Self { dir }
    }

    fn program(&self) -> PathBuf {
        self.dir.path().join("example-app")
    }

    fn run_as_nobody(&self, args: &[&str]) -> Output {
        Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg("--inh-caps=-all")
            .arg(self.program())
            .args(args)
            .env("RUST_BACKTRACE", "1")
            .output()
            .unwrap()
    }
}

#[test]
fn without_privilege_it_says_what_is_missing() {
    let copy = Copy::of(&debug());
    for args in [&["demo"][..], &["serve", "--port", "0", "--trace"]] {
        let ran = copy.run_as_nobody(args);
        let (stdout, stderr) = (text(&ran.stdout), text(&ran.stderr));
        assert_eq!(ran.status.code(), Some(1), "{stdout}{stderr}");
        for part in [
            "lacks CAP_BPF and CAP_PERFMON",
            "setcap cap_bpf,cap_perfmon+ep",
        ] {
            assert!(stderr.contains(part), "{stderr}");
        }
        assert!(
            !stderr.contains("backtrace") && !stderr.contains("panicked"),
            "{stderr}"
        );
        assert_eq!(stdout, "", "{args:?} begins nothing");
    }
}

/// The advice that it gives without them is good.
#[test]
fn the_capabilities_that_it_names_are_enough() {
    let copy = Copy::of(&debug());
    let granted = Command::new("setcap")
        .arg("cap_bpf,cap_perfmon+ep")
        .arg(copy.program())
        .status()
        .unwrap();
    assert!(granted.success());
    assert_demo_passes(&copy.run_as_nobody(&["demo"]));
}

/// What the types take of what ships.
#[test]
fn embedded_types_are_a_hundredth_of_the_program() {
    let program = fs::read(release()).unwrap();
    let types = core_btf::elf::section(&program, ".BTF").unwrap().unwrap();
    println!("{} bytes of BTF in {}", types.len(), program.len());
    assert!(!types.is_empty());
    assert!(100 * types.len() <= program.len(), "{}", types.len());
}

/// The types are still in what ships, for itself and for bpftool.
#[test]
fn stripped_release_traces_itself() {
    let program = release();
    let sections = Command::new("readelf")
        .arg("-SW")
        .arg(program)
        .output()
        .unwrap();
    assert!(!text(&sections.stdout).contains(".symtab"));

    assert_demo_passes(&demo(program));

    let dump = tool("bpftool")
        .args(["btf", "dump", "file"])
        .arg(program)
        .args(["format", "c"])
        .output()
        .unwrap();
    let types = text(&dump.stdout);
    assert!(dump.status.success(), "{}", text(&dump.stderr));
    for name in [
        "struct cache {",
        "struct entry {",
        "struct Connection {",
        "struct Request {",
        "struct Shared {",
        "union Command {",
        "union Reply {",
    ] {
        assert!(types.contains(name), "no {name} in {types}");
    }
}
