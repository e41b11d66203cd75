//! Deduplication of arbitrary types: what has to hold whatever they are.

use std::collections::{BTreeMap, BTreeSet};

use core_btf::dedup::{dedup, dedup_with_map};
use core_btf::model::CompositeKind;
use core_btf::read::Endian;
use core_btf::{BtfBuf, Type, TypeId};
use proptest::prelude::*;

use crate::{all_with_names, arbitrary, with_names};

/// Forward declarations, and enums without enumerators.
fn announces(ty: &Type) -> bool {
    match ty {
        Type::Fwd { .. } => true,
        Type::Enum { name, values, .. } => values.is_empty() && !name.is_anonymous(),
        _ => false,
    }
}

/// A type but for what it refers to.
fn shape(btf: &BtfBuf, ty: &Type) -> (Type, Vec<String>) {
    let mut ty = ty.clone();
    ty.for_each_ref_mut(|id| *id = TypeId::VOID);
    with_names(btf, &ty)
}

fn targets(ty: &Type) -> Vec<TypeId> {
    let mut targets = Vec::new();
    ty.for_each_ref(|id| targets.push(id));
    targets
}

/// The definition of the result, without cleverness: classes are split until nothing changes.
fn classes_by_definition(btf: &BtfBuf) -> Vec<usize> {
    let shapes: Vec<String> = (btf.iter())
        .map(|(id, ty)| match ty {
            Type::Var { .. } | Type::Datasec { .. } => format!("{id}"),
            ty => format!("{:?}", shape(btf, ty)),
        })
        .collect();
    let names: Vec<String> = (btf.types().iter().zip(&shapes))
        .map(|(ty, shape)| match ty {
            Type::Composite { name, kind, .. } | Type::Fwd { name, kind }
                if !name.is_anonymous() =>
            {
                format!("{kind:?} {}", name.0)
            }
            Type::Enum { name, .. } if !name.is_anonymous() => format!("enum {}", name.0),
            _ => shape.clone(),
        })
        .collect();
    let number = |keys: &[String]| -> Vec<usize> {
        let all: BTreeSet<&String> = keys.iter().collect();
        let numbers: BTreeMap<&String, usize> = all.into_iter().zip(1..).collect();
        keys.iter().map(|key| numbers[key]).collect()
    };
    let mut classes = number(&names);
    loop {
        let keys: Vec<String> = (btf.types().iter().zip(&shapes).zip(&classes))
            .map(|((ty, shape), class)| {
                let targets = targets(ty).into_iter();
                let targets: Vec<usize> = targets
                    .map(|id| id.index().checked_sub(1).map_or(0, |at| classes[at]))
                    .collect();
                format!("{class} {shape} {targets:?}")
            })
            .collect();
        let mut definitions: BTreeMap<usize, BTreeSet<&String>> = BTreeMap::new();
        for ((ty, key), class) in btf.types().iter().zip(&keys).zip(&classes) {
            if !announces(ty) {
                definitions.entry(*class).or_default().insert(key);
            }
        }
        let keys: Vec<String> = (btf.types().iter().zip(&keys).zip(&classes))
            .map(|((ty, key), class)| match definitions.get(class) {
                Some(keys) if announces(ty) && keys.len() == 1 => (*keys.first().unwrap()).clone(),
                _ if announces(ty) => format!("{class} announced"),
                _ => key.clone(),
            })
            .collect();
        let next = number(&keys);
        if next.iter().max() == classes.iter().max() {
            return classes;
        }
        classes = next;
    }
}

/// Asserts that each type is, under its new id, what it was; only forward declarations may have
/// become what they announce.
fn assert_kept(before: &BtfBuf, after: &BtfBuf, map: &[TypeId]) {
    assert_eq!(map.len(), before.len() + 1);
    assert_eq!(map[0], TypeId::VOID);
    for (id, old) in before.iter() {
        let new = after.get(map[id.index()]).unwrap();
        if announces(old) && !announces(new) {
            let name = |btf: &BtfBuf, ty: &Type| btf.name(ty.name()).to_owned();
            assert_eq!(name(before, old), name(after, new));
            let union = |ty: &Type| {
                matches!(
                    ty,
                    Type::Fwd {
                        kind: CompositeKind::Union,
                        ..
                    } | Type::Composite {
                        kind: CompositeKind::Union,
                        ..
                    }
                )
            };
            assert_eq!(union(old), union(new));
            continue;
        }
        if !announces(old) {
            assert_eq!(shape(before, old), shape(after, new));
        }
        let mapped: Vec<_> = targets(old).iter().map(|id| map[id.index()]).collect();
        assert_eq!(mapped, targets(new));
    }
}

