//! From a crate's source to the header.

use std::fs;
use std::path::Path;

use core_btf::Btf;
use core_btf::c::Header;
use core_btf::read::Endian;
use tempfile::TempDir;

use super::cfg::Cfg;
use super::source::Source;
use super::{declare, reach};

/// The declarations, without white space runs, and the warnings.
fn header(files: &[(&str, &str)]) -> (String, Vec<String>) {
    let dir = TempDir::new().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let vars = [("CARGO_CFG_UNIX", ""), ("CARGO_CFG_FEATURE", "more")];
    let cfg = Cfg::from_env(
        vars.into_iter()
            .map(|(name, value)| (name.into(), value.into())),
    );
    let root: &Path = &dir.path().join("src/main.rs");
    let source = Source::read("app", root, &cfg).unwrap();
    assert_eq!(source.files.len(), files.len(), "every file is read");
    let mut reached = reach::reach(&source);
    let types = declare::declare(&source, &mut reached, 8).unwrap();
    let blob = types.encode(Endian::NATIVE).unwrap();
    let btf = Btf::parse(&blob).unwrap();
    let text = Header::new(&btf)
        .preserve_access_index(false)
        .print()
        .unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    (words.join(" "), reached.warnings)
}

fn main_rs(text: &str) -> (String, Vec<String>) {
    header(&[("src/main.rs", text)])
}

/// Fails unless each piece is in the header.
fn assert_declares(header: &str, pieces: &[&str]) {
    for piece in pieces {
        assert!(header.contains(piece), "{piece:?} is not in\n{header}");
    }
}

#[test]
fn fields_of_every_shape_are_declared() {
    let (header, warnings) = main_rs(
        "#[core_runtime::bpf_traceable]
         struct Request<'a> {
             id: u64, small: i8, flag: bool, letter: char, ratio: f64, size: usize,
             path: String, name: &'a str, list: Vec<u16>, pair: (u8, i32),
             next: Option<Box<Request<'a>>>, raw: *const u8, grid: [[u8; 3]; 2],
             shared: std::sync::Arc<std::sync::Mutex<u32>>, call: fn(u8) -> u8,
             r#type: u8, default: u8,
         }",
    );
    assert_eq!(warnings, [""; 0]);
    assert_declares(
        &header,
        &[
            "struct Request { unsigned long id; signed char small; _Bool flag; unsigned int letter; \
             double ratio; unsigned long size; struct String path; struct str name; \
             struct Vec_u16 list; struct tuple_u8_i32 pair; struct Request *next; \
             unsigned char *raw; unsigned char grid[2][3]; struct ArcInner_Mutex_u32 *shared; \
             void *call; unsigned char type; unsigned char default_; }",
            "struct Vec_u16 { unsigned short *ptr; unsigned long cap; unsigned long len; }",
            "struct tuple_u8_i32 { unsigned char __0; int __1; }",
            "struct Mutex_u32 { unsigned int lock; _Bool poison; unsigned int data; }",
        ],
    );
}

#[test]
fn enums_have_their_size_or_their_variants() {
    let (header, _) = main_rs(
        "#[bpf_traceable] enum Small { A, B = 7, C }
         #[bpf_traceable] #[repr(u32)] enum Wide { A = -1 + 5 }
         #[bpf_traceable] enum Signed { Minus = -200, Zero = 0 }
         #[bpf_traceable] enum State { Idle, Busy { id: u64 }, Done(u8, u16) }",
    );
    assert_declares(
        &header,
        &[
            "enum Small : unsigned char { Small_A = 0, Small_B = 7, Small_C = 8, }",
            "enum Wide { Wide_A = 4, }",
            "enum Signed : short { Signed_Minus = -200,",
            "union State { struct { enum State__tag __tag; }; struct State__Idle Idle; \
             struct State__Busy Busy; struct State__Done Done; }",
            "struct State__Busy { unsigned long id; }",
            "struct State__Done { unsigned char __0; unsigned short __1; }",
            "State__untagged_Busy = ",
            "State__first = ",
        ],
    );
}

