//! Pages that are not in memory: a uprobe says so, a sleepable one has them brought in.

mod root {
    use std::mem::MaybeUninit;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use core_runtime::{Loader, TypeInfo, Uprobe};
    use tests::cold::{Mapped, touch};
    use tests::{bpf_cold, bpf_cold_sleepable};

    const EFAULT: i64 = -14;

    /// What a program has seen: return codes and values.
    #[derive(Debug, PartialEq)]
    struct Seen {
        codes: [i64; 5],
        numbers: [u64; 3],
        texts: [String; 3],
    }

    /// Has a program look at a value.
    macro_rules! seen {
        ($module:ident, $builder:ident, $mapped:expr) => {{
            let mut storage = MaybeUninit::uninit();
            let skeleton = Loader::new(TypeInfo::this_program().unwrap())
                .load($module::$builder::default(), &mut storage)
                .unwrap();
            let attached = Uprobe::function(touch as *const ())
                .attach(&skeleton.progs.on_touch)
                .unwrap();
            assert_ne!(touch($mapped.cold), 0);
            drop(attached);
            let seen = skeleton.maps.bss_data.as_ref().unwrap();
            let codes = [
                seen.id_rc,
                seen.text_rc,
                seen.words_rc,
                seen.name_rc,
                seen.number_rc,
            ];
            Seen {
                codes,
                numbers: [seen.id, seen.next_id, seen.number.into()],
                texts: [&seen.text, &seen.words, &seen.name].map(|text| {
                    let text = text.split(|b| *b == 0).next().unwrap();
                    String::from_utf8(text.iter().map(|b| b.cast_unsigned()).collect()).unwrap()
                }),
            }
        }};
    }

    /// One test at a time: the probes see what all threads touch.
    fn alone() -> MutexGuard<'static, ()> {
        static ALONE: Mutex<()> = Mutex::new(());
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plain(mapped: &Mapped) -> Seen {
        seen!(bpf_cold, ColdSkelBuilder, mapped)
    }

    fn sleepable(mapped: &Mapped) -> Seen {
        seen!(bpf_cold_sleepable, ColdSleepableSkelBuilder, mapped)
    }

    fn all() -> Seen {
        Seen {
            codes: [0, 6, 19, 12, 0],
            numbers: [1, 2, 1500],
            texts: ["a text", "words in two pages", "in a struct"].map(str::to_owned),
        }
    }

    #[test]
    fn only_a_sleepable_program_reads_cold_pages() {
        let _alone = alone();
        let mapped = Mapped::new();
        mapped.evict();
        let cold = plain(&mapped);
        assert_eq!(cold.codes, [EFAULT; 5]);
        assert_eq!((cold.numbers, cold.texts.concat()), ([0; 3], String::new()));
        assert!(
            !mapped.present().contains(&true),
            "a uprobe brought a page in"
        );

        assert_eq!(sleepable(&mapped), all());
        // The pages are there now, so that the other reads them too.
        assert_eq!(plain(&mapped), all());
    }

    /// With the struct in memory, what it points to may still not be.
    #[test]
    fn what_a_warm_struct_points_to_may_be_cold() {
        let _alone = alone();
        let mapped = Mapped::new();
        mapped.evict();
        mapped.warm();
        let warm = plain(&mapped);
        assert_eq!(warm.codes, [0, EFAULT, EFAULT, 12, EFAULT]);
        assert_eq!(warm.numbers, [1, 0, 0]);
        assert_eq!(sleepable(&mapped), all());
    }
}
