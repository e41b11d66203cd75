//! Compiles the first versions of the traced programs, and the BPF programs of the tests against
//! them.

fn main() -> Result<(), core_build::Error> {
    core_build::Builder::new()
        .c(cc::Build::new()
            .file("fixtures/seed/add_test.c")
            .define("LAYOUT", "\"base.h\""))
        .c(cc::Build::new().file("fixtures/skew/observe.c"))
        .c(cc::Build::new().file("fixtures/header/observe.c"))
        .types_from("fixtures/rust-app/v1")
        .bpf("src/bpf/cold.bpf.c")
        .bpf("src/bpf/cold_sleepable.bpf.c")
        .bpf("src/bpf/kernels.bpf.c")
        .bpf("src/bpf/kernels_none.bpf.c")
        .bpf("src/bpf/kernels_only.bpf.c")
        .bpf("src/bpf/lost.bpf.c")
        .bpf("src/bpf/rows.bpf.c")
        .bpf("src/bpf/rust.bpf.c")
        .bpf("src/bpf/rust_order.bpf.c")
        .bpf("src/bpf/rust_views.bpf.c")
        .bpf("src/bpf/seed.bpf.c")
        .bpf("src/bpf/seed_fixed.bpf.c")
        .bpf("src/bpf/skew.bpf.c")
        .bpf("src/bpf/skew_plain.bpf.c")
        .build()
}
