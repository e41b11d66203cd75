//! Programs whose embedded types somebody has tampered with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use core_btf::elf::section;
use core_btf::read::Endian;
use core_btf::{Btf, BtfBuf, Type};

/// A copy of the program in which its embedded description puts a member elsewhere.
///
/// # Panics
/// When there is not one such member, or objcopy fails.
#[must_use]
pub fn forged(program: &Path, of: &str, member: &str, to_bytes: u32) -> PathBuf {
    let elf = fs::read(program).unwrap();
    let section = section(&elf, ".BTF").unwrap().unwrap();
    let rest = |done: &Vec<u8>| section.get(done.len()..).unwrap_or_default();
    let mut forged = Vec::new();
    let mut changed = 0;
    // The library's types and the program's stand one after the other, aligned to 8 bytes.
    while let Some(padding) = rest(&forged).iter().position(|&byte| byte != 0) {
        forged.resize(forged.len() + padding, 0);
        let (blob, len) = Btf::parse_prefix(rest(&forged)).unwrap();
        let mut types = BtfBuf::from_btf(&blob).unwrap();
        for ty in blob.iter().filter(|ty| ty.name() == Ok(of)) {
            let Some(Type::Composite { members, .. }) = types.get_mut(ty.id()) else {
                continue;
            };
            for it in members {
                if blob.name(it.name) == Ok(member) {
                    it.offset_bits = 8 * to_bytes;
                    changed += 1;
                }
            }
        }
        let encoded = types.encode(Endian::NATIVE).unwrap();
        assert_eq!(encoded.len(), len);
        forged.extend(encoded);
    }
    assert_eq!(changed, 1, "{of}.{member}");
    let btf = program.with_extension("btf");
    fs::write(&btf, forged).unwrap();
    let copy = program.with_extension("forged");
    let status = Command::new("objcopy")
        .arg("--update-section")
        .arg(format!(".BTF={}", btf.display()))
        .args([program, &copy])
        .status();
    assert!(status.expect("objcopy runs").success());
    copy
}
