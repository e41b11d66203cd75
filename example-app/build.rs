//! The cache in C and the BPF program that reads its structs.

fn main() -> Result<(), core_build::Error> {
    core_build::Builder::new()
        .c(cc::Build::new().file("src/lru.c"))
        .bpf("src/bpf/trace.bpf.c")
        .build()
}
