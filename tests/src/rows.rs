//! A type with a member for each row of the table in `core_macros`' documentation.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant, SystemTime};

use core_runtime::bpf_traceable;

/// What the members hold and point to.
#[derive(Clone, Copy, Debug)]
pub struct Inner {
    /// Its number.
    pub id: u32,
    /// Makes the number's place a matter of layout.
    pub small: u8,
}

/// An enum without data.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// The first.
    Slow,
    /// Not the next.
    Fast = 5,
}

/// An enum with data.
#[derive(Debug)]
pub enum Load {
    /// Hides in the niche of the name.
    Empty,
    /// Has fields.
    Loaded {
        /// A number.
        id: u64,
        /// A text.
        name: String,
    },
}

/// A union.
#[derive(Clone, Copy)]
#[repr(C)]
pub union Choice {
    /// One view.
    pub small: u16,
    /// Another.
    pub bytes: [u8; 4],
}

impl Debug for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Choice")
    }
}

/// A newtype.
#[derive(Clone, Copy, Debug)]
pub struct Meters(pub u32);

/// One member for each kind of row.
#[derive(Debug)]
#[bpf_traceable]
#[expect(missing_docs, reason = "the names say it")]
pub struct Rows {
    pub balance: i16,
    pub wide: u64,
    pub size: usize,
    pub flag: bool,
    pub letter: char,
    pub ratio: f64,
    pub huge: u128,
    pub reference: &'static Inner,
    pub raw: *const Inner,
    pub boxed: Box<Inner>,
    pub non_null: NonNull<Inner>,
    pub optional: Option<Box<Inner>>,
    pub nothing: Option<&'static Inner>,
    pub counted: Rc<Inner>,
    pub shared: Arc<Inner>,
    pub cell: Cell<u32>,
    pub maybe: MaybeUninit<u16>,
    pub manual: ManuallyDrop<Inner>,
    pub non_zero: NonZeroU16,
    pub atomic: AtomicU64,
    pub text: &'static str,
    pub slice: &'static [u16],
    pub boxed_slice: Box<[Inner]>,
    pub boxed_text: Box<str>,
    pub string: String,
    pub list: Vec<Inner>,
    pub duration: Duration,
    pub instant: Instant,
    pub system: SystemTime,
    pub v4: Ipv4Addr,
    pub v6: Ipv6Addr,
    pub address: SocketAddr,
    pub mutex: Mutex<Inner>,
    pub lock: RwLock<u32>,
    pub borrowed: RefCell<u8>,
    pub mode: Mode,
    pub load: Load,
    pub option: Option<u32>,
    pub niche: Option<NonZeroU32>,
    pub result: Result<u8, String>,
    pub either: Choice,
    pub array: [u16; 4],
    pub grid: [[Inner; 2]; 3],
    pub tuple: (u8, u32),
    pub length: Meters,
    pub object: Box<dyn Debug>,
    pub foreign: &'static core_btf::BtfBuf,
}

static INNER: Inner = Inner { id: 11, small: 1 };

fn inner(id: u32) -> Inner {
    Inner { id, small: 1 }
}

impl Rows {
    /// Members with values that tell them apart.
    #[must_use]
    pub fn new(load: Load, result: Result<u8, String>) -> Self {
        Self {
            balance: -300,
            wide: 1 << 40,
            size: 77,
            flag: true,
            letter: 'ß',
            ratio: 1.5,
            huge: (5 << 64) + 6,
            reference: &INNER,
            raw: &raw const INNER,
            boxed: Box::new(inner(12)),
            non_null: NonNull::from(&INNER),
            optional: Some(Box::new(inner(13))),
            nothing: None,
            counted: Rc::new(inner(14)),
            shared: Arc::new(inner(15)),
            cell: Cell::new(16),
            maybe: MaybeUninit::new(17),
            manual: ManuallyDrop::new(inner(18)),
            non_zero: NonZeroU16::MAX,
            atomic: AtomicU64::new(19),
            text: "a text",
            slice: &[20, 21, 22],
            boxed_slice: Box::new([inner(23), inner(24)]),
            boxed_text: "boxed".into(),
            string: "a string".to_owned(),
            list: vec![inner(25), inner(26), inner(27)],
            duration: Duration::new(28, 29),
            instant: Instant::now(),
            system: SystemTime::UNIX_EPOCH + Duration::new(30, 31),
            v4: Ipv4Addr::new(192, 0, 2, 7),
            v6: Ipv6Addr::LOCALHOST,
            address: SocketAddr::from(([198, 51, 100, 9], 8080)),
            mutex: Mutex::new(inner(32)),
            lock: RwLock::new(33),
            borrowed: RefCell::new(34),
            mode: Mode::Fast,
            load,
            option: Some(35),
            niche: None,
            result,
            either: Choice { small: 36 },
            array: [37, 38, 39, 40],
            grid: [
                [inner(41), inner(42)],
                [inner(43), inner(44)],
                [inner(45), inner(46)],
            ],
            tuple: (47, 48),
            length: Meters(49),
            object: Box::new(50),
            foreign: Box::leak(Box::default()),
        }
    }
}

/// The trace point.
#[inline(never)]
pub extern "C" fn show(rows: &Rows) -> usize {
    std::hint::black_box(rows).size
}
