//! One BPF object against many versions of a type: every value right, or a refusal before the load.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

use core_runtime::libbpf_rs::skel::{OpenSkel as _, Skel as _};
use core_runtime::{Binary, Error, Loader, TypeInfo, Uprobe};
use tempfile::TempDir;
use tests::{program, skew, skew_plain};

/// Versions of `fixtures/skew/sample.h`; 1 is the one that the objects are compiled against.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=14;

/// Which members plain reads of a fixed size would read wrong, by version.
const REFUSED: [(u32, &[&str]); 8] = [
    (3, &["count"]),
    (4, &["total"]),
    (5, &["delta"]),
    (6, &["level"]),
    (7, &["count"]),
    (10, &["list_3"]),
    (12, &["count"]),
    (14, &["counter"]),
];

fn compile(dir: &Path, version: u32) -> PathBuf {
    let sources = ["skew/observe.c", "skew/main.c"];
    let flag = format!("-DVERSION={version}");
    program::compile(dir, &format!("v{version}"), &sources, &[&flag])
}

/// What the program itself says its members hold.
fn truth(output: &str) -> BTreeMap<String, i64> {
    output
        .lines()
        .map(|line| {
            let (name, value) = line.split_once('=').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

mod root {
    use super::*;

    /// The header's macros read the right value of every member in every version.
    #[test]
    fn macros_read_every_version_right() {
        let dir = TempDir::new().unwrap();
        for version in VERSIONS {
            let program = compile(dir.path(), version);
            let types = TypeInfo::from_file(&program).unwrap();
            let mut storage = MaybeUninit::uninit();
            let skeleton = Loader::new(types)
                .load(skew::SkewSkelBuilder::default(), &mut storage)
                .unwrap();
            let probe = Uprobe::symbol(&Binary::open(&program).unwrap(), "observe");
            let _attached = probe.attach(&skeleton.progs.on_observe).unwrap();
            let mut truth = truth(&program::run(&program));
            // What a pointer to an integer leads to has no size that a relocation could tell.
            truth.remove("counter");
            let read = skeleton.maps.bss_data.as_ref().unwrap();
            let read = [
                ("id", read.id),
                ("count", read.count),
                ("total", read.total),
                ("delta", read.delta),
                ("level", read.level),
                ("mode", read.mode),
                ("list_3", read.list_3),
                ("item_1_id", read.item_1_id),
                ("item_1_weight", read.item_1_weight),
                ("y", read.y),
                ("next_id", read.next_id),
            ];
            let read: BTreeMap<_, _> = read.map(|(name, value)| (name.to_owned(), value)).into();
            assert_eq!(read, truth, "version {version}");
        }
    }

    /// A plain read of a fixed size gives the right value or is refused with the member named:
    /// never a wrong value.
    #[test]
    fn plain_reads_are_right_or_refused() {
        let dir = TempDir::new().unwrap();
        let refused: BTreeMap<u32, &[&str]> = REFUSED.into();
        for version in VERSIONS {
            let program = compile(dir.path(), version);
            let truth = truth(&program::run(&program));
            let types = TypeInfo::from_file(&program).unwrap();
            for (member, &expected) in &truth {
                // Followed through a pointer: two reads, the last of a member that has its own row.
                if member == "next_id" {
                    continue;
                }
                let name = format!("read_{member}");
                let mut storage = MaybeUninit::uninit();
                let mut open = Loader::new(types.clone())
                    .open(skew_plain::SkewPlainSkelBuilder::default(), &mut storage)
                    .unwrap();
                for mut other in open.open_object_mut().progs_mut() {
                    let chosen = other.name().to_string_lossy() == name;
                    other.set_autoload(chosen);
                }
                let wrong = refused
                    .get(&version)
                    .is_some_and(|m| m.contains(&member.as_str()));
                let loaded = open.load();
                if wrong {
                    let error = loaded
                        .err()
                        .unwrap_or_else(|| panic!("v{version} {member} loads"));
                    let text = format!("{error:?}");
                    assert!(matches!(error, Error::Relocation { .. }), "{text}");
                    let field = member.split('_').next().unwrap();
                    assert!(text.contains(&format!("struct sample.{field}")), "{text}");
                    continue;
                }
                let skeleton = loaded.unwrap_or_else(|e| panic!("v{version} {member}: {e:?}"));
                let probe = Uprobe::symbol(&Binary::open(&program).unwrap(), "observe");
                let mut programs = skeleton.object().progs_mut();
                let chosen = programs
                    .find(|p| p.name().to_string_lossy() == name)
                    .unwrap();
                let _attached = probe.attach(&chosen).unwrap();
                program::run(&program);
                let read = skeleton.maps.bss_data.as_ref().unwrap().value;
                assert_eq!(read, expected, "version {version}, {member}");
            }
        }
    }
}
