//! The probe compile's command line.

use super::invocation::{Invocation, emit_object};
use super::options::{Opt, options};

/// `-C` settings that say how code is made, stored and linked. None changes a layout, and several
/// would change the object that is read: bitcode instead of code, debug information elsewhere, or
/// code for everything.
const CODE_SETTINGS: [&str; 23] = [
    "codegen-units",
    "debuginfo",
    "embed-bitcode",
    "extra-filename",
    "incremental",
    "instrument-coverage",
    "link-arg",
    "link-args",
    "link-dead-code",
    "link-self-contained",
    "linker",
    "linker-flavor",
    "linker-plugin-lto",
    "lto",
    "opt-level",
    "prefer-dynamic",
    "profile-generate",
    "profile-use",
    "remark",
    "rpath",
    "save-temps",
    "split-debuginfo",
    "strip",
];

/// The same of `-Z`, for nightly compilers: what the names of settings begin with. Most write
/// files beside the outputs of the real compile.
const UNSTABLE_CODE_SETTINGS: [&str; 18] = [
    "codegen-backend",
    "dump-",
    "input-stats",
    "instrument-xray",
    "link-only",
    "llvm-time-trace",
    "meta-stats",
    "metrics-dir",
    "nll-facts",
    "no-codegen",
    "no-link",
    "print-",
    "profile-closures",
    "remark-dir",
    "self-profile",
    "split-dwarf",
    "temps-dir",
    "time-",
];

impl Invocation {
    /// The same compile, but what it makes is an object at `object` with the debug information of
    /// the anchors, and no code but theirs.
    ///
    /// A static library is the crate type in which only `#[used]` statics and exported functions
    /// are roots of code generation and which every target has. No library is linked into it,
    /// since only an object is asked for. A program whose layouts are shuffled stays a program,
    /// with all its code, since that is a part of what rustc shuffles by.
    pub(super) fn probe(&self, object: &str) -> Vec<String> {
        let mut kept = Vec::new();
        let mut test = false;
        let mut optimised = false;
        let mut debug_assertions = None;
        let mut end = None;
        for opt in options(&self.args) {
            match opt.name {
                "test" => test = true,
                "optimise" => optimised = true,
                "codegen" => match opt.key_value() {
                    (key, level) if key == "opt-level" => optimised = level != "0",
                    (key, value) if key == "debug-assertions" => {
                        debug_assertions = Some(matches!(value, "" | "y" | "yes" | "on" | "true"));
                    }
                    _ => {}
                },
                _ => {}
            }
            if end.is_none() && opt.raw.first().is_some_and(|arg| arg == "--") {
                end = Some(kept.len());
            }
            if end.is_some() || !replaced(&opt) {
                kept.extend_from_slice(opt.raw);
            }
        }
        // What the level of optimisation decides unless it is given: `cfg(debug_assertions)`.
        let debug_assertions = if debug_assertions.unwrap_or(!optimised) {
            "on"
        } else {
            "off"
        };
        let crate_type = if self.shuffles_layouts() && self.is_program() {
            "bin"
        } else {
            "staticlib"
        };
        let mut added = vec![
            format!("--crate-type={crate_type}"),
            format!("--emit={}", emit_object(object)),
            "-Cdebuginfo=2".to_owned(),
            "-Csplit-debuginfo=off".to_owned(),
            "-Copt-level=0".to_owned(),
            "-Ccodegen-units=1".to_owned(),
            format!("-Cdebug-assertions={debug_assertions}"),
            "--cap-lints=allow".to_owned(),
            "--color=never".to_owned(),
        ];
        if test {
            // Without the harness, which would generate the code of every test.
            added.push("--cfg=test".to_owned());
        }
        if test || !self.has_crate_type(&["bin", "cdylib", "dylib", "staticlib"]) {
            added.push("--cfg=core_probe_std".to_owned());
        }
        let end = end.unwrap_or(kept.len());
        kept.splice(end..end, added);
        kept
    }
}

