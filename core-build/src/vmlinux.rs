//! `vmlinux.h`: the kernel's types for BPF programs.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use core_btf::Btf;
use core_btf::c::Header;
use core_btf::elf::section;
use core_btf::read::Endian;

use crate::cargo::Inputs;
use crate::error::{Error, Result};
use crate::header::names_of;
use crate::out::{Out, read, write_if_changed};

/// Where the running kernel describes itself.
const HOST: &str = "/sys/kernel/btf/vmlinux";

/// The BTF that the header was made from by this version.
const PRINTED: &str = concat!("vmlinux-", env!("CARGO_PKG_VERSION"), ".btf");

/// Where `vmlinux.h` comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vmlinux {
    /// The kernel of the machine that builds.
    Host,
    /// A file: raw BTF (as in `/sys/kernel/btf` and of `BTFHub`), an ELF file with BTF (a kernel
    /// image with symbols), or a `.h` file, which is taken as it is.
    File(PathBuf),
}

impl<P: Into<PathBuf>> From<P> for Vmlinux {
    fn from(path: P) -> Self {
        Self::File(path.into())
    }
}

impl Vmlinux {
    /// Writes `vmlinux.h`, and gives its names as BTF.
    pub(crate) fn write(&self, out: &mut Out, inputs: &mut Inputs) -> Result<Vec<u8>> {
        let path = match self {
            Self::Host => Path::new(HOST),
            Self::File(path) => {
                if !path.is_file() {
                    return Err(Error::NoSuchFile {
                        what: "vmlinux file",
                        path: path.clone(),
                    });
                }
                inputs.file(path);
                path
            }
        };
        let bytes = read(path)?;
        let failed = |source| Error::Btf {
            what: format!("`{}`", path.display()),
            source,
        };
        if path.extension() == Some(OsStr::new("h")) {
            out.write("include/vmlinux.h", &bytes)?;
            return names_of(&String::from_utf8_lossy(&bytes))
                .and_then(|names| names.encode(Endian::NATIVE))
                .map_err(failed);
        }
        let btf = if bytes.starts_with(b"\x7fELF") {
            section(&bytes, ".BTF")
                .map_err(failed)?
                .ok_or_else(|| Error::NoBtf {
                    path: path.to_owned(),
                })?
        } else {
            &bytes
        };
        // Printing the kernel takes a second where the build script is not optimised.
        let header = out.claim("include/vmlinux.h");
        let printed = out.work()?.join(PRINTED);
        if !header.is_file() || !fs::read(&printed).is_ok_and(|old| old == btf) {
            let text = Btf::parse(btf)
                .and_then(|btf| Header::new(&btf).guard("__VMLINUX_H__").print())
                .map_err(failed)?;
            write_if_changed(&header, text.as_bytes())?;
            write_if_changed(&printed, btf)?;
        }
        Ok(btf.to_vec())
    }
}
