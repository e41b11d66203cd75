//! DWARF to BTF: the types of an object, archive or linked binary, from its debug information.
//!
//! [`extract`] takes the bytes of a file and gives a [`BtfBuf`](crate::BtfBuf). It reads DWARF 2
//! to 5 in ELF of either class and byte order, in one pass over the debugging information entries
//! (DIEs); nothing is kept per entry that is not a type.
//!
//! | DWARF | BTF |
//! | --- | --- |
//! | base type | INT, FLOAT; `_Complex T` is `struct { T real; T imag; }` |
//! | array | one ARRAY per dimension, the outermost first, in Fortran the last; no length: 0 elements |
//! | subrange (Ada, Pascal) | the type it restricts; INT if it has a size of its own |
//! | `_Atomic`, packed and other qualifiers without a BTF kind | the type they qualify |
//! | C++ references and `nullptr_t` | PTR |
//! | C++ base classes | unnamed members, where CO-RE looks for members too; `base_` and their name where members would be mistaken for others; empty ones are left out |
//! | C++ virtual base classes, whose place is not fixed | no members; an [enum](#virtual-base-classes) of where their places are |
//! | C++ pointers to members, to member functions | INT, `struct { long ptr; long adj; }` |
//! | Rust | the views of [`crate::rust`], for all types that units in Rust describe; no functions |
//! | annotations of clang, and of gcc 16 on | `DECL_TAG`, `TYPE_TAG` |
//! | names that C cannot spell | [identifiers](#names) |
//! | declaration | FWD, or the definition in its type unit |
//! | what has no counterpart | a struct of the same size without members, and a [`Warning`] |
//!
//! A unit that is damaged is left out, with a [`Warning`] too; a file of which nothing is left is an error.
//! A type of the last row spoils an extraction only when a root ([`Options::roots`]), named without
//! wildcards, holds it by value.

//!
//! # Names
//! A type in a namespace or class is called by its whole path, made an identifier:
//! `net::Pool<int*, 4>` is `net_Pool_int_ptr_4`, whatever else the program has. `::` and other
//! punctuation is `_`, never two in a row where a part starts with underscores (`std::__cxx11::x` is
//! `std_cxx11_x`); `*`, `&`, `&&`, `[`, `~` and `-` are `ptr`, `ref`, `rref`, `arr`, `not` and `neg`; an
//! unnamed namespace is `anonymous_namespace`. More than 127 bytes are cut, with a hash of the whole at the
//! end. Enumerators are named like types beside their enum, those of an `enum class` like types inside of
//! it. Functions have their linkage names. Names of C stay as they are.
//!
//! # Virtual base classes
//! Where a virtual base is in an object depends on the class of the whole object: a pointer to a
//! `net::Conn` may lead into something larger. For a class with the virtual base `net::Base` there is
//!
//! ```c
//! enum net_Conn__virtual_bases { net_Conn__virtual_net_Base = -24 };
//! ```
//!
//! The object's first word is a pointer into the vtable of its class. As many bytes from there as the
//! enumerator says is a number of the size of a pointer: the bytes from the `net::Conn` to its `net::Base`.
//! `core_virtual_base()` of `core.bpf.h` follows all of that. A base of a base is a virtual base of the class
//! that names it, and is reached through that.

mod abbrev;
mod annotations;
mod arrays;
mod bases;
mod closure;
mod collect;
mod entries;
mod error;
mod extract;
mod files;
mod gathered;
mod input;
mod join;
mod key_index;
mod language;
mod linked;
mod links;
mod list;
mod members;
mod object;
mod package;
mod progress;
mod relocate;
mod resolve;
mod root;
mod roots;
pub mod rust;
mod scalars;
mod sections;
mod sound;
mod spelling;
mod threads;
mod types;
mod units;

pub use error::{Error, Problem, Warning};
pub use extract::{Elsewhere, Extraction, Options, extract, extract_all, gather};
pub use files::{DebugFile, DebugFiles, FileProblem, PassedOver, Places, Reading};
pub use gathered::Gathered;
pub use links::{Links, Split, crc32, links};
pub use progress::Progress;
