//! From a BPF object and the types that it needs to loaded programs.

use std::borrow::Cow;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;

use core_btf::relo::Explanation;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{Object, ObjectBuilder, OpenObject};

use crate::error::{Error, Result};
use crate::job::Job;
use crate::kernel::KernelTypes;
use crate::log;
use crate::token::TokenPath;
use crate::type_info::TypeInfo;

/// A skeleton builder that also tells the object it opens. `embed!()` implements it for each.
pub trait BpfObject {
    /// The compiled BPF object, an ELF file.
    const OBJECT: &'static [u8];
}

/// Relocates BPF objects against an application's types and the kernel's, and loads them.
///
/// ```no_run
/// # use core_runtime::{BpfObject, Loader, TypeInfo};
/// # use libbpf_rs::skel::{OpenSkel, SkelBuilder};
/// # use std::mem::MaybeUninit;
/// # fn load<'o, B>(builder: B, storage: &'o mut MaybeUninit<libbpf_rs::OpenObject>)
/// # -> core_runtime::Result<()> where B: SkelBuilder<'o> + BpfObject {
/// let loader = Loader::new(TypeInfo::this_program()?);
/// let open = loader.open(builder, storage)?;
/// // `open` derefs to the open skeleton: set its rodata and maps, choose its programs.
/// let skeleton = open.load()?;
/// # Ok(())
/// # }
/// ```
///
/// What it does beyond libbpf's own loading, and when:
///
/// - *open* gives libbpf the path of an empty file in memory as its target BTF, in place of one
///   that the builder may name;
/// - *load* looks at the programs that are set to be loaded, refuses those that would read wrong
///   data, and fills that file with the few types that the others' relocations name. It also makes
///   programs of sections `uprobe` and `uretprobe` that name no target attachable without
///   `CAP_SYS_ADMIN` (see [`Uprobe`](crate::Uprobe)); libbpf's `attach_uprobe` does not attach
///   those.
///
/// The kernel's types are opened only for an object that needs them, and those of its modules only
/// for one that names a type which vmlinux does not have.
#[derive(Clone, Debug)]
pub struct Loader {
    context: Arc<Context>,
}

/// What all objects of a loader share.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// The application's, and its libraries'.
    pub(crate) app: Vec<TypeInfo>,
    pub(crate) kernel: KernelTypes,
    /// Of where libbpf takes a BPF token, if the user says where.
    pub(crate) token: Option<TokenPath>,
}

impl Loader {
    /// A loader for programs that trace the application with these types.
    #[must_use]
    pub fn new(app: TypeInfo) -> Self {
        let kernel = KernelTypes::default();
        Self {
            context: Arc::new(Context {
                app: vec![app],
                kernel,
                token: None,
            }),
        }
    }

    /// Adds the types of another binary that the programs read, such as a library that the
    /// application uses.
    ///
    /// ```no_run
    /// # use core_runtime::{Loader, TypeInfo};
    /// # fn main() -> core_runtime::Result<()> {
    /// let loader = Loader::new(TypeInfo::from_file("/usr/sbin/nginx")?)
    ///     .and(TypeInfo::from_file("/usr/lib/libssl.so.3")?.with_prefix("ssl_")?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A type is looked up by its name in all of them. Two binaries may have types of one name as
    /// long as each says the same of what the programs ask for; where they do not, loading fails
    /// with [`Error::SameName`], and a [prefix](TypeInfo::with_prefix) tells them apart.
    #[must_use]
    pub fn and(mut self, types: TypeInfo) -> Self {
        Arc::make_mut(&mut self.context).app.push(types);
        self
    }

    /// Takes the kernel's types from a BTF or ELF file, not from the running kernel. Of a
    /// directory, the file for the running kernel is taken (`RELEASE.btf`, or at its place in a
    /// `BTFHub` archive, or `RELEASE/vmlinux`); if it has none, the kernel's own types are.
    ///
    /// The types of kernel modules are then looked for in files as well: those beside a file of
    /// the name `vmlinux`, as in a copy of `/sys/kernel/btf`, and for another `NAME.btf` those in
    /// the directory `NAME`.
    #[must_use]
    pub fn kernel_btf(mut self, path: impl AsRef<Path>) -> Self {
        Arc::make_mut(&mut self.context).kernel = KernelTypes::named(path.as_ref());
        self
    }

    /// Loads by the right of a BPF token (Linux 6.9), which a process in a user namespace needs: one
    /// of the BPF file system that is mounted at `path`. Loading fails where there is none to be
    /// had.
    ///
    /// Somebody with privilege makes that file system for the namespace, with these mount options or
    /// with `any` for each: `delegate_cmds=prog_load:map_create:btf_load`, `delegate_maps` with the
    /// types of the maps, `delegate_progs=kprobe:socket_filter` and
    /// `delegate_attachs=cgroup_inet_ingress:trace_uprobe_multi`. (libbpf tries a socket filter
    /// before all else; `cgroup_inet_ingress` stands for programs that name no attachment.)
    ///
    /// If nothing is said, one is taken of the path in the environment's `LIBBPF_BPF_TOKEN_PATH`, or
    /// of `/sys/fs/bpf` if that gives one.
    ///
    /// # Errors
    /// [`Error::Io`] for a path with a NUL.
    pub fn bpf_token(mut self, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let token = TokenPath::new(path).map_err(|source| Error::Io {
            action: "open",
            path: path.to_path_buf(),
            source,
        })?;
        Arc::make_mut(&mut self.context).token = Some(token);
        Ok(self)
    }

