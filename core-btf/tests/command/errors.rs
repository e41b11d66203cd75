//! What is wrong with a file is said once, with the file, the section and the place in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object as _, ObjectSection as _};

use crate::tools::{Workspace, core_btf, fails, run};

/// A copy of a file with other bytes at an offset of a section.
fn damaged(file: &Path, section: &str, at: usize, bytes: &[u8]) -> PathBuf {
    let mut data = std::fs::read(file).unwrap();
    let parsed = object::File::parse(&*data).unwrap();
    let found = parsed.section_by_name(section).unwrap();
    let (start, _) = found.file_range().unwrap();
    let at = usize::try_from(start).unwrap() + at;
    data[at..at + bytes.len()].copy_from_slice(bytes);
    write(file, &data)
}

/// Another file beside `file`.
fn write(file: &Path, data: &[u8]) -> PathBuf {
    let damaged = file.with_file_name("damaged");
    std::fs::write(&damaged, data).unwrap();
    damaged
}

/// What is said of a damaged file, behind its path.
fn said(subcommand: &str, file: &Path) -> String {
    let mut command = core_btf();
    command.arg(subcommand).arg(file);
    if ["extract", "embed"].contains(&subcommand) {
        command.args(["-o", "/dev/null"]);
    }
    let error = fails(2, &mut command);
    let start = format!("core-btf: {}: ", file.display());
    assert!(error.starts_with(&start), "{error}");
    error[start.len()..].trim_end().to_owned()
}

#[test]
fn headers_of_files() {
    let work = Workspace::new();
    let app = work.app("");
    let data = std::fs::read(&app).unwrap();
    let half = write(&app, &data[..data.len() / 2]);
    for subcommand in ["extract", "embed", "dump"] {
        let text = said(subcommand, &half);
        assert!(
            text.starts_with("ELF section headers at offset 0x"),
            "{text}"
        );
        assert!(text.ends_with(" bytes, 0 are left"), "{text}");
    }
    let start = write(&app, &data[..40]);
    let expected = "ELF header at offset 0x0 needs 64 bytes, 40 are left";
    for subcommand in ["extract", "embed", "dump", "check"] {
        assert_eq!(said(subcommand, &start), expected);
    }
    let object = work.compile("gcc -g -c", "app.c", "app.o");
    let archive = work.path("app.a");
    run(Command::new("ar").arg("rc").args([&archive, &object]));
    let data = std::fs::read(&archive).unwrap();
    let text = said("extract", &write(&archive, &data[..data.len() / 2]));
    assert!(text.starts_with("archive: "), "{text}");
    let mut data = data;
    let member = data.windows(4).position(|it| it == b"\x7fELF").unwrap();
    data[member + 40..member + 44].fill(0xff);
    let text = said("extract", &write(&archive, &data));
    assert!(
        text.starts_with("archive member app.o: ELF headers: "),
        "{text}"
    );
}

#[test]
fn debug_information() {
    let work = Workspace::new();
    let app = work.app("-gdwarf-5");
    for (section, at, bytes, expected) in [
        (
            ".debug_info",
            4,
            &[9][..],
            ".debug_info at offset 0x0: unknown DWARF version: 9",
        ),
        (
            ".debug_info",
            0,
            &[0xf0, 0xff, 0xff, 0x7f],
            ".debug_info at offset 0x4: unexpected end of input",
        ),
        (
            ".debug_abbrev",
            0,
            &[0xff; 20],
            ".debug_abbrev at offset 0x0: unsigned LEB128 overflow",
        ),
    ] {
        let file = damaged(&app, section, at, bytes);
        assert_eq!(said("extract", &file), expected, "{section} {at}");
        assert_eq!(said("embed", &file), expected, "{section} {at}");
    }
    let app = work.app("-gz=zlib");
    let file = damaged(&app, ".debug_info", 24, &[0xaa; 40]);
    let text = said("extract", &file);
    assert!(text.starts_with(".debug_info: "), "{text}");
}

#[test]
fn btf() {
    let work = Workspace::new();
    let app = work.app("");
    let (types, program) = (work.btf(&app, "app.btf"), work.path("with"));
    run(core_btf().arg("embed").arg(&app).arg("-o").arg(&program));
    let expected = "type kind at offset 0x1c is 127, not a kind from 1 to 19";
    let mut data = std::fs::read(&types).unwrap();
    data[28..32].fill(0xff);
    assert_eq!(said("dump", &write(&types, &data)), expected);
    data[28..32].fill(0x7f);
    data[12..16].fill(0x7f);
    let text = said("dump", &write(&types, &data));
    assert!(
        text.starts_with("type section at offset 0x18 needs "),
        "{text}"
    );

    let file = damaged(&program, ".BTF", 28, &[0xff; 4]);
    let section = format!(".BTF at offset 0x0: {expected}");
    assert_eq!(said("dump", &file), section);
    let object = work.bpf("");
    let file = damaged(&object, ".BTF", 28, &[0xff; 4]);
    assert_eq!(said("check", &file), format!(".BTF: {expected}"));
    for (at, bytes, expected) in [
        (
            0,
            [0; 4],
            "not BTF: magic number 0x0000 where 0xeb9f is expected",
        ),
        (
            4,
            [0xff; 4],
            "header length at offset 0x4 is 4294967295, not at least 24 and within the section",
        ),
    ] {
        let file = damaged(&object, ".BTF.ext", at, &bytes);
        assert_eq!(said("check", &file), format!(".BTF.ext: {expected}"));
    }
}
