//! The manual pages: what clap knows of the command line, and the sections of `texts`.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::args::Args;
use crate::failure::Failure;
use crate::texts::{self, EXIT_STATUS, Section};

/// The page of the command, or of a subcommand, in roff.
pub(crate) fn page(subcommand: Option<&str>) -> Result<Vec<u8>, Failure> {
    let mut command = Args::command();
    command.build();
    let version = command.get_version().unwrap_or_default().to_owned();
    let others: Vec<String> = command
        .get_subcommands()
        .filter(|it| Some(it.get_name()) != subcommand && it.get_name() != "help")
        .map(|it| format!("core-btf-{}(1)", it.get_name()))
        .collect();
    if let Some(name) = subcommand {
        let found = command.find_subcommand(name).cloned();
        let found = found.ok_or_else(|| Failure::Usage(format!("no subcommand {name}")))?;
        command = found;
    }
    let mut after = String::new();
    for it in texts::of(subcommand) {
        section(&mut after, it);
    }
    if subcommand.is_some() {
        section(&mut after, &EXIT_STATUS);
        see_also(&mut after, &["core-btf(1)".to_owned()], &others);
    } else {
        see_also(&mut after, &others, &[]);
    }
    render(command, &version, &after).map_err(|error| Failure::Io(PathBuf::from("manual"), error))
}

/// A page with `after` behind what clap knows.
fn render(mut command: Command, version: &str, after: &str) -> io::Result<Vec<u8>> {
    // With what options take, which the synopsis that is made of them leaves out.
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let subcommands = command.has_subcommands();
    let page = Man::new(command.override_usage(usage))
        .source(format!("core-btf {version}"))
        .manual("core-btf");
    let mut out = Vec::new();
    page.render_title(&mut out)?;
    page.render_name_section(&mut out)?;
    page.render_synopsis_section(&mut out)?;
    page.render_description_section(&mut out)?;
    page.render_options_section(&mut out)?;
    if subcommands {
        page.render_subcommands_section(&mut out)?;
    }
    out.extend_from_slice(after.as_bytes());
    Ok(out)
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A string takes all that is written to it.
    out.write_fmt(text).unwrap_or_default();
}

/// A section: prose is filled, and what is indented stands as it is.
fn section(out: &mut String, section: &Section) {
    push(
        out,
        format_args!(".SH {}\n", escaped(&section.title.to_uppercase())),
    );
    let mut verbatim = false;
    for line in section.text.trim_start_matches('\n').lines() {
        let indented = line.starts_with(' ');
        if !line.is_empty() && indented != verbatim {
            verbatim = indented;
            out.push_str(if verbatim { ".nf\n" } else { ".fi\n" });
        }
        let text = line.strip_prefix("  ").unwrap_or(line);
        match line {
            "" => out.push_str(".PP\n"),
            _ => push(out, format_args!("{}\n", escaped(text))),
        }
    }
    if verbatim {
        out.push_str(".fi\n");
    }
}

fn see_also(out: &mut String, first: &[String], then: &[String]) {
    let pages: Vec<&str> = first.iter().chain(then).map(String::as_str).collect();
    push(
        out,
        format_args!(".SH SEE ALSO\n{}\n", escaped(&pages.join(", "))),
    );
}

/// Text that roff takes for nothing but text.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let text = text.replace('\'', "\\(aq").replace('`', "\\(ga");
    if text.starts_with('.') {
        format!("\\&{text}")
    } else {
        text
    }
}
