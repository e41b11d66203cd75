//! A program that traces itself, to be run stripped, deleted or without privileges:
//! `tracer OBJECT PROGRAM [--delete]` attaches PROGRAM of OBJECT to one of its own functions, calls
//! that, and prints what BPF saw.
#![expect(clippy::print_stdout, reason = "its output is what the tests look at")]
#![expect(clippy::panic, clippy::expect_used, reason = "the tests call it right")]

use core_runtime::{Error, Loader, TypeInfo, Uprobe};
use libbpf_rs::MapHandle;
use tests::{counter, traced};

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    let [this, object, program, options @ ..] = arguments.as_slice() else {
        panic!("usage: tracer OBJECT PROGRAM [--delete]");
    };
    if options.iter().any(|option| option == "--delete") {
        std::fs::remove_file(this).expect("its own file");
    }
    let (call, traced) = traced!(1);
    let object = std::fs::read(object).expect("the object");
    let object = Loader::new(TypeInfo::none()).open_object(object)?.load()?;
    let mut programs = object.progs_mut();
    let program = programs.find(|p| p.name() == program.as_str());
    let attached = Uprobe::function(traced).attach(&program.expect("the program"))?;
    call(42);
    drop(attached);
    let map = object
        .maps()
        .find(|map| libbpf_rs::MapCore::name(map) == "seen");
    let map = MapHandle::try_from(&map.expect("the map")).expect("a descriptor");
    let counter::Seen {
        count, argument, ..
    } = counter::seen(&map);
    println!("seen {count} call with {argument}");
    Ok(())
}
