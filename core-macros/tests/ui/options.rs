use core_macros::bpf_traceable;

#[bpf_traceable(fast, size = 3, deep(true), Other<u8>, "text", name = "A", name = "B")]
struct Options(u8);

#[bpf_traceable(Generic<u8>, fast)]
struct Generic<T>(T);

#[bpf_traceable(name = Unquoted)]
struct Unquoted(u8);

fn main() {}
