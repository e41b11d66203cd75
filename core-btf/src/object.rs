//! A BPF object as the relocator sees it: local types, functions and CO-RE relocations.

use crate::elf::Elf;
use crate::error::{Error, Result};
use crate::ext::{BtfExt, Record, RelocationKind};
use crate::model::{Enumerator, Kind, NameOffset, TypeId};
use crate::read::{Btf, Endian};

/// Text of the `btf_decl_tag` that marks the application's types in a generated header.
pub const APP_TAG: &str = "core:app";

/// Is in the name of an enumerator that the generated header repeats in each of its enums, which C
/// gives no tags: the flavor, or its beginning, that `c::enum_mark` makes of [`APP_TAG`].
pub const APP_MARK: &str = "___core_app";

/// Whether an enumerator is such a repetition.
pub(crate) fn is_mark(name: &[u8]) -> bool {
    let mut parts = name.windows(APP_MARK.len());
    parts.any(|part| part == APP_MARK.as_bytes())
}

/// Bytes of a BPF instruction.
pub(crate) const INSTRUCTION_BYTES: usize = 8;

/// Line records among which the one of a moved instruction is looked for.
const LINES_AHEAD: usize = 4;

/// A compiled BPF object, decoded as far as relocation needs it.
#[derive(Clone, Debug)]
pub struct BpfObject<'a> {
    btf: Btf<'a>,
    endian: Endian,
    functions: Vec<Function<'a>>,
    relocations: Vec<Relocation<'a>>,
    ext: BtfExt<'a>,
    /// Types that carry [`APP_TAG`], ascending.
    tagged: Vec<TypeId>,
}

/// A program or subprogram.
#[derive(Clone, Copy, Debug)]
pub struct Function<'a> {
    /// Name.
    pub name: &'a str,
    /// Name of its section, such as `uprobe` or `.text`.
    pub section: &'a str,
    /// Its place in the section, in bytes.
    pub offset_bytes: usize,
    /// Its instructions, as yet unrelocated.
    pub code: &'a [u8],
}

/// A CO-RE relocation.
#[derive(Clone, Copy, Debug)]
pub struct Relocation<'a> {
    /// The function, by its place in [`BpfObject::functions`].
    pub function: usize,
    /// The instruction, counted from the start of the function.
    pub instruction: usize,
    /// Local root type.
    pub root: TypeId,
    /// Access string, such as `0:1:2`.
    pub access: &'a str,
    /// What is asked for.
    pub kind: RelocationKind,
}

/// A place in the source of the BPF program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceLine<'a> {
    /// File, as it was named to the compiler.
    pub file: &'a str,
    /// Line, from 1.
    pub line: u32,
    /// The line's text; empty when the compiler did not keep it.
    pub text: &'a str,
}

/// What a BPF object needs to be relocated against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is asked for on its own"
)]
pub struct Needs {
    /// A root that is not tagged as the application's: the kernel's BTF is to be searched.
    pub kernel: bool,
    /// A root that is tagged as the application's.
    pub app: bool,
    /// A kernel type whose id is asked for: the target must be the kernel's whole BTF.
    pub kernel_ids: bool,
    /// Any relocation at all: libbpf opens a target BTF.
    pub any: bool,
}

impl<'a> BpfObject<'a> {
    /// Decodes an ELF file that clang's BPF target, or libbpf's linker, has written.
    ///
    /// # Errors
    /// Malformed ELF, `.BTF` or `.BTF.ext`, with the place in that section; [`Error::NoBtf`] when
    /// the object has no `.BTF`.
    pub fn parse(elf: &'a [u8]) -> Result<Self> {
        let elf = Elf::parse(elf)?;
        let btf = Btf::parse(elf.section(".BTF").ok_or(Error::NoBtf)?.data)
            .map_err(|error| error.in_section(".BTF"))?;
        let ext = match elf.section(".BTF.ext") {
            Some(section) => {
                BtfExt::parse(section.data).map_err(|error| error.in_section(".BTF.ext"))?
            }
            None => BtfExt::default(),
        };
        let functions = functions(&elf);
        let relocations = relocations(&btf, &ext, &functions)?;
        let tagged = tagged(&btf);
        Ok(Self {
            btf,
            endian: elf.endian(),
            functions,
            relocations,
            ext,
            tagged,
        })
    }

