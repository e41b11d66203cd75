//! The crates that the README and the guide describe, built and run as they say, outside the
//! workspace.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod scratch;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use scratch::{cargo, checkout, output_of};

/// A fenced block of a page, and the line before it.
struct Block {
    title: String,
    language: String,
    text: String,
}

fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut title = "";
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let text = lines.by_ref().take_while(|line| *line != "```");
            blocks.push(Block {
                title: title.to_owned(),
                language: language.to_owned(),
                text: text.flat_map(|line| [line, "\n"]).collect(),
            });
        } else if !line.is_empty() {
            title = line;
        }
    }
    blocks
}

/// A crate that a page describes: each file is a block under its name in backquotes.
struct Page {
    dir: PathBuf,
    /// The block that the page says it prints.
    printed: Option<String>,
    /// The shell's commands.
    commands: String,
}

impl Page {
    /// Writes the files of the crate `name`.
    fn write(parent: &Path, name: &str, page: &str) -> Self {
        let markdown = fs::read_to_string(checkout().join(page)).unwrap();
        let dir = parent.join(name);
        fs::create_dir(&dir).unwrap();
        fs::copy(checkout().join("Cargo.lock"), dir.join("Cargo.lock")).unwrap();
        let mut page = Self {
            dir,
            printed: None,
            commands: String::new(),
        };
        for block in blocks(&markdown) {
            let title = block.title.strip_prefix('`');
            if let Some(name) = title.and_then(|title| title.strip_suffix('`')) {
                let path = page.dir.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, block.text).unwrap();
            } else if block.title.ends_with("prints:") {
                page.printed = Some(block.text);
            } else if block.language == "sh" {
                page.commands.push_str(&block.text);
            }
        }
        page
    }
}

mod root {
    use super::*;

    /// What a reader types is what we ship, and prints what the page says.
    #[test]
    fn the_crates_of_the_pages_print_what_they_say() {
        let parent = tempfile::tempdir().unwrap();
        symlink(checkout(), parent.path().join("core")).unwrap();
        let readme = Page::write(parent.path(), "jobs", "README.md");
        for name in ["Cargo.toml", "build.rs", "src/main.rs"] {
            assert!(readme.dir.join(name).is_file(), "no `{name}`");
        }
        let output = output_of(&mut cargo(&readme.dir, "run"));
        assert_eq!(Some(output), readme.printed);

        let libraries = "core-runtime/docs/libraries.md";
        traces_a_process(&Page::write(parent.path(), "watch-player", libraries));

        // The next run has another place, for which all of this is built anew.
        let ours = ["core-btf", "core-build", "core-macros", "core-runtime"];
        for (name, packages) in [("jobs", &ours[..]), ("watch-player", &[])] {
            let packages = packages.iter().chain([&name]);
            let packages = packages.map(|package| format!("-p{package}"));
            output_of(cargo(&parent.path().join(name), "clean").args(packages));
        }
    }

    /// The page has the shell's commands for what its crate traces.
    fn traces_a_process(page: &Page) {
        for command in page.commands.lines() {
            let mut shell = Command::new("sh");
            output_of(shell.args(["-c", command]).current_dir(&page.dir));
        }
        output_of(&mut cargo(&page.dir, "build"));

        let start = |command: &mut Command| {
            let mut child = command
                .current_dir(&page.dir)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let input = child.stdin.take().unwrap();
            let output = BufReader::new(child.stdout.take().unwrap()).lines();
            (child, input, output.map(Result::unwrap))
        };
        let (mut player, mut player_in, mut player_out) = start(&mut Command::new("./player"));
        assert_eq!(player_out.next().unwrap(), "ready");
        let pid = player.id().to_string();
        let (mut tracer, mut tracer_in, mut tracer_out) =
            start(cargo(&page.dir, "run").args(["--quiet", "--", &pid]));
        let mut printed = vec![tracer_out.next().unwrap()];
        for _ in 0..2 {
            player_in.write_all(b"\n").unwrap();
            assert_eq!(player_out.next().unwrap(), "played");
        }
        drop(player_in);
        player.wait().unwrap();
        tracer_in.write_all(b"\n").unwrap();
        printed.extend(tracer_out);
        assert!(tracer.wait().unwrap().success());
        assert_eq!(Some(printed.join("\n") + "\n"), page.printed);
    }
}
