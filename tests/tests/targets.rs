//! Programs and libraries of other processes: their types are found, their functions probed, and the
//! values that BPF reads are right. Needs root.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

#[path = "targets/functions.rs"]
mod functions;
#[path = "targets/libraries.rs"]
mod libraries;
#[path = "targets/programs.rs"]
mod programs;
#[path = "targets/sources.rs"]
mod sources;