    /// The local types.
    #[must_use]
    pub const fn btf(&self) -> &Btf<'a> {
        &self.btf
    }

    /// Byte order of the instructions.
    #[must_use]
    pub const fn endian(&self) -> Endian {
        self.endian
    }

    /// Programs and subprograms, by section and place.
    #[must_use]
    pub fn functions(&self) -> &[Function<'a>] {
        &self.functions
    }

    /// The relocations, in the order in which libbpf applies them. Those of functions that the
    /// linker has dropped are left out.
    #[must_use]
    pub fn relocations(&self) -> &[Relocation<'a>] {
        &self.relocations
    }

    /// Forgets the relocations of functions that `keep` does not keep, such as programs that will
    /// not be loaded: libbpf leaves those as they are.
    pub fn retain_functions(&mut self, mut keep: impl FnMut(&Function<'a>) -> bool) {
        let kept: Vec<bool> = self.functions.iter().map(&mut keep).collect();
        self.relocations
            .retain(|relocation| kept.get(relocation.function) == Some(&true));
    }

    /// The function that a relocation belongs to.
    #[must_use]
    pub fn function(&self, relocation: &Relocation<'_>) -> Option<&Function<'a>> {
        self.functions.get(relocation.function)
    }

    /// The source line of a relocation, if the object has line information.
    ///
    /// A compiler that moves the instruction to the one before leaves it without a line of its own:
    /// of that line and the few that follow, the first that has most of `names` in its text is
    /// meant.
    #[must_use]
    pub fn source_line(
        &self,
        relocation: &Relocation<'_>,
        names: &[&[u8]],
    ) -> Option<SourceLine<'a>> {
        let function = self.function(relocation)?;
        let at = function.offset_bytes + INSTRUCTION_BYTES * relocation.instruction;
        let chunk = self
            .ext
            .lines
            .iter()
            .find(|chunk| self.btf.name_bytes(chunk.section) == function.section.as_bytes())?;
        // Records ascend by offset; the last one at or before the instruction is its line.
        let (mut low, mut high) = (0, chunk.len());
        while low < high {
            let middle = low.midpoint(high);
            if chunk.record(middle)?[0] as usize <= at {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let first = low.checked_sub(1)?;
        let end = function.offset_bytes + function.code.len();
        let lines = (first..).map_while(|n| {
            let [start, file, text, place] = chunk.record(n)?;
            let start = start as usize;
            (function.offset_bytes..end).contains(&start).then(|| {
                let line = SourceLine {
                    file: self.btf.name(NameOffset(file)).unwrap_or_default(),
                    line: place >> 10,
                    text: self.btf.name(NameOffset(text)).unwrap_or_default().trim(),
                };
                (start, line)
            })
        });
        let mut lines = lines.take(LINES_AHEAD);
        let (start, mut best) = lines.next()?;
        if start == at {
            return Some(best);
        }
        for (_, line) in lines {
            if count_words(line.text, names) > count_words(best.text, names) {
                best = line;
            }
        }
        Some(best)
    }

    /// What the relocations need.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let mut needs = Needs {
            any: !self.relocations.is_empty(),
            ..Needs::default()
        };
        for relocation in &self.relocations {
            if relocation.kind == RelocationKind::TypeIdLocal {
                continue;
            }
            let app = self.is_app(relocation.root);
            needs.app |= app;
            needs.kernel |= !app;
            needs.kernel_ids |= !app && relocation.kind == RelocationKind::TypeIdTarget;
        }
        needs
    }

    /// Whether a local type is the application's: it, or what it is a typedef of, carries
    /// [`APP_TAG`]. C has no such tag for enums: one is the application's if it has an enumerator
    /// with [`APP_MARK`], or if a tagged struct or union has a member of it, and no other struct or
    /// union has.
    #[must_use]
    pub fn is_app(&self, id: TypeId) -> bool {
        let mut id = id;
        for _ in 0..=self.btf.len() {
            if self.tagged.binary_search(&id).is_ok() {
                return true;
            }
            match self.btf.get(id) {
                Ok(ty) if ty.kind() == Kind::Typedef || ty.kind().is_modifier() => id = ty.target(),
                Ok(ty) if ty.kind().is_enum() => return self.is_app_enum(id),
                _ => return false,
            }
        }
        false
    }

    fn is_app_enum(&self, id: TypeId) -> bool {
        let is_marked = |value: Enumerator| is_mark(self.btf.name_bytes(value.name));
        if self
            .btf
            .get(id)
            .is_ok_and(|ty| ty.enumerators().any(is_marked))
        {
            return true;
        }
        let mut app = false;
        for ty in self.btf.iter().filter(|ty| ty.kind().is_composite()) {
            if !ty.members().any(|m| self.leads_to(m.ty, id)) {
                continue;
            }
            if self.tagged.binary_search(&ty.id()).is_ok() {
                app = true;
            } else if !ty.name_offset().is_anonymous() {
                return false;
            }
        }
        app
    }

    /// Whether `from`, without pointers, arrays, qualifiers, typedefs and anonymous members, is
    /// `to`.
    fn leads_to(&self, from: TypeId, to: TypeId) -> bool {
        let mut budget = 64_u32;
        let mut open = vec![from];
        while let Some(id) = open.pop() {
            if id == to {
                return true;
            }
            let Some(left) = budget.checked_sub(1) else {
                return false;
            };
            budget = left;
            let Ok(ty) = self.btf.get(id) else { continue };
            match ty.kind() {
                Kind::Array => open.push(ty.array().0),
                Kind::Ptr
                | Kind::Typedef
                | Kind::Const
                | Kind::Volatile
                | Kind::Restrict
                | Kind::TypeTag => open.push(ty.target()),
                Kind::Struct | Kind::Union if ty.name_offset().is_anonymous() => {
                    open.extend(ty.members().map(|m| m.ty));
                }
                _ => {}
            }
        }
        false
    }
}

