//! BPF objects for unit tests, put together byte by byte.

use crate::ext::RelocationKind;
use crate::model::{CompositeKind, Enumerator, IntEncoding, Member, Type, TypeId};
use crate::read::Endian;
use crate::write::BtfBuf;

/// Types in the making, by C's words.
#[derive(Debug, Default)]
pub(crate) struct Types(pub(crate) BtfBuf);

impl Types {
    pub(crate) fn push(&mut self, ty: Type) -> TypeId {
        self.0.push(ty).unwrap()
    }

    pub(crate) fn int(&mut self, name: &str, size_bytes: u32) -> TypeId {
        self.int_as(name, size_bytes, IntEncoding::SIGNED)
    }

    pub(crate) fn int_as(&mut self, name: &str, size_bytes: u32, encoding: IntEncoding) -> TypeId {
        let name = self.0.intern(name).unwrap();
        self.push(Type::Int {
            name,
            size_bytes,
            encoding,
            offset_bits: 0,
            bits: u8::try_from(8 * size_bytes).unwrap(),
        })
    }

    /// Members: name, type, offset in bits, width of a bitfield.
    pub(crate) fn composite(
        &mut self,
        kind: CompositeKind,
        name: &str,
        size_bytes: u32,
        members: &[(&str, TypeId, u32, u8)],
    ) -> TypeId {
        let name = self.0.intern(name).unwrap();
        let member = |&(name, ty, offset_bits, bitfield_bits): &(&str, TypeId, u32, u8)| Member {
            name: self.0.intern(name).unwrap(),
            ty,
            offset_bits,
            bitfield_bits,
        };
        let members = members.iter().map(member).collect();
        self.push(Type::Composite {
            kind,
            name,
            size_bytes,
            members,
        })
    }

    pub(crate) fn structure(
        &mut self,
        name: &str,
        size_bytes: u32,
        members: &[(&str, TypeId, u32, u8)],
    ) -> TypeId {
        self.composite(CompositeKind::Struct, name, size_bytes, members)
    }

    pub(crate) fn array(&mut self, element: TypeId, len: u32) -> TypeId {
        self.push(Type::Array {
            element,
            index: TypeId::VOID,
            len,
        })
    }

    pub(crate) fn typedef(&mut self, name: &str, ty: TypeId) -> TypeId {
        let name = self.0.intern(name).unwrap();
        self.push(Type::Typedef { name, ty })
    }

    pub(crate) fn enumeration(
        &mut self,
        name: &str,
        size_bytes: u32,
        signed: bool,
        values: &[(&str, i64)],
    ) -> TypeId {
        let name = self.0.intern(name).unwrap();
        let values = values.iter().map(|&(name, value)| Enumerator {
            name: self.0.intern(name).unwrap(),
            value,
        });
        let values = values.collect();
        self.push(Type::Enum {
            name,
            size_bytes,
            signed,
            wide: size_bytes == 8,
            values,
        })
    }

    pub(crate) fn tag(&mut self, ty: TypeId) {
        let name = self.0.intern(crate::object::APP_TAG).unwrap();
        self.push(Type::DeclTag {
            name,
            ty,
            component: -1,
            attribute: false,
        });
    }

    pub(crate) fn encode(&self, endian: Endian) -> Vec<u8> {
        self.0.encode(endian).unwrap()
    }

    pub(crate) fn blob(&self) -> Vec<u8> {
        self.encode(Endian::Little)
    }
}

/// A little- or big-endian ELF file in the making.
#[derive(Debug)]
pub(crate) struct Builder {
    pub(crate) endian: Endian,
    pub(crate) wide: bool,
    /// Numbers beyond 16 bits are stored where extended numbering puts them.
    pub(crate) extended: bool,
    sections: Vec<(String, u32, u64, u32, Vec<u8>)>,
}

impl Builder {
    pub(crate) fn new(endian: Endian, wide: bool) -> Self {
        Self {
            endian,
            wide,
            extended: false,
            sections: Vec::new(),
        }
    }

    /// Adds a section: type, flags, link. Returns its number.
    pub(crate) fn section(
        &mut self,
        name: &str,
        kind: u32,
        flags: u64,
        link: u32,
        data: &[u8],
    ) -> usize {
        self.sections
            .push((name.into(), kind, flags, link, data.into()));
        self.sections.len()
    }

    pub(crate) fn half(&self, value: u16) -> [u8; 2] {
        self.endian.u16_bytes(value)
    }

    pub(crate) fn word(&self, value: u32) -> [u8; 4] {
        self.endian.u32_bytes(value)
    }

    pub(crate) fn address(&self, value: u64) -> Vec<u8> {
        if !self.wide {
            return self.word(u32::try_from(value).unwrap()).into();
        }
        match self.endian {
            Endian::Little => value.to_le_bytes().into(),
            Endian::Big => value.to_be_bytes().into(),
        }
    }

