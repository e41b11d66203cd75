//! The output tree of a build.
//!
//! ```text
//! OUT_DIR/core/
//!   app.btf               BTF of the C parts, for embed!()
//!   include/              on the include path of BPF programs
//!     traceable.bpf.h     generated: the application's types
//!     core.bpf.h, core_prelude.bpf.h, bpf/*.h
//!     vmlinux.h           if asked for
//!   obj/NAME.bpf.o        linked BPF objects
//!   skel/NAME.skel.rs     skeletons, for embed!()
//!   c/N/                  objects and library of each C part, and what they were made from
//!   types/NAME.layout.btf types of another application, as its file lays them out, and
//!   types/NAME.header.btf types of a crate's source, as the header declares them: for embed!()
//!   work/                 files in the making
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Directories whose files all come from the current build.
const OWNED: [&str; 5] = ["include", "include/bpf", "obj", "skel", "types"];

/// The tree, and which of its files this build has made.
#[derive(Debug)]
pub(crate) struct Out {
    root: PathBuf,
    made: BTreeSet<PathBuf>,
}

impl Out {
    pub(crate) fn create(out_dir: &Path) -> Result<Self> {
        let root = out_dir.join("core");
        for dir in OWNED {
            let dir = root.join(dir);
            fs::create_dir_all(&dir).map_err(io_error("create directory", &dir))?;
        }
        Ok(Self {
            root,
            made: BTreeSet::new(),
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where files are made that are not part of the tree.
    pub(crate) fn work(&self) -> Result<PathBuf> {
        let dir = self.root.join("work");
        fs::create_dir_all(&dir).map_err(io_error("create directory", &dir))?;
        Ok(dir)
    }

    /// Place of a file that something else will write.
    pub(crate) fn claim(&mut self, relative: &str) -> PathBuf {
        let path = self.root.join(relative);
        self.made.insert(path.clone());
        path
    }

    /// Writes a file, unless it has these contents already.
    pub(crate) fn write(&mut self, relative: &str, contents: &[u8]) -> Result<PathBuf> {
        let path = self.claim(relative);
        write_if_changed(&path, contents)?;
        Ok(path)
    }

    /// Removes what an earlier build left: a header or program that is gone from the build script
    /// must not be found any more.
    pub(crate) fn prune(&self) -> Result<()> {
        for dir in OWNED {
            let dir = self.root.join(dir);
            for entry in fs::read_dir(&dir).map_err(io_error("read directory", &dir))? {
                let path = entry.map_err(io_error("read directory", &dir))?.path();
                if path.is_file() && !self.made.contains(&path) {
                    fs::remove_file(&path).map_err(io_error("remove", &path))?;
                }
            }
        }
        Ok(())
    }
}

/// Writes a file, unless it has these contents already.
pub(crate) fn write_if_changed(path: &Path, contents: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == contents) {
        return Ok(());
    }
    fs::write(path, contents).map_err(io_error("write", path))
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(io_error("read", path))
}

/// Adds what was tried, and on what, to an error of the system.
pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
