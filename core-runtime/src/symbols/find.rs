//! The search through the symbol tables of a binary.

use super::names::{Fit, Wanted, source_name};
use crate::binary::Binary;
use crate::elf::{Elf, FunctionKind};
use crate::error::{Error, Result};
use crate::near;

/// Most functions of one name that are kept.
const MAX_FOUND: usize = 1 << 16;

/// A function that has the name that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// Its name in the source, or its symbol if that is not mangled.
    pub name: String,
    /// Where it starts in the file, in bytes.
    pub offset: u64,
}

/// What the symbol tables say of a name.
#[derive(Debug, Default)]
struct Findings {
    /// Functions whose symbol is the name, first those that others can call.
    globals: Vec<Found>,
    locals: Vec<Found>,
    /// Functions whose name in the source it is.
    demangled: Vec<Found>,
    resolver: bool,
    imported: bool,
}

impl Findings {
    /// Adds what a file of symbols says; addresses are those of `binary`.
    fn look(&mut self, symbols: &Elf, binary: &Elf, wanted: &Wanted<'_>) -> Result<()> {
        symbols.for_each_function(|function| {
            let Some(fit) = wanted.fits(function.name) else {
                return;
            };
            match function.kind {
                FunctionKind::Defined => {}
                FunctionKind::Resolver => return self.resolver = true,
                FunctionKind::Imported => return self.imported = true,
            }
            let list = match fit {
                Fit::Symbol if function.global => &mut self.globals,
                Fit::Symbol => &mut self.locals,
                Fit::Demangled => &mut self.demangled,
            };
            if list.len() < MAX_FOUND
                && let Some(offset) = binary.file_offset(function.address)
            {
                list.push(Found {
                    name: source_name(function.name),
                    offset,
                });
            }
        })
    }

    /// The functions that are meant: symbols rather than names in the source, and of several symbols
    /// those that other compilation units can call rather than those that they can't.
    fn meant(self) -> Vec<Found> {
        let lists = [self.globals, self.locals, self.demangled];
        let mut found = lists
            .into_iter()
            .find(|list| !list.is_empty())
            .unwrap_or_default();
        // `.symtab` and `.dynsym` both have an exported function, and aliases share an address.
        found.sort_by(|a, b| (a.offset, &a.name).cmp(&(b.offset, &b.name)));
        found.dedup_by_key(|found| found.offset);
        found
    }
}

/// The functions of this name that the binary defines, by their place in the file; one at least.
pub(crate) fn find(binary: &Binary, symbol: &str) -> Result<Vec<Found>> {
    let elf = binary.elf();
    let wanted = Wanted::new(symbol);
    let mut findings = Findings::default();
    findings.look(elf, elf, &wanted)?;
    // What the linker exports under this name is the function of this name.
    if findings.globals.is_empty() {
        look_elsewhere(binary, &wanted, &mut findings)?;
    }
    let (resolver, imported) = (findings.resolver, findings.imported);
    let found = findings.meant();
    if !found.is_empty() {
        return Ok(found);
    }
    let file = binary.name().to_path_buf();
    let symbol = symbol.to_owned();
    if resolver {
        return Err(Error::IndirectFunction { file, symbol });
    }
    if imported {
        let libraries = elf.dynamic()?.needed;
        return Err(Error::ImportedFunction {
            file,
            symbol,
            libraries,
        });
    }
    let near = near_functions(elf, &symbol)?;
    Err(Error::NoSymbol { file, symbol, near })
}

/// A stripped binary may have left symbols elsewhere.
#[cfg(feature = "dwarf")]
fn look_elsewhere(binary: &Binary, wanted: &Wanted<'_>, findings: &mut Findings) -> Result<()> {
    use super::debug_data::{mini_debug_info, separate};

    let elf = binary.elf();
    if elf.section(".symtab").is_some() {
        return Ok(());
    }
    if let Some(symbols) = mini_debug_info(elf)? {
        findings.look(&symbols, elf, wanted)?;
    }
    if let Some(symbols) = separate(binary)? {
        findings.look(&symbols, elf, wanted)?;
    }
    Ok(())
}

#[cfg(not(feature = "dwarf"))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail with feature `dwarf`")]
fn look_elsewhere(_: &Binary, _: &Wanted<'_>, _: &mut Findings) -> Result<()> {
    Ok(())
}

fn near_functions(elf: &Elf, symbol: &str) -> Result<Vec<String>> {
    let mut near = near::Matches::of(symbol);
    elf.for_each_function(|function| {
        if function.kind == FunctionKind::Defined
            && let Ok(name) = std::str::from_utf8(function.name)
        {
            near.offer(name);
        }
    })?;
    Ok(near.best())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_for_a_missing_symbol() {
        let binary = Binary::this_program().unwrap();
        let error = find(&binary, "maim").unwrap_err();
        let this = std::env::current_exe().unwrap();
        let expected = "defines no function `maim`; did you mean main?";
        assert_eq!(error.to_string(), format!("{} {expected}", this.display()));
    }

    /// A file with nothing but a symbol table: `count` functions that share one name of `len` bytes.
    fn absurd(count: u32, len: u64) -> Vec<u8> {
        let table_at = 64 + 3 * 64_u64;
        let table_len = 24 * u64::from(count);
        let mut out = b"\x7fELF\x02\x01\x01".to_vec();
        out.resize(40, 0);
        out.extend(64_u64.to_le_bytes());
        out.extend([0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 64, 0, 3, 0, 0, 0]);
        for (kind, offset, size, link) in [
            (0_u32, 0, 0, 0_u32),
            (2, table_at, table_len, 2),
            (3, table_at + table_len, len, 0),
        ] {
            let start = out.len();
            out.extend([0; 4]);
            out.extend(kind.to_le_bytes());
            out.resize(start + 24, 0);
            out.extend(u64::to_le_bytes(offset));
            out.extend(size.to_le_bytes());
            out.extend(link.to_le_bytes());
            out.resize(start + 64, 0);
        }
        for _ in 0..count {
            out.extend([0, 0, 0, 0, 0x12, 0, 1, 0]);
            out.resize(out.len() + 16, 0);
        }
        out.resize(out.len() + usize::try_from(len).unwrap(), b'a');
        out
    }

    /// A table of some megabytes whose names, one by one, are gigabytes.
    #[test]
    fn an_absurd_symbol_table_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("absurd");
        std::fs::write(&file, absurd(100_000, 60_000)).unwrap();
        let start = std::time::Instant::now();
        let error = find(&Binary::open(&file).unwrap(), "f").unwrap_err();
        assert!(start.elapsed().as_secs() < 5);
        let expected = format!("malformed ELF file {}: names of symbols", file.display());
        assert!(error.to_string().starts_with(&expected), "{error}");

        std::fs::write(&file, absurd(10, 4)).unwrap();
        let error = find(&Binary::open(&file).unwrap(), "f").unwrap_err();
        assert!(matches!(error, Error::NoSymbol { .. }), "{error}");
    }
}
