use core_macros::bpf_traceable;

#[bpf_traceable(name = "struct")]
struct Keyword;

#[bpf_traceable(name = "a b")]
struct Spaced;

#[bpf_traceable(name = "a___b")]
struct Flavored;

#[bpf_traceable(name = "")]
struct Empty;

#[bpf_traceable]
struct Request;

mod other {
    #[core_macros::bpf_traceable]
    struct Request;

    #[core_macros::bpf_traceable(name = "Pair_u8")]
    struct Single;
}

#[bpf_traceable(Pair<u8>)]
struct Pair<T>(T);

fn main() {}
