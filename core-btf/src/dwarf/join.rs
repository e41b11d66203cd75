//! The runs of units of one object become one set of types, with all references resolved.

use super::bases::{settle_bases, settle_virtual_bases};
use super::collect::{Collected, Function, LOCAL, LateBitfield, StandIn};
use super::entries::Names;
use super::error::{Error, Problem};
use super::list::TypeList;
use super::members::{bitfield_offset, method_pointer};
use super::resolve::{Found, Meanings, find, stand_in};
use super::scalars::settle_enum;
use super::spelling::function_name;
use super::units::Key;
use crate::model::{Type, TypeId};

/// Longest chain of typedefs and arrays that a bitfield's type is looked for in.
const MAX_CHAIN: usize = 32;

/// A run's entries and the number its type ids are shifted by.
struct Run {
    base: usize,
    meanings: Meanings,
}

impl Run {
    fn shift(&self, ty: TypeId) -> TypeId {
        TypeId::from_index(self.base + ty.index())
    }
}

/// Puts the types of several runs one after the other. References between runs (link-time
/// optimisation, type units) are resolved here.
pub(super) fn join<'n>(
    units: Vec<(Collected<'n>, Meanings)>,
    names: &'n Names,
) -> Result<Collected<'n>, Error> {
    let (chunks, meanings): (Vec<_>, Vec<_>) = units.into_iter().unzip();
    let mut out = Collected {
        big_endian: chunks
            .first()
            .is_some_and(|chunk: &Collected<'_>| chunk.big_endian),
        ..Collected::new(names)
    };
    let mut runs = Vec::with_capacity(chunks.len());
    let mut base = 0usize;
    for (chunk, meanings) in chunks.iter().zip(meanings) {
        runs.push(Run { base, meanings });
        base += chunk.types.len();
    }
    let mut lost: Vec<(Key, Key)> = Vec::new();
    let first_new = base;
    for (chunk, run) in chunks.into_iter().zip(&runs) {
        let shift = |ty| run.shift(ty);
        let mut resolve = |owner: Key, reference: &mut TypeId| {
            if reference.is_void() {
                return;
            }
            *reference = if reference.0 & LOCAL != 0 {
                shift(TypeId(reference.0 & !LOCAL))
            } else if let Some(ty) = find_in(&runs, reference.0) {
                ty
            } else {
                lost.push((owner, reference.0));
                TypeId::from_index(first_new + lost.len())
            };
        };
        let mut chunk = chunk;
        let mut keys = std::mem::take(&mut chunk.keys);
        for (ty, key) in chunk.types.all_mut().iter_mut().zip(&keys) {
            ty.for_each_ref_mut(|reference| resolve(*key, reference));
        }
        for (ty, reference) in chunk.late_references() {
            let key = keys.get(ty.index() - 1).copied();
            resolve(key.unwrap_or_default(), reference);
            *ty = shift(*ty);
        }
        out.late_enums.append(&mut chunk.late_enums);
        out.member_pointers.append(&mut chunk.member_pointers);
        out.virtual_bases.append(&mut chunk.virtual_bases);
        let typedefs = chunk.inner_typedefs.iter();
        out.inner_typedefs.extend(typedefs.map(|ty| shift(*ty)));
        out.keys.append(&mut keys);
        let first_warning = out.warnings.len();
        out.warnings.append(&mut chunk.warnings);
        out.stand_ins
            .extend(chunk.stand_ins.iter().map(|it| StandIn {
                ty: shift(it.ty),
                warning: it.warning + first_warning,
            }));
        out.functions
            .extend(chunk.functions.iter().map(|it| Function {
                ty: it.ty.map(shift),
                ..*it
            }));
        out.late_bitfields
            .extend(chunk.late_bitfields.iter().map(|it| LateBitfield {
                ty: shift(it.ty),
                ..*it
            }));
        out.has_bases |= chunk.has_bases;
        out.rust |= chunk.rust;
        if out.split.is_none() {
            out.split = chunk.split;
        }
        out.types.append(chunk.types)?;
    }
    for (key, target) in lost {
        let ty = out.push(key, stand_in())?;
        out.stand_in(ty, key, Problem::Reference(u64::from(target)));
    }
    settle(&mut out)?;
    Ok(out)
}

/// What is left to be done when all references are resolved.
pub(super) fn settle(out: &mut Collected<'_>) -> Result<(), Error> {
    settle_bitfields(out);
    settle_enums(out);
    settle_member_pointers(out)?;
    settle_bases(out)?;
    settle_virtual_bases(out)
}

/// What the entry at `key` of any run stands for.
fn find_in(runs: &[Run], key: Key) -> Option<TypeId> {
    let mut key = key;
    for _ in 0..MAX_CHAIN {
        let at = runs.partition_point(|run| run.meanings.keys().end <= key);
        let run = runs.get(at)?;
        match find(&run.meanings, key) {
            Found::Type(ty) if ty.is_void() => return Some(ty),
            Found::Type(ty) => return Some(run.shift(ty)),
            Found::Elsewhere(other) => key = other,
            Found::Nothing => return None,
        }
    }
    None
}

