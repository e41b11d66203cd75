//! `check`: a verdict on each relocation, without loading anything.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::tools::{Workspace, core_btf, fails, quiet};

fn check(object: &Path, against: &Path) -> Command {
    let mut command = core_btf();
    command
        .arg("check")
        .arg(object)
        .arg("--against")
        .arg(against);
    command
}

/// The offset in `struct request` that gdb knows of a member.
pub(crate) fn gdb_offset(app: &Path, member: &str) -> String {
    let ask = format!("print (unsigned long)&((struct request *)0)->{member}");
    let mut command = Command::new("gdb");
    let said = quiet(command.args(["-batch", "-nx", "-ex", &ask]).arg(app));
    said.trim().rsplit(' ').next().unwrap().to_owned()
}

/// Each row has the value that the program will run with.
#[test]
fn rows_have_the_offsets_that_gdb_knows() {
    let work = Workspace::new();
    let object = work.bpf("-DKERNEL");
    for version in ["1", "2"] {
        let app = work.app(&format!("-DVERSION={version}"));
        let types = work.btf(&app, "app.btf");
        let table = quiet(&mut check(&object, &types));
        let (head, row) = (table.lines().next().unwrap(), table.lines().nth(1).unwrap());
        for column in [
            "PROGRAM", "INSN", "KIND", "LOCAL", "TARGET", "FROM", "OLD", "NEW", "RESULT",
        ] {
            assert!(head.contains(column), "{head}");
        }
        // Columns stand under their names.
        let at = head.find("RESULT").unwrap();
        assert_eq!(&row[at..], "ok", "{table}");
        let cells: Vec<_> = row.split("  ").filter(|cell| !cell.is_empty()).collect();
        assert!(
            cells.contains(&"on_handle") && cells.contains(&"app"),
            "{table}"
        );
        let new = gdb_offset(&app, "at.y");
        assert!(
            cells.iter().any(|cell| cell.trim() == new),
            "{new}: {table}"
        );
        assert!(table.contains(" vmlinux "), "{table}");

        let json = quiet(check(&object, &types).arg("--json"));
        let json: Value = serde_json::from_str(&json).unwrap();
        let first = &json["relocations"][0];
        assert_eq!(first["program"], "on_handle");
        assert_eq!(first["kind"], "byte_off");
        assert_eq!(
            (&first["from"], &first["verdict"]),
            (&"app".into(), &"ok".into())
        );
        assert_eq!(first["old"], 12);
        assert_eq!(first["new"].to_string(), new);
        assert!(first["file"].as_str().unwrap().ends_with("trace.bpf.c"));
    }
}

/// A field that is gone fails, with the source line; if the program asks first it does not.
#[test]
fn what_is_missing_fails_unless_the_program_asks() {
    let work = Workspace::new();
    let old = work.btf(&work.app(""), "old.btf");
    let new = work.btf(&work.app("-DVERSION=2"), "new.btf");
    let object = work.bpf("-DGONE");
    quiet(&mut check(&object, &old));
    let output = check(&object, &new).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let table = String::from_utf8(output.stdout).unwrap();
    let row = table
        .lines()
        .find(|line| line.starts_with("on_gone"))
        .unwrap();
    assert!(row.contains("FAILS: no such member"), "{table}");
    assert!(row.contains("trace.bpf.c:"), "{table}");
    let json = check(&object, &new).arg("--json").output().unwrap();
    assert_eq!(json.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    let verdicts: Vec<_> = json["relocations"].as_array().unwrap().iter().collect();
    let gone = verdicts
        .iter()
        .find(|row| row["program"] == "on_gone")
        .unwrap();
    assert_eq!(
        (&gone["verdict"], &gone["new"]),
        (&"fails".into(), &Value::Null)
    );

    let table = quiet(&mut check(&work.bpf("-DASKS"), &new));
    assert!(
        table.contains("ok, the program asks first: no such member"),
        "{table}"
    );
}

/// Any kernel can be asked about on any machine.
#[test]
fn the_kernel_is_any_btf_file() {
    let work = Workspace::new();
    let types = work.btf(&work.app(""), "app.btf");
    let object = work.bpf("-DKERNEL");
    quiet(&mut check(&object, &types));
    // A kernel without tasks.
    let output = check(&object, &types)
        .arg("--kernel")
        .arg(&types)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("FAILS: no such type"), "{table}");
    // Without the application's types nothing of it is found.
    let error = fails(1, core_btf().arg("check").arg(&object));
    assert_eq!(error, "");
}

