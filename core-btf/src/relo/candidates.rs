//! Candidates: the target types that a local root may mean, and which world they come from.
//!
//! A root that is tagged as the application's is looked up in the application's BTF only. Any other
//! is the kernel's if vmlinux, or else a module, has a type of that name and kind, and else the
//! application's. So an application's `struct file` never becomes the kernel's, which a plain merge
//! of both cannot promise: it has no place for provenance.

use crate::ext::RelocationKind;
use crate::model::{Kind, TypeId};
use crate::object::BpfObject;
use crate::read::{Btf, TypeRef};
use crate::relo::matching::kinds_are_compat;
use crate::relo::name::essential_name;
use crate::relo::search::{Wanted, search};
use crate::relo::spec::type_name;

/// Where the targets are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'s, 'a> {
    /// The application's BTF; several crates' pieces may stand one after the other.
    pub app: &'s [Btf<'a>],
    /// vmlinux first, then modules.
    pub kernel: &'s [Btf<'a>],
}

impl<'s, 'a> Sources<'s, 'a> {
    /// The blob that an origin means.
    #[must_use]
    pub fn get(&self, origin: Origin) -> Option<&'s Btf<'a>> {
        match origin {
            Origin::Kernel => self.kernel.first(),
            Origin::Module(n) => self.kernel.get(n),
            Origin::App(n) => self.app.get(n),
        }
    }
}

/// The blob that a target type is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// vmlinux.
    Kernel,
    /// A module, by its place in [`Sources::kernel`] (from 1).
    Module(usize),
    /// The application, by place in [`Sources::app`].
    App(usize),
}

/// A target type that a root may mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    pub(crate) origin: Origin,
    pub(crate) ty: TypeId,
    /// The candidate is an anonymous type that goes by the name of its typedef.
    pub(crate) by_typedef: bool,
}

/// A name and kind that relocations ask for.
#[derive(Clone, Debug)]
pub(crate) struct Root<'o> {
    /// Essential name.
    pub(crate) name: &'o [u8],
    pub(crate) kind: Kind,
    /// A local type of that name.
    pub(crate) local: TypeId,
    pub(crate) app: bool,
    /// Ascending by origin and id.
    pub(crate) candidates: Vec<Candidate>,
}

impl Root<'_> {
    pub(crate) fn is(&self, kind: Kind, name: &[u8]) -> bool {
        kinds_are_compat(self.kind, kind) && self.name == essential_name(name)
    }
}

/// The kind under which a search is remembered: the two kinds of enum are searched for together.
const fn searched_kind(kind: Kind) -> Kind {
    if kind.is_enum() { Kind::Enum } else { kind }
}

/// Whether a type that was found is more than a name: a library's `typedef struct bio BIO` may stand
/// for a struct that only another library describes, and libbpf fails on it.
fn is_complete(btf: &Btf<'_>, ty: TypeId) -> bool {
    let of = |kind| btf.get(ty).is_ok_and(|ty| ty.kind() == kind);
    !(of(Kind::Typedef) && btf.resolve(ty).is_ok_and(|to| to.kind() == Kind::Fwd))
}

/// All roots of an object with their candidates.
#[derive(Clone, Debug)]
pub(crate) struct Roots<'o> {
    pub(crate) all: Vec<Root<'o>>,
    /// Root of each relocation; none for `TYPE_ID_LOCAL` and for roots without a name.
    of: Vec<Option<usize>>,
    /// A name that is asked for from both worlds, and exists in the kernel.
    pub(crate) clash: Option<String>,
}

impl<'o> Roots<'o> {
    /// Finds every candidate. Each source is scanned once.
    pub(crate) fn find(object: &'o BpfObject<'_>, sources: &Sources<'_, '_>) -> Self {
        let mut found = Self::ask(object);
        if found.all.iter().any(|root| !root.app) {
            found.scan_kernel(sources);
        }
        for (n, btf) in sources.app.iter().enumerate() {
            found.scan(btf, Origin::App(n), |root| {
                // Not the kernel's.
                !matches!(
                    root.candidates.first(),
                    Some(Candidate {
                        origin: Origin::Kernel | Origin::Module(_),
                        ..
                    })
                )
            });
        }
        found.scan_typedefs(sources);
        found.clash = found.find_clash(object);
        found
    }

    /// The roots that are looked for in the kernel, and that `vmlinux` does not have.
    pub(crate) fn not_in_vmlinux(object: &'o BpfObject<'_>, vmlinux: &Btf<'_>) -> Vec<Root<'o>> {
        let mut found = Self::ask(object);
        found.all.retain(|root| !root.app);
        found.scan(vmlinux, Origin::Kernel, |_| true);
        found.all.retain(|root| root.candidates.is_empty());
        found.all
    }

    /// The candidates of a relocation's root; `None` where no search takes place.
    pub(crate) fn of(&self, relocation: usize) -> Option<&Root<'o>> {
        self.all.get(self.index_of(relocation)?)
    }

    /// The place in `all` of a relocation's root.
    pub(crate) fn index_of(&self, relocation: usize) -> Option<usize> {
        *self.of.get(relocation)?
    }

