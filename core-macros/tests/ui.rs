//! The wording of errors, and the place that each points at.

/// On another compiler than the one these were recorded with (`TRYBUILD=overwrite`), rustc's own
/// errors may read differently; those of the macros do not.
#[test]
fn errors_point_at_the_smallest_place_and_say_what_to_do() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
