//! The macros of `core-runtime`, which re-exports them: use them from there.
//!
//! What a Rust type looks like to BPF is said at [`macro@bpf_traceable`].
#![forbid(unsafe_code)]

mod embed;
mod error;
mod fit;
mod join;
mod objects;
mod other_types;
mod place;
mod plain;
mod probe;
mod registry;
mod section;
mod skeleton;
mod traceable;

use proc_macro::TokenStream;
use proc_macro2::Span;

use crate::error::Error;
use crate::probe::Process;

/// Embeds what the build script prepared: this crate's BTF and its BPF programs.
///
/// Stands once in a crate, at the top level: `core_runtime::embed!();`. It expands to
///
/// - the BTF of the application's types, C's and Rust's, in the section `.BTF` of the program, where
///   it survives stripping and link-time optimisation;
/// - `mod bpf` with a module per BPF program: `src/bpf/trace.bpf.c` is `bpf::trace`, with the
///   skeleton that libbpf-cargo makes (`TraceSkelBuilder`), whose builder gives its object's
///   bytes to the runtime (`core_runtime::BpfObject`).
///
/// Every crate of a program that has a type with [`macro@bpf_traceable`] calls it. Its package has
/// a build script that calls `core_build::Builder`. On targets other than Linux there is nothing
/// to embed, and all compiles the same.
///
/// # How Rust types are learned
///
/// rustc decides their layout, so rustc is asked: the macro starts the rustc that runs it once more
/// on the same crate, with the same flags, to generate nothing but the debug information of the
/// types. That takes about as long as `cargo check` does for this crate alone, its dependencies not
/// counted; `cargo check`, clippy, rustdoc and editors are spared it, and so is a crate without
/// such types. The runtime compares what was learned with what the final compile says of itself,
/// before it loads anything.
///
/// # What is checked
///
/// Each relocation of each BPF object is judged against the real types, as the loader does before a
/// load. What is missing, or differs in a way that the program would read wrong, is an error with
/// the line of the BPF program. Left to the loader are types whose layouts are not known here (the
/// kernel's, and what `Builder::types_from` has from the source of another crate), and what a
/// program asks for before it reads: an instruction that the answers to
/// `bpf_core_field_exists()`, `bpf_core_type_exists()` and the like lead past, or a field that the
/// function asks for itself.
///
/// If the second compile fails where the first does not, that is an error which shows what rustc
/// has to say. Documentation tests cannot be compiled twice, as their source comes from a pipe:
/// mark them `no_run`.
#[proc_macro]
pub fn embed(input: TokenStream) -> TokenStream {
    let process = Process::this();
    if *process != Process::Editor
        && let Some(first) = registry::embed_at(place::of(Span::call_site()))
    {
        let message = format!("a crate calls embed!() once; it is called at {first} too");
        return Error::call_site(message).to_compile_error().into();
    }
    let mut out =
        embed::expand(input.into(), process).unwrap_or_else(|error| error.to_compile_error());
    out.extend(probe::embedded());
    out.into()
}

