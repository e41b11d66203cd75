//! Help, completion, the manual, and what bad usage gets.

use std::process::Command;

use crate::tools::{Workspace, core_btf, fails, quiet, run};

const SUBCOMMANDS: [&str; 5] = ["extract", "dump", "merge", "check", "embed"];

/// Whoever types `--help` must find everything: all subcommands, their options, the exit status.
#[test]
fn help_names_everything() {
    let help = quiet(core_btf().arg("--help"));
    for subcommand in SUBCOMMANDS {
        assert!(help.contains(subcommand), "{help}");
        let help = quiet(core_btf().args([subcommand, "--help"]));
        assert!(help.contains("Examples:") && help.contains("--output") || subcommand == "check");
    }
    assert!(help.contains("Exit status:"));
}

/// A manual page that roff cannot read is none.
#[test]
fn the_manual_is_valid_roff() {
    let work = Workspace::new();
    for subcommand in [
        &[][..],
        &["extract"],
        &["dump"],
        &["merge"],
        &["check"],
        &["embed"],
    ] {
        let page = work.path("page.1");
        std::fs::write(&page, quiet(core_btf().arg("man").args(subcommand))).unwrap();
        let shown = quiet(
            Command::new("groff")
                .args(["-man", "-ww", "-Tascii", "-P-cbou", "-rLL=200n"])
                .arg(&page),
        );
        assert!(
            shown.contains("SYNOPSIS") && shown.contains("DESCRIPTION"),
            "{shown}"
        );
    }
    let error = fails(2, core_btf().args(["man", "nothing"]));
    assert!(error.contains("nothing"), "{error}");
}

#[test]
fn the_completion_script_is_valid() {
    let work = Workspace::new();
    let script = work.path("core-btf.bash");
    std::fs::write(&script, quiet(core_btf().args(["completions", "bash"]))).unwrap();
    let source = format!("source {} && complete -p core-btf", script.display());
    let shown = run(Command::new("bash").args(["-c", &source]));
    assert!(shown.contains("core-btf"), "{shown}");
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(quiet(core_btf().args(["completions", shell])).contains("extract"));
    }
}

/// Scripts go by the exit status, and people by the file that a message names.
#[test]
fn bad_usage_and_unreadable_input_exit_with_2() {
    let work = Workspace::new();
    let junk = work.path("junk");
    std::fs::write(&junk, "nothing that is known here").unwrap();
    let app = work.app("-g0");
    for subcommand in ["frobnicate", "extract", "embed", "check"] {
        fails(2, core_btf().arg(subcommand));
    }
    for (args, words) in [
        (vec!["extract", "missing"], "missing: No such file"),
        (vec!["extract", "/"], "/: Is a directory"),
        (
            vec!["extract", "{junk}"],
            "junk: file: neither ELF nor an ar archive",
        ),
        (
            vec!["extract", "{app}"],
            "app: no debug information (.debug_info)",
        ),
        (vec!["dump", "{junk}"], "junk: not BTF: magic number 0x6f6e"),
        (
            vec!["dump", "{app}"],
            "app: no .BTF section; `core-btf extract`",
        ),
        (
            vec!["merge", "{junk}", "{junk}", "-o", "/dev/null"],
            "junk: not BTF",
        ),
        (vec!["check", "{junk}"], "junk: not ELF"),
        (
            vec!["check", "{app}"],
            "app: the ELF file has no .BTF section",
        ),
        (
            vec!["embed", "{junk}", "-o", "/dev/null"],
            "junk: file: neither ELF",
        ),
    ] {
        let paths = |arg: &&str| match *arg {
            "{junk}" => junk.clone(),
            "{app}" => app.clone(),
            arg => arg.into(),
        };
        let error = fails(2, core_btf().args(args.iter().map(paths)));
        assert!(error.contains(words), "{args:?}: {error}");
    }
}

/// `core-btf dump ... | head` is no error.
#[test]
fn a_closed_pipe_is_quiet() {
    let binary = env!("CARGO_BIN_EXE_core-btf");
    let pipeline = format!("set -o pipefail; {binary} dump /sys/kernel/btf/vmlinux | head -1");
    let first = quiet(Command::new("bash").args(["-c", &pipeline]));
    assert!(first.starts_with("[1] INT"), "{first}");
}