/// The same types under other numbers.
fn renumbered(btf: &BtfBuf, order: &[usize]) -> BtfBuf {
    let mut new_ids = vec![TypeId::VOID; btf.len() + 1];
    for (new, old) in (1..).zip(order) {
        new_ids[old + 1] = TypeId(new);
    }
    let mut out = BtfBuf::new();
    for &old in order {
        let mut ty = btf.types()[old].clone();
        ty.for_each_ref_mut(|id| *id = new_ids[id.index()]);
        ty.for_each_name_mut(|name| *name = out.intern(btf.name(*name)).unwrap());
        out.push(ty).unwrap();
    }
    out
}

fn any_types() -> impl Strategy<Value = BtfBuf> {
    prop_oneof![1 => arbitrary::types(), 3 => arbitrary::repeated_types()]
}

/// Types with an order to put them in.
fn types_and_order() -> impl Strategy<Value = (BtfBuf, Vec<usize>)> {
    any_types().prop_flat_map(|types| {
        let order: Vec<usize> = (0..types.len()).collect();
        (Just(types), Just(order).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 1000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_type_is_still_there(types in any_types()) {
        let (after, map) = dedup_with_map(types.clone()).unwrap();
        assert_kept(&types, &after, &map);
    }

    #[test]
    fn no_more_and_no_fewer_types_merge_than_by_definition(types in any_types()) {
        let classes = classes_by_definition(&types);
        let (_, map) = dedup_with_map(types).unwrap();
        let both: BTreeSet<_> = classes.into_iter().zip(map.into_iter().skip(1)).collect();
        let ours: BTreeSet<_> = both.iter().map(|(_, id)| id).collect();
        let theirs: BTreeSet<_> = both.iter().map(|(class, _)| class).collect();
        prop_assert_eq!(ours.len(), both.len());
        prop_assert_eq!(theirs.len(), both.len());
    }

    #[test]
    fn twice_is_no_different_from_once(types in any_types()) {
        let once = dedup(types).unwrap();
        let twice = dedup(once.clone()).unwrap();
        prop_assert_eq!(once.encode(Endian::Little), twice.encode(Endian::Little));
    }

    /// Up to their numbers, the same types are left whatever their order was.
    #[test]
    fn order_changes_only_numbers((types, order) in types_and_order()) {
        let other = renumbered(&types, &order);
        let (one, map) = dedup_with_map(types).unwrap();
        let (two, other_map) = dedup_with_map(other).unwrap();
        prop_assert_eq!(one.len(), two.len());
        let mut to_two = vec![TypeId::VOID; one.len() + 1];
        for (new, old) in (1..).zip(&order) {
            to_two[map[old + 1].index()] = other_map[new];
        }
        for (new, old) in (1..).zip(&order) {
            prop_assert_eq!(to_two[map[old + 1].index()], other_map[new]);
        }
        for (id, ty) in one.iter() {
            let mut ty = ty.clone();
            ty.for_each_ref_mut(|id| *id = to_two[id.index()]);
            let same = two.get(to_two[id.index()]).unwrap();
            // Of enums that only announce, the first stays, and their sizes may differ.
            if !announces(&ty) {
                prop_assert_eq!(with_names(&one, &ty), with_names(&two, same));
            }
        }
    }

    /// A second copy of everything adds nothing but its variables.
    #[test]
    fn copies_disappear(types in any_types()) {
        let mut twice = types.clone();
        twice.extend(&types).unwrap();
        let variables = |ty: &&Type| matches!(ty, Type::Var { .. } | Type::Datasec { .. });
        prop_assume!(types.types().iter().filter(variables).count() == 0);
        let (once, twice) = (dedup(types).unwrap(), dedup(twice).unwrap());
        prop_assert_eq!(all_with_names(&once), all_with_names(&twice));
    }
}
