use core_macros::bpf_traceable;

mod inner {
    core_macros::embed!();
}

#[bpf_traceable]
struct Traced(u8);

fn main() {}
