//! A value in a mapped file, whose pages can be taken out of memory.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::ptr::from_ref;

use core_runtime::bpf_traceable;
use memmap2::MmapMut;

const PAGE: usize = 4096;
const PAGES: usize = 16;

/// What BPF reads. All that it points to is in the same file, on pages of its own.
#[derive(Debug)]
#[bpf_traceable]
pub struct Cold {
    /// A number.
    pub id: u64,
    /// Another value, on another page.
    pub next: Option<&'static Cold>,
    /// A text.
    pub text: &'static str,
    /// Two pages of numbers.
    pub numbers: &'static [u32],
    /// A text that ends with a NUL, across two pages.
    pub words: *const u8,
    /// A text that ends with a NUL, in the struct.
    pub name: [u8; 12],
}

/// The file and what is in it.
#[derive(Debug)]
pub struct Mapped {
    file: File,
    start: *mut u8,
    /// The value.
    pub cold: *const Cold,
}

impl Mapped {
    /// Values in a new file of the build directory, which is on a disk.
    ///
    /// # Panics
    /// If the file cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let file = tempfile::tempfile_in(env!("OUT_DIR")).unwrap();
        file.set_len((PAGES * PAGE) as u64).unwrap();
        for (page, text) in [(4, "a text".as_bytes()), (10, b"words in two pages\0")] {
            // The second begins before its page.
            let start = page * PAGE - 3 * (page / 10);
            file.write_all_at(text, start as u64).unwrap();
        }
        let numbers: Vec<u8> = (0..2000_u32).flat_map(u32::to_ne_bytes).collect();
        file.write_all_at(&numbers, 6 * PAGE as u64).unwrap();

        // SAFETY: no other process knows the file, and this one does not change it from here on
        // but through the map.
        let map = unsafe { MmapMut::map_mut(&file) }.unwrap();
        // For ever, so that references into it may be.
        let map: &'static mut MmapMut = Box::leak(Box::new(map));
        let start = map.as_mut_ptr();
        let (values, rest) = map.split_at_mut(2 * PAGE);
        let rest: &'static [u8] = rest;
        let at = |page: usize| rest.get((page - 2) * PAGE..).unwrap();
        let new = |id, next| Cold {
            id,
            next,
            text: std::str::from_utf8(at(4).get(..6).unwrap()).unwrap(),
            numbers: bytemuck::cast_slice(at(6).get(..8000).unwrap()),
            words: at(9).get(PAGE - 3..).unwrap().as_ptr(),
            name: *b"in a struct\0",
        };
        let (first, second) = values.split_at_mut(PAGE);
        let put = |page: &'static mut [u8], value| -> &'static Cold {
            #[expect(clippy::cast_ptr_alignment, reason = "a page is aligned enough")]
            let place = page.as_mut_ptr().cast::<Cold>();
            // SAFETY: a page is large enough, and this is the only reference to it.
            unsafe { place.write(value) };
            // SAFETY: it has just been written, and is not changed any more.
            unsafe { &*place }
        };
        let next = put(second, new(2, None));
        let cold = from_ref(put(first, new(1, Some(next))));
        Self { file, start, cold }
    }

    /// Takes all pages out of memory.
    ///
    /// # Panics
    /// If one is still there.
    pub fn evict(&self) {
        use rustix::mm::Advice::{LinuxDontNeed, Random};

        self.file.sync_all().unwrap();
        // Each comes back on its own, not with its neighbours.
        for advice in [Random, LinuxDontNeed] {
            let start = self.start.cast();
            // SAFETY: the pages are those of the map, which is never unmapped, and come back from
            // the file with what they have now.
            unsafe { rustix::mm::madvise(start, PAGES * PAGE, advice) }.unwrap();
        }
        let advice = rustix::fs::Advice::DontNeed;
        rustix::fs::fadvise(&self.file, 0, None, advice).unwrap();
        assert_eq!(self.present(), [false; PAGES]);
    }

    /// Brings the page of the first value into memory, and keeps it there.
    ///
    /// # Panics
    /// If the kernel does not let it.
    pub fn warm(&self) {
        // SAFETY: the page is one of the map, which is never unmapped.
        unsafe { rustix::mm::mlock(self.start.cast(), PAGE) }.unwrap();
    }

    /// Which pages a read would find, by the kernel's word.
    ///
    /// # Panics
    /// If the kernel does not say.
    #[must_use]
    pub fn present(&self) -> [bool; PAGES] {
        let mut pagemap = File::open("/proc/self/pagemap").unwrap();
        let entry = (self.start.addr() / PAGE * 8) as u64;
        pagemap.seek(SeekFrom::Start(entry)).unwrap();
        let mut entries = [0_u64; PAGES];
        let bytes = bytemuck::cast_slice_mut(&mut entries);
        std::io::Read::read_exact(&mut pagemap, bytes).unwrap();
        entries.map(|entry| entry >> 63 == 1)
    }
}

impl Default for Mapped {
    fn default() -> Self {
        Self::new()
    }
}

/// The trace point, which does not look at what it is given.
#[inline(never)]
#[must_use]
pub extern "C" fn touch(cold: *const Cold) -> usize {
    std::hint::black_box(cold).addr()
}
