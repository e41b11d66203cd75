//! CO-RE relocation: what libbpf will make of a BPF object, decided before libbpf sees it.
//!
//! | module | mirrors, or does |
//! | --- | --- |
//! | `name` | `bpf_core_essential_name_len` |
//! | `spec` | `bpf_core_parse_spec`: access strings |
//! | `candidates` | `bpf_core_find_cands`, by provenance |
//! | `module` | `load_module_btfs`: which modules of the kernel are needed |
//! | `search` | `bpf_core_add_cands`: the scan of a blob |
//! | `matching` | `bpf_core_spec_match`, `bpf_core_match_member`, `bpf_core_fields_are_compat` |
//! | `types` | `bpf_core_types_are_compat`, `bpf_core_types_match` |
//! | `value` | `bpf_core_calc_field_relo` and its siblings |
//! | `evaluate` | `bpf_core_calc_relo_insn`: one decision per relocation |
//! | `patch` | `bpf_core_patch_insn`: what becomes of the instruction |
//! | `reading` | whether bytes of one type can be read as another's |
//! | `flow` | what a function does with an offset, from its instructions |
//! | `access` | the rules by which an access is right, or refused |
//! | `near` | names that may have been meant |
//! | `agreement` | [`disagreements`]: names by which several binaries mean different types |
//! | `check` | [`check`]: a [`Row`] for each relocation; [`problems`]: those that matter to a load |
//! | `explanation` | [`Explanation`]: the rows as a table, with the names of what they come from |
//!
//! Target types may come from an untrusted binary: every walk is bounded, and malformed types end
//! in an error or in a relocation that fails, never in a panic.

mod access;
mod agreement;
pub(crate) mod candidates;
mod check;
pub(crate) mod evaluate;
mod explanation;
mod flow;
pub(crate) mod matching;
mod module;
pub(crate) mod name;
mod near;
mod outcome;
mod patch;
mod reading;
mod search;
pub(crate) mod spec;
pub(crate) mod types;
pub(crate) mod value;

#[cfg(test)]
mod tests;

pub use agreement::{Disagreement, disagreements};
pub use candidates::{Origin, Sources};
pub use check::{check, kernel_roots, problems};
pub use explanation::{Explanation, Names};
pub use module::NotInVmlinux;
pub use name::essential_name;
pub use outcome::{Outcome, Row, Verdict};
