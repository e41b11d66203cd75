//! Helpers shared by the end-to-end tests, and the BPF programs that they load.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails fails the test"
)]

pub mod app;
pub mod clang;
pub mod cold;
pub mod counter;
pub mod fleet;
pub mod forge;
pub mod growth;
pub mod instructions;
pub mod kernels;
pub mod layout;
pub mod libbpf;
pub mod openssl;
pub mod program;
pub mod rows;
pub mod rust;
pub mod sources;
pub mod target;
pub mod tracer;
pub mod vm;

core_runtime::embed!();

pub use bpf::cold as bpf_cold;
pub use bpf::cold_sleepable as bpf_cold_sleepable;
pub use bpf::kernels as bpf_kernels;
pub use bpf::kernels_none as bpf_kernels_none;
pub use bpf::kernels_only as bpf_kernels_only;
pub use bpf::lost as bpf_lost;
pub use bpf::rows as bpf_rows;
pub use bpf::rust as bpf_rust;
pub use bpf::{rust_order, rust_views, seed, seed_fixed, skew, skew_plain};