/// How many of the names stand in a line of C.
fn count_words(text: &str, names: &[&[u8]]) -> usize {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let words = || text.as_bytes().split(|byte| !is_word(byte));
    let found = names
        .iter()
        .filter(|name| words().any(|word| word == **name));
    found.count()
}

/// Functions with their code; symbols that point outside their section are left out.
fn functions<'a>(elf: &Elf<'a>) -> Vec<Function<'a>> {
    let mut found: Vec<(usize, Function<'a>)> = elf
        .functions()
        .filter_map(|symbol| {
            let section = elf.sections().get(symbol.section)?;
            let start = usize::try_from(symbol.offset_bytes).ok()?;
            let len = usize::try_from(symbol.size_bytes).ok()?;
            let code = section.data.get(start..)?.get(..len)?;
            let function = Function {
                name: symbol.name,
                section: section.name,
                offset_bytes: start,
                code,
            };
            section.is_code().then_some((symbol.section, function))
        })
        .collect();
    found.sort_by_key(|(section, function)| (*section, function.offset_bytes));
    found.into_iter().map(|(_, function)| function).collect()
}

fn relocations<'a>(
    btf: &Btf<'a>,
    ext: &BtfExt<'a>,
    functions: &[Function<'a>],
) -> Result<Vec<Relocation<'a>>> {
    let mut out = Vec::new();
    for chunk in &ext.relocations {
        let section = btf.name(chunk.section)?;
        let first = functions
            .iter()
            .take_while(|f| f.section != section)
            .count();
        let of_section = functions.get(first..).unwrap_or_default();
        let of_section = of_section
            .split(|f| f.section != section)
            .next()
            .unwrap_or_default();
        for record in chunk.iter().map(Record::from) {
            let offset = record.offset_bytes as usize;
            let invalid = |what, value: u32, expected| {
                let error = Error::Invalid {
                    what,
                    offset,
                    value: u64::from(value),
                    expected,
                };
                error.in_section(section)
            };
            if !offset.is_multiple_of(INSTRUCTION_BYTES) {
                return Err(invalid(
                    "offset of a relocated instruction",
                    record.offset_bytes,
                    "a multiple of 8",
                ));
            }
            let kind = RelocationKind::from_number(record.kind)
                .ok_or_else(|| invalid("relocation kind", record.kind, "a kind from 0 to 12"))?;
            // The last function that starts at or before the instruction, if it reaches that far.
            let after = of_section.partition_point(|f| f.offset_bytes <= offset);
            let Some((at, function)) = after
                .checked_sub(1)
                .and_then(|at| Some((at, of_section.get(at)?)))
                .filter(|(_, function)| offset - function.offset_bytes < function.code.len())
            else {
                continue;
            };
            out.push(Relocation {
                function: first + at,
                instruction: (offset - function.offset_bytes) / INSTRUCTION_BYTES,
                root: record.root,
                access: btf.name(record.access)?,
                kind,
            });
        }
    }
    Ok(out)
}

fn tagged(btf: &Btf<'_>) -> Vec<TypeId> {
    let mut tagged: Vec<TypeId> = btf
        .iter()
        .filter(|ty| ty.kind() == Kind::DeclTag && ty.component() == -1)
        .filter(|ty| ty.name_bytes() == APP_TAG.as_bytes())
        .map(|ty| ty.target())
        .collect();
    tagged.sort_unstable();
    tagged
}

#[cfg(test)]
mod tests;