/// The type behind typedefs and qualifiers.
fn concrete(types: &TypeList, ty: TypeId) -> Option<&Type> {
    let mut ty = ty;
    for _ in 0..MAX_CHAIN {
        match types.get(ty)? {
            Type::Typedef { ty: inner, .. }
            | Type::Const(inner)
            | Type::Volatile(inner)
            | Type::Restrict(inner)
            | Type::TypeTag { ty: inner, .. } => ty = *inner,
            concrete => return Some(concrete),
        }
    }
    None
}

/// Places the bitfields whose storage unit is the size of their type.
fn settle_bitfields(out: &mut Collected<'_>) {
    let mut unsorted = Vec::new();
    for late in std::mem::take(&mut out.late_bitfields) {
        let Some(Type::Composite { members, .. }) = out.types.get(late.ty) else {
            continue;
        };
        let Some(member) = members.get(late.member) else {
            continue;
        };
        let storage = match concrete(&out.types, member.ty) {
            Some(Type::Int { size_bytes, .. } | Type::Enum { size_bytes, .. }) => *size_bytes,
            _ => 0,
        };
        let offset = bitfield_offset(
            u64::from(member.offset_bits),
            u64::from(storage),
            late.bit_offset,
            u64::from(member.bitfield_bits),
            out.big_endian,
        );
        let offset = offset.and_then(|offset| u32::try_from(offset).ok());
        match (offset, out.types.get_mut(late.ty)) {
            (Some(offset), Some(Type::Composite { members, .. })) => {
                if let Some(member) = members.get_mut(late.member) {
                    member.offset_bits = offset;
                }
                if unsorted.last() != Some(&late.ty) {
                    unsorted.push(late.ty);
                }
            }
            (_, Some(Type::Composite { members, .. })) => {
                members.clear();
                let key = out.keys.get(late.ty.index() - 1).copied();
                let problem = Problem::Attribute(gimli::DW_AT_bit_offset);
                out.stand_in(late.ty, key.unwrap_or_default(), problem);
            }
            _ => {}
        }
    }
    for ty in unsorted {
        if let Some(Type::Composite { members, .. }) = out.types.get_mut(ty) {
            members.sort_by_key(|member| member.offset_bits);
        }
    }
}

/// Gives pointers to member functions their form.
fn settle_member_pointers(out: &mut Collected<'_>) -> Result<(), Error> {
    for (ty, to) in std::mem::take(&mut out.member_pointers) {
        if !matches!(concrete(&out.types, to), Some(Type::FuncProto { .. })) {
            continue;
        }
        let key = out.keys.get(ty.index() - 1).copied().unwrap_or_default();
        let Some(number) = out.types.get(ty).cloned() else {
            continue;
        };
        let number = out.push(key, number)?;
        let pair = method_pointer(&out.types, out.names, number)?;
        if let Some(place) = out.types.get_mut(ty) {
            *place = pair;
        }
    }
    Ok(())
}

/// Gives every enum its sign and its kind.
fn settle_enums(out: &mut Collected<'_>) {
    for (ty, underlying) in std::mem::take(&mut out.late_enums) {
        let negative = matches!(
            concrete(&out.types, underlying),
            Some(Type::Int { encoding, .. }) if encoding.is_signed()
        );
        if let Some(Type::Enum { signed, .. }) = out.types.get_mut(ty) {
            *signed |= negative;
        }
    }
    for ty in out.types.all_mut() {
        settle_enum(ty);
    }
}

/// The FUNCs whose function has code: the entry itself, or one that refers to it as its abstract
/// instance or declaration. They are called by their symbols, where they have any.
pub(super) fn functions_with_code(all: &mut Collected<'_>) -> Result<Vec<TypeId>, Error> {
    let functions = std::mem::take(&mut all.functions);
    let mut code: Vec<bool> = vec![false; functions.len()];
    for start in 0..functions.len() {
        let mut at = start;
        let mut has_code = functions.get(at).is_some_and(|function| function.code);
        while has_code
            && let (Some(function), Some(known)) = (functions.get(at), code.get_mut(at))
            && !*known
        {
            *known = true;
            has_code = false;
            if function.ty.is_none()
                && let Some(origin) = function.origin
                && let Ok(next) = functions.binary_search_by_key(&origin, |it| it.key)
            {
                at = next;
                has_code = true;
            }
        }
    }
    let mut found = Vec::new();
    for (function, _) in functions.iter().zip(code).filter(|(_, code)| *code) {
        let Some(ty) = function.ty else { continue };
        found.push(ty);
        if let Some(symbol) = function.symbol
            && let Some(Type::Func { name, .. }) = all.types.get_mut(ty)
        {
            *name = all.names.with(|names| {
                let called = function_name(symbol.bytes(), names.get(*name));
                names.intern(&called)
            })?;
        }
    }
    Ok(found)
}
