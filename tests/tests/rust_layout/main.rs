//! The BTF of Rust types, against the truth: what the compiler says with `size_of` and `offset_of`,
//! what live values hold, and what gdb reads from the same debug information.
//!
//! `fixtures/rust-types` has the types.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails fails the test"
)]

mod facts;
mod fixture;
mod types;

use fixture::Fixture;
use types::Types;

/// Not one field may differ, and every live value must be what BTF makes of it, with and without
/// optimisation.
#[test]
fn every_field_and_value_is_where_btf_says() {
    let fixture = Fixture::new();
    let blob = fixture.btf();
    let types = Types::new(&blob);
    for opt_level in ["0", "3"] {
        let (wrong, compared) = facts::compare(&types, &fixture.facts(opt_level));
        assert!(wrong.is_empty(), "-O{opt_level}:\n{}", wrong.join("\n"));
        println!("-O{opt_level}: {compared:?}");
        assert!(compared.types >= 150, "{compared:?}");
    }
}
