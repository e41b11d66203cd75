//! Which types of the standard library have a canonical view, and the one path that each is known
//! by here.

use super::types::{Arg, Path, Primitive, Type};

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

pub(super) fn is_known(module: &str, name: &str) -> bool {
    KNOWN.binary_search(&(module, name)).is_ok()
}

fn is_std(krate: &str) -> bool {
    matches!(krate, "std" | "core" | "alloc")
}

fn std_path(module: &str, name: &str, args: Vec<Arg>) -> Type {
    let segments = ["std", module, name].map(str::to_owned).to_vec();
    Type::Path(Path { segments, args })
}

/// The type that a path stands for, as [`Type::path`] describes.
pub(super) fn normalize(segments: Vec<String>, args: Vec<Arg>) -> Type {
    let segments: Vec<String> = segments
        .into_iter()
        .map(|segment| match segment.strip_prefix("r#") {
            Some(name) => name.to_owned(),
            None => segment,
        })
        .collect();
    let args: Vec<Arg> = args.into_iter().filter(|arg| !is_default(arg)).collect();
    match segments.as_slice() {
        [name] => {
            if args.is_empty()
                && let Some(primitive) = Primitive::from_name(name)
            {
                return Type::Primitive(primitive);
            }
            if name == "str" {
                return Type::Str;
            }
            if let Some((module, name)) = PRELUDE.iter().find(|(_, known)| known == name) {
                return std_path(module, name, args);
            }
        }
        [krate, module, .., name] if is_std(krate) => {
            return normalize_std(module, name, segments.clone(), args);
        }
        _ => {}
    }
    Type::Path(Path { segments, args })
}

fn normalize_std(module: &str, name: &str, segments: Vec<String>, mut args: Vec<Arg>) -> Type {
    // The one default of a type argument that is not an allocator or hasher.
    if (module, name, args.len()) == ("ops", "ControlFlow", 1) {
        args.push(Arg::Type(Type::UNIT));
    }
    if is_known(module, name) {
        return std_path(module, name, args);
    }
    match (module, name) {
        ("rc", "RcBox") => std_path("rc", "RcInner", args),
        ("num", _) => match name.strip_prefix("NonZero").and_then(lower_primitive) {
            Some(number) => std_path("num", "NonZero", vec![Arg::Type(Type::Primitive(number))]),
            None => Type::Path(Path { segments, args }),
        },
        // `AtomicU32` is an alias of `Atomic<u32>` in later versions.
        ("sync", "Atomic") => match args.pop() {
            Some(Arg::Type(Type::Primitive(primitive))) => {
                let name = format!("Atomic{}", capitalized(primitive.name()));
                std_path("sync", &name, Vec::new())
            }
            Some(Arg::Type(Type::RawPtr(to))) => {
                std_path("sync", "AtomicPtr", vec![Arg::Type(*to)])
            }
            arg => {
                args.extend(arg);
                Type::Path(Path { segments, args })
            }
        },
        ("io", "Result") => {
            args.push(Arg::Type(std_path("io", "Error", Vec::new())));
            std_path("result", "Result", args)
        }
        ("os" | "ffi", "c_void") => std_path("ffi", "c_void", Vec::new()),
        _ => Type::Path(Path { segments, args }),
    }
}

/// Whether an argument is what std passes by default: an allocator or a hasher.
fn is_default(arg: &Arg) -> bool {
    let Arg::Type(Type::Path(path)) = arg else {
        return false;
    };
    match path.segments.as_slice() {
        [krate, .., name] => is_std(krate) && matches!(name.as_str(), "Global" | "RandomState"),
        _ => false,
    }
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
