//! Which types of the standard library have a canonical view, and the one path that each is known
//! by here.

use super::types::{Arg, BETWEEN, Path, Primitive, Type, joined};

/// Module and name of every type of `std`, `core` and `alloc` that [`Type::view`] knows. Modules
/// between the two, which std moves its types through from version to version, do not matter.
const KNOWN: &[(&str, &str)] = &[
    ("borrow", "Cow"),
    ("boxed", "Box"),
    ("cell", "Cell"),
    ("cell", "OnceCell"),
    ("cell", "RefCell"),
    ("cell", "SyncUnsafeCell"),
    ("cell", "UnsafeCell"),
    ("cmp", "Ordering"),
    ("cmp", "Reverse"),
    ("collections", "BTreeMap"),
    ("collections", "BTreeSet"),
    ("collections", "BinaryHeap"),
    ("collections", "HashMap"),
    ("collections", "HashSet"),
    ("collections", "LinkedList"),
    ("collections", "VecDeque"),
    ("ffi", "CStr"),
    ("ffi", "CString"),
    ("ffi", "OsStr"),
    ("ffi", "OsString"),
    ("ffi", "c_void"),
    ("fs", "File"),
    ("marker", "PhantomData"),
    ("marker", "PhantomPinned"),
    ("mem", "ManuallyDrop"),
    ("mem", "MaybeDangling"),
    ("mem", "MaybeUninit"),
    ("net", "IpAddr"),
    ("net", "Ipv4Addr"),
    ("net", "Ipv6Addr"),
    ("net", "SocketAddr"),
    ("net", "SocketAddrV4"),
    ("net", "SocketAddrV6"),
    ("net", "TcpListener"),
    ("net", "TcpStream"),
    ("net", "UdpSocket"),
    ("num", "NonZero"),
    ("num", "Saturating"),
    ("num", "Wrapping"),
    ("ops", "Bound"),
    ("ops", "ControlFlow"),
    ("ops", "Range"),
    ("ops", "RangeFrom"),
    ("ops", "RangeFull"),
    ("ops", "RangeInclusive"),
    ("ops", "RangeTo"),
    ("ops", "RangeToInclusive"),
    ("option", "Option"),
    ("os", "OwnedFd"),
    ("os", "UnixDatagram"),
    ("os", "UnixListener"),
    ("os", "UnixStream"),
    ("panic", "AssertUnwindSafe"),
    ("path", "Path"),
    ("path", "PathBuf"),
    ("pin", "Pin"),
    ("ptr", "NonNull"),
    ("ptr", "Unique"),
    ("rc", "Rc"),
    ("rc", "RcInner"),
    ("rc", "Weak"),
    ("result", "Result"),
    ("string", "String"),
    ("sync", "Arc"),
    ("sync", "ArcInner"),
    ("sync", "AtomicBool"),
    ("sync", "AtomicI16"),
    ("sync", "AtomicI32"),
    ("sync", "AtomicI64"),
    ("sync", "AtomicI8"),
    ("sync", "AtomicIsize"),
    ("sync", "AtomicPtr"),
    ("sync", "AtomicU16"),
    ("sync", "AtomicU32"),
    ("sync", "AtomicU64"),
    ("sync", "AtomicU8"),
    ("sync", "AtomicUsize"),
    ("sync", "Mutex"),
    ("sync", "OnceLock"),
    ("sync", "RwLock"),
    ("sync", "Weak"),
    ("task", "Poll"),
    ("thread", "ThreadId"),
    ("time", "Duration"),
    ("time", "Instant"),
    ("time", "SystemTime"),
    ("vec", "Vec"),
];

/// The types that need no `use`, with their modules.
const PRELUDE: &[(&str, &str)] = &[
    ("boxed", "Box"),
    ("option", "Option"),
    ("result", "Result"),
    ("string", "String"),
    ("vec", "Vec"),
];

/// Module and name of a type that is in the table, by both [`joined`].
pub(super) fn known(module_and_name: &str) -> Option<(&'static str, &'static str)> {
    let wanted = module_and_name.split_once(BETWEEN)?;
    let at = KNOWN.binary_search(&wanted).ok()?;
    KNOWN.get(at).copied()
}

