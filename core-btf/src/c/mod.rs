//! Prints BTF as a C header for `clang -target bpf` (14 and up).
//!
//! ```
//! # fn main() -> core_btf::Result<()> {
//! # let mut buf = core_btf::BtfBuf::new();
//! # let name = buf.intern("point")?;
//! # buf.push(core_btf::Type::Composite {
//! #     kind: core_btf::model::CompositeKind::Struct, name, size_bytes: 8, members: Vec::new(),
//! # })?;
//! # let blob = buf.encode(core_btf::read::Endian::NATIVE)?;
//! let btf = core_btf::Btf::parse(&blob)?;
//! let header = core_btf::c::Header::new(&btf)
//!     .guard("POINT_BPF_H")
//!     .tag("core:app")
//!     .print()?;
//! assert!(header.contains("struct point {"));
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//! The compiler gives every printed type the size and the member offsets that the BTF records.
//! BTF knows neither `packed` nor `aligned`, so the printer lays each type out as the compiler
//! would, and where the result differs it adds padding (unnamed bitfields, which leave no trace in
//! the BTF that clang makes; from 4 KiB on, an array) or `packed`. Members that overlap, which C does not produce, become
//! the alternatives of an anonymous union.
//!
//! Not C, and how it is printed:
//!
//! | in BTF | in C |
//! | --- | --- |
//! | integers and floats of a size that BPF's clang has no type for (`long double`) | array of `unsigned char` |
//! | a member without a size (`void`, forward declaration) | zero-length array |
//! | unnamed members that are no struct or union | padding |
//! | a name that is no C identifier, or a keyword | other bytes become `_`; `_` is appended |
//! | a pointer to an array of the struct that it stands in | `void *` |
//! | `char`, whichever its sign | `char` |
//! | names of parameters | left out |
//!
//! An error is left for: bitfields wider than their type, members outside their struct, types that
//! contain themselves, nesting beyond 100 levels, and more C than 64 KiB and 24 times the BTF.
//!
//! # Names
//! BTF may have several types of one name, C may not. The first one printed has the plain name, the
//! others a flavor, `name___2`, which CO-RE ignores; the same holds for enumerators, typedefs and
//! functions, which share a name space. A forward declaration stands for the first type of its
//! name. [`Header::beside`] keeps clear of the names of another header.

mod body;
mod declarator;
mod definition;
mod header;
mod layout;
mod names;
mod order;
mod scalar;
#[cfg(test)]
mod tests;

pub use header::{Header, enum_mark};
