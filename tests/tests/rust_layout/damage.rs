//! Damaged objects: an error or some types, but no panic and no end to the work.

use std::time::{Duration, Instant};

use core_btf::dwarf::rust::extract_probe;

use crate::fixture::Fixture;

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

#[test]
fn damaged_objects_are_survived() {
    let fixture = Fixture::new("damage");
    let object = std::fs::read(fixture.probe(crate::STATES)).unwrap();
    let whole = extract_probe(&object).unwrap();
    let mut numbers = Numbers(1);
    let mut refused = 0;
    let start = Instant::now();
    for _ in 0..1500 {
        let mut damaged = object.clone();
        for _ in 0..=numbers.below(3) {
            let at = numbers.below(damaged.len());
            damaged[at] ^= 1 << numbers.below(8);
        }
        match extract_probe(&damaged) {
            Ok(types) => assert!(types.len() < 10 * whole.len()),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    for len in (0..object.len()).step_by(97) {
        drop(extract_probe(&object[..len]));
    }
    assert!(refused > 100, "{refused} refused");
    assert!(start.elapsed() < Duration::from_secs(60));
}

/// What the probe is told must be followed to the letter.
#[test]
fn roots_that_cannot_be_followed_are_errors() {
    let fixture = Fixture::new("roots");
    for (source, message) in [
        ("pub struct Root;", "has no anchor in the debug information"),
        (
            "pub struct Root; #[used] static NAME: u8 = 0;",
            "has an anchor of another type",
        ),
    ] {
        let text = format!(
            "{source}
            #[used]
            #[unsafe(link_section = \".core_roots\")]
            static MORE: [u8; 12] = *b\"NAME\\tOther\\t\\t\";"
        );
        let error = fixture.types_of("roots", &text).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("root \"NAME\\tOther\\t\\t\" {message}")
        );
    }
    for (line, message) in [
        ("NAME\\tOther\\n", "does not have four columns"),
        ("ANCHOR\\tOther\\tdeeper\\t\\n", "has an unknown flag"),
        ("SECOND\\tRoot\\t\\t\\n", "has the name of another root"),
    ] {
        let len = line.replace("\\t", "t").replace("\\n", "n").len();
        let text = format!(
            "pub struct Root; pub struct Another(u8);
            #[used] static SECOND: Option<fn(&Another)> = None;
            #[used]
            #[unsafe(link_section = \".core_roots\")]
            static MORE: [u8; {len}] = *b\"{line}\";"
        );
        let error = fixture.types_of("roots", &text).unwrap_err();
        assert!(error.to_string().ends_with(message), "{error}");
    }
}
