//! Traces itself on whatever kernel it runs on, and compares each value: `kernels [MODE]`.
//!
//! | mode | what it shows |
//! | --- | --- |
//! | none | types of the application, of vmlinux and, where it is loaded, of the module `uinput` |
//! | `untyped` | that types of the application need none of the kernel's |
//! | `attach` | the same, and the error of a process that may not attach as its only output |
//! | `preflight` | the report of what there is, and no more |
#![expect(clippy::print_stdout, reason = "its output is what the tests look at")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a check that fails ends the program"
)]

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::time::Duration;

use core_runtime::{BpfObject as _, Error, Loader, RingBuffer, TypeInfo, Uprobe};
use libbpf_rs::{ObjectBuilder, OpenObject};
use tests::bpf_kernels::KernelsSkelBuilder;
use tests::bpf_kernels_none::KernelsNoneSkelBuilder;
use tests::bpf_kernels_only::KernelsOnlySkelBuilder;
use tests::kernels::{Page, Request, serve};

/// What [`set_up_device`] tells the module.
const DEVICE: &str = "a device of the test";
const EFFECTS: u32 = 4242;

/// `struct event` of the BPF program.
#[derive(Clone, Copy, bytemuck::AnyBitPattern)]
#[repr(C)]
struct Event {
    tgid: u64,
    sector: u64,
    flags: u64,
    comm: [u8; 16],
    path: [u8; 32],
    device_is_known: u64,
    device_is_set_up: u64,
    effects: u64,
    device: [u8; 32],
}

fn main() -> Result<(), Error> {
    let mode = std::env::args().nth(1);
    match mode.as_deref() {
        None => {
            all_worlds()?;
            as_libbpf()?;
        }
        Some("untyped") => {
            assert!(!Path::new("/sys/kernel/btf/vmlinux").exists());
            application_alone()?;
        }
        Some("attach") => application_alone()?,
        Some("preflight") => {
            println!("{}", core_runtime::preflight());
            return Ok(());
        }
        Some(other) => panic!("there is no mode {other}"),
    }
    println!("as it should be");
    Ok(())
}

fn request() -> Request {
    Request {
        path: "/as/the/kernel".into(),
        sector: 77,
        page: Box::new(Page {
            count: 1,
            flags: 1 << 40,
        }),
    }
}

/// All worlds in one program, through a ring buffer.
fn all_worlds() -> Result<(), Error> {
    let mut storage = MaybeUninit::uninit();
    let loader = Loader::new(TypeInfo::this_program()?);
    let skeleton = loader.load(KernelsSkelBuilder::default(), &mut storage)?;
    let attached = Uprobe::function(serve as *const ()).attach(&skeleton.progs.on_request)?;
    let mut events = Vec::new();
    let mut ring = RingBuffer::new(&skeleton.maps.events, |event: &Event| events.push(*event))?;
    let device = set_up_device();
    let fd = device.as_ref().map_or(-1, File::as_raw_fd);
    serve(&request(), fd);
    assert_eq!(ring.poll(Duration::from_secs(10))?, 1);
    drop((attached, ring));

    let event = events.first().expect("an event");
    assert_eq!(event.tgid, u64::from(std::process::id()));
    let comm = fs::read_to_string("/proc/self/comm").unwrap();
    assert_eq!(text(&event.comm), comm.trim_end());
    assert_eq!((event.sector, event.flags), (77, 1 << 40));
    assert_eq!(text(&event.path), "/as/the/kernel");
    let is_known = event.device_is_known == 1;
    assert_eq!(is_known, device.is_some());
    if is_known {
        assert_eq!(event.device_is_set_up, 1);
        assert_eq!(event.effects, u64::from(EFFECTS));
        assert_eq!(text(&event.device), DEVICE);
        println!("types of a module have the values that it was told");
    }
    Ok(())
}

/// Describes a device to the module `uinput`, if that is there: by a `struct uinput_user_dev`.
fn set_up_device() -> Option<File> {
    Path::new("/sys/kernel/btf/uinput").exists().then(|| {
        let mut description = DEVICE.as_bytes().to_vec();
        // A bus, a vendor and so on, of 16 bits each, are between the name and the effects, four
        // tables of 64 numbers after those.
        description.resize(80 + 4 * 2, 0);
        description.extend(EFFECTS.to_ne_bytes());
        description.resize(description.len() + 4 * 64 * 4, 0);
        let mut file = OpenOptions::new().write(true).open("/dev/uinput").unwrap();
        file.write_all(&description).unwrap();
        file
    })
}

fn text(bytes: &[u8]) -> &str {
    let bytes = bytes.split(|&byte| byte == 0).next();
    std::str::from_utf8(bytes.unwrap_or_default()).unwrap()
}

/// Where libbpf can do it alone, its instructions are the same.
fn as_libbpf() -> Result<(), Error> {
    let object = KernelsOnlySkelBuilder::OBJECT;
    let alone = ObjectBuilder::default().open_memory(object).unwrap();
    let alone = alone.load().unwrap();
    let ours = Loader::new(TypeInfo::none()).open_object(object)?.load()?;
    let instructions = |object: &libbpf_rs::Object| {
        const LDIMM64: u8 = 0x18;
        let program = object.progs_mut().next().unwrap();
        let all = program.insns().iter();
        // The descriptor of a map is another one each time.
        let all = all.map(|i| {
            let is_map = i.code == LDIMM64 && i.src_reg() != 0;
            (i.code, i.dst_reg(), i.off, if is_map { 0 } else { i.imm })
        });
        all.collect::<Vec<_>>()
    };
    assert_eq!(instructions(&ours), instructions(&alone));
    Ok(())
}

/// Types of the application only.
fn application_alone() -> Result<(), Error> {
    let mut storage: MaybeUninit<OpenObject> = MaybeUninit::uninit();
    let loader = Loader::new(TypeInfo::this_program()?);
    let skeleton = loader.load(KernelsNoneSkelBuilder::default(), &mut storage)?;
    let attached = Uprobe::function(serve as *const ()).attach(&skeleton.progs.on_request)?;
    serve(&request(), -1);
    drop(attached);
    assert_eq!(skeleton.maps.bss_data.as_ref().unwrap().sector, 77);
    Ok(())
}
