use core_macros::bpf_traceable;

#[bpf_traceable]
struct Pair<A, B>(A, B);

#[bpf_traceable(name = "Buffer")]
struct Buffer<'a, T, const N: usize>(&'a [T; N]);

#[bpf_traceable(Plain<u8>)]
struct Plain;

#[bpf_traceable(Array<{ 1 + 1 }>)]
struct Array<const N: usize>([u8; N]);

fn main() {}
