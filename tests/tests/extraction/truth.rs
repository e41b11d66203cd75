//! C that does not compile unless the members' sizes, offsets and signs are what BTF says, and data
//! that shows which bits a bitfield takes.

use std::fmt::Write as _;
use std::path::Path;

use core_btf::dwarf::Extraction;
use core_btf::model::{CompositeKind, Member};
use core_btf::read::Endian;
use core_btf::{BtfBuf, Type, TypeId, elf};

use crate::oracle::Workspace;

const MACROS: &str = r#"
#define M(T, path) (((T *)0)->path)
#define SIZE(T, size) _Static_assert(sizeof(T) == size, "size");
#define MEMBER(T, path, offset) \
	_Static_assert(__builtin_offsetof(T, path) * 8 == offset, "offset");
#define MEMBER_SIZE(T, path, size) _Static_assert(sizeof M(T, path) == size, "size");
#define MEMBER_SIGNED(T, path, is_signed) \
	_Static_assert(((__typeof__((0, M(T, path))))-1 < 0) == is_signed, "sign");
#define BITS(T, path, number) \
	T bits_##number __attribute__((section("bits." #number))) = { .path = -1 };
"#;

/// The checks of one object.
struct Checks<'b> {
    btf: &'b BtfBuf,
    pointer_bytes: u64,
    program: String,
    count: usize,
    /// First bit and width of each bitfield.
    bits: Vec<(u32, u8)>,
}

/// Compares all structs, unions and enums of `btf` with what `compiler` makes of them in `source`.
/// Types in `unnameable` are left out: those that only exist inside functions or in BTF.
///
/// Returns how many comparisons were made.
pub(crate) fn check(
    work: &Workspace,
    compiler: &[&str],
    source: &Path,
    found: &Extraction,
    unnameable: &[&str],
) -> usize {
    let btf = &found.btf;
    let mut checks = Checks {
        btf,
        pointer_bytes: u64::from(found.pointer_bytes),
        program: format!("#include \"{}\"\n{MACROS}", source.display()),
        count: 0,
        bits: Vec::new(),
    };
    for ty in btf.types() {
        let name = btf.name(ty.name());
        let (spelling, shape) = match ty {
            _ if name.is_empty() || unnameable.contains(&name) => continue,
            Type::Composite { kind, .. } => (format!("{} {name}", keyword(*kind)), ty),
            Type::Enum { .. } => (format!("enum {name}"), ty),
            Type::Typedef { ty, .. } => match btf.get(*ty) {
                Some(ty) => (name.to_owned(), ty),
                None => continue,
            },
            _ => continue,
        };
        if let Some(size) = checks.size(shape) {
            checks.add(format_args!("SIZE({spelling}, {size})"));
        }
        if let Type::Composite { members, .. } = shape {
            checks.members(&spelling, "", 0, members);
        }
    }
    let file = work.path("truth.c");
    std::fs::write(&file, &checks.program).unwrap();
    let object = work.compile(compiler, &file, "truth.o");
    let object = std::fs::read(object).unwrap();
    for (number, (first, width)) in checks.bits.iter().enumerate() {
        let bytes = elf::section(&object, &format!("bits.{number}")).unwrap();
        assert_eq!(
            ones(bytes.unwrap(), found.endian),
            (*first..first + u32::from(*width)).collect::<Vec<_>>(),
            "bitfield {number} of {}",
            checks.program
        );
    }
    checks.count + checks.bits.len()
}

/// Numbers of the bits that are set, counted in the direction in which bitfields are allocated.
fn ones(bytes: &[u8], endian: Endian) -> Vec<u32> {
    let mut out = Vec::new();
    for (at, byte) in (0..).zip(bytes) {
        for bit in 0..8 {
            let mask = match endian {
                Endian::Little => 1 << bit,
                Endian::Big => 0x80 >> bit,
            };
            if byte & mask != 0 {
                out.push(at * 8 + bit);
            }
        }
    }
    out
}

impl Checks<'_> {
    fn add(&mut self, check: std::fmt::Arguments<'_>) {
        writeln!(self.program, "{check}").unwrap();
        self.count += 1;
    }

    /// The members at `base` bits in the type `spelling`, reached through `path`.
    fn members(&mut self, spelling: &str, path: &str, base: u32, members: &[Member]) {
        for member in members {
            let name = self.btf.name(member.name);
            let offset = base + member.offset_bits;
            let ty = plain(self.btf, member.ty);
            if name.is_empty() {
                let Some(Type::Composite { members, .. }) = ty else {
                    panic!("a member of {spelling} has no name, and is no struct or union");
                };
                self.members(spelling, path, offset, members);
                continue;
            }
            let path = format!("{path}{name}");
            let place = format!("{spelling}, {path}");
            if member.bitfield_bits != 0 {
                let number = self.bits.len();
                writeln!(self.program, "BITS({place}, {number})").unwrap();
                self.bits.push((offset, member.bitfield_bits));
                continue;
            }
            self.add(format_args!("MEMBER({place}, {offset})"));
            match ty {
                Some(Type::Array { len: 0, .. }) => {}
                Some(ty) => self.value(&place, ty),
                None => panic!("{place} is void"),
            }
            if let Some(Type::Composite { name, members, .. }) = ty
                && name.is_anonymous()
            {
                self.members(spelling, &format!("{path}."), offset, members);
            }
        }
    }

    /// Size and sign of the value at `place`, and of the elements of an array.
    fn value(&mut self, place: &str, ty: &Type) {
        if let Some(size) = self.size(ty) {
            self.add(format_args!("MEMBER_SIZE({place}, {size})"));
        }
        let signed = match ty {
            Type::Int { encoding, .. } => encoding.is_signed(),
            Type::Enum { signed, .. } => *signed,
            Type::Array { element, .. } => {
                if let Some(element) = plain(self.btf, *element) {
                    self.value(&format!("{place}[0]"), element);
                }
                return;
            }
            _ => return,
        };
        self.add(format_args!("MEMBER_SIGNED({place}, {})", u8::from(signed)));
    }

    /// Size in bytes; none of types that have none.
    fn size(&self, ty: &Type) -> Option<u64> {
        match ty {
            Type::Int { size_bytes, .. }
            | Type::Float { size_bytes, .. }
            | Type::Composite { size_bytes, .. }
            | Type::Enum { size_bytes, .. } => Some(u64::from(*size_bytes)),
            Type::Ptr(_) => Some(self.pointer_bytes),
            Type::Array { element, len, .. } => {
                Some(u64::from(*len) * self.size(plain(self.btf, *element)?)?)
            }
            Type::Typedef { ty, .. }
            | Type::Const(ty)
            | Type::Volatile(ty)
            | Type::Restrict(ty) => self.size(plain(self.btf, *ty)?),
            _ => None,
        }
    }
}

fn keyword(kind: CompositeKind) -> &'static str {
    match kind {
        CompositeKind::Struct => "struct",
        CompositeKind::Union => "union",
    }
}

/// The type behind typedefs and qualifiers.
fn plain(btf: &BtfBuf, id: TypeId) -> Option<&Type> {
    match btf.get(id)? {
        Type::Typedef { ty, .. } | Type::Const(ty) | Type::Volatile(ty) | Type::Restrict(ty) => {
            plain(btf, *ty)
        }
        ty => Some(ty),
    }
}
