//! Which modules of the kernel an object needs: those that have a type which vmlinux does not have.

use crate::error::Result;
use crate::object::BpfObject;
use crate::read::Btf;
use crate::relo::candidates::{Root, Roots};
use crate::relo::search::{Wanted, search};

/// The types that an object asks the kernel for, and that vmlinux does not have. For those, and for
/// no others, libbpf searches the BTF of the kernel's modules.
///
/// A kernel has some hundred modules; an object that asks for none of their types need not open
/// them.
#[derive(Clone, Debug)]
pub struct NotInVmlinux<'o> {
    roots: Vec<Root<'o>>,
}

impl<'o> NotInVmlinux<'o> {
    /// Searches `vmlinux` for what `object` asks of the kernel.
    #[must_use]
    pub fn find(object: &'o BpfObject<'_>, vmlinux: &Btf<'_>) -> Self {
        Self {
            roots: Roots::not_in_vmlinux(object, vmlinux),
        }
    }

    /// Whether vmlinux has it all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// Whether `module`, whose base is vmlinux, has one of them. The types of a module that has are
    /// checked whole: what they refer to is there.
    ///
    /// # Errors
    /// [`NoSuchType`](crate::Error::NoSuchType), [`Name`](crate::Error::Name),
    /// [`Type`](crate::Error::Type) and [`Invalid`](crate::Error::Invalid), for a module that is
    /// malformed, or was split from another vmlinux.
    pub fn has_candidate(&self, module: &Btf<'_>) -> Result<bool> {
        let wanted = self.roots.iter().enumerate();
        let wanted = wanted.map(|(asker, root)| Wanted {
            asker,
            kind: root.kind,
            name: root.name,
        });
        let found = !search(module, &wanted.collect::<Vec<_>>()).is_empty();
        if found {
            check(module)?;
        }
        Ok(found)
    }
}

/// Follows every reference once.
fn check(btf: &Btf<'_>) -> Result<()> {
    for ty in btf.iter() {
        let mut owned = ty.to_type()?;
        let mut checked = Ok(());
        owned.for_each_ref(|id| {
            if checked.is_ok() {
                checked = btf.get(id).map(drop);
            }
        });
        owned.for_each_name_mut(|name| {
            if checked.is_ok() {
                checked = btf.name(*name).map(drop);
            }
        });
        checked?;
        btf.resolve(ty.id())?;
    }
    Ok(())
}