/// Marks a struct, enum or union that BPF programs read. The item itself stays as it is.
///
/// The type may be private, in a private module or inside of a function (but not of one with
/// `#[test]`, which the second compile of [`embed!`] has none of). It is embedded with all that it
/// is made of, and with what it points to in its own crate.
///
/// ```
/// # use core_macros::bpf_traceable;
/// # // What embed!() leaves, which needs a build script.
/// # #[expect(non_upper_case_globals)]
/// # const call_core_runtime_embed_here: () = ();
/// #[bpf_traceable]
/// struct Request<'a> {
///     id: u64,
///     path: &'a str,
///     #[bpf(skip)]
///     handler: Box<dyn Fn()>,
/// }
/// # fn main() {}
/// ```
///
/// | argument | what it does |
/// | --- | --- |
/// | `name = "..."` | the name in BTF and C; without it, the type's own |
/// | `deep` | also describes types of other crates that are only pointed to |
/// | `Pair<u32, u64>` | of a generic type, an instance to describe; any number of them, each with a `name` behind it or the name `Pair_u32_u64` |
///
/// | on a field | what it does |
/// | --- | --- |
/// | `#[bpf(skip)]` | leaves the field out |
/// | `#[bpf(c = "...")]` | gives the field this C type in the generated header |
///
/// Attributes under `cfg_attr`, and fields under `cfg`, count when their condition holds. No two
/// types of a crate may have one C name.
///
/// # What BPF sees
///
/// The generated header has the type under its C name, and what it leads to in views that depend
/// neither on rustc's version nor on std's private fields. `&str`, `&[T]` and `Box` of these are
/// `{ ptr, len }`, `String` and `Vec<T>` are `{ ptr, cap, len }`; an enum with data is a union with
/// a member for each variant, of which `core_variant_is()` says the one that is there; fields
/// without a name are `__0`, `__1`; names that are C's own have an underscore behind them. All of
/// it, type by type, is in the documentation of `core_btf::rust`.
///
/// With `struct Rows *rows`, each row by the function of this name in `tests/tests/rows.rs`:
///
/// | Rust | C | test |
/// | --- | --- | --- |
/// | `balance: i16`<br>`size: usize`<br>`flag: bool`<br>`letter: char` | `balance = core_read(rows, balance);`<br>`letter = core_read(rows, letter);` | `numbers` |
/// | `ratio: f64`<br>`huge: u128` | `bpf_probe_read_user(&ratio, sizeof(ratio), &rows->ratio);`<br>`bpf_probe_read_user(huge, sizeof(huge), &rows->huge);` | `numbers` |
/// | `reference: &'static Inner`<br>`raw: *const Inner`<br>`boxed: Box<Inner>`<br>`non_null: NonNull<Inner>`<br>`optional: Option<Box<Inner>>` | `boxed = core_read(rows, boxed, id);`<br>`nothing = core_read_ptr(rows, nothing) == NULL;` | `pointers` |
/// | `counted: Rc<Inner>`<br>`shared: Arc<Inner>` | `shared = core_read(rows, shared, value.id);`<br>`strong = core_read(rows, shared, strong);` | `counted` |
/// | `cell: Cell<u32>`<br>`maybe: MaybeUninit<u16>`<br>`manual: ManuallyDrop<Inner>`<br>`non_zero: NonZeroU16`<br>`atomic: AtomicU64` | `cell = core_read(rows, cell);`<br>`manual = core_read(rows, manual.id);`<br>`atomic = core_read(rows, atomic);` | `wrappers` |
/// | `text: &'static str`<br>`slice: &'static [u16]`<br>`boxed_slice: Box<[Inner]>`<br>`boxed_text: Box<str>` | `text_len = core_str(text, sizeof(text), rows, text);`<br>`boxed_slice_1 = core_read(core_vec_at(rows, boxed_slice, 1), id);` | `slices` |
/// | `string: String`<br>`list: Vec<Inner>` | `string_len = core_str(string, sizeof(string), rows, string);`<br>`list_2 = core_read(core_vec_at(rows, list, 2), id);`<br>`list_past = core_vec_at(rows, list, 3) == NULL;` | `vectors` |
/// | `duration: Duration`<br>`instant: Instant`<br>`system: SystemTime`<br>`v4: Ipv4Addr`<br>`v6: Ipv6Addr`<br>`address: SocketAddr` | `secs = core_read(rows, duration.secs);`<br>`core_read_bytes(v4, sizeof(v4), rows, v4.octets);`<br>`is_v4 = core_variant_is(&rows->address, SocketAddr, V4);`<br>`port = core_read(rows, address.V4.__0.port);` | `times_and_addresses` |
/// | `mutex: Mutex<Inner>`<br>`lock: RwLock<u32>`<br>`borrowed: RefCell<u8>` | `locked = core_read(rows, mutex.lock);`<br>`mutex = core_read(rows, mutex.data.id);`<br>`borrowed = core_read(rows, borrowed.data);` | `locks` |
/// | `mode: Mode` | `mode = core_read(rows, mode);`<br>`is_fast = core_read(rows, mode) == bpf_core_enum_value(enum Mode, Mode_Fast);` | `fieldless_enums` |
/// | `load: Load`<br>`option: Option<u32>`<br>`result: Result<u8, String>` | `is_loaded = core_variant_is(&rows->load, Load, Loaded);`<br>`loaded_id = core_read(rows, load.Loaded.id);`<br>`tag = core_tag(&rows->option);`<br>`if (core_variant_is(&rows->option, Option_u32, Some))`<br>`some = core_read(rows, option.Some.__0);` | `enums_with_data` |
/// | `either: Choice`<br>`array: [u16; 4]`<br>`grid: [[Inner; 2]; 3]`<br>`tuple: (u8, u32)`<br>`length: Meters` | `either = core_read(rows, either.small);`<br>`array_i = core_read_elem(rows, array, size & 1);`<br>`grid = core_read(rows, grid[2][1].id);`<br>`tuple = core_read(rows, tuple.__1);`<br>`length = core_read(rows, length.__0);` | `unions_arrays_and_tuples` |
/// | `object: Box<dyn Debug>` | `object = (__u64)core_read_ptr(rows, object.data);`<br>`vtable = (__u64)core_read_ptr(rows, object.vtable);` | `trait_objects` |
/// | `foreign: &'static core_btf::BtfBuf` | `foreign = (__u64)core_read_ptr(rows, foreign);` | `other_crates` |
///
/// libbpf's `BPF_CORE_READ_USER(rows, boxed, id)` reads all of them too, into variables that are as
/// wide as the member (test `bpf_core_read_user`); the macros here take the width from the program
/// that is traced. What a pointer leads to in another crate is only declared, unless `deep` asks
/// for it.
///
/// # Macros
///
/// The header is made from the crate's source, and macros are not expanded for it. Items that stand
/// in a macro's braces as they are (`records! { #[bpf_traceable] struct Request { .. } }`) are read
/// there. A type that a `macro_rules!` puts together is embedded, but not in the header, and the
/// build warns of it: write it out, or declare in the BPF program what that reads of it:
///
/// ```c
/// struct Made { __u64 id; } __attribute__((preserve_access_index))
///                           __attribute__((btf_decl_tag("core:app")));
/// ```
///
/// # Cost
///
/// The attribute adds no code. Beside the item it leaves the type's size and the offsets of its
/// fields in the section `core_layout` of the program, some ten bytes a field, with which the
/// runtime proves that the embedded description is right.
#[proc_macro_attribute]
pub fn bpf_traceable(args: TokenStream, item: TokenStream) -> TokenStream {
    traceable::expand(args.into(), &item.into(), Process::this()).into()
}
