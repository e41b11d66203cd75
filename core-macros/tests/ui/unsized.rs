use core_macros::bpf_traceable;

#[bpf_traceable]
struct Packet {
    len: u32,
    data: [u8],
}

#[bpf_traceable]
struct Boxed {
    id: u32,
    value: dyn Send,
}

fn main() {}
