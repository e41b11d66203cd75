//! A type that a `macro_rules!` makes: the build says that the header has it not, and what the
//! documentation of `#[bpf_traceable]` says to do about it works.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

#[path = "scratch/mod.rs"]
mod scratch;

mod root {
    use crate::scratch::Scratch;

    #[test]
    fn types_that_a_macro_makes_can_be_declared_by_hand() {
        let scratch = Scratch::with_build(
            "made",
            "core_build::Builder::new().bpf(\"src/bpf/made.bpf.c\").build()",
        );
        scratch.file(
            "src/bpf/made.bpf.c",
            r#"#include "traceable.bpf.h"
char LICENSE[] SEC("license") = "GPL";
struct Made { __u64 id; } __attribute__((preserve_access_index))
                          __attribute__((btf_decl_tag("core:app")));
__u64 id, passed;
SEC("uprobe")
int BPF_UPROBE(on_show, struct Made *made, struct Passed *other)
{
    id = core_read(made, id);
    passed = core_read(other, number);
    return 0;
}
"#,
        );
        scratch.file(
            "src/main.rs",
            r#"use core_runtime::{Loader, TypeInfo, Uprobe};
use std::mem::MaybeUninit;

core_runtime::embed!();

macro_rules! make {
    ($name:ident { $($field:ident: $ty:ty),* }) => {
        #[core_runtime::bpf_traceable]
        struct $name { $($field: $ty),* }
    };
}
make!(Made { small: u8, id: u64, other: u16 });

macro_rules! items { ($($item:item)*) => { $($item)* } }
items! {
    #[core_runtime::bpf_traceable]
    struct Passed { small: u8, number: u32 }
}

#[inline(never)]
extern "C" fn show(made: &Made, passed: &Passed) -> u64 {
    u64::from(made.small) + u64::from(made.other) + made.id + u64::from(passed.small)
}

fn main() {
    let mut storage = MaybeUninit::uninit();
    let skeleton = Loader::new(TypeInfo::this_program().unwrap())
        .load(bpf::made::MadeSkelBuilder::default(), &mut storage)
        .unwrap();
    let _attached = Uprobe::function(show as *const ()).attach(&skeleton.progs.on_show).unwrap();
    let made = Made { small: 1, id: 42, other: 2 };
    let passed = Passed { small: 3, number: 43 };
    assert_eq!((show(&made, &passed), passed.number), (48, 43));
    let seen = skeleton.maps.bss_data.as_ref().unwrap();
    println!("{} {}", seen.id, seen.passed);
}
"#,
        );
        let output = scratch.cargo("run").output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "42 43\n",
            "{words}"
        );
        let warning = "src/main.rs:6: types that the macro `make` marks with #[bpf_traceable] are \
                       not in traceable.bpf.h";
        assert!(words.contains(warning), "{words}");
        assert!(!words.contains("`items`"), "{words}");
    }
}