    /// Adds a symbol table: name, section, offset, size of functions.
    pub(crate) fn functions(&mut self, functions: &[(&str, usize, u64, u64)]) {
        let (mut names, mut symbols) = (vec![0], Vec::new());
        for &(name, section, offset, size) in functions {
            let name_at = self.word(u32::try_from(names.len()).unwrap());
            names.extend_from_slice(name.as_bytes());
            names.push(0);
            let info = [0x12, 0];
            let section = self.half(u16::try_from(section).unwrap());
            symbols.extend(name_at);
            if self.wide {
                symbols.extend(info);
                symbols.extend(section);
                symbols.extend(self.address(offset));
                symbols.extend(self.address(size));
            } else {
                symbols.extend(self.address(offset));
                symbols.extend(self.address(size));
                symbols.extend(info);
                symbols.extend(section);
            }
        }
        let names = self.section(".strtab", 3, 0, 0, &names);
        self.section(".symtab", 2, 0, u32::try_from(names).unwrap(), &symbols);
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let names_at = self.section(".shstrtab", 3, 0, 0, &[]);
        let mut names = vec![0];
        let name_offsets: Vec<u32> = self
            .sections
            .iter()
            .map(|(name, ..)| {
                let at = names.len();
                names.extend_from_slice(name.as_bytes());
                names.push(0);
                u32::try_from(at).unwrap()
            })
            .collect();
        self.sections[names_at - 1].4 = names;

        let header = if self.wide { 64 } else { 52 };
        let (mut data, mut headers) = (Vec::new(), Vec::new());
        let count = self.sections.len() as u64 + 1;
        // The null section, which holds the numbers of extended numbering.
        let (size, link) = if self.extended {
            (count, u32::try_from(names_at).unwrap())
        } else {
            (0, 0)
        };
        headers.extend(self.header(0, 0, 0, 0, size, link));
        for ((_, kind, flags, link, bytes), name) in self.sections.iter().zip(name_offsets) {
            let offset = (header + data.len()) as u64;
            let size = bytes.len() as u64;
            headers.extend(self.header(name, *kind, *flags, offset, size, *link));
            data.extend_from_slice(bytes);
        }
        let mut out = vec![0x7f, b'E', b'L', b'F'];
        out.push(if self.wide { 2 } else { 1 });
        out.push(if self.endian == Endian::Little { 1 } else { 2 });
        out.extend([1; 1]);
        out.resize(16, 0);
        out.extend(self.half(1));
        out.extend(self.half(247));
        out.extend(self.word(1));
        out.extend(self.address(0));
        out.extend(self.address(0));
        out.extend(self.address((header + data.len()) as u64));
        out.extend(self.word(0));
        let entry = if self.wide { 64 } else { 40 };
        let (count, names_at) = if self.extended {
            (0, 0xffff)
        } else {
            (
                u16::try_from(count).unwrap(),
                u16::try_from(names_at).unwrap(),
            )
        };
        for half in [u16::try_from(header).unwrap(), 0, 0, entry, count, names_at] {
            out.extend(self.half(half));
        }
        assert_eq!(out.len(), header);
        out.extend(data);
        out.extend(headers);
        out
    }

    fn header(
        &self,
        name: u32,
        kind: u32,
        flags: u64,
        offset: u64,
        size: u64,
        link: u32,
    ) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(self.word(name));
        out.extend(self.word(kind));
        out.extend(self.address(flags));
        out.extend(self.address(0));
        out.extend(self.address(offset));
        out.extend(self.address(size));
        out.extend(self.word(link));
        out.extend(self.word(0));
        out.extend(self.address(1));
        out.extend(self.address(0));
        out
    }
}

/// A relocation of an object in the making: function, instruction in it, root, access, kind.
pub(crate) type Asked<'a> = (usize, usize, TypeId, &'a str, RelocationKind);

/// An object whose functions all stand in the section `uprobe`.
pub(crate) fn object(
    endian: Endian,
    mut types: Types,
    functions: &[(&str, &[[u8; 8]])],
    relocations: &[Asked<'_>],
) -> Vec<u8> {
    let mut builder = Builder::new(endian, true);
    let (mut code, mut symbols, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for (name, instructions) in functions {
        starts.push(code.len());
        symbols.push((*name, 1, code.len() as u64, 8 * instructions.len() as u64));
        code.extend(instructions.as_flattened());
    }
    builder.section("uprobe", 1, 6, 0, &code);
    builder.functions(&symbols);

    let section = types.0.intern("uprobe").unwrap();
    let file = types.0.intern("test.bpf.c").unwrap();
    let text = types.0.intern("  the line;").unwrap();
    let mut records = Vec::new();
    for &(function, instruction, root, access, kind) in relocations {
        let access = types.0.intern(access).unwrap();
        let at = starts[function] + 8 * instruction;
        for word in [u32::try_from(at).unwrap(), root.0, access.0, kind as u32] {
            records.extend(builder.word(word));
        }
    }
    let table = |record: u32, count: usize, records: &[u8]| {
        let mut out = Vec::new();
        for word in [record, section.0, u32::try_from(count).unwrap()] {
            out.extend(builder.word(word));
        }
        out.extend_from_slice(records);
        out
    };
    // Each function's lines count from 10.
    let mut lines = Vec::new();
    for start in &starts {
        for word in [u32::try_from(*start).unwrap(), file.0, text.0, 10 << 10] {
            lines.extend(builder.word(word));
        }
    }
    let lines = table(16, starts.len(), &lines);
    let relocations = table(16, relocations.len(), &records);
    let mut ext = Vec::new();
    ext.extend(builder.half(0xeb9f));
    ext.extend([1, 0]);
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
    let tables = [
        32,
        0,
        0,
        0,
        length(&lines),
        length(&lines),
        length(&relocations),
    ];
    for word in tables {
        ext.extend(builder.word(word));
    }
    ext.extend(lines);
    ext.extend(relocations);
    let btf = types.encode(endian);
    builder.section(".BTF", 1, 0, 0, &btf);
    builder.section(".BTF.ext", 1, 0, 0, &ext);
    builder.finish()
}
