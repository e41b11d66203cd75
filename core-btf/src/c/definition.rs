//! Definitions and declarations at the top level of the header.

use super::Header;
use super::names::{Names, id_count, identifier};
use super::order::{Order, State};
use super::scalar;
use crate::error::{Error, Result};
use crate::model::{Kind, TypeId};
use crate::read::{Btf, TypeRef};
use crate::relo::essential_name;

/// Most bytes of C for each byte of BTF, and besides. Anonymous types are printed at each use, so a
/// small malformed blob could ask for any amount.
const MAX_PER_BYTE: usize = 24;
const MAX_BESIDES: usize = 64 << 10;
/// Deepest nesting of anonymous types and of pointers, arrays and functions in one declaration.
pub(super) const MAX_DEPTH: usize = 100;

/// An annotation of a type or of one of its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Annotation {
    ty: TypeId,
    component: i32,
    tag: TypeId,
}

#[derive(Debug)]
pub(super) struct Printer<'h, 'b, 'a> {
    pub(super) header: &'h Header<'b, 'a>,
    pub(super) btf: &'b Btf<'a>,
    pub(super) pointer_bytes: u32,
    pub(super) names: Names<'h, 'b, 'a>,
    pub(super) order: Order,
    /// Alignment in bits of the composites laid out so far, by type id; 0 for the others.
    pub(super) aligns: Vec<u32>,
    annotations: Vec<Annotation>,
    pub(super) out: String,
    /// Structs and unions whose members are being printed.
    pub(super) open: Vec<TypeId>,
    /// Most bytes of `out`.
    max_bytes: usize,
    /// Bytes of parameters so far, each counted at every level of nesting.
    params_bytes: usize,
}

