//! The BTF of Rust types, against the truth: what the compiler says with `size_of` and `offset_of`,
//! what live values hold, and what gdb reads from the same debug information.
//!
//! `fixtures/rust-types` has the types.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails fails the test"
)]

mod annotated;
mod damage;
mod facts;
mod fixture;
mod gdb;
mod header;
#[path = "../scratch/mod.rs"]
mod scratch;
mod shapes;
mod sizes;
mod types;
mod validity;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use core_btf::Kind;
use fixture::Fixture;
use sizes::Layout;
use types::Types;

/// Most of the types.
const MAIN: &str = "src/main.rs";
/// Closures and futures.
const STATES: &str = "src/states.rs";

/// What rustc seldom makes.
const ODD: &str = "src/odd.rs";

/// All of them, compiled once for all tests.
static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| Fixture::new("main"));
static MAIN_BTF: LazyLock<Vec<u8>> = LazyLock::new(|| FIXTURE.btf(MAIN));
static STATES_BTF: LazyLock<Vec<u8>> = LazyLock::new(|| FIXTURE.btf(STATES));
static ODD_BTF: LazyLock<Vec<u8>> = LazyLock::new(|| FIXTURE.btf(ODD));

/// Not one field may differ, and every live value must be what BTF makes of it, with and without
/// optimisation.
#[test]
fn every_field_and_value_is_where_btf_says() {
    for (source, blob, least) in [
        (MAIN, &MAIN_BTF, 150),
        (STATES, &STATES_BTF, 1),
        (ODD, &ODD_BTF, 70),
    ] {
        let types = Types::new(blob);
        for opt_level in ["0", "3"] {
            let (wrong, compared) = facts::compare(&types, &FIXTURE.facts(source, opt_level));
            assert!(wrong.is_empty(), "-O{opt_level}:\n{}", wrong.join("\n"));
            println!("{source} -O{opt_level}: {compared:?}");
            assert!(compared.types >= least, "{compared:?}");
        }
    }
}

