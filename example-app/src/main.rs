//! A key-value server that traces itself.
fn main() {}
