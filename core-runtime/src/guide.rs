//! Pages for scenarios, with programs that tests build.

#[doc = include_str!("../docs/explain.md")]
pub mod explain {}

#[doc = include_str!("../docs/hostile_input.md")]
pub mod hostile_input {}

#[doc = include_str!("../docs/kernel_types.md")]
pub mod kernel_types {}

#[doc = include_str!("../docs/libraries.md")]
pub mod libraries {}

#[doc = include_str!("../docs/privilege.md")]
pub mod privilege {}

#[doc = include_str!("../docs/processes.md")]
pub mod processes {}

#[doc = include_str!("../docs/this_program.md")]
pub mod this_program {}