/// Whatever a type is, its name and members must be fit for C and for libbpf.
#[test]
fn every_type_is_valid_c_and_valid_btf() {
    for blob in [&MAIN_BTF, &STATES_BTF, &ODD_BTF] {
        let problems = validity::problems(&Types::new(blob));
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}

/// gdb reads the same debug information with code of its own.
#[test]
fn gdb_sees_the_same_layouts() {
    // Types without a view are as std declares them.
    let foreign = [
        ("Barrier", "std::sync::barrier::Barrier"),
        ("BarrierState", "std::sync::barrier::BarrierState"),
        ("Builder", "std::thread::builder::Builder"),
        ("Child", "std::process::Child"),
        ("Foreign", "dep::Foreign"),
        ("Choice", "dep::Choice"),
        ("Layout", "core::alloc::layout::Layout"),
        ("Link", "dep::Link"),
        ("RawWaker", "core::task::wake::RawWaker"),
        ("TypeId", "core::any::TypeId"),
        ("Waker", "core::task::wake::Waker"),
    ];
    for (source, blob, foreign, least) in [
        (MAIN, &MAIN_BTF, &foreign[..], 400),
        (ODD, &ODD_BTF, &[], 100),
    ] {
        let types = Types::new(blob);
        // gdb finds no generic type by its name, and has another order for fields of one name.
        let mut subjects: Vec<(&str, String)> = roots(&types)
            .into_iter()
            .filter(|(name, path)| !path.contains(['<', '(']) && *name != "Clashing")
            .filter(|(name, _)| types.one(name).kind().is_composite())
            // Without its skipped fields it is not what gdb sees.
            .filter(|(name, _)| *name != "Skipping")
            .collect();
        subjects.extend(
            foreign
                .iter()
                .map(|(name, path)| (*name, (*path).to_owned())),
        );
        let paths: Vec<String> = subjects.iter().map(|(_, path)| path.clone()).collect();
        // The object is made on first use of the BTF.
        let seen = gdb::ptype(&FIXTURE.object(source), &paths);
        let mut compared = 0;
        let mut wrong = Vec::new();
        for ((name, path), fields) in subjects.iter().zip(seen) {
            let (differences, count) = gdb::compare(&types, types.one(name).id(), &fields);
            wrong.extend(
                differences
                    .into_iter()
                    .map(|text| format!("{path}: {text}")),
            );
            compared += count;
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(compared > least, "gdb saw {compared} fields of {source}");
    }
}

/// rustc reports the layouts that it chose, those of variants and futures too.
#[test]
fn rustc_reports_the_same_layouts() {
    let (mut wrong, mut names, mut fields) = (Vec::new(), Vec::new(), 0);
    for (source, blob) in [(MAIN, &MAIN_BTF), (STATES, &STATES_BTF), (ODD, &ODD_BTF)] {
        let types = Types::new(blob);
        let layouts = sizes::parse(&FIXTURE.report(source));
        // As for gdb.
        let mut subjects: Vec<_> = roots(&types)
            .into_iter()
            .filter(|(name, _)| !matches!(*name, "Clashing" | "Skipping"))
            .filter_map(|(name, path)| {
                let layout = layouts.get(path.trim_start_matches("fixture::"))?;
                Some((name, layout))
            })
            .collect();
        if source == STATES {
            subjects.extend(states(&layouts));
        }
        for (name, layout) in subjects {
            let (differences, count) = sizes::compare(&types, name, layout);
            let differences = differences.into_iter();
            wrong.extend(differences.map(|text| format!("{source} {name}: {text}")));
            fields += count;
            names.push(format!("{source} {name}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} types, {fields} fields", names.len());
    assert!(names.len() > 150 && fields > 500, "{names:#?}");
}

/// The closures and futures of `STATES` in rustc's report, which calls most by their place.
fn states(layouts: &BTreeMap<String, Layout>) -> Vec<(&'static str, &Layout)> {
    let text = fixture::text(STATES);
    let place = |function: &str, expression: &str| {
        let start = text.find(function).unwrap();
        let at = start + text[start..].find(expression).unwrap();
        let line = text[..at].lines().count();
        let column = at - text[..at].rfind('\n').unwrap();
        format!("states.rs:{line}:{column}: ")
    };
    [
        ("adder_closure_env_0", place("fn adder", "move |x|")),
        ("parts_closure_env_0", place("fn parts", "move |x: u32|")),
        ("parts_closure_env_1", place("fn parts", "move |x| {")),
        ("nothing_closure_env_0", place("fn nothing", "||")),
        ("job_async_block_env_0", place("fn job", "async move")),
        (
            "forever_async_block_env_0",
            place("fn forever", "async move"),
        ),
        (
            "leaf_async_fn_env_0",
            "{async fn body of leaf()}".to_owned(),
        ),
        (
            "inner_async_fn_env_0",
            "{async fn body of walk::inner()}".to_owned(),
        ),
    ]
    .map(|(name, key)| {
        // Not what is written with it.
        let is_it = |known: &str| known.starts_with('{') && known.contains(&key);
        let mut layouts = layouts.iter();
        let found = layouts.find(|(known, _)| is_it(known));
        let (_, layout) = found.unwrap_or_else(|| panic!("{key} is not reported"));
        (name, layout)
    })
    .to_vec()
}

/// Names and Rust paths of the roots.
fn roots<'a>(types: &Types<'a>) -> Vec<(&'a str, String)> {
    types
        .btf
        .iter()
        .filter(|tag| tag.kind() == Kind::DeclTag)
        .map(|tag| {
            let root = types.get(tag.target());
            let path = tag.name().unwrap().strip_prefix("rust:").unwrap();
            (root.name().unwrap(), path.to_owned())
        })
        .collect()
}

/// Two compilations in different folders give the same bytes.
#[test]
fn the_same_source_gives_the_same_bytes() {
    assert_eq!(*MAIN_BTF, Fixture::new("again").btf(MAIN));
}

/// Each root carries its path, under the name that it was given.
#[test]
fn roots_are_tagged_with_their_paths() {
    let roots = roots(&Types::new(&MAIN_BTF));
    for (name, path) in [
        ("Signed", "fixture::plain::Signed"),
        ("Pair_u8_u64", "fixture::generics::Pair<u8, u64>"),
        ("Session", "fixture::names::net::Session"),
        ("Local", "fixture::names::local::Local"),
        ("RenamedRoot", "fixture::names::Original"),
        ("Simple", "fixture::fieldless::Simple"),
        ("Tuple_2", "(u8, u64)"),
    ] {
        assert!(
            roots.contains(&(name, path.to_owned())),
            "{name}: {roots:?}"
        );
    }
}

/// What is behind a pointer into another crate is only declared, unless a root wants it or holds it
/// by value.
#[test]
fn foreign_types_behind_pointers_are_declared() {
    let types = Types::new(&MAIN_BTF);
    let kind = |name: &str| {
        let mut kinds = types
            .btf
            .iter()
            .filter(|ty| ty.name().unwrap() == name)
            .map(|ty| ty.kind());
        let kind = kinds.next();
        assert_eq!(kinds.next(), None, "{name}");
        kind
    };
    for (name, expected) in [
        ("Hidden", Some(Kind::Fwd)),
        ("process_Command", Some(Kind::Fwd)),
        ("Mutex_u8", Some(Kind::Fwd)),
        ("Foreign", Some(Kind::Struct)),
        ("Choice", Some(Kind::Union)),
        ("Chain", Some(Kind::Struct)),
        ("Link", Some(Kind::Struct)),
        ("Inner", Some(Kind::Struct)),
    ] {
        assert_eq!(kind(name), expected, "{name}");
    }
}