/// Whether the probe compile has its own setting for this option, or does without.
fn replaced(opt: &Opt<'_>) -> bool {
    match opt.name {
        "cap-lints" | "color" | "crate-type" | "debug" | "diagnostic-width" | "emit"
        | "error-format" | "json" | "optimise" | "out-dir" | "output" | "print" | "test"
        | "verbose" => true,
        "codegen" => {
            let (key, _) = opt.key_value();
            key == "debug-assertions" || CODE_SETTINGS.contains(&&*key)
        }
        "unstable" => {
            let (key, _) = opt.key_value();
            UNSTABLE_CODE_SETTINGS
                .iter()
                .any(|start| key.starts_with(start))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(args: &[&str]) -> Vec<String> {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        let from_file = false;
        Invocation { args, from_file }.probe("/o/p.o")
    }

    /// What Cargo passes for a binary in a release build with everything switched on.
    #[test]
    fn outputs_and_code_settings_are_replaced_and_the_rest_stays() {
        let args = probe(&[
            "--crate-name",
            "app",
            "--edition=2024",
            "src/my app/main.rs",
            "--error-format=json",
            "--json=diagnostic-rendered-ansi,artifacts",
            "--crate-type",
            "bin",
            "--emit=dep-info,link",
            "-C",
            "opt-level=3",
            "-C",
            "panic=abort",
            "-C",
            "lto=fat",
            "-C",
            "codegen-units=1",
            "--cfg",
            "feature=\"x\"",
            "-C",
            "metadata=123",
            "-C",
            "extra-filename=-123",
            "--out-dir",
            "/t/deps",
            "-C",
            "strip=symbols",
            "-C",
            "target-cpu=native",
            "-C",
            "linker-plugin-lto",
            "-L",
            "dependency=/t/deps",
            "--extern",
            "dep=/t/deps/libdep.rlib",
            "--remap-path-prefix=/a=/b",
            "-Cinstrument-coverage",
        ]);
        assert_eq!(
            args,
            [
                "--crate-name",
                "app",
                "--edition=2024",
                "src/my app/main.rs",
                "-C",
                "panic=abort",
                "--cfg",
                "feature=\"x\"",
                "-C",
                "metadata=123",
                "-C",
                "target-cpu=native",
                "-L",
                "dependency=/t/deps",
                "--extern",
                "dep=/t/deps/libdep.rlib",
                "--remap-path-prefix=/a=/b",
                "--crate-type=staticlib",
                "--emit=obj=/o/p.o",
                "-Cdebuginfo=2",
                "-Csplit-debuginfo=off",
                "-Copt-level=0",
                "-Ccodegen-units=1",
                "-Cdebug-assertions=off",
                "--cap-lints=allow",
                "--color=never",
            ]
        );
    }

    /// `cfg(debug_assertions)` may choose between fields, so it must not change with opt-level.
    #[test]
    fn debug_assertions_stay_what_they_were() {
        let on = |args: &[&str]| probe(args).contains(&"-Cdebug-assertions=on".to_owned());
        assert!(on(&["a.rs"]));
        assert!(on(&["a.rs", "-Copt-level=0"]));
        assert!(!on(&["a.rs", "-O"]));
        assert!(!on(&["a.rs", "-C", "opt-level=s"]));
        assert!(on(&["a.rs", "-O", "-Cdebug-assertions=yes"]));
        assert!(on(&["a.rs", "-Cdebug-assertions", "-O"]));
        assert!(!on(&["a.rs", "-Cdebug_assertions=off"]));
    }

    #[test]
    fn tests_are_compiled_without_their_harness() {
        let args = probe(&["--test", "tests/it.rs"]);
        assert!(!args.contains(&"--test".to_owned()));
        assert!(args.contains(&"--cfg=test".to_owned()));
    }

    #[test]
    fn nothing_is_added_behind_the_end_of_the_options() {
        let args = probe(&["-g", "--", "-g.rs"]);
        assert_eq!(
            args.first().map(String::as_str),
            Some("--crate-type=staticlib")
        );
        assert!(args.ends_with(&["--".to_owned(), "-g.rs".to_owned()]));
    }
}
