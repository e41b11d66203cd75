//! Enums with negative values are read right with every clang, those before 15 included.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use core_btf::{BpfObject, mark_signed_enums};
use tests::clang::bpf_object;

const SOURCE: &str = r#"
#define ASK __builtin_preserve_field_info
struct answer {
	enum with_negative { BAD = -1, GOOD } a;
	enum without { LOW, HIGH = 0x80000000u } b;
	int number;
} __attribute__((preserve_access_index));

SEC("uprobe")
int on_answer(struct pt_regs *ctx)
{
	struct answer *answer = (void *)PT_REGS_PARM1(ctx);
	return ASK(answer->a, BPF_FIELD_SIGNED) + 2 * ASK(answer->b, BPF_FIELD_SIGNED) +
	       4 * ASK(answer->number, BPF_FIELD_SIGNED);
}
"#;

fn signs(object: &[u8]) -> [bool; 2] {
    let object = BpfObject::parse(object).unwrap();
    ["with_negative", "without"].map(|name| {
        let of_name = |ty: &core_btf::TypeRef<'_>| ty.kind().is_enum() && ty.name() == Ok(name);
        object.btf().iter().find(of_name).unwrap().kind_flag()
    })
}

/// clang 14 does not mark them; libbpf then says "unexpected insn" and loads nothing.
#[test]
fn only_enums_that_are_read_as_signed_are_marked() {
    let mut object = bpf_object(SOURCE).unwrap();
    mark_signed_enums(&mut object).unwrap();
    assert_eq!(signs(&object), [true, false]);
    let before = object.clone();
    mark_signed_enums(&mut object).unwrap();
    assert!(object == before, "marked once, nothing is left to do");
}

#[test]
fn malformed_objects_are_errors() {
    let object = bpf_object(SOURCE).unwrap();
    for len in (0..object.len()).step_by(7) {
        let mut cut = object[..len].to_vec();
        assert!(
            mark_signed_enums(&mut cut).is_err() || cut == object[..len],
            "{len} bytes"
        );
    }
}
