//! Merging BTF: everything ([`append`]), or what one BPF object needs ([`targeted`]).

mod append;
mod cut;
mod targeted;
#[cfg(test)]
mod tests;

pub use append::append;
pub(crate) use targeted::conflict;
pub use targeted::targeted;
