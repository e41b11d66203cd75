use core_macros::bpf_traceable;

#[bpf_traceable]
struct First(u8);

// One error about it is enough.
#[bpf_traceable]
struct Second(u8);

fn main() {}
