core_macros::embed!();

fn main() {}
