use core_macros::bpf_traceable;

#[bpf_traceable]
struct Fields {
    #[bpf(skpi)]
    unknown: u8,
    #[bpf]
    bare: u8,
    #[bpf()]
    empty: u8,
    #[bpf = "u8"]
    assigned: u8,
    #[bpf(c)]
    no_type: u8,
    #[bpf(c = "")]
    empty_type: u8,
    #[bpf(c = "u8", c = "u16")]
    two_types: u8,
    #[bpf(skip, c = "u8")]
    both: u8,
    #[cfg_attr(all(), bpf(skip, fast))]
    conditional: u8,
}

#[bpf_traceable]
#[bpf(skip)]
enum Enum {
    #[bpf(skip)]
    Variant(#[bpf(name = "x")] u8),
}

fn main() {}
