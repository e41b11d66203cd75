//! The page itself.

use std::fs;
use std::path::Path;

/// Each numbered sentence ends with the name of a test, which is there.
#[test]
fn each_sentence_names_a_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let page = tests.join("../../core-runtime/docs/hostile_input.md");
    let page = fs::read_to_string(page).unwrap();
    let sources: String = [
        "fleet.rs",
        "hostile/debug_info.rs",
        "hostile/elf.rs",
        "hostile/files.rs",
        "hostile/types.rs",
        "targets/functions.rs",
        "targets/programs.rs",
        "targets/sources.rs",
        "../../core-runtime/src/symbols/find.rs",
        "../../core-runtime/src/symbols/names.rs",
    ]
    .into_iter()
    .flat_map(|file| {
        let text = fs::read_to_string(tests.join(file)).unwrap();
        let lines: Vec<_> = text
            .lines()
            .map(|line| line.trim_start().to_owned() + "\n")
            .collect();
        lines
    })
    .collect();
    let (_, list) = page.split_once("\n1. ").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let mut number = 1;
    let mut rest = list;
    while !rest.is_empty() {
        number += 1;
        let (sentence, after) = rest
            .split_once(&format!("\n{number}. "))
            .unwrap_or((rest, ""));
        let name = sentence.trim_end().strip_suffix('`').unwrap();
        let (_, name) = name.rsplit_once('`').unwrap();
        let test = format!("#[test]\nfn {name}()");
        assert!(sources.contains(&test), "{number}: {name}");
        rest = after;
    }
    assert_eq!(number - 1, 22);
}