    /// The distinct roots that relocations name.
    fn ask(object: &'o BpfObject<'_>) -> Self {
        let btf = object.btf();
        let mut roots: Vec<Root<'o>> = Vec::new();
        let mut seen: Vec<(TypeId, Option<usize>)> = Vec::new();
        let mut of = Vec::with_capacity(object.relocations().len());
        for relocation in object.relocations() {
            if relocation.kind == RelocationKind::TypeIdLocal {
                of.push(None);
                continue;
            }
            let known = seen.iter().find(|(id, _)| *id == relocation.root);
            if let Some((_, at)) = known {
                of.push(*at);
                continue;
            }
            let ty = btf.get(relocation.root).ok();
            let at = ty.filter(|ty| !ty.name_bytes().is_empty()).map(|ty| {
                let name = essential_name(ty.name_bytes());
                let app = object.is_app(ty.id());
                let same = |root: &Root<'_>| {
                    root.app == app && root.name == name && kinds_are_compat(root.kind, ty.kind())
                };
                roots.iter().position(same).unwrap_or_else(|| {
                    roots.push(Root {
                        name,
                        kind: ty.kind(),
                        local: ty.id(),
                        app,
                        candidates: Vec::new(),
                    });
                    roots.len() - 1
                })
            });
            seen.push((relocation.root, at));
            of.push(at);
        }
        Self {
            all: roots,
            of,
            clash: None,
        }
    }

    fn scan_kernel(&mut self, sources: &Sources<'_, '_>) {
        let mut kernel = sources.kernel.iter();
        if let Some(vmlinux) = kernel.next() {
            self.scan(vmlinux, Origin::Kernel, |root| !root.app);
        }
        // All modules are searched for what vmlinux does not have.
        let wanted: Vec<bool> = self
            .all
            .iter()
            .map(|root| !root.app && root.candidates.is_empty())
            .collect();
        for (n, module) in kernel.enumerate() {
            let mut wanted = wanted.iter();
            self.scan(module, Origin::Module(n + 1), |_| {
                wanted.next().copied().unwrap_or_default()
            });
        }
    }

    /// Adds the types of `btf` that fit a wanted root.
    fn scan(&mut self, btf: &Btf<'_>, origin: Origin, mut wanted: impl FnMut(&Root<'_>) -> bool) {
        let mut wanted: Vec<bool> = self.all.iter().map(&mut wanted).collect();
        let candidate = |ty| Candidate {
            origin,
            ty,
            by_typedef: false,
        };
        for (root, wanted) in self.all.iter_mut().zip(&mut wanted).filter(|(_, w)| **w) {
            if let Some(found) = btf.found(searched_kind(root.kind), root.name) {
                let complete = found.iter().copied().filter(|ty| is_complete(btf, *ty));
                root.candidates.extend(complete.map(candidate));
                *wanted = false;
            }
        }
        let open: Vec<Wanted<'_>> = self
            .all
            .iter()
            .enumerate()
            .zip(&wanted)
            .filter(|(_, wanted)| **wanted)
            .map(|((asker, root), _)| Wanted {
                asker,
                kind: root.kind,
                name: root.name,
            })
            .collect();
        let found = search(btf, &open);
        for wanted in open {
            let of_it = || {
                let all = found.iter().filter(|(asker, _)| *asker == wanted.asker);
                all.map(|(_, ty)| *ty)
            };
            btf.remember(searched_kind(wanted.kind), wanted.name, of_it());
            if let Some(root) = self.all.get_mut(wanted.asker) {
                let complete = of_it().filter(|ty| is_complete(btf, *ty));
                root.candidates.extend(complete.map(candidate));
            }
        }
    }

    /// Where the application's BTF was not made by this crate, a `typedef struct {..} foo_t` has no
    /// `struct foo_t` beside it: the local `struct foo_t` then means the anonymous struct.
    fn scan_typedefs(&mut self, sources: &Sources<'_, '_>) {
        let mut missing = self
            .all
            .iter_mut()
            .filter(|root| root.candidates.is_empty())
            .filter(|root| root.kind.is_composite() || root.kind.is_enum())
            .peekable();
        if missing.peek().is_none() {
            return;
        }
        let typedefs: Vec<(Origin, TypeId, Kind, &[u8])> = sources
            .app
            .iter()
            .enumerate()
            .flat_map(|(n, btf)| {
                btf.iter()
                    .filter(|ty| ty.kind() == Kind::Typedef)
                    .filter_map(move |ty| {
                        let target = btf.resolve(ty.id()).ok()?;
                        let anonymous = target.name_bytes().is_empty();
                        let found = (Origin::App(n), target.id(), target.kind(), ty.name_bytes());
                        anonymous.then_some(found)
                    })
            })
            .collect();
        for root in missing {
            for (origin, ty, kind, name) in &typedefs {
                if root.is(*kind, name) {
                    root.candidates.push(Candidate {
                        origin: *origin,
                        ty: *ty,
                        by_typedef: true,
                    });
                }
            }
            root.candidates.dedup();
        }
    }

    /// libbpf cannot tell two roots of one name and kind apart.
    fn find_clash(&self, object: &BpfObject<'_>) -> Option<String> {
        let (app, other): (Vec<_>, Vec<_>) = self.all.iter().partition(|root| root.app);
        let kernel = other.into_iter().filter(|root| {
            root.candidates
                .first()
                .is_some_and(|c| !matches!(c.origin, Origin::App(_)))
        });
        for root in kernel {
            if app.iter().any(|a| a.is(root.kind, root.name)) {
                return Some(type_name(object.btf(), root.local));
            }
        }
        None
    }

    /// The types of vmlinux that have name and kind of one of the application's roots.
    pub(crate) fn namesakes<'b>(
        &self,
        vmlinux: &'b Btf<'b>,
    ) -> impl Iterator<Item = (TypeId, TypeRef<'b>)> {
        let mut app = Self {
            all: self.all.clone(),
            of: Vec::new(),
            clash: None,
        };
        for root in &mut app.all {
            root.candidates.clear();
        }
        app.scan(vmlinux, Origin::Kernel, |root| root.app);
        app.all
            .into_iter()
            .flat_map(|root| root.candidates)
            .filter_map(|c| Some((c.ty, vmlinux.get(c.ty).ok()?)))
    }
}
