//! `OpenSSL`, built with debug information from the source packages on crates.io.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context as _, Result, ensure};

use crate::sources::package_of_version;

/// What TLS does without, so that a version is built in half a minute.
const WITHOUT: &[&str] = &[
    "no-aria",
    "no-asm",
    "no-async",
    "no-autoload-config",
    "no-bf",
    "no-blake2",
    "no-camellia",
    "no-cast",
    "no-cmac",
    "no-cms",
    "no-comp",
    "no-ct",
    "no-deprecated",
    "no-des",
    "no-dgram",
    "no-dsa",
    "no-dso",
    "no-dtls",
    "no-ec2m",
    "no-engine",
    "no-err",
    "no-gost",
    "no-idea",
    "no-md4",
    "no-mdc2",
    "no-multiblock",
    "no-nextprotoneg",
    "no-ocb",
    "no-ocsp",
    "no-psk",
    "no-rc2",
    "no-rc4",
    "no-rmd160",
    "no-scrypt",
    "no-seed",
    "no-siphash",
    "no-sm2",
    "no-sm3",
    "no-sm4",
    "no-srp",
    "no-srtp",
    "no-tests",
    "no-ts",
    "no-ui-console",
    "no-whirlpool",
];

/// The same of what only version 3 has.
const WITHOUT_IN_3: &[&str] = &[
    "no-apps",
    "no-argon2",
    "no-cmp",
    "no-default-thread-pool",
    "no-docs",
    "no-ecx",
    "no-fips",
    "no-http",
    "no-legacy",
    "no-lms",
    "no-ml-dsa",
    "no-ml-kem",
    "no-module",
    "no-quic",
    "no-rfc3779",
    "no-siv",
    "no-slh-dsa",
    "no-sslkeylog",
    "no-thread-pool",
    "no-tls-deprecated-ec",
];

/// A version of which the locked dependencies have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1.1.1
    One,
    /// 3.x
    Three,
}

/// One build at a time: two tests may ask for the same.
static BUILDING: Mutex<()> = Mutex::new(());

/// A folder, inside `folder`, with `libssl.so`, `libcrypto.so` and `include` of a version. What is
/// there from an earlier run is taken.
///
/// # Errors
/// With the words of the step that failed.
pub fn build(version: Version, folder: &Path) -> Result<PathBuf> {
    let (package, without) = match version {
        Version::One => ("111.", &[][..]),
        Version::Three => ("300.", WITHOUT_IN_3),
    };
    let package = package_of_version("openssl-src", package);
    let source = package.join("openssl");
    let options = [&["linux-x86_64", "no-shared"], WITHOUT, without].concat();
    let flags = ["-fPIC", "-g", "-O0"];

    let mut hasher = DefaultHasher::new();
    (&package, &options, flags).hash(&mut hasher);
    let _building = BUILDING.lock();
    let done = folder.join(format!("openssl-{:016x}", hasher.finish()));
    if done.exists() {
        return Ok(done);
    }
    fs::create_dir_all(folder)?;
    let build = tempfile::tempdir_in(folder)?;
    let build = build.path();
    run(Command::new("perl")
        .arg(source.join("Configure"))
        .args(options)
        .args(flags)
        .current_dir(build))?;
    for targets in [&["build_generated"][..], &["libssl.a", "libcrypto.a"]] {
        run(make(build).args(targets))?;
    }

    // The packages lack what makes OpenSSL's own shared libraries.
    let made = tempfile::tempdir_in(folder)?;
    link(build, made.path(), "libcrypto", "-lpthread")?;
    link(build, made.path(), "libssl", "-lcrypto")?;
    let headers = made.path().join("include/openssl");
    fs::create_dir_all(&headers)?;
    for include in [&source, &build.to_owned()] {
        for header in fs::read_dir(include.join("include/openssl"))? {
            let header = header?.path();
            if header.extension().is_some_and(|it| it == "h") {
                fs::copy(
                    &header,
                    headers.join(header.file_name().unwrap_or_default()),
                )?;
            }
        }
    }
    fs::rename(made.keep(), &done)?;
    Ok(done)
}

/// Makes a shared library of an archive of position-independent code.
fn link(from: &Path, to: &Path, name: &str, needs: &str) -> Result<()> {
    run(Command::new("cc")
        .args(["-shared", "-o"])
        .arg(to.join(format!("{name}.so")))
        .arg(format!("-Wl,-soname,{name}.so,--whole-archive"))
        .arg(from.join(format!("{name}.a")))
        .arg("-Wl,--no-whole-archive")
        .arg("-L")
        .arg(to)
        .arg(needs))
}

fn make(build: &Path) -> Command {
    let mut make = Command::new("make");
    // Not those of a `make test` that this is a part of.
    make.env_remove("MAKEFLAGS").env_remove("MFLAGS");
    make.args(["-j2", "-s"]).current_dir(build);
    make
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed:\n{words}");
    Ok(())
}
