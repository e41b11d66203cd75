//! A value of every type of std that has a view of its own.
use std::mem::MaybeUninit;

use core_runtime::{Binary, Loader, TypeInfo, Uprobe};
use tempfile::TempDir;
use tests::rust_views;

use crate::compiler::Compiler;
use crate::{differences, said, truth};

mod root {
    use super::*;

    #[test]
    fn every_view_has_the_value_that_the_process_has_at_each_level() {
        for level in ["0", "1", "2", "3", "s", "z"] {
            let dir = TempDir::new().unwrap();
            let flag = format!("-Copt-level={level}");
            let program = Compiler::own().compile("v1", &[&flag], dir.path());
            let mut storage = MaybeUninit::uninit();
            let skeleton = Loader::new(TypeInfo::from_file(&program).unwrap())
                .load(rust_views::RustViewsSkelBuilder::default(), &mut storage)
                .unwrap();
            let probe = Uprobe::symbol(&Binary::open(&program).unwrap(), "views_done");
            let _attached = probe.attach(&skeleton.progs.on_views).unwrap();
            let truth = truth(&program, &["views"]);
            let said = said!(skeleton.maps.bss_data.as_ref().unwrap().said);
            assert_eq!(
                differences(&said, &truth),
                [""; 0],
                "at optimisation level {level}"
            );
            assert!(said.len() > 150, "{}", said.len());
        }
    }
}
