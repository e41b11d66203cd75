//! Each row of the table in `core_macros`' documentation, done by a BPF program in this process.
//! `rows.bpf.c` has the C of the rows.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::fs;

/// The documentation's table says what the tests do: its Rust is that of the traced type, its C is
/// in the BPF program, and its tests are here.
#[test]
fn the_documented_table_is_tested() {
    let read = |path: &str| {
        let text = fs::read_to_string(path).unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let docs = fs::read_to_string("../core-macros/src/lib.rs").unwrap();
    let (rust, c, tests) = (
        read("src/rows.rs"),
        read("src/bpf/rows.bpf.c"),
        read("tests/rows.rs"),
    );
    let mut lines = docs.lines();
    lines
        .find(|line| *line == "/// | Rust | C | test |")
        .unwrap();
    let rows: Vec<&str> = lines
        .skip(1)
        .map_while(|line| line.strip_prefix("/// | "))
        .collect();
    // As many as there are in the design, numbers twice.
    assert_eq!(rows.len(), 14);
    for row in rows {
        let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
        let [fields, statements, test] = cells[..] else {
            panic!("{row}");
        };
        let codes = |cell: &str| -> Vec<String> {
            cell.split("<br>")
                .map(|code| code.trim_matches('`').to_owned())
                .collect()
        };
        for field in codes(fields) {
            assert!(rust.contains(&format!("pub {field},")), "{field}");
        }
        for statement in codes(statements) {
            assert!(c.contains(&statement), "{statement}");
        }
        let test = test.trim_matches('`');
        assert!(
            tests.contains(&format!("fn {test}() {{ seen("))
                || tests.contains(&format!("fn {test}() {{ let rows")),
            "{test}"
        );
    }
}

mod root {
    use std::mem::MaybeUninit;
    use std::ptr::from_ref;
    use std::sync::{Mutex, PoisonError};

    use core_runtime::{Loader, TypeInfo, Uprobe};
    use tests::bpf_rows;
    use tests::rows::{Load, Rows, show};

    /// Has BPF look at the members, and gives what it saw to `check`.
    fn seen(rows: &Rows, check: impl FnOnce(&bpf_rows::types::bss)) {
        // The probes see what all threads show, also those of other tests.
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut storage = MaybeUninit::uninit();
        let skeleton = Loader::new(TypeInfo::this_program().unwrap())
            .load(bpf_rows::RowsSkelBuilder::default(), &mut storage)
            .unwrap();
        let probe = Uprobe::function(show as *const ());
        let _attached = [
            probe.attach(&skeleton.progs.on_show).unwrap(),
            probe.attach(&skeleton.progs.on_show_plain).unwrap(),
        ];
        show(rows);
        check(skeleton.maps.bss_data.as_ref().unwrap());
    }

    fn rows() -> Rows {
        let name = "a name".to_owned();
        Rows::new(Load::Loaded { id: 60, name }, Ok(61))
    }

    fn text(bytes: &[i8], len: i64) -> String {
        let bytes = bytes.iter().take(usize::try_from(len).unwrap());
        let bytes: Vec<u8> = bytes.map(|b| b.cast_unsigned()).collect();
        String::from_utf8(bytes).unwrap()
    }

    fn address<T: ?Sized>(value: &T) -> u64 {
        from_ref(value).cast::<u8>().addr() as u64
    }

    #[test]
    fn numbers() {
        seen(&rows(), |seen| {
            assert_eq!((seen.balance, seen.wide, seen.size), (-300, 1 << 40, 77));
            assert_eq!((seen.flag, seen.letter), (1, 'ß'.into()));
            assert_eq!((seen.ratio, seen.huge), (1.5_f64.to_bits(), [6, 5]));
        });
    }

    #[test]
    fn pointers() {
        seen(&rows(), |seen| {
            assert_eq!((seen.reference, seen.raw, seen.non_null), (11, 11, 11));
            assert_eq!((seen.boxed, seen.optional, seen.nothing), (12, 13, 1));
        });
    }

    #[test]
    fn counted() {
        let rows = rows();
        let _other = rows.shared.clone();
        seen(&rows, |seen| {
            assert_eq!((seen.counted, seen.shared, seen.strong), (14, 15, 2));
        });
    }

    #[test]
    fn wrappers() {
        seen(&rows(), |seen| {
            assert_eq!((seen.cell, seen.maybe, seen.manual), (16, 17, 18));
            assert_eq!((seen.non_zero, seen.atomic), (65_535, 19));
        });
    }

    #[test]
    fn slices() {
        seen(&rows(), |seen| {
            assert_eq!(text(&seen.text, seen.text_len), "a text");
            assert_eq!(text(&seen.boxed_text, seen.boxed_text_len), "boxed");
            assert_eq!((seen.slice_1, seen.boxed_slice_1), (21, 24));
        });
    }

    #[test]
    fn vectors() {
        seen(&rows(), |seen| {
            assert_eq!(text(&seen.string, seen.string_len), "a string");
            assert_eq!((seen.list_2, seen.list_past), (27, 1));
            assert_eq!(seen.total, 25 + 26 + 27);
        });
    }

    #[test]
    fn times_and_addresses() {
        seen(&rows(), |seen| {
            assert_eq!((seen.secs, seen.nanos, seen.system_secs), (28, 29, 30));
            assert_eq!((seen.v4, seen.v6[15]), ([192, 0, 2, 7], 1));
            assert_eq!((seen.is_v4, seen.port), (1, 8080));
        });
    }

    #[test]
    fn locks() {
        let rows = rows();
        let guard = rows.mutex.lock().unwrap();
        seen(&rows, |seen| {
            assert_eq!((seen.locked, seen.mutex), (1, 32));
            assert_eq!((seen.lock, seen.borrowed), (33, 34));
        });
        drop(guard);
    }

    #[test]
    fn fieldless_enums() {
        seen(&rows(), |seen| {
            assert_eq!((seen.mode, seen.is_fast), (5, 1));
        });
    }

    #[test]
    fn enums_with_data() {
        seen(&rows(), |seen| {
            assert_eq!((seen.is_empty, seen.is_loaded), (0, 1));
            assert_eq!(seen.loaded_id, 60);
            assert_eq!(text(&seen.loaded_name, seen.loaded_name_len), "a name");
            assert_eq!((seen.tag, seen.some, seen.niche_none), (1, 35, 1));
            assert_eq!((seen.ok, seen.err_len), (61, 0));
        });
        seen(&Rows::new(Load::Empty, Err("why".to_owned())), |seen| {
            assert_eq!((seen.is_empty, seen.is_loaded, seen.err_len), (1, 0, 3));
        });
    }

    #[test]
    fn unions_arrays_and_tuples() {
        seen(&rows(), |seen| {
            assert_eq!((seen.either, seen.array_3, seen.array_i), (36, 40, 38));
            assert_eq!((seen.grid, seen.tuple, seen.length), (46, 48, 49));
        });
    }

    #[test]
    fn trait_objects() {
        let rows = rows();
        seen(&rows, |seen| {
            assert_eq!(seen.object, address(&*rows.object));
            assert_ne!(seen.vtable, 0);
        });
    }

    #[test]
    fn other_crates() {
        let rows = rows();
        seen(&rows, |seen| {
            assert_eq!(seen.foreign, address(rows.foreign));
        });
    }

    /// libbpf's own macro reads every view too.
    #[test]
    fn bpf_core_read_user() {
        let rows = rows();
        seen(&rows, |seen| {
            let plain = &seen.plain;
            let same = [
                (plain.wide, seen.wide),
                (plain.size, seen.size),
                (plain.flag, seen.flag),
                (plain.letter, seen.letter),
                (plain.reference, seen.reference),
                (plain.raw, seen.raw),
                (plain.boxed, seen.boxed),
                (plain.non_null, seen.non_null),
                (plain.optional, seen.optional),
                (plain.counted, seen.counted),
                (plain.shared, seen.shared),
                (plain.cell, seen.cell),
                (plain.maybe, seen.maybe),
                (plain.manual, seen.manual),
                (plain.non_zero, seen.non_zero),
                (plain.atomic, seen.atomic),
                (plain.text_len, 6),
                (plain.slice_len, 3),
                (plain.boxed_slice_len, 2),
                (plain.string_len, 8),
                (plain.list_len, 3),
                (plain.first, 25),
                (plain.secs, seen.secs),
                (plain.nanos, seen.nanos),
                (plain.system_secs, seen.system_secs),
                (plain.port, seen.port),
                (plain.mutex, seen.mutex),
                (plain.lock, seen.lock),
                (plain.borrowed, seen.borrowed),
                (plain.mode, seen.mode),
                (plain.loaded_id, seen.loaded_id),
                (plain.some, seen.some),
                (plain.ok, seen.ok),
                (plain.either, seen.either),
                (plain.array_3, seen.array_3),
                (plain.grid, seen.grid),
                (plain.tuple, seen.tuple),
                (plain.length, seen.length),
                (plain.object, seen.object),
            ];
            for (n, (plain, seen)) in same.into_iter().enumerate() {
                assert_eq!(plain, seen, "number {n}");
                assert_ne!(plain, 0, "number {n}");
            }
            assert_eq!(plain.balance, -300);
            assert_eq!((plain.v4, plain.v6), (seen.v4, seen.v6));
        });
    }
}