#[test]
fn paths_lead_through_modules_imports_aliases_and_constants() {
    let (header, warnings) = header(&[
        (
            "src/main.rs",
            "mod net; #[path = \"odd/place.rs\"] mod moved; mod inline { pub mod deep; }
             use net::{self as network, State as Condition};
             const LEN: usize = network::HALF * 2;
             type Table<T> = Vec<Entry<T>>;
             struct Entry<K, V = u8> { key: K, value: V }
             #[bpf_traceable]
             struct Root { state: Condition, table: Table<u32>, bytes: [u8; LEN],
                           far: inline::deep::Far, moved: moved::Moved }
             #[cfg(windows)] #[bpf_traceable] struct Absent { a: u8 }
             #[cfg_attr(feature = \"more\", bpf_traceable)] struct Present { a: Self_ }
             type Self_ = u8;
             fn main() { #[bpf_traceable] struct Local { outer: Condition } }",
        ),
        (
            "src/net.rs",
            "pub mod inner; pub const HALF: usize = 0x8; pub use inner::State;",
        ),
        (
            "src/net/inner.rs",
            "use super::*; pub struct State { pub v: [u8; HALF] }",
        ),
        (
            "src/odd/place.rs",
            "pub struct Moved(pub crate::net::inner::State);",
        ),
        (
            "src/inline/deep.rs",
            "pub struct Far { pub up: super::super::Condition }",
        ),
    ]);
    assert_eq!(warnings, [""; 0]);
    assert_declares(
        &header,
        &[
            "struct State { unsigned char v[8]; }",
            "struct Root { struct State state; struct Vec_Entry_u32_u8 table; \
             unsigned char bytes[16]; struct Far far; struct Moved moved; }",
            "struct Entry_u32_u8 { unsigned int key; unsigned char value; }",
            "struct Moved { struct State __0; }",
            "struct Far { struct State up; }",
            "struct Present { unsigned char a; }",
            "struct Local { struct State outer; }",
        ],
    );
    assert!(!header.contains("Absent"), "{header}");
}

#[test]
fn instances_and_names_are_as_the_annotation_says() {
    let (header, _) = main_rs(
        "#[bpf_traceable(Pair<u32, u64>, name = \"Both\", Pair<u8, u8>)]
         struct Pair<A, B> { a: A, b: Option<B> }
         #[bpf_traceable(name = \"app_file\")] struct File { pair: Pair<u32, u64> }",
    );
    assert_declares(
        &header,
        &[
            "struct Both { unsigned int a; union Option_u64 b; }",
            "struct Pair_u8_u8 { unsigned char a; union Option_u8 b; }",
            "struct app_file { struct Both pair; }",
        ],
    );
}

#[test]
fn what_cannot_be_declared_is_said_once_with_a_way_out() {
    let (header, warnings) = main_rs(
        "#[bpf_traceable] struct Root {
             foreign: bytes::Bytes, far: Box<bytes::Bytes>, projected: <u8 as Trait>::Out,
             #[bpf(skip)] skipped: bytes::Bytes, #[bpf(c = \"u64\")] id: bytes::Id,
             #[bpf(c = \"struct other *\")] other: bytes::Bytes,
         }",
    );
    assert_declares(
        &header,
        &[
            "struct Bytes *far;",
            "unsigned long id;",
            "struct other *other;",
        ],
    );
    assert!(!header.contains("skipped"), "{header}");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("src/main.rs:1: field `foreign` of `Root` (`bytes :: Bytes`)"));
    assert!(warnings[0].contains("#[bpf(c = \"..\")]"), "{warnings:?}");
    assert!(warnings[1].contains("field `projected`"), "{warnings:?}");
}

/// rustc has no such members, so a program that reads them must not compile either.
#[test]
fn fields_and_variants_that_are_configured_away_are_not_declared() {
    let (header, _) = main_rs(
        "#[bpf_traceable] struct Kept { #[cfg(unix)] a: u8, #[cfg(windows)] b: u8,
             #[cfg(feature = \"more\")] size: u32, #[cfg(not(feature = \"more\"))] size: u64 }
         #[bpf_traceable] enum Which { One, #[cfg(windows)] Two, #[cfg(unix)] Three }",
    );
    assert_declares(
        &header,
        &[
            "struct Kept { unsigned char a; unsigned int size; }",
            "Which_One = 0, Which_Three = 1,",
        ],
    );
}

/// No macro is expanded, which must not go unnoticed.
#[test]
fn items_in_braces_are_read_and_other_macros_named() {
    let (header, warnings) = main_rs(
        "records! { #[bpf_traceable] #[cfg(unix)] struct Passed { id: u64 }
                    #[bpf_traceable] #[cfg(windows)] struct Absent { id: u64 } }
         macro_rules! make { ($name:ident) => { #[core_runtime::bpf_traceable] struct $name; } }
         make!(Made);
         other! { [bpf_traceable] 3 }
         println! { \"bpf_traceable\" }",
    );
    assert_declares(&header, &["struct Passed { unsigned long id; }"]);
    assert!(!header.contains("Absent"), "{header}");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("src/main.rs:3: types that the macro `make`"));
    assert!(warnings[1].contains("src/main.rs:5: types that the macro `other`"));
}
