//! `merge`: all types, or those that one object needs.

use std::path::Path;

use crate::tools::{VMLINUX, Workspace, bpftool, core_btf, fails, quiet};

/// The kernel's ids stay, the application's types follow.
#[test]
fn a_full_merge_appends() {
    let work = Workspace::new();
    let app = work.btf(&work.app(""), "app.btf");
    let out = work.path("merged.btf");
    quiet(
        core_btf()
            .arg("merge")
            .arg(VMLINUX)
            .arg(&app)
            .arg("-o")
            .arg(&out),
    );
    let (kernel, merged) = (bpftool(Path::new(VMLINUX)), bpftool(&out));
    let rest = merged.strip_prefix(&kernel).unwrap();
    assert_eq!(rest.lines().count(), bpftool(&app).lines().count());
    assert!(rest.contains("STRUCT 'request'"), "{rest}");
}

/// Only what relocations name, from where it belongs: the application's `struct request`, not the
/// kernel's of the same name.
#[test]
fn a_merge_for_an_object_holds_what_it_needs() {
    let work = Workspace::new();
    let app = work.btf(&work.app(""), "app.btf");
    let object = work.bpf("-DKERNEL");
    let out = work.path("merged.btf");
    let merge = |object: &Path| {
        let mut command = core_btf();
        command
            .arg("merge")
            .arg(VMLINUX)
            .arg(&app)
            .arg("-o")
            .arg(&out);
        command.arg("--for").arg(object);
        command
    };
    quiet(&mut merge(&object));
    let merged = bpftool(&out);
    assert!(std::fs::metadata(&out).unwrap().len() < 2000, "{merged}");
    for name in ["'request'", "'at'", "'task_struct'", "'pid'"] {
        assert!(merged.contains(name), "{name}: {merged}");
    }
    assert!(!merged.contains("'urgent'"), "{merged}");
    let error = fails(2, &mut merge(&app));
    assert!(error.contains("app.btf: not ELF"), "{error}");
}

/// Types of a module come along, where vmlinux has them not.
#[test]
fn a_module_is_searched_after_its_base() {
    let work = Workspace::new();
    let kernel = work.kernel("kernel");
    let app = work.btf(&work.app(""), "app.btf");
    let out = work.path("merged.btf");
    let mut command = core_btf();
    command.arg("merge").arg(kernel.join("vmlinux")).arg(&app);
    command.arg("--module").arg(kernel.join("tasks"));
    command.arg("--for").arg(work.bpf("-DKERNEL"));
    quiet(command.arg("-o").arg(&out));
    let merged = bpftool(&out);
    assert!(merged.contains("STRUCT 'task_struct' size=104"), "{merged}");
    assert!(merged.contains("'pid' type_id=") && merged.contains("'request'"));
}
