// All that is wrong with an item is said in one go.
use core_macros::bpf_traceable;

#[bpf_traceable(fast, name = "a b")]
struct Wrong<T> {
    #[bpf(skpi)]
    field: T,
    #[bpf(d = "x")]
    other: u8,
}

fn main() {
    // The item is there all the same.
    let _ = Wrong { field: 1, other: 2 };
}
