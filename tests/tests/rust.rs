//! A Rust program traces itself: BPF reads its structs, enums, strings and collections.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod root {
    use std::mem::MaybeUninit;
    use std::sync::{Mutex, PoisonError};

    use core_runtime::{Loader, TypeInfo, Uprobe};
    use tests::bpf_rust;
    use tests::rust::{Request, State, handle};

    /// Has BPF look at a request, and gives what it saw to `check`.
    fn seen(request: &Request, check: impl FnOnce(&bpf_rust::types::bss)) {
        // The probe sees what all threads handle, also that of another test.
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut storage = MaybeUninit::uninit();
        let skeleton = Loader::new(TypeInfo::this_program().unwrap())
            .load(bpf_rust::RustSkelBuilder::default(), &mut storage)
            .unwrap();
        let probe = Uprobe::function(handle as *const ());
        let _attached = probe.attach(&skeleton.progs.on_handle).unwrap();
        handle(request);
        check(skeleton.maps.bss_data.as_ref().unwrap());
    }

    fn text(bytes: &[i8], len: i64) -> String {
        let bytes = bytes.iter().take(usize::try_from(len).unwrap());
        let bytes: Vec<u8> = bytes.map(|b| b.cast_unsigned()).collect();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn canonical_views_have_the_values_that_the_program_has() {
        let mut request = Request::new(2, State::Idle);
        request.previous = Some(Box::new(Request::new(1, State::Idle)));
        seen(&request, |seen| {
            assert_eq!((seen.id, seen.previous_id, seen.tries), (2, 1, 3));
            assert_eq!((seen.timeout_secs, seen.timeout_nanos), (1, 500_000_000));
            assert_eq!(text(&seen.path, seen.path_len), "/index.html");
            assert_eq!((seen.hits, seen.has_last, seen.last_secs), (1234, 1, 5));
            assert_eq!(
                (seen.is_v4, seen.port, seen.address),
                (1, 8080, [192, 0, 2, 7])
            );
            assert_eq!((seen.size_2, seen.kind_1, seen.past_end), (12, 7, 1));
        });
    }

    #[test]
    fn variants_are_told_apart_and_their_data_is_read() {
        seen(&Request::new(1, State::Idle), |seen| {
            assert_eq!((seen.is_idle, seen.is_busy, seen.is_done), (1, 0, 0));
        });
        let name = "a long name".to_owned();
        seen(&Request::new(1, State::Busy { id: 77, name }), |seen| {
            assert_eq!((seen.is_idle, seen.is_busy, seen.is_done), (0, 1, 0));
            assert_eq!(seen.busy_id, 77);
            assert_eq!(text(&seen.name, seen.name_len), "a long name");
        });
        seen(&Request::new(1, State::Done(Ok(99))), |seen| {
            assert_eq!((seen.is_idle, seen.is_busy, seen.is_done), (0, 0, 1));
            assert_eq!((seen.is_ok, seen.done_ok), (1, 99));
        });
        seen(&Request::new(1, State::Done(Err("no".into()))), |seen| {
            assert_eq!((seen.is_done, seen.is_ok), (1, 0));
        });
    }
}
