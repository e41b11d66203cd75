//! The page itself.

use std::fs;
use std::path::Path;

/// Each numbered sentence ends with the name of a test, which is there.
#[test]
fn each_sentence_names_a_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let page = tests.join("../../core-runtime/docs/hostile_input.md");
    let page = fs::read_to_string(page).unwrap();
    let sources: String = ["debug_info", "elf", "files", "types"]
        .map(|name| tests.join(format!("hostile/{name}.rs")))
        .into_iter()
        .chain([tests.join("fleet.rs")])
        .map(|file| fs::read_to_string(file).unwrap())
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
    assert_eq!(number - 1, 16);
}
