//! Merging BTF: everything ([`append`]), or what one BPF object needs ([`targeted`]).

mod append;
mod cut;
mod targeted;

pub use append::append;
pub use targeted::targeted;
