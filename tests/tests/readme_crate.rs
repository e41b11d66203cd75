//! The crate that the README describes, built and run as it says, outside the workspace.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod scratch;

use std::fs;
use std::os::unix::fs::symlink;

use scratch::{cargo, checkout, output_of};

/// A fenced block of the README, and the line before it.
struct Block {
    title: String,
    text: String,
}

fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut title = "";
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let text = lines.by_ref().take_while(|line| *line != "```");
            blocks.push(Block {
                title: title.to_owned(),
                text: text.flat_map(|line| [line, "\n"]).collect(),
            });
        } else if !line.is_empty() {
            title = line;
        }
    }
    blocks
}

mod root {
    use super::*;

    /// What a reader types is what we ship: each file is a block under its name in backquotes, and
    /// the program prints the block that the README says it prints.
    #[test]
    fn the_crate_of_the_readme_prints_what_it_says() {
        let readme = fs::read_to_string(checkout().join("README.md")).unwrap();
        let parent = tempfile::tempdir().unwrap();
        symlink(checkout(), parent.path().join("core")).unwrap();
        let dir = parent.path().join("jobs");
        fs::create_dir(&dir).unwrap();
        fs::copy(checkout().join("Cargo.lock"), dir.join("Cargo.lock")).unwrap();

        let mut printed = None;
        let mut files = Vec::new();
        for Block { title, text } in blocks(&readme) {
            let name = title
                .strip_prefix('`')
                .and_then(|title| title.strip_suffix('`'));
            if let Some(name) = name {
                let path = dir.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
                files.push(name.to_owned());
            } else if title.ends_with("it prints:") {
                printed = Some(text);
            }
        }
        for name in ["Cargo.toml", "build.rs", "src/main.rs"] {
            assert!(
                files.iter().any(|file| file == name),
                "no `{name}` among {files:?}"
            );
        }
        let output = output_of(&mut cargo(&dir, "run"));
        assert_eq!(Some(output), printed);

        // The next run has another place, for which all of this is built anew.
        let packages = [
            "jobs",
            "core-btf",
            "core-build",
            "core-macros",
            "core-runtime",
        ];
        output_of(cargo(&dir, "clean").args(packages.map(|package| format!("-p{package}"))));
    }
}
