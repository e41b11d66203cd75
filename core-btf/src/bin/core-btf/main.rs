//! The `core-btf` command: types of binaries as BTF, extracted, printed, merged, checked and
//! embedded.
//!
//! | file | idea |
//! | --- | --- |
//! | `args`, `texts`, `manual` | the command line, and its documentation |
//! | `extract`, `dump`, `merge`, `check`, `embed` | one subcommand each |
//! | `modules` | the types of the kernel's modules |
//! | `debug` | the files that debug information is in |
//! | `progress` | the bar for whoever waits |
//! | `input`, `output`, `failure` | files, and what goes wrong with them |
//! | `sparse` | files as far as types need them |
//! | `select` | which types `--type` means |
#![forbid(unsafe_code)]

mod args;
mod check;
mod debug;
mod dump;
mod embed;
mod extract;
mod failure;
mod input;
mod manual;
mod merge;
mod modules;
mod output;
mod progress;
mod select;
mod sparse;
mod texts;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{Args, Command};
use failure::Failure;

/// Exit status of a check that found something.
const FAILED: u8 = 1;
/// Exit status of bad usage and of input that cannot be read; clap uses it too.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    match run(Args::parse().command) {
        Ok(code) => code,
        // Whoever reads our output has read enough.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            output::note(&failure.to_string());
            ExitCode::from(UNUSABLE)
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Extract(args) => extract::run(&args)?,
        Command::Dump(args) => dump::run(&args)?,
        Command::Merge(args) => merge::run(&args)?,
        Command::Check(args) => {
            if !check::run(&args)? {
                return Ok(ExitCode::from(FAILED));
            }
        }
        Command::Embed(args) => embed::run(&args)?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "core-btf", &mut script);
            output::print(&script)?;
        }
        Command::Man { subcommand } => {
            output::print(&manual::page(subcommand.as_deref())?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
