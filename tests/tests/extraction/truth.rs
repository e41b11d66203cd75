//! A C program that compares the members' sizes, offsets and signs, and the bits that bitfields
//! take, with what BTF says of them.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use core_btf::model::{CompositeKind, Member};
use core_btf::{BtfBuf, Type, TypeId};

use crate::oracle::{Workspace, run, text};

const MACROS: &str = r#"
#include <stdio.h>
#include <string.h>
static int checks, bad;
static void check(const char *what, unsigned long long is, unsigned long long said)
{
	checks++;
	if (is != said && ++bad)
		printf("%s: is %llu, BTF says %llu\n", what, is, said);
}
static void check_bits(const char *what, const void *value, unsigned long size, unsigned first,
                       unsigned width)
{
	const unsigned char *bytes = value;
	unsigned long bit;
	for (bit = 0; bit < size * 8; bit++)
		check(what, bytes[bit / 8] >> bit % 8 & 1, bit >= first && bit < first + width);
}
#define M(T, path) (((T *)0)->path)
#define SIZE(T, size) check("sizeof " #T, sizeof(T), size);
#define MEMBER(T, path, offset) \
	check("offset of " #path " in " #T, __builtin_offsetof(T, path) * 8, offset);
#define MEMBER_SIZE(T, path, size) \
	check("size of " #path " in " #T, sizeof M(T, path), size);
#define MEMBER_SIGNED(T, path, is_signed) { \
	__typeof__(M(T, path)) value = -1; \
	check("sign of " #path " in " #T, value < 0, is_signed); }
#define BITS(T, path, first, width) { \
	T value; \
	memset(&value, 0, sizeof value); \
	value.path = -1; \
	check_bits("bits of " #path " in " #T, &value, sizeof value, first, width); }
int main(void)
{
"#;

/// Compiles `source` with checks of all its structs, unions and enums, as `btf` has them, and runs
/// it. Types in `unnameable` are left out: those that only exist inside functions or in BTF.
///
/// Returns how many comparisons were made.
pub(crate) fn check(
    work: &Workspace,
    compiler: &[&str],
    source: &Path,
    btf: &BtfBuf,
    unnameable: &[&str],
) -> usize {
    let mut program = format!("#include \"{}\"\n{MACROS}", source.display());
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
        if let Some(size) = size(btf, shape) {
            let _ = writeln!(program, "SIZE({spelling}, {size})");
        }
        if let Type::Composite { members, .. } = shape {
            check_members(&mut program, btf, &spelling, "", 0, members);
        }
    }
    program.push_str("printf(\"%d\", checks); return bad != 0;\n}\n");
    let (file, binary) = (work.path("truth.c"), work.path("truth"));
    std::fs::write(&file, program).unwrap();
    let (cc, args) = compiler.split_first().unwrap();
    run(Command::new(cc)
        .args(args)
        .arg("-w")
        .arg(&file)
        .arg("-o")
        .arg(&binary));
    let output = run(&mut Command::new(&binary));
    text(&output.stdout).parse().unwrap()
}

fn keyword(kind: CompositeKind) -> &'static str {
    match kind {
        CompositeKind::Struct => "struct",
        CompositeKind::Union => "union",
    }
}

/// The members at `base` bits in the type `spelling`, reached through `path`.
fn check_members(
    program: &mut String,
    btf: &BtfBuf,
    spelling: &str,
    path: &str,
    base: u32,
    members: &[Member],
) {
    for member in members {
        let name = btf.name(member.name);
        let offset = base + member.offset_bits;
        let ty = plain(btf, member.ty);
        if name.is_empty() {
            let Some(Type::Composite { members, .. }) = ty else {
                panic!("a member of {spelling} has no name, and is no struct or union");
            };
            check_members(program, btf, spelling, path, offset, members);
            continue;
        }
        let path = format!("{path}{name}");
        let place = format!("{spelling}, {path}");
        if member.bitfield_bits != 0 {
            let _ = writeln!(program, "BITS({place}, {offset}, {})", member.bitfield_bits);
            continue;
        }
        let _ = writeln!(program, "MEMBER({place}, {offset})");
        match ty {
            Some(Type::Array { len: 0, .. }) => {}
            Some(ty) => check_value(program, btf, &place, ty),
            None => panic!("{place} is void"),
        }
        if let Some(Type::Composite { name, members, .. }) = ty
            && name.is_anonymous()
        {
            let path = format!("{path}.");
            check_members(program, btf, spelling, &path, offset, members);
        }
    }
}

/// Size and sign of the value at `place`, and of the elements of an array.
fn check_value(program: &mut String, btf: &BtfBuf, place: &str, ty: &Type) {
    if let Some(size) = size(btf, ty) {
        let _ = writeln!(program, "MEMBER_SIZE({place}, {size})");
    }
    let signed = match ty {
        Type::Int { encoding, .. } => encoding.is_signed(),
        Type::Enum { signed, .. } => *signed,
        Type::Array { element, .. } => {
            if let Some(element) = plain(btf, *element) {
                check_value(program, btf, &format!("{place}[0]"), element);
            }
            return;
        }
        _ => return,
    };
    let _ = writeln!(program, "MEMBER_SIGNED({place}, {})", u8::from(signed));
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

/// Size in bytes; none of types that have none.
fn size(btf: &BtfBuf, ty: &Type) -> Option<u64> {
    match ty {
        Type::Int { size_bytes, .. }
        | Type::Float { size_bytes, .. }
        | Type::Composite { size_bytes, .. }
        | Type::Enum { size_bytes, .. } => Some(u64::from(*size_bytes)),
        Type::Ptr(_) => Some(8),
        Type::Array { element, len, .. } => {
            Some(u64::from(*len) * size(btf, plain(btf, *element)?)?)
        }
        Type::Typedef { ty, .. } | Type::Const(ty) | Type::Volatile(ty) | Type::Restrict(ty) => {
            size(btf, plain(btf, *ty)?)
        }
        _ => None,
    }
}
