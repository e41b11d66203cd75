//! What the check calls guarded and what the verifier passes by are the same. Needs root.

use core_btf::relo::{Sources, check};
use core_btf::{BpfObject, Btf};
use core_runtime::{Error, Loader, TypeInfo};
use tests::{app, clang};

/// The types that the programs are compiled with, and a member that no application here has.
const TYPES: &str = r#"
#define APP __attribute__((preserve_access_index)) __attribute__((btf_decl_tag("core:app")))
struct data { int a; int gone; enum kind { ONE, TWO } kind; } APP;
struct other { int x; } APP;
#define READ bpf_probe_read_user(&out, sizeof(out), &d->gone)
int out;
SEC("uprobe") int reader(struct pt_regs *ctx)
{
	struct data *d = (void *)PT_REGS_PARM1(ctx);
	long argument __attribute__((unused)) = PT_REGS_PARM2(ctx);
"#;

/// Bodies of a program that tries to read the missing member, and whether it gets to that where
/// the application has a `struct other`, and where it has none.
const BODIES: [(&str, bool, bool); 15] = [
    ("READ;", true, true),
    ("if (bpf_core_field_exists(d->gone)) READ;", false, false),
    ("if (bpf_core_type_exists(struct other)) READ;", true, false),
    (
        "if (!bpf_core_type_exists(struct other)) READ;",
        false,
        true,
    ),
    (
        "if (bpf_core_type_exists(struct other) && argument > 3) READ;",
        true,
        false,
    ),
    (
        "if (argument > 3 && bpf_core_type_exists(struct other)) READ;",
        true,
        false,
    ),
    (
        "if (argument > 3 || bpf_core_type_exists(struct other)) READ;",
        true,
        true,
    ),
    (
        "if (bpf_core_type_size(struct other) == 4) READ;",
        true,
        false,
    ),
    (
        "if (bpf_core_type_size(struct other) * 2 + 1 > 8) READ;",
        true,
        false,
    ),
    (
        "if (!bpf_core_type_exists(struct other)) return 0;\nREAD;",
        true,
        false,
    ),
    ("if (argument) return 0;\nREAD;", true, true),
    // The answer waits in a register, or on the stack, while functions are called.
    (
        "long has = bpf_core_type_exists(struct other);\nasm volatile(\"\" : \"+r\"(argument));\n\
         out = bpf_ktime_get_ns();\nif (has) READ;",
        true,
        false,
    ),
    (
        "volatile long has = bpf_core_type_exists(struct other);\nif (has) READ;",
        true,
        false,
    ),
    // Both ways to the condition bring the same answer.
    (
        "long has;\nif (argument) has = bpf_core_type_exists(struct other) ? 5 : 6;\n\
         else { out = 1; has = bpf_core_type_exists(struct other) ? 5 : 6; }\n\
         if (has == 5) READ;",
        true,
        false,
    ),
    (
        "for (int i = 0; i < (int)bpf_core_type_size(struct other); i++) READ;",
        true,
        false,
    ),
];

mod root {
    use super::*;

    #[test]
    fn a_missing_member_is_an_error_exactly_where_the_verifier_comes_to_it() {
        for (body, with, without) in BODIES {
            let source = format!("{TYPES}{body}\n\treturn 0;\n}}\n");
            let object = clang::bpf_object(&source).unwrap();
            for (other, reached) in [("struct other { int x; } o;", with), ("", without)] {
                let types = app::btf(&format!(
                    "struct data {{ int a; enum kind {{ ONE }} kind; }} data;{other}"
                ));
                let types = types.unwrap();
                let context = format!("{body}\nwith {other:?}");

                let loaded = TypeInfo::from_bytes(types.clone())
                    .and_then(|types| Loader::new(types).open_object(object.clone())?.load());
                match loaded {
                    Ok(_) => assert!(!reached, "{context} is loaded"),
                    Err(Error::Unsatisfied { rows, .. }) => {
                        assert!(reached, "{context} is rejected: {rows:?}");
                    }
                    Err(error) => panic!("{context}: {error:?}"),
                }

                let parsed = BpfObject::parse(&object).unwrap();
                let sources = Sources {
                    app: &[Btf::parse(&types).unwrap()],
                    kernel: &[],
                };
                let rows = check(&parsed, &sources).unwrap();
                let fails = rows
                    .iter()
                    .any(|row| row.outcome.is_missing() && !row.guarded);
                assert_eq!(fails, reached, "{context}: {rows:#?}");
            }
        }
    }
}
