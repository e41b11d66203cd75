//! What must hold for every type of the result.

use core_btf::Kind;
use core_btf::rust::MAX_NAME;

use crate::types::Types;

/// What C, the kernel or libbpf would not take.
pub(crate) fn problems(types: &Types<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut definitions = Vec::new();
    for ty in types.btf.iter() {
        let name = ty.name().unwrap();
        let mut problem = |text: String| problems.push(format!("[{}] {name}: {text}", ty.id().0));
        if !matches!(ty.kind(), Kind::Int | Kind::DeclTag) {
            problem_of_name(name).into_iter().for_each(&mut problem);
        }
        if ty.kind().is_composite() || ty.kind().is_enum() {
            let anonymous = name.is_empty();
            if !anonymous && definitions.contains(&name) {
                problem("is there twice".to_owned());
            }
            definitions.push(name);
        }
        let mut members = Vec::new();
        let mut end = 0;
        for member in ty.members() {
            let name = types.member_name(&member);
            problem_of_name(name).into_iter().for_each(&mut problem);
            if members.contains(&name) && !name.is_empty() {
                problem(format!("has two members {name}"));
            }
            members.push(name);
            let offset = member.offset_bits as usize / 8;
            if offset < end || offset + types.size(member.ty) > ty.size_bytes() as usize {
                problem(format!("{name} at {offset} is out of place"));
            }
            if ty.kind() == Kind::Struct {
                end = offset + types.size(member.ty);
            }
        }
        for (name, _) in types.enumerators(&ty) {
            problem_of_name(name).into_iter().for_each(&mut problem);
        }
        if ty.kind() == Kind::Ptr && !name.is_empty() {
            problem("is a pointer with a name".to_owned());
        }
    }
    problems
}

/// Why C or libbpf would not take a name, or take it for another.
fn problem_of_name(name: &str) -> Option<String> {
    let valid = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if !valid {
        return Some(format!("{name} is no identifier"));
    }
    if name.len() > MAX_NAME {
        return Some(format!("{name} is too long"));
    }
    let bytes = name.as_bytes();
    let flavor = bytes.windows(5).any(|window| {
        matches!(window, [before, b'_', b'_', b'_', after] if *before != b'_' && *after != b'_')
    });
    flavor.then(|| format!("{name} has a flavor"))
}
