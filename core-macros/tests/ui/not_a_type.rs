use core_macros::bpf_traceable;

#[bpf_traceable]
fn function() {}

#[bpf_traceable]
pub(crate) const unsafe extern "C" fn qualified() {}

#[bpf_traceable]
type Alias = u8;

#[bpf_traceable]
impl Struct {}

struct Struct;

fn main() {}
