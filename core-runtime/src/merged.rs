//! What was merged before: a tracer loads one object for many processes of one binary.
//!
//! An entry is found by all that a merge depends on, byte by byte: the object, the programs that are
//! left out, the application's types and which kernel's. Nothing that a file says of itself, such as
//! its build-id, stands in for its content, so that no binary can have another's merge taken for its
//! own.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use core_btf::relo::Row;

use crate::type_info::Types;

/// Most merges that are remembered.
const MAX_ENTRIES: usize = 64;

/// Most bytes of objects and of applications' types that they keep alive.
const MAX_BYTES: usize = 64 << 20;

/// The merge for an object.
#[derive(Debug)]
pub(crate) struct Merged {
    /// What libbpf is given.
    pub(crate) btf: Vec<u8>,
    /// What programs ask for that does not exist.
    pub(crate) missing: Vec<Row>,
}

/// Whose types a merge has beside the application's.
#[derive(Clone, Debug)]
pub(crate) enum Kernel {
    /// Nobody's.
    None,
    /// Those of vmlinux of the running kernel, which stay what they are.
    Running,
    /// Those of a file, as it was read once.
    File(Arc<Types>),
}

impl Kernel {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) | (Self::Running, Self::Running) => true,
            (Self::File(a), Self::File(b)) => is_same(a, b),
            _ => false,
        }
    }
}

/// Equal types are mostly the same: see [`Types::shared`].
fn is_same(a: &Arc<Types>, b: &Arc<Types>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

/// What a merge depends on.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) object: Cow<'static, [u8]>,
    /// Programs that are not to be loaded.
    pub(crate) left_out: Vec<String>,
    /// The application's types.
    pub(crate) app: Vec<Arc<Types>>,
    pub(crate) kernel: Kernel,
}

impl Key {
    fn is(&self, other: &Self) -> bool {
        self.kernel.is(&other.kernel)
            && self.left_out == other.left_out
            && self.app.len() == other.app.len()
            && self.app.iter().zip(&other.app).all(|(a, b)| is_same(a, b))
            && self.object == other.object
    }

    fn bytes(&self) -> usize {
        let app = self.app.iter().map(|types| types.bytes().len());
        self.object.len() + app.sum::<usize>()
    }
}

/// The newest last.
static REMEMBERED: Mutex<VecDeque<(Key, Arc<Merged>)>> = Mutex::new(VecDeque::new());

/// The merge for `key`, if it is remembered.
pub(crate) fn find(key: &Key) -> Option<Arc<Merged>> {
    // Whoever panicked while holding the lock has left whole entries.
    let mut all = REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
    let at = all.iter().position(|(other, _)| other.is(key))?;
    let entry = all.remove(at)?;
    let merged = Arc::clone(&entry.1);
    all.push_back(entry);
    Some(merged)
}

/// Remembers a merge, and forgets those that were not used for longest.
pub(crate) fn remember(key: Key, merged: &Arc<Merged>) {
    let mut all = REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
    // Another thread may have been faster.
    all.retain(|(other, _)| !other.is(&key));
    all.push_back((key, Arc::clone(merged)));
    let mut bytes: usize = all.iter().map(|(key, _)| key.bytes()).sum();
    while all.len() > MAX_ENTRIES || bytes > MAX_BYTES {
        let Some((key, _)) = all.pop_front() else {
            break;
        };
        bytes -= key.bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key whose object is `len` bytes, with a program of a name of its own.
    fn key(name: &str, len: usize) -> Key {
        Key {
            object: vec![0; len].into(),
            left_out: vec![name.into()],
            app: Vec::new(),
            kernel: Kernel::None,
        }
    }

    fn merged() -> Arc<Merged> {
        Arc::new(Merged {
            btf: Vec::new(),
            missing: Vec::new(),
        })
    }

    /// One test, as the memory is one.
    #[test]
    fn what_is_remembered_is_bounded_and_equal() {
        for n in 0..1000 {
            remember(key(&format!("many {n}"), 1), &merged());
        }
        assert_eq!(REMEMBERED.lock().unwrap().len(), MAX_ENTRIES);
        assert!(find(&key("many 0", 1)).is_none());
        assert!(find(&key("many 999", 1)).is_some());
        assert!(find(&key("many 999", 2)).is_none());
        let mut other = key("many 999", 1);
        other.kernel = Kernel::Running;
        assert!(find(&other).is_none());
        // What was used last stays.
        find(&key("many 950", 1)).unwrap();
        for n in 0..MAX_ENTRIES - 1 {
            remember(key(&format!("more {n}"), 1), &merged());
        }
        assert!(find(&key("many 950", 1)).is_some());
        assert!(find(&key("many 951", 1)).is_none());
        for n in 0..8 {
            remember(key(&format!("large {n}"), MAX_BYTES / 4 + 1), &merged());
        }
        assert_eq!(REMEMBERED.lock().unwrap().len(), 3);
        remember(key("too large", MAX_BYTES + 1), &merged());
        assert_eq!(REMEMBERED.lock().unwrap().len(), 0);
    }
}
