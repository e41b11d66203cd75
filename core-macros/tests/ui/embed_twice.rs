core_macros::embed!();
core_macros::embed!();

fn main() {}
