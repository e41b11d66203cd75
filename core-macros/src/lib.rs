//! `embed!()` and `#[bpf_traceable]`.
