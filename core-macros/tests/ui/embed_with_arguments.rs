core_macros::embed!("trace");

fn main() {}
