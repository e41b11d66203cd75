//! BPF programs that count, and functions for them to be attached to.

use libbpf_rs::{MapCore as _, MapFlags, MapHandle, Object, ObjectBuilder, ProgramMut};

use crate::clang;

/// Counts how often it runs, and keeps the last first argument, return value and cookie.
pub const COUNTER: &str = r#"
struct seen { __u64 count, argument, result, cookie; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1);
         __type(key, __u32); __type(value, struct seen); } seen SEC(".maps");

static __always_inline int note(struct pt_regs *ctx)
{
	__u32 zero = 0;
	struct seen *s = bpf_map_lookup_elem(&seen, &zero);
	if (s) {
		__sync_fetch_and_add(&s->count, 1);
		s->argument = PT_REGS_PARM1(ctx);
		s->result = PT_REGS_RC(ctx);
		s->cookie = bpf_get_attach_cookie(ctx);
	}
	return 0;
}
SEC("uprobe") int perf_event(struct pt_regs *ctx) { return note(ctx); }
SEC("uprobe.multi") int multi(struct pt_regs *ctx) { return note(ctx); }
SEC("uretprobe") int perf_event_return(struct pt_regs *ctx) { return note(ctx); }
SEC("uprobe.s") int sleepable(struct pt_regs *ctx) { return note(ctx); }
SEC("uprobe.multi.s") int multi_sleepable(struct pt_regs *ctx) { return note(ctx); }
"#;

/// All programs of [`COUNTER`], loaded with nothing but libbpf.
#[derive(Debug)]
pub struct Counter {
    object: Object,
}

/// What the programs note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::AnyBitPattern)]
#[repr(C)]
pub struct Seen {
    /// How often a program ran.
    pub count: u64,
    /// The first argument, the last time.
    pub argument: u64,
    /// The return value's register, the last time.
    pub result: u64,
    /// The probe's cookie, the last time.
    pub cookie: u64,
}

impl Counter {
    /// Compiles and loads the programs.
    ///
    /// # Panics
    /// Without the privilege to load.
    #[must_use]
    pub fn load() -> Self {
        let bytes = clang::bpf_object(COUNTER).unwrap();
        let object = ObjectBuilder::default().open_memory(&bytes).unwrap();
        Self {
            object: object.load().expect("loading BPF needs root"),
        }
    }

    /// A program by its name.
    ///
    /// # Panics
    /// When there is none of that name.
    #[must_use]
    pub fn program(&self, name: &str) -> ProgramMut<'_> {
        self.object
            .progs_mut()
            .find(|program| program.name() == name)
            .unwrap()
    }

    /// The map with what was seen, which may outlive the programs.
    ///
    /// # Panics
    /// When the process has no descriptor to spare.
    #[must_use]
    pub fn map(&self) -> MapHandle {
        let map = self.object.maps().find(|map| map.name() == "seen").unwrap();
        MapHandle::try_from(&map).unwrap()
    }

    /// What the programs have seen up to now.
    #[must_use]
    pub fn seen(&self) -> Seen {
        seen(&self.map())
    }
}

/// What the map of a [`Counter`] holds.
///
/// # Panics
/// When `map` is another.
#[must_use]
pub fn seen(map: &MapHandle) -> Seen {
    let value = map
        .lookup(&0_u32.to_ne_bytes(), MapFlags::ANY)
        .unwrap()
        .unwrap();
    bytemuck::pod_read_unaligned(&value)
}

/// A function of this test's own, since tests run side by side in one process, and a pointer to it.
/// `$id` keeps the compiler from making one function of several.
#[macro_export]
macro_rules! traced {
    ($id:literal) => {{
        #[inline(never)]
        extern "C" fn traced(argument: u64) -> u64 {
            ::std::hint::black_box($id);
            ::std::hint::black_box(argument) + 1
        }
        (
            |argument| ::std::hint::black_box(traced(::std::hint::black_box(argument))),
            traced as *const (),
        )
    }};
}