fn is_std(krate: &str) -> bool {
    matches!(krate, "std" | "core" | "alloc")
}

fn std_path(module: &str, name: &str, args: Vec<Arg>) -> Type {
    Type::Path(Path::new(&joined(["std", module, name]), args))
}

/// The type that a path of [`joined`] segments stands for, as [`Type::path`] describes.
pub(super) fn normalize(segments: &str, args: Vec<Arg>) -> Type {
    let mut args = args;
    args.retain(|arg| !is_default(arg));
    let Some((krate, inner)) = segments.split_once(BETWEEN) else {
        if args.is_empty()
            && let Some(primitive) = Primitive::from_name(segments)
        {
            return Type::Primitive(primitive);
        }
        if segments == "str" {
            return Type::Str;
        }
        return match PRELUDE.iter().find(|(_, known)| *known == segments) {
            Some((module, name)) => std_path(module, name, args),
            None => Type::Path(Path::new(segments, args)),
        };
    };
    match inner.split_once(BETWEEN) {
        Some((module, rest)) if is_std(krate) => {
            let (_, name) = rest.rsplit_once(BETWEEN).unwrap_or(("", rest));
            normalize_std(module, name, args)
                .unwrap_or_else(|args| Type::Path(Path::new(segments, args)))
        }
        _ => Type::Path(Path::new(segments, args)),
    }
}

/// The type of std that is meant by a module and name; its arguments if it is as its path says.
fn normalize_std(module: &str, name: &str, args: Vec<Arg>) -> Result<Type, Vec<Arg>> {
    let mut args = args;
    // The one default of a type argument that is not an allocator or hasher.
    if (module, name, args.len()) == ("ops", "ControlFlow", 1) {
        args.push(Arg::Type(Type::UNIT));
    }
    if KNOWN.binary_search(&(module, name)).is_ok() {
        return Ok(std_path(module, name, args));
    }
    Ok(match (module, name) {
        ("rc", "RcBox") => std_path("rc", "RcInner", args),
        ("num", _) => match name.strip_prefix("NonZero").and_then(lower_primitive) {
            Some(number) => std_path("num", "NonZero", vec![Arg::Type(Type::Primitive(number))]),
            None => return Err(args),
        },
        // `AtomicU32` is an alias of `Atomic<u32>` in later versions.
        ("sync", "Atomic") => match args.pop() {
            Some(Arg::Type(Type::Primitive(primitive))) => {
                let name = format!("Atomic{}", capitalized(primitive.name()));
                std_path("sync", &name, Vec::new())
            }
            Some(Arg::Type(Type::RawPtr(to))) => {
                std_path("sync", "AtomicPtr", vec![Arg::Type((*to).clone())])
            }
            arg => {
                args.extend(arg);
                return Err(args);
            }
        },
        ("io", "Result") => {
            args.push(Arg::Type(std_path("io", "Error", Vec::new())));
            std_path("result", "Result", args)
        }
        ("os" | "ffi", "c_void") => std_path("ffi", "c_void", Vec::new()),
        _ => return Err(args),
    })
}

/// Whether an argument is what std passes by default: an allocator or a hasher.
fn is_default(arg: &Arg) -> bool {
    let Arg::Type(Type::Path(path)) = arg else {
        return false;
    };
    // Few are: one look at the name, and only then at all of the path.
    matches!(path.name(), "Global" | "RandomState") && is_std(path.krate())
}

/// The primitive that is called `U32` in the name of another type.
fn lower_primitive(name: &str) -> Option<Primitive> {
    Primitive::from_name(&name.to_ascii_lowercase())
}

fn capitalized(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(chars)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::View;
    use super::*;

    /// The table is searched by bisection.
    #[test]
    fn the_table_is_sorted() {
        assert!(KNOWN.is_sorted());
    }

    /// A type in the table without a view would silently be an unknown one.
    #[test]
    fn every_known_type_has_a_view() {
        for (module, name) in KNOWN {
            if matches!(*name, "CStr" | "OsStr" | "Path") {
                continue; // unsized: only pointers to them have one
            }
            let ty = Type::std(module, name, vec![Type::U8, Type::U8]);
            assert_ne!(ty.view(), View::Unknown, "{module}::{name}");
        }
    }
}
