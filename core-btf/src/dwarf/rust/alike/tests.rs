use gimli::{DwTag, constants as dw};

use super::Alike;
use crate::dwarf::rust::entries::{Die, Entries, Has, SCOPE, count};
use crate::dwarf::rust::scopes::Scopes;
use crate::fingerprint::{Fingerprint, Seed};

/// A type: its name, its size, and the types of its members by their places in the unit.
type Described<'t> = (DwTag, &'t str, u64, &'t [u32]);

const STRUCT: DwTag = dw::DW_TAG_structure_type;
const POINTER: DwTag = dw::DW_TAG_pointer_type;

fn add<'t>(entries: &mut Entries<'t>, seed: &Seed, die: Die<'t>) {
    entries.names.push(seed.bytes(die.name.as_bytes()));
    entries.item_of.push(count(&entries.items) - 1);
    entries.list.push(die);
}

/// The fingerprints of the types of a unit. A pointer has no members, but leads to its one type.
fn prints(seed: &Seed, unit: &[Described<'_>]) -> Vec<Fingerprint> {
    let mut first = vec![0];
    for (tag, _, _, members) in unit {
        let parts = if *tag == STRUCT { count(members) } else { 0 };
        first.push(first[first.len() - 1] + 1 + parts);
    }
    let mut entries = Entries::new();
    for (at, &(tag, name, size, members)) in unit.iter().enumerate() {
        let mut die = Die {
            name,
            value: size,
            ty: 0,
            end: first[at + 1],
            parent: SCOPE,
            key: 100 + first[at],
            tag,
            has: Has::Value,
            detail: 0,
        };
        entries.items.push(first[at]);
        let refers = |to: u32| first[to as usize] + 1;
        if tag == POINTER {
            die.ty = refers(members[0]);
            add(&mut entries, seed, die);
            continue;
        }
        add(&mut entries, seed, die);
        for (value, member) in (0..).zip(members) {
            die = Die {
                name: "member",
                value,
                ty: refers(*member),
                end: count(&entries.list) + 1,
                parent: first[at],
                tag: dw::DW_TAG_member,
                ..die
            };
            add(&mut entries, seed, die);
        }
    }
    let prints = Alike::new()
        .prints(&entries, &Scopes::new(seed), seed)
        .to_vec();
    assert_eq!(prints.len(), unit.len());
    prints
}

#[test]
fn the_order_of_types_does_not_matter() {
    let seed = Seed::random();
    let one = [
        (STRUCT, "Outer", 16, [1, 2].as_slice()),
        (STRUCT, "Inner", 8, &[]),
        (POINTER, "", 8, &[1]),
    ];
    let other = [
        (POINTER, "", 8, [1].as_slice()),
        (STRUCT, "Inner", 8, &[]),
        (STRUCT, "Outer", 16, &[1, 0]),
    ];
    let (one, other) = (prints(&seed, &one), prints(&seed, &other));
    assert_eq!(one, [other[2], other[1], other[0]]);
    assert!(one[0] != one[1] && one[1] != one[2]);
}

/// What refers to a type is another one where that is: their copies stay with what they meant.
#[test]
fn a_difference_shows_in_all_that_leads_to_it() {
    let seed = Seed::random();
    let unit = |size| {
        [
            (STRUCT, "Outer", 8, [1].as_slice()),
            (POINTER, "&Inner", 8, &[2]),
            (STRUCT, "Inner", size, &[]),
            (STRUCT, "Apart", 4, &[]),
        ]
    };
    let (one, other) = (prints(&seed, &unit(8)), prints(&seed, &unit(12)));
    assert!((0..3).all(|at| one[at] != other[at]));
    assert_eq!(one[3], other[3]);
}

#[test]
fn circles_are_alike_wherever_they_are_entered() {
    let seed = Seed::random();
    let one = [
        (STRUCT, "Node", 16, [1, 2].as_slice()),
        (POINTER, "&Node", 8, &[0]),
        (STRUCT, "Value", 8, &[]),
    ];
    let turned = [
        (POINTER, "&Node", 8, [1].as_slice()),
        (STRUCT, "Node", 16, &[0, 2]),
        (STRUCT, "Value", 8, &[]),
    ];
    let (first, second) = (prints(&seed, &one), prints(&seed, &turned));
    assert_eq!(first, [second[1], second[0], second[2]]);
    let mut changed = one;
    changed[2].2 = 4;
    let changed = prints(&seed, &changed);
    assert!((0..3).all(|at| first[at] != changed[at]));
}

/// Two types of one name are two, also for what refers to the second.
#[test]
fn types_of_one_name_are_told_apart() {
    let seed = Seed::random();
    let unit = [
        (STRUCT, "Same", 8, [].as_slice()),
        (STRUCT, "Same", 8, &[]),
        (POINTER, "", 8, &[0]),
        (POINTER, "", 8, &[1]),
    ];
    let prints = prints(&seed, &unit);
    assert_ne!(prints[0], prints[1]);
    assert_ne!(prints[2], prints[3]);
}

/// No compiler writes such: what has no name and leads to itself is like nothing else.
#[test]
fn nameless_circles_end() {
    let seed = Seed::random();
    let unit = [(POINTER, "", 8, [1].as_slice()), (POINTER, "", 8, &[0])];
    let [one, other] = [prints(&seed, &unit), prints(&seed, &unit[..])];
    assert_eq!(one, other);
    let mut long: Vec<Described<'_>> = Vec::new();
    let places: Vec<u32> = (1..=200).chain([0]).collect();
    for place in &places {
        long.push((POINTER, "", 8, std::slice::from_ref(place)));
    }
    prints(&seed, &long);
}
