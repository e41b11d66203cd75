//! What was compiled, and what it says of its types.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use core_btf::elf::section;
use core_btf::{Btf, Kind, TypeRef, layout};

/// A linked program or shared library.
pub(crate) struct Product {
    elf: Vec<u8>,
}

/// What a program prints of its layouts: a type's size and a field's offset by their names, `Type`
/// and `Type.field`.
pub(crate) type Layouts = BTreeMap<String, u64>;

/// Reads `name value` lines, and skips others.
pub(crate) fn layouts(printed: &str) -> Layouts {
    let lines = printed.lines().filter_map(|line| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    });
    lines.collect()
}

impl Product {
    pub(crate) fn read(path: &Path) -> Self {
        let elf = fs::read(path).unwrap();
        Self { elf }
    }

    /// The `.BTF` section, which has a piece of each crate.
    pub(crate) fn btf(&self) -> &[u8] {
        section(&self.elf, ".BTF").unwrap().unwrap()
    }

    fn blobs(&self) -> Vec<Btf<'_>> {
        let mut rest = self.btf();
        let mut blobs = Vec::new();
        // Pieces are aligned to 8 bytes.
        while let Some(start) = rest.iter().position(|&byte| byte != 0) {
            let (btf, len) = Btf::parse_prefix(&rest[start..]).unwrap();
            blobs.push(btf);
            rest = &rest[start + len..];
        }
        blobs
    }

    /// The layouts that the embedded BTF has for its roots.
    pub(crate) fn described(&self) -> Layouts {
        let mut layouts = Layouts::new();
        for btf in self.blobs() {
            for tag in btf.iter().filter(|ty| ty.kind() == Kind::DeclTag) {
                if tag.name().unwrap().starts_with("rust:") {
                    describe(&btf, btf.get(tag.target()).unwrap(), &mut layouts);
                }
            }
        }
        layouts
    }

    /// The embedded BTF has these layouts and no others, and the layout records agree with it.
    pub(crate) fn assert_describes(&self, printed: &Layouts, what: &str) {
        let described = self.described();
        let roots = |layouts: &Layouts| -> BTreeSet<String> {
            let names = layouts.keys().filter(|name| !name.contains('.'));
            names.cloned().collect()
        };
        assert!(!printed.is_empty(), "{what}: nothing was printed");
        assert_eq!(roots(&described), roots(printed), "{what}");
        for (name, value) in printed {
            assert_eq!(described.get(name), Some(value), "{what}: {name}");
        }
        assert_eq!(roots(&self.recorded()), roots(printed), "{what}");
        layout::verify(&self.records(), &self.blobs()).unwrap();
    }

    /// The layouts that rustc has recorded.
    pub(crate) fn recorded(&self) -> Layouts {
        let mut layouts = Layouts::new();
        for record in self.records() {
            layouts.insert(record.name.to_owned(), record.size_bytes);
            for (member, offset) in record.members {
                layouts.insert(format!("{}.{member}", record.name), offset);
            }
        }
        layouts
    }

    fn records(&self) -> Vec<layout::Record<'_>> {
        layout::records(section(&self.elf, layout::SECTION).unwrap().unwrap()).unwrap()
    }
}

fn describe(btf: &Btf<'_>, root: TypeRef<'_>, layouts: &mut Layouts) {
    let name = root.name().unwrap();
    let known = layouts.insert(name.to_owned(), root.size_bytes().into());
    assert_eq!(known, None, "two roots are called {name}");
    for member in root.members() {
        let member_name = btf.name(member.name).unwrap();
        assert_eq!(member.offset_bits % 8, 0, "{name}.{member_name}");
        let offset = u64::from(member.offset_bits / 8);
        layouts.insert(format!("{name}.{member_name}"), offset);
    }
}