impl<'h, 'b, 'a> Printer<'h, 'b, 'a> {
    pub(super) fn new(header: &'h Header<'b, 'a>) -> Self {
        let btf = header.btf;
        let mut annotations: Vec<_> = (btf.iter())
            .filter(|ty| ty.kind() == Kind::DeclTag)
            .map(|tag| Annotation {
                ty: tag.target(),
                component: tag.component(),
                tag: tag.id(),
            })
            .collect();
        annotations.sort_unstable();
        Self {
            header,
            btf,
            pointer_bytes: btf.pointer_bytes(),
            names: Names::new(header),
            order: Order::new(id_count(btf)),
            aligns: vec![0; id_count(btf)],
            annotations,
            out: String::new(),
            max_bytes: (btf.bytes_len().saturating_mul(MAX_PER_BYTE)).saturating_add(MAX_BESIDES),
            open: Vec::new(),
            params_bytes: 0,
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// Whether uses of this typedef are printed as what it stands for.
    pub(super) fn is_expanded(&self, typedef: &TypeRef<'_>) -> bool {
        self.header.expand.contains(typedef.name_bytes())
    }

    /// Ends a line and checks that the output does not run away.
    pub(super) fn end_line(&mut self, ty: TypeId) -> Result<()> {
        self.out.push('\n');
        self.check_bytes(ty, self.out.len())
    }

    /// Counts the text of a parameter, which ends no line, towards the limit.
    pub(super) fn count_param(&mut self, ty: TypeId, bytes: usize) -> Result<()> {
        self.params_bytes += bytes + 1;
        self.check_bytes(ty, self.params_bytes)
    }

    fn check_bytes(&self, ty: TypeId, bytes: usize) -> Result<()> {
        if bytes > self.max_bytes {
            return Err(Error::Type {
                ty,
                problem: "makes the header larger than 64 KiB and 24 times the BTF",
            });
        }
        Ok(())
    }

    pub(super) fn indent(&mut self, depth: usize) {
        self.out.extend(std::iter::repeat_n('\t', depth));
    }

    /// `struct name;`
    pub(super) fn declare(&mut self, ty: &TypeRef<'a>) -> Result<()> {
        self.names.push_tag(ty, &mut self.out);
        self.out.push(';');
        self.end_line(ty.id())
    }

    /// The definition of a named type, or of an enum without a name.
    pub(super) fn define(&mut self, ty: &TypeRef<'a>) -> Result<()> {
        match ty.kind() {
            Kind::Struct | Kind::Union => {
                self.names.push_tag(ty, &mut self.out);
                self.out.push(' ');
                self.body(ty, 0)?;
                if let Some(tag) = &self.header.tag {
                    push_attribute("btf_decl_tag", tag, &mut self.out);
                }
            }
            Kind::Enum | Kind::Enum64 => self.enum_(ty, 0)?,
            Kind::Typedef => {
                self.out.push_str("typedef ");
                let mut name = String::new();
                self.names.push_ident(ty, &mut name);
                self.declarator(ty.target(), name, 0)?;
            }
            Kind::Func | Kind::Var => {
                self.out.push_str("extern ");
                let mut name = String::new();
                self.names.push_ident(ty, &mut name);
                self.declarator(ty.target(), name, 0)?;
            }
            _ => return Ok(()),
        }
        self.push_annotations(ty.id(), -1);
        self.out.push(';');
        self.end_line(ty.id())?;
        if ty.kind().is_composite() && self.header.asserts {
            self.asserts(ty)?;
        }
        self.end_line(ty.id())
    }

    /// `enum name { ... }`
    pub(super) fn enum_(&mut self, ty: &TypeRef<'a>, depth: usize) -> Result<()> {
        if !matches!(ty.size_bytes(), 1 | 2 | 4 | 8) {
            return Err(Error::Type {
                ty: ty.id(),
                problem: "is an enum of a size that no enum has",
            });
        }
        let is_named = !ty.name_bytes().is_empty();
        if is_named {
            self.names.push_tag(ty, &mut self.out);
        } else {
            self.out.push_str("enum");
        }
        if let Some(base) = scalar::enum_base(ty) {
            self.out.push_str(" : ");
            self.out.push_str(base);
        }
        if ty.vlen() == 0 {
            return Ok(());
        }
        self.out.push_str(" {");
        self.end_line(ty.id())?;
        let mut first = None;
        for value in ty.enumerators() {
            self.indent(depth + 1);
            let start = self.out.len();
            let name = self.btf.name_bytes(value.name);
            self.names.push_enumerator(name, &mut self.out);
            let end = self.out.len();
            first.get_or_insert((start..end, value.value));
            self.out.push_str(" = ");
            self.out.push_str(&scalar::constant(ty, value.value));
            self.out.push(',');
            self.end_line(ty.id())?;
        }
        if let (true, Some(tag), Some((name, value))) = (is_named, &self.header.tag, first) {
            let name = self.out.get(name).unwrap_or_default();
            let (name, flavor) = name.split_at(essential_name(name.as_bytes()).len());
            // One flavor after another would leave the first in the name that matches.
            let flavor = flavor.get("__".len()..).unwrap_or_default();
            let mark = format!("{name}{}{flavor}", super::enum_mark(tag));
            self.indent(depth + 1);
            self.out.push_str(&mark);
            self.out.push_str(" = ");
            self.out.push_str(&scalar::constant(ty, value));
            self.out.push(',');
            self.end_line(ty.id())?;
        }
        self.indent(depth);
        self.out.push('}');
        Ok(())
    }

    /// The `DECL_TAG`s of a type, or of its member of this number.
    pub(super) fn push_annotations(&mut self, ty: TypeId, component: i32) {
        let start = self
            .annotations
            .partition_point(|a| (a.ty, a.component) < (ty, component));
        let all = self.annotations.get(start..).unwrap_or_default();
        for annotation in all {
            if (annotation.ty, annotation.component) != (ty, component) {
                break;
            }
            let Ok(tag) = self.btf.get(annotation.tag) else {
                continue;
            };
            let is_ours = component == -1 && self.header.tag.as_deref() == tag.name().ok();
            if !is_ours {
                push_tag_attribute("btf_decl_tag", &tag, &mut self.out);
            }
        }
    }

    /// Assertions of a struct's size and its members' offsets.
    fn asserts(&mut self, ty: &TypeRef<'a>) -> Result<()> {
        let mut name = String::new();
        self.names.push_tag(ty, &mut name);
        let size = ty.size_bytes().to_string();
        self.out
            .extend(["_Static_assert(sizeof(", &name, ") == ", &size, ", \"\");"]);
        self.end_line(ty.id())?;
        for member in ty.members() {
            let is_bitfield = member.bitfield_bits != 0 || self.is_legacy_bitfield(member.ty)?;
            if is_bitfield || self.btf.name_bytes(member.name).is_empty() {
                continue;
            }
            let member_name = identifier(self.btf.name_bytes(member.name));
            let offset = (member.offset_bits / 8).to_string();
            self.out.extend([
                "_Static_assert(__builtin_offsetof(",
                &name,
                ", ",
                &member_name,
                ") == ",
                &offset,
                ", \"\");",
            ]);
            self.end_line(ty.id())?;
        }
        Ok(())
    }

    /// Prints every type, each after those it needs. Of a split blob's base only the latter.
    pub(super) fn emit_all(&mut self) -> Result<()> {
        let inlined = self.inlined_enums();
        for ty in self.btf.iter() {
            let wanted = match ty.kind() {
                Kind::Struct | Kind::Union | Kind::Typedef => !ty.name_bytes().is_empty(),
                Kind::Enum | Kind::Enum64 => {
                    !ty.name_bytes().is_empty() || !inlined.get(ty.id().index()).is_some_and(|i| *i)
                }
                Kind::Func | Kind::Var => self.header.functions,
                _ => false,
            };
            if wanted {
                self.emit(ty.id())?;
            }
        }
        Ok(())
    }

    /// Whether the type of this id is printed where another type refers to it.
    fn inlined_enums(&self) -> Vec<bool> {
        let mut inlined = vec![false; id_count(self.btf)];
        let mut mark = |id: TypeId| {
            if let Some(entry) = inlined.get_mut(id.index()) {
                *entry = true;
            }
        };
        for ty in self.btf.iter() {
            match ty.kind() {
                Kind::Func | Kind::Var | Kind::DeclTag | Kind::Datasec => {}
                Kind::FuncProto if !self.header.functions => {}
                Kind::Struct | Kind::Union => ty.members().for_each(|m| mark(m.ty)),
                Kind::Array => mark(ty.array().0),
                _ => {
                    mark(ty.target());
                    ty.params().for_each(|p| mark(p.ty));
                }
            }
        }
        inlined
    }

    /// Prints these types and all they refer to.
    pub(super) fn emit_roots(&mut self, roots: &[TypeId]) -> Result<()> {
        for &root in roots {
            self.emit(root)?;
        }
        // Printing what a pointer points to may find new pointers, which the queue grows by.
        while let Some(id) = self.order.next_declared() {
            if self.btf.get(id)?.kind() != Kind::Fwd {
                self.emit(id)?;
            }
        }
        Ok(())
    }

    /// Whether a struct is defined above the current place.
    pub(super) fn is_complete(&self, id: TypeId) -> bool {
        self.order.state(id) == State::Done
    }
}

/// A `btf_decl_tag` or `btf_type_tag`, or the attribute that its text stands for.
pub(super) fn push_tag_attribute(attribute: &str, tag: &TypeRef<'_>, out: &mut String) {
    let Ok(text) = tag.name() else { return };
    if !tag.kind_flag() {
        push_attribute(attribute, text, out);
    } else if text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"_(), ".contains(&b))
    {
        out.extend([" __attribute__((", text, "))"]);
    }
}

/// ` __attribute__((name("text")))`
fn push_attribute(name: &str, text: &str, out: &mut String) {
    out.push_str(" __attribute__((");
    out.push_str(name);
    out.push_str("(\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.extend(["\\", &format!("{byte:03o}")]),
        }
    }
    out.push_str("\")))");
}
