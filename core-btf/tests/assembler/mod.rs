//! DWARF entry by entry, through gcc's or clang's assembler.

use std::fmt::Write as _;
use std::process::Command;

use gimli::{DwAt, DwForm, DwTag, constants as dw};

/// An attribute of an entry.
#[derive(Clone, Copy)]
pub(crate) enum Attr<'a> {
    /// `DW_AT_name`.
    Name(&'a str),
    /// `DW_AT_type`: the entry with this label.
    Type(&'a str),
    /// A reference to the entry with this label.
    Ref(DwAt, &'a str),
    /// `DW_AT_byte_size`.
    Size(u32),
    /// `DW_AT_data_member_location`.
    At(u32),
    /// A number without sign, of 4 bytes.
    Number(DwAt, u32),
    /// A number with a sign.
    Signed(DwAt, i64),
    /// `DW_FORM_flag_present`.
    Flag(DwAt),
    /// Any form, as assembler text.
    Raw(DwAt, DwForm, &'a str),
}

/// The assembler source of one unit.
pub(crate) struct Unit {
    abbrevs: String,
    info: String,
    entries: u32,
}

impl Unit {
    /// A DWARF 4 unit with nothing in it.
    pub(crate) fn new() -> Self {
        let mut unit = Self {
            abbrevs: String::new(),
            info: String::new(),
            entries: 0,
        };
        unit.open("root", dw::DW_TAG_compile_unit, &[]);
        unit.leaf(
            "int",
            dw::DW_TAG_base_type,
            &[
                Attr::Name("int"),
                Attr::Size(4),
                Attr::Number(dw::DW_AT_encoding, 5),
            ],
        );
        unit
    }

    /// An entry with children: all until [`Unit::close`].
    pub(crate) fn open(&mut self, label: &str, tag: DwTag, attrs: &[Attr<'_>]) {
        self.entry(label, tag, true, attrs);
    }

    /// Ends the children of the entry last opened.
    pub(crate) fn close(&mut self) {
        self.info.push_str(".byte 0\n");
    }

    /// An entry without children.
    pub(crate) fn leaf(&mut self, label: &str, tag: DwTag, attrs: &[Attr<'_>]) {
        self.entry(label, tag, false, attrs);
    }

    fn entry(&mut self, label: &str, tag: DwTag, children: bool, attrs: &[Attr<'_>]) {
        self.entries += 1;
        let (code, children) = (self.entries, u8::from(children));
        writeln!(self.abbrevs, ".uleb128 {code}, {}\n.byte {children}", tag.0).unwrap();
        writeln!(self.info, ".uleb128 {code}").unwrap();
        if !label.is_empty() {
            // The entry starts with its code.
            self.info = self.info.trim_end().to_owned();
            let at = self.info.rfind('\n').map_or(0, |at| at + 1);
            self.info.insert_str(at, &format!("L_{label}:\n"));
            self.info.push('\n');
        }
        for attr in attrs {
            let (at, form, value) = match *attr {
                Attr::Name(name) => (
                    dw::DW_AT_name,
                    dw::DW_FORM_string,
                    format!(".asciz {name:?}"),
                ),
                Attr::Type(label) => reference(dw::DW_AT_type, label),
                Attr::Ref(at, label) => reference(at, label),
                Attr::Size(size) => number(dw::DW_AT_byte_size, size),
                Attr::At(offset) => number(dw::DW_AT_data_member_location, offset),
                Attr::Number(at, value) => number(at, value),
                Attr::Signed(at, value) => (at, dw::DW_FORM_sdata, format!(".sleb128 {value}")),
                Attr::Flag(at) => (at, dw::DW_FORM_flag_present, String::new()),
                Attr::Raw(at, form, value) => (at, form, value.to_owned()),
            };
            writeln!(self.abbrevs, ".uleb128 {}, {}", at.0, form.0).unwrap();
            writeln!(self.info, "{value}").unwrap();
        }
        self.abbrevs.push_str(".uleb128 0, 0\n");
    }

    /// The object, of the host's machine.
    pub(crate) fn object(self) -> Vec<u8> {
        self.assemble("gcc", &[])
    }

    /// The object, of a machine with the other byte order.
    pub(crate) fn big_endian(self) -> Vec<u8> {
        self.assemble("clang", &["--target=powerpc64-linux-gnu"])
    }

    fn assemble(self, compiler: &str, flags: &[&str]) -> Vec<u8> {
        let Self { abbrevs, info, .. } = self;
        let source = format!(
            ".section .debug_abbrev,\"\",@progbits\nL_abbrevs:\n{abbrevs}.byte 0\n\
             .section .debug_info,\"\",@progbits\nL_unit:\n.4byte L_end - L_start\nL_start:\n\
             .2byte 4\n.4byte L_abbrevs\n.byte 8\n{info}.byte 0\nL_end:\n"
        );
        let dir = tempfile::tempdir().unwrap();
        let (input, output) = (dir.path().join("x.s"), dir.path().join("x.o"));
        std::fs::write(&input, source).unwrap();
        let status = Command::new(compiler)
            .args(flags)
            .arg("-c")
            .arg(input)
            .arg("-o")
            .arg(&output)
            .status();
        assert!(status.unwrap().success());
        std::fs::read(output).unwrap()
    }
}

fn reference(at: DwAt, label: &str) -> (DwAt, DwForm, String) {
    let value = format!(".4byte L_{label} - L_unit");
    (at, dw::DW_FORM_ref4, value)
}

fn number(at: DwAt, value: u32) -> (DwAt, DwForm, String) {
    (at, dw::DW_FORM_data4, format!(".4byte {value}"))
}
