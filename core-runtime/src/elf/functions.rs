//! The functions in the symbol tables of an ELF file.

use super::fields::name_at;
use super::file::{Elf, Section};
use crate::error::Result;

const SHT_SYMTAB: u32 = 2;
const SHT_DYNSYM: u32 = 11;
const STT_NOTYPE: u8 = 0;
const STT_FUNC: u8 = 2;
const STT_GNU_IFUNC: u8 = 10;
const STB_LOCAL: u8 = 0;

/// Symbols that are read at a time.
const CHUNK: u64 = 4096;

/// Most bytes of a symbol's name that are looked at. Longer ones exist, of C++ templates.
const MAX_NAME: usize = 64 << 10;

/// A symbol that names a function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a [u8],
    /// Virtual address, before relocation.
    pub(crate) address: u64,
    /// Visible outside its compilation unit.
    pub(crate) global: bool,
    pub(crate) kind: FunctionKind,
}

/// What is at the address of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FunctionKind {
    /// The function.
    Defined,
    /// A function that chooses, once, which other one is meant (IFUNC).
    Resolver,
    /// At most a jump (PLT) to the function, which a library defines.
    Imported,
}

impl Elf {
    /// Visits the functions that `.symtab` and `.dynsym` name; those in both, twice.
    pub(crate) fn for_each_function(&self, mut visit: impl FnMut(Function<'_>)) -> Result<()> {
        for table in &self.sections {
            if matches!(table.kind, SHT_SYMTAB | SHT_DYNSYM) {
                self.visit_functions(table, &mut visit)?;
            }
        }
        Ok(())
    }

    fn visit_functions(&self, table: &Section, visit: &mut impl FnMut(Function<'_>)) -> Result<()> {
        let names = self
            .sections
            .get(table.link as usize)
            .ok_or_else(|| self.malformed("symbol table without names", table.offset))?;
        let names = self.data(names)?;
        let wide = self.format.wide;
        let size = if wide { 24_u32 } else { 16 };
        // Names may end alike and share those bytes, and there it ends: without a limit, a small
        // table could name the same megabytes millions of times.
        let mut left = 8 * names.len() as u64 + table.size;
        let mut at = 0;
        while at < table.size {
            let len = (CHUNK * u64::from(size)).min(table.size - at);
            let symbols = self.read_at("symbol table", table.offset, at, len)?;
            at += len;
            for symbol in symbols.chunks_exact(size as usize) {
                let info = symbol.get(if wide { 4 } else { 12 }).copied();
                let info = info.unwrap_or_default();
                let symbol = self.fields(symbol);
                let defined = symbol.u16(if wide { 6 } else { 14 }) != 0;
                let kind = match info & 0xf {
                    STT_FUNC if defined => FunctionKind::Defined,
                    STT_GNU_IFUNC if defined => FunctionKind::Resolver,
                    STT_NOTYPE | STT_FUNC | STT_GNU_IFUNC if !defined => FunctionKind::Imported,
                    _ => continue,
                };
                let name = name_at(&names, symbol.u32(0), MAX_NAME);
                left = left
                    .checked_sub(name.len() as u64)
                    .ok_or_else(|| self.malformed("names of symbols", table.offset))?;
                visit(Function {
                    name,
                    address: symbol.word(8, 4),
                    global: info >> 4 != STB_LOCAL,
                    kind,
                });
            }
        }
        Ok(())
    }
}
