//! Which world a type is looked up in, where a plain merge would mix them up.

use core_btf::merge::{append, targeted};
use core_btf::relo::{Origin, Outcome, Row, Sources, check};
use core_btf::{BpfObject, Btf, Error, Kind};

use crate::common::{object_of, parse, relocate, types_of, vmlinux};

/// What both ways of asking say.
fn ask(object: &[u8], app: &[Vec<u8>]) -> (Result<Vec<u8>, Error>, Vec<Row>) {
    let vmlinux = vmlinux();
    let kernel = [Btf::parse(&vmlinux).unwrap()];
    let app = parse(app);
    let sources = Sources {
        app: &app,
        kernel: &kernel,
    };
    let object = BpfObject::parse(object).unwrap();
    (
        targeted(&object, &sources),
        check(&object, &sources).unwrap(),
    )
}

const APP_FILE: &str = r#"
struct file { int mine; unsigned int f_flags; }
    __attribute__((preserve_access_index)) __attribute__((btf_decl_tag("core:app")));
volatile __u64 sink;
"#;

/// The first instruction that has a constant of its own, or is poisoned.
fn first_offset(relocated: &crate::common::Relocated) -> i32 {
    let first = relocated[0]
        .1
        .iter()
        .find(|i| i.code == 0xb7 || i.code == 0x85);
    first.unwrap().imm
}

mod root {
    use super::*;

    /// The observed silent error: the application's `struct file` lost a member which the kernel's
    /// has.
    #[test]
    fn a_member_the_application_lost_is_never_the_kernels() {
        let source =
            "SEC(\"uprobe\") int f(struct file *f) { sink = (__u64)&f->f_flags; return 0; }";
        let object = object_of(&format!("{APP_FILE}{source}"));
        assert!(!BpfObject::parse(&object).unwrap().needs().kernel);
        let app = [types_of("struct file { int mine, f_flag; } f;", &[])];

        let (merged, rows) = ask(&object, &app);
        let near = vec!["f_flag".to_owned()];
        assert_eq!(rows[0].outcome, Outcome::MissingField { near });
        assert_eq!((rows[0].new, rows[0].origin), (None, Some(Origin::App(0))));
        assert_eq!(
            first_offset(&relocate(&object, &merged.unwrap()).unwrap()),
            0x0bad_2310
        );

        // What a plain merge does instead.
        let vmlinux = vmlinux();
        let (kernel, app) = (Btf::parse(&vmlinux).unwrap(), parse(&app));
        let plain = relocate(&object, &append(&kernel, &[&app[0]]).unwrap()).unwrap();
        let wrong = first_offset(&plain);
        assert!(wrong != 0x0bad_2310 && wrong > 4, "offset {wrong}");
    }

    /// As long as the member is there, the kernel's namesake makes nothing ambiguous.
    #[test]
    fn a_kernel_namesake_is_not_ambiguous() {
        let source =
            "SEC(\"uprobe\") int f(struct file *f) { sink = (__u64)&f->f_flags; return 0; }";
        let object = object_of(&format!("{APP_FILE}{source}"));
        let app = [types_of(
            "struct file { long more; int mine; unsigned int f_flags; } f;",
            &[],
        )];
        let (merged, rows) = ask(&object, &app);
        assert_eq!((&rows[0].outcome, rows[0].new), (&Outcome::Ok, Some(12)));
        assert_eq!(
            first_offset(&relocate(&object, &merged.unwrap()).unwrap()),
            12
        );
    }

    /// The kernel's type ids need the whole of vmlinux; its namesake then must not be found.
    #[test]
    fn kernel_ids_do_not_let_the_kernels_namesake_in() {
        let source = r#"
            struct task_struct { int pid; } __attribute__((preserve_access_index));
            SEC("uprobe") int f(struct file *f)
            {
                sink = (__u64)&f->f_flags;
                sink = bpf_core_type_id_kernel(struct task_struct);
                return 0;
            }"#;
        let object = object_of(&format!("{APP_FILE}{source}"));
        let needs = BpfObject::parse(&object).unwrap().needs();
        assert!(needs.kernel && needs.app && needs.kernel_ids);

        let app = [types_of(
            "struct file { long more; int mine; unsigned int f_flags; } f;",
            &[],
        )];
        let (merged, rows) = ask(&object, &app);
        let merged = merged.unwrap();
        let relocated = relocate(&object, &merged).unwrap();
        assert_eq!(first_offset(&relocated), 12);
        // The id is that of the running kernel's own blob.
        let vmlinux = vmlinux();
        let kernel = Btf::parse(&vmlinux).unwrap();
        let id = rows[1].new.unwrap();
        let task = kernel
            .get(core_btf::TypeId(u32::try_from(id).unwrap()))
            .unwrap();
        assert_eq!(
            (task.name().unwrap(), task.kind()),
            ("task_struct", Kind::Struct)
        );
        let code = &relocated[0].1;
        assert!(code.iter().any(|i| u64::from(i.imm.unsigned_abs()) == id));

        let lost = [types_of("struct file { int mine; } f;", &[])];
        let (merged, _) = ask(&object, &lost);
        assert_eq!(
            first_offset(&relocate(&object, &merged.unwrap()).unwrap()),
            0x0bad_2310
        );
    }

