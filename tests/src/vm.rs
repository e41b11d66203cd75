//! Virtual machines that boot Debian's kernels with nothing but the programs of a test.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a machine may run. It takes seconds, when it is not one of many things that run.
const LIMIT: Duration = Duration::from_secs(300);

/// What ends the output of each command.
const STATUS: &str = "== status ";

/// What runs first in the machine, before the commands of the test.
const INIT: &str = "#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
insmod /uinput.ko
";

/// A machine in the making: a kernel, and the files of its root directory.
#[derive(Debug)]
pub struct Machine {
    kernel: PathBuf,
    root: tempfile::TempDir,
    init: String,
}

impl Machine {
    /// A machine with the newest kernel that Debian has of a series, such as `6.1`.
    ///
    /// # Panics
    /// When `make kernels` has not fetched it.
    #[must_use]
    pub fn new(series: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let fetched = |directory: &Path| directory.join("kernels").join(series);
        let kernel = program
            .ancestors()
            .map(fetched)
            .find(|kernel| kernel.join("release").is_file())
            .expect("the kernel was fetched with `make kernels`");
        let root = tempfile::tempdir().unwrap();
        for directory in ["bin", "dev", "proc", "sys", "tmp"] {
            fs::create_dir(root.path().join(directory)).unwrap();
        }
        fs::copy(kernel.join("uinput.ko"), root.path().join("uinput.ko")).unwrap();
        let machine = Self {
            kernel,
            root,
            init: INIT.to_owned(),
        };
        machine.copy(&find("busybox"), Path::new("bin/busybox"));
        machine
    }

    /// The kernel's release.
    ///
    /// # Panics
    /// When it was not noted.
    #[must_use]
    pub fn release(&self) -> String {
        let release = fs::read_to_string(self.kernel.join("release")).unwrap();
        release.trim_end().to_owned()
    }

    /// Adds a program to `/usr/bin`, stripped, with the libraries that it is linked with.
    ///
    /// # Panics
    /// When it or one of them is not there.
    pub fn program(&self, program: impl AsRef<OsStr>) {
        let path = find(program.as_ref());
        let name = Path::new("usr/bin").join(path.file_name().unwrap());
        self.copy(&path, &name);
        run(Command::new("strip")
            .arg("-s")
            .arg(self.root.path().join(name)));
        let libraries = run(Command::new("ldd").arg(&path));
        for library in libraries
            .split_whitespace()
            .filter(|word| word.starts_with('/'))
        {
            let library = Path::new(library);
            self.copy(library, library.strip_prefix("/").unwrap());
        }
    }

    fn copy(&self, from: &Path, to: &Path) {
        let to = self.root.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        let copied = fs::copy(from, to);
        assert!(copied.is_ok(), "{}: {copied:?}", from.display());
    }

    /// Runs a shell's command after those before it.
    pub fn command(&mut self, command: &str) {
        let lines = [command, " 2>&1; echo \"", STATUS, "$?\"\n"];
        self.init.extend(lines);
    }

    /// Boots the machine. Gives what each command printed, and its status.
    ///
    /// # Panics
    /// With all that the machine printed, when it does not run all commands in time.
    #[must_use]
    pub fn run(mut self) -> Vec<(String, i32)> {
        let commands = self.init.matches(STATUS).count();
        self.init += "reboot -f\n";
        let init = self.root.path().join("init");
        fs::write(&init, &self.init).unwrap();
        fs::set_permissions(&init, fs::Permissions::from_mode(0o755)).unwrap();
        let work = tempfile::tempdir().unwrap();
        let archive = work.path().join("initramfs");
        run(Command::new("sh")
            .args([
                "-c",
                "find . | cpio --quiet -o -H newc -R 0:0 >\"$1\"",
                "sh",
            ])
            .arg(&archive)
            .current_dir(self.root.path()));

        let console = work.path().join("console");
        let mut machine = Command::new("qemu-system-x86_64")
            .args(["-accel", "tcg", "-cpu", "max", "-m", "512"])
            .args(["-nodefaults", "-display", "none", "-no-reboot"])
            .args(["-append", "console=ttyS0 quiet panic=-1"])
            .arg("-kernel")
            .arg(self.kernel.join("vmlinuz"))
            .arg("-initrd")
            .arg(&archive)
            .arg("-serial")
            .arg(format!("file:{}", console.display()))
            .stdin(Stdio::null())
            .spawn()
            .expect("qemu-system-x86_64 is there");
        let start = Instant::now();
        let ended = loop {
            if machine.try_wait().unwrap().is_some() {
                break true;
            }
            if start.elapsed() > LIMIT {
                machine.kill().unwrap();
                machine.wait().unwrap();
                break false;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let output = fs::read(&console).unwrap_or_default();
        let output = String::from_utf8_lossy(&output).replace('\r', "");
        let results = results(&output);
        assert!(
            ended && results.len() == commands,
            "{} of {commands} commands ran on {}, {:.0?}:\n{output}",
            results.len(),
            self.kernel.display(),
            start.elapsed()
        );
        results
    }
}

/// What is between the lines that end a command's output.
fn results(output: &str) -> Vec<(String, i32)> {
    let mut results = Vec::new();
    let mut text = String::new();
    for line in output.lines() {
        if let Some(status) = line.strip_prefix(STATUS) {
            results.push((std::mem::take(&mut text), status.parse().unwrap_or(-1)));
        } else {
            text.push_str(line);
            text.push('\n');
        }
    }
    results
}

/// A program by its path, or by its name as the shell finds it.
fn find(program: impl AsRef<OsStr>) -> PathBuf {
    let found = run(Command::new("sh")
        .args(["-c", "command -v \"$1\"", "sh"])
        .arg(program));
    PathBuf::from(found.trim_end())
}

/// Runs a command, which must succeed, and gives what it prints.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
