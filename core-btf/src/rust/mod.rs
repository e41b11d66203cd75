//! How Rust types are spelled in BTF and in C.
//!
//! The rule: what a BPF author writes depends neither on the compiler's version nor on std's
//! private fields. The DWARF reader makes BTF by this page, and core-build writes the header by
//! it, each from its own description of a type ([`Type`], which can be parsed from source and from
//! debug information alike), so that names and members of both agree by construction: [`Names`]
//! gives the C names, [`Type::view`] the members.
//!
//! | Rust | BTF and C |
//! | --- | --- |
//! | numbers, `bool`, `char` | INT or FLOAT of C's names ([`Primitive::c_name`]) |
//! | `&T`, `*const T`, `Box<T>`, `NonNull<T>`, function pointers, and `Option` of all but raw pointers | PTR, `void *` to `()`, `c_void` and functions |
//! | `Rc<T>`, `Arc<T>`, their `Weak`, and `Option` of these | PTR to `struct RcInner_T`, `ArcInner_T` `{ strong, weak, value }` |
//! | `Cell`, `UnsafeCell`, `ManuallyDrop`, `MaybeUninit`, `NonZero`, `Wrapping`, `Pin`, atomics | what they hold |
//! | `&str`, `&[T]`, `&Path`, and `Box` of these | struct `{ ptr, len }` |
//! | `Rc<[T]>`, `Arc<str>` | struct `{ ptr, len }`; `ptr` to `{ strong, weak, value[] }` |
//! | `&dyn T`, `Box<dyn T>` | struct `{ data, vtable }` |
//! | `String`, `Vec<T>`, `PathBuf`, `OsString` | struct `{ ptr, cap, len }` |
//! | `CString` | struct `{ ptr, len }` |
//! | `VecDeque<T>` | struct `{ ptr, cap, head, len }` |
//! | `HashMap`, `HashSet` | struct `{ ctrl, bucket_mask, growth_left, len }` |
//! | `BTreeMap`, `BTreeSet`, `LinkedList` | struct `{ len }` |
//! | `Mutex<T>` | struct `{ lock, poison, data }` |
//! | `RwLock<T>` | struct `{ lock, writer_notify, poison, data }` |
//! | `RefCell<T>` | struct `{ borrow, data }` |
//! | `OnceLock<T>` | struct `{ once, value }` |
//! | `Duration`, `Instant`, `SystemTime` | struct `{ secs, nanos }` |
//! | `Ipv4Addr`, `Ipv6Addr` | struct `{ octets }` in network order |
//! | `SocketAddrV4`, `SocketAddrV6` | struct `{ ip, port }`, `{ ip, port, flowinfo, scope_id }`; `port` is a plain number |
//! | `IpAddr`, `SocketAddr`, `Option`, `Result`, `Cow`, `Poll`, `Bound`, `ControlFlow` | enums with data, see below |
//! | files and sockets | struct `{ fd }` |
//! | ranges | struct of `start`, `end`, `exhausted` |
//! | tuples | struct `{ __0, __1, ... }` |
//!
//! # The user's types
//!
//! - A struct is a STRUCT of its fields, `__0`, `__1`, ... where they have no names; a union is a
//!   UNION. [`member_names`] gives the members' names. They are sorted by offset, those without a
//!   size first.
//! - An enum of which no variant holds anything is an ENUM with the enumerators
//!   `State_Idle` ([`enumerator`]), unless it has but one variant and no `repr`, which makes it
//!   take no space: then it is one with data ([`is_fieldless`]).
//! - Any other enum is a UNION as described next, and so are closures' and `async` functions'
//!   states.
//! - A type of another crate behind a pointer is a forward declaration (behind an `Arc`, there is
//!   no `value`), unless the root was marked
//!   `deep`; a type of std is one when it is not in the table.
//!
//! # Enums with data
//!
//! ```c
//! union State {
//!     struct { enum State__tag __tag; };      /* at its real offset */
//!     struct State__Idle Idle;                /* each variant's fields at their real offsets */
//!     struct State__Busy Busy;
//! };
//! enum State__tag { State_Idle = .., State__untagged_Busy = .., State__first = .., State__last = .. };
//! ```
//!
//! Which variant a value is depends on the compiler's choice, and the target's enumerators say it:
//!
//! - A variant that is stored as a value of its own has the enumerator `State_Idle` with it.
//! - rustc may hide the others' values where one variant's data never has them (a *niche*). That
//!   variant has no value of its own: it is there when the tag is none of the others'. It has no
//!   enumerator `State_Busy` then, but `State__untagged_Busy`. The values of the others run from
//!   `State__first` up to `State__last`, modulo the size of the tag. Values in between that belong
//!   to no variant do not occur.
//! - An enum with one possible variant has no `__tag`; that variant is `State__untagged_Only`,
//!   and there is no `State__first`.
//! - A variant that cannot exist (`Result<T, Infallible>`) has no enumerator.
//!
//! All values are as stored, zero-extended from the size of the tag. So for a header that declares
//! all of these enumerators, variant V is there when
//!
//! ```text
//! exists(State_V)           ? tag == value(State_V)
//! : exists(State__untagged_V) && (!exists(State__first)
//!     || ((tag - value(State__first)) & mask) > ((value(State__last) - value(State__first)) & mask))
//! ```
//!
//! where `exists` and `value` are the CO-RE relocations of the target's enumerator, and `mask` has
//! as many bits as the target's `__tag`. A tag of 128 bits is readable where the values are small,
//! as its low half; otherwise the enum has neither `__tag` nor enumerators.

mod ident;
mod names;
mod parse;
mod std_path;
mod types;
mod view;

pub use ident::{
    MAX_NAME, MAX_TYPE_NAME, enumerator, first, identifier, is_fieldless, last, member_names,
    tag_enum, untagged, variant_names, variant_struct,
};
#[cfg(feature = "dwarf")]
pub(crate) use ident::{c_identifier, fit};
pub use names::Names;
pub use parse::ParseError;
#[cfg(feature = "dwarf")]
pub(crate) use types::Shared;
pub use types::{Arg, Path, Primitive, Storage, Type};
pub use view::{Field, FieldType, Metadata, Variant, View};