    /// libbpf could not tell the two apart.
    #[test]
    fn one_name_from_both_worlds_is_an_error() {
        let source = r#"
            struct file___kernel { unsigned int f_flags; } __attribute__((preserve_access_index));
            SEC("uprobe") int f(struct file *f)
            {
                sink = (__u64)&f->f_flags;
                sink = (__u64)&((struct file___kernel *)f)->f_flags;
                return 0;
            }"#;
        let object = object_of(&format!("{APP_FILE}{source}"));
        let app = [types_of(
            "struct file { int mine; unsigned int f_flags; } f;",
            &[],
        )];
        let (merged, rows) = ask(&object, &app);
        let error = merged.unwrap_err();
        assert!(matches!(&error, Error::NameClash { name } if name == "struct file___kernel"));
        assert!(error.to_string().contains("rename the application's"));
        assert!(rows.iter().all(|row| row.outcome == Outcome::NameClash));
    }

    /// A flavor that the user wrote, without the header's tag, of a type that only the application
    /// has.
    #[test]
    fn an_untagged_flavor_of_the_applications_own_type_is_its() {
        let source = r#"
            struct eq_only___old { int gone; } __attribute__((preserve_access_index));
            struct eq_only { int a; }
                __attribute__((preserve_access_index)) __attribute__((btf_decl_tag("core:app")));
            volatile __u64 sink;
            SEC("uprobe") int f(struct eq_only *f)
            {
                sink = (__u64)&f->a;
                sink = bpf_core_field_exists(((struct eq_only___old *)f)->gone);
                return 0;
            }"#;
        let object = object_of(source);
        let app = [types_of(
            "struct eq_only { long more; int a, gone; } f;",
            &[],
        )];
        let (merged, rows) = ask(&object, &app);
        assert_eq!(rows[0].new, Some(8));
        assert_eq!(rows[1].new, Some(1));
        assert!(relocate(&object, &merged.unwrap()).is_ok());
    }

    /// A member's type that has the name of the other world's root is no candidate for it.
    #[test]
    fn types_of_members_are_no_candidates() {
        let source = r#"
            struct file { unsigned int f_flags; } __attribute__((preserve_access_index));
            struct eq_holder { struct { int x; } inner; }
                __attribute__((preserve_access_index)) __attribute__((btf_decl_tag("core:app")));
            volatile __u64 sink;
            SEC("uprobe") int f(struct eq_holder *h)
            {
                sink = (__u64)&h->inner.x;
                sink = (__u64)&((struct file *)h)->f_flags;
                return 0;
            }"#;
        let object = object_of(source);
        let app = [types_of(
            "struct file { long other; int x; unsigned f_flags; }; \
             struct eq_holder { struct file inner; } f;",
            &[],
        )];
        let (merged, rows) = ask(&object, &app);
        assert_eq!(rows[0].new, Some(8));
        assert_eq!(rows[1].origin, Some(Origin::Kernel));
        let relocated = relocate(&object, &merged.unwrap()).unwrap();
        let constants: Vec<_> = relocated[0].1.iter().filter(|i| i.code == 0xb7).collect();
        assert_eq!(constants[0].imm, 8);
        assert_eq!(u64::try_from(constants[1].imm).ok(), rows[1].new);
    }

    /// pahole leaves typedefs of anonymous structs as they are.
    #[test]
    fn a_typedef_of_an_anonymous_struct_is_found_by_its_name() {
        let object = crate::common::object("named.bpf.c", "");
        for (source, offset, size) in [
            ("struct eq_named_t { int a, b; } v;", 4, 8),
            (
                "typedef struct { long more; int a, b; } eq_named_t; eq_named_t v;",
                12,
                16,
            ),
        ] {
            let app = [types_of(source, &[])];
            let (merged, rows) = ask(&object, &app);
            let new: Vec<_> = rows.iter().map(|row| row.new).collect();
            assert_eq!(new, [Some(offset), Some(1), Some(size)]);
            assert!(rows.iter().all(|row| row.outcome == Outcome::Ok));
            let relocated = relocate(&object, &merged.unwrap()).unwrap();
            assert_eq!(i64::from(first_offset(&relocated)), offset.cast_signed());
        }
    }

    /// A mark that the header gives enums, to tell whose they are, does not keep them from matching.
    #[test]
    fn marked_enums_match() {
        let source = r#"
            enum eq_marked { EQ_M = 4, EQ_N = 5, EQ_M___core_app = 4 };
            volatile __u64 sink;
            SEC("uprobe") int f(void *ctx)
            {
                sink = bpf_core_type_exists(enum eq_marked);
                return 0;
            }"#;
        let mut object = object_of(source);
        crate::common::ask_for_matches(&mut object);
        assert!(!BpfObject::parse(&object).unwrap().needs().kernel);
        for (source, matches) in [
            ("enum eq_marked { EQ_N = 5, EQ_M = 4 } v;", 1),
            ("enum eq_marked { EQ_N = 5, EQ_O = 4, EQ_P = 6 } v;", 0),
        ] {
            let app = [types_of(source, &[])];
            let (merged, rows) = ask(&object, &app);
            assert_eq!(rows[0].new, Some(matches), "{source}");
            let relocated = relocate(&object, &merged.unwrap()).unwrap();
            assert_eq!(first_offset(&relocated), i32::try_from(matches).unwrap());
        }
    }
}