    /// Opens the object of a skeleton, for its data and maps to be set before it is loaded.
    ///
    /// # Errors
    /// [`Error::Object`] and [`Error::Libbpf`] when the object is malformed.
    pub fn open<'obj, B>(
        &self,
        mut builder: B,
        storage: &'obj mut MaybeUninit<OpenObject>,
    ) -> Result<Opened<B::Output>>
    where
        B: SkelBuilder<'obj> + BpfObject,
    {
        let job = Job::new(
            &self.context,
            B::OBJECT.into(),
            builder.object_builder_mut(),
        )?;
        let skeleton = open(|| builder.open(storage))?;
        Ok(Opened { skeleton, job })
    }

    /// Opens and loads the object of a skeleton.
    ///
    /// # Errors
    /// As [`Loader::open`] and [`Opened::load`].
    pub fn load<'obj, B>(
        &self,
        builder: B,
        storage: &'obj mut MaybeUninit<OpenObject>,
    ) -> Result<<B::Output as OpenSkel<'obj>>::Output>
    where
        B: SkelBuilder<'obj> + BpfObject,
    {
        self.open(builder, storage)?.load()
    }

    /// Opens an object that has no skeleton, such as one that is read from a file.
    ///
    /// # Errors
    /// As [`Loader::open`].
    pub fn open_object(&self, object: impl Into<Cow<'static, [u8]>>) -> Result<OpenedObject> {
        let object = object.into();
        let mut builder = ObjectBuilder::default();
        let job = Job::new(&self.context, object, &mut builder)?;
        let object = open(|| builder.open_memory(job.object()))?;
        Ok(OpenedObject { object, job })
    }
}

fn open<T>(open: impl FnOnce() -> libbpf_rs::Result<T>) -> Result<T> {
    let (opened, log) = log::capture(open);
    opened.map_err(|source| Error::Libbpf {
        operation: "opening the BPF object".into(),
        log,
        source,
    })
}

/// An opened skeleton, which this dereferences to, that is not yet loaded.
#[derive(Debug)]
#[must_use = "the object is opened, not loaded"]
pub struct Opened<S> {
    skeleton: S,
    job: Job,
}

impl<'obj, S: OpenSkel<'obj>> Opened<S> {
    /// What each relocation of the programs that are to be loaded asks for and gets, and from
    /// where. It stays true after [`Opened::load`], which does just that: what is set to be loaded
    /// cannot change in between.
    ///
    /// ```no_run
    /// # use core_runtime::{BpfObject, Loader, TypeInfo};
    /// # use libbpf_rs::skel::{OpenSkel, SkelBuilder};
    /// # use std::mem::MaybeUninit;
    /// # fn load<'o, B>(builder: B, storage: &'o mut MaybeUninit<libbpf_rs::OpenObject>)
    /// # -> core_runtime::Result<()> where B: SkelBuilder<'o> + BpfObject {
    /// let open = Loader::new(TypeInfo::of_process(4711)?).open(builder, storage)?;
    /// let explanation = open.explain()?;
    /// println!("{explanation}"); // a table
    /// for row in explanation.failing() {
    ///     println!("{row}, found in: {}", explanation.from(row));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Object`], [`Error::NoKernelTypes`]. What does not fit is no error here: it is in
    /// the rows.
    pub fn explain(&self) -> Result<Explanation> {
        self.job.explain(self.skeleton.open_object())
    }

    /// Relocates and loads the object.
    ///
    /// Only programs with autoload on count: what is wrong with others does no harm.
    ///
    /// # Errors
    /// [`Error::Relocation`] and [`Error::Merge`] when a program would read wrong data,
    /// [`Error::Unsatisfied`] when it needs what is not there, [`Error::NoKernelTypes`] when the
    /// kernel's types are needed and not there: these four have the [`Row`](crate::Row)s of the
    /// relocations that they are about. [`Error::SameName`] when it may mean the types of either of
    /// two binaries. [`Error::Privilege`], [`Error::Rejected`] and
    /// [`Error::Libbpf`] when the kernel refuses for other reasons.
    pub fn load(mut self) -> Result<S::Output> {
        self.job.relocate(self.skeleton.open_object_mut())?;
        let Self { skeleton, job } = self;
        job.load(|| skeleton.load())
    }
}

impl<S> Deref for Opened<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.skeleton
    }
}

impl<S> DerefMut for Opened<S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.skeleton
    }
}

/// An opened object without a skeleton, which this dereferences to.
#[derive(Debug)]
#[must_use = "the object is opened, not loaded"]
pub struct OpenedObject {
    object: OpenObject,
    job: Job,
}

impl OpenedObject {
    /// What each relocation of the programs that are to be loaded asks for and gets.
    ///
    /// # Errors
    /// As [`Opened::explain`].
    pub fn explain(&self) -> Result<Explanation> {
        self.job.explain(&self.object)
    }

    /// Relocates and loads the object.
    ///
    /// # Errors
    /// As [`Opened::load`].
    pub fn load(mut self) -> Result<Object> {
        self.job.relocate(&mut self.object)?;
        let Self { object, job } = self;
        job.load(|| object.load())
    }
}

impl Deref for OpenedObject {
    type Target = OpenObject;

    fn deref(&self) -> &OpenObject {
        &self.object
    }
}

impl DerefMut for OpenedObject {
    fn deref_mut(&mut self) -> &mut OpenObject {
        &mut self.object
    }
}
