//! The cache's C under gcc's address and undefined behaviour sanitizers.

use std::{path::Path, process::Command};

#[test]
fn the_cache_is_clean_under_the_sanitizers() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("cache");
    let built = Command::new("gcc")
        .args(["-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror"])
        .args([
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all",
            "-Isrc",
            "-o",
        ])
        .arg(&program)
        .args(["tests/cache.c", "src/lru.c"])
        .current_dir(crate_dir)
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let ran = Command::new(&program).output().unwrap();
    assert!(
        ran.status.success() && ran.stdout == b"done\n",
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}
