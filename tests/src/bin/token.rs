//! Traces itself in a user namespace, by the right of a BPF token: `token DIRECTORY`.
//!
//! Says which of its descriptors is that of a BPF file system in the making, waits for a line until
//! somebody with privilege has said what it delegates and made it, mounts it at DIRECTORY, and loads.
//! Without DIRECTORY, takes the token of the file system that the environment names.
#![expect(clippy::print_stdout, reason = "its output is what the tests look at")]
#![expect(clippy::unwrap_used, reason = "a check that fails ends the program")]

use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::process::Command;

use core_runtime::{Error, Loader, TypeInfo, Uprobe, preflight};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags};
use tests::bpf_kernels_none::KernelsNoneSkelBuilder;
use tests::kernels::{Page, Request, serve};

fn main() -> Result<(), Error> {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        trace(&Loader::new(TypeInfo::this_program()?))?;
        println!("{}", preflight());
        return Ok(());
    };
    let error = trace(&Loader::new(TypeInfo::this_program()?)).unwrap_err();
    println!("without: {error}");

    let context = rustix::mount::fsopen("bpf", FsOpenFlags::empty()).unwrap();
    println!("descriptor {}", context.as_raw_fd());
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let flags = (FsMountFlags::empty(), MountAttrFlags::empty());
    let mount = rustix::mount::fsmount(&context, flags.0, flags.1).unwrap();
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    rustix::mount::move_mount(&mount, "", rustix::fs::CWD, &directory, flags).unwrap();

    let loader = Loader::new(TypeInfo::this_program()?);
    trace(&loader.bpf_token(&directory)?)?;
    println!("with: as it should be");
    let again = Command::new("/proc/self/exe")
        .env("LIBBPF_BPF_TOKEN_PATH", directory)
        .status();
    assert!(again.unwrap().success());
    Ok(())
}

/// Has BPF read a request of this program's.
fn trace(loader: &Loader) -> Result<(), Error> {
    let mut storage = MaybeUninit::uninit();
    let skeleton = loader.load(KernelsNoneSkelBuilder::default(), &mut storage)?;
    let attached = Uprobe::function(serve as *const ()).attach(&skeleton.progs.on_request)?;
    let request = Request {
        path: String::new(),
        sector: 5,
        page: Box::new(Page { count: 0, flags: 0 }),
    };
    serve(&request, -1);
    drop(attached);
    assert_eq!(skeleton.maps.bss_data.as_ref().unwrap().sector, 5);
    Ok(())
}