/// The row of the program that reads a task.
fn task_row(command: &mut Command) -> String {
    let table = quiet(command);
    let mut rows = table.lines().filter(|line| line.starts_with("on_task"));
    rows.next().unwrap().to_owned()
}

/// What vmlinux does not have may be in a module, which is named.
#[test]
fn a_target_may_be_from_a_module() {
    let work = Workspace::new();
    let types = work.btf(&work.app(""), "app.btf");
    let object = work.bpf("-DKERNEL");
    let kernel = work.kernel("kernel");
    let with_module = |more: &[&str]| {
        let mut command = check(&object, &types);
        command.arg("--kernel").arg(kernel.join("vmlinux"));
        command.arg("--module").arg(kernel.join("tasks")).args(more);
        command
    };
    let row = task_row(&mut with_module(&[]));
    assert!(
        row.contains("  module tasks ") && row.contains(" 100  ok"),
        "{row}"
    );
    let json: Value = serde_json::from_str(&quiet(&mut with_module(&["--json"]))).unwrap();
    let rows = json["relocations"].as_array().unwrap();
    let of = |program: &str| rows.iter().find(|row| row["program"] == program).unwrap();
    let (task, handle) = (of("on_task"), of("on_handle"));
    assert_eq!(
        (&task["from"], &task["module"], &task["new"]),
        (&"module".into(), &"tasks".into(), &100.into())
    );
    assert_eq!(
        (&handle["from"], &handle["module"]),
        (&"app".into(), &Value::Null)
    );
}

/// Modules are found where a kernel, or a copy of what it publishes, has them.
#[test]
fn modules_are_found_beside_vmlinux() {
    let work = Workspace::new();
    let types = work.btf(&work.app(""), "app.btf");
    let object = work.bpf("-DKERNEL");
    let kernel = work.kernel("6.1");
    std::fs::write(kernel.join("notes"), "no BTF, and no reason for a word").unwrap();
    let mut command = check(&object, &types);
    command.arg("--kernel").arg(kernel.join("vmlinux"));
    assert!(task_row(&mut command).contains("  module tasks "));
    // As the archive of BTFHub has them.
    let release = work.path("6.1.btf");
    std::fs::rename(kernel.join("vmlinux"), &release).unwrap();
    let mut command = check(&object, &types);
    command.arg("--kernel").arg(&release);
    assert!(task_row(&mut command).contains("  module tasks "));
    // One that is damaged does no harm.
    let bytes = std::fs::read(kernel.join("tasks")).unwrap();
    std::fs::write(kernel.join("cut"), &bytes[..bytes.len() / 2]).unwrap();
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("6.1/cut: ") && said.ends_with(", passed over\n"));
    assert_eq!(said.lines().count(), 1, "{said}");
}

/// So are those of the running kernel. Needs root, to put something in their place.
#[test]
fn modules_of_the_running_kernel_are_found() {
    let work = Workspace::new();
    let types = work.btf(&work.app(""), "app.btf");
    let object = work.bpf("-DKERNEL");
    let kernel = work.kernel("kernel");
    let script = "mount --bind \"$1\" /sys/kernel/btf && exec \"$0\" check \"$2\" --against \"$3\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]);
    command.arg(env!("CARGO_BIN_EXE_core-btf"));
    let row = task_row(command.args([&kernel, &object, &types]));
    assert!(row.contains("  module tasks "), "{row}");
}
